"""Removal of a person's data over HTTP."""

from fastapi import APIRouter, Response

from app.api import examples
from app.api.bodies import read_body
from app.api.caller import Administrator
from app.api.curation import Unasked, id_in
from app.api.describe import Operation
from app.api.negotiation import choose
from app.api.reply import Reply
from app.api.schemas_removal import RemovalDone, RemovalOrder
from app.formats import dump
from app.ingest.removal import remove
from app.records.ids import show_id
from app.records.removals import removal_key

router = APIRouter()

_REMOVE = Operation(
    id="remove_personal_data",
    tag="Curation",
    summary="Remove a person's data",
    description="What the case is known by, its links and notes are cleared in every revision, in receipts and refused"
    " rows; day, court, charges and outcome stay, so that no number moves. Keyed digests keep later files from bringing"
    " it back (`suppressed` in their receipts). It cannot be undone. `sudstat remove` overwrites the freed bytes.",
    result=RemovalDone,
    scopes=("admin",),
    body=RemovalOrder,
    path_parameters={"id": ("Id of the case.", examples.CASE["id"])},
    formats=("json",),
    problems=(404,),
)


@router.post("/v1/cases/{id}/removal", **_REMOVE.route())
async def remove_personal_data(caller: Administrator, asked: Unasked, reply: Reply) -> Response:
    """Remove a person's data."""
    asked.refuse()
    shape = choose(asked, reply.request.headers, ("json",))
    case_id = id_in(reply, "id")
    order = await read_body(reply.request, RemovalOrder)
    service = reply.service
    done = await remove(
        service.database,
        case_id,
        key=removal_key(service.secret),
        author=caller.key_id or "",
        reason=order.reason,
        writer_wait_s=service.settings.writer_wait_s,
    )
    shown = {
        "id": show_id(case_id),
        "revision": done.revision,
        "applied": done.revision is not None,
        "identifiers": done.identifiers,
        "related": [show_id(other) for other in done.related],
    }
    return Response(dump(shown), headers={"Content-Type": shape.format.content_type, "Cache-Control": "no-store"})
