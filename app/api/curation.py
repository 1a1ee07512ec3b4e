"""Curators' acts over HTTP: a case is corrected, withdrawn, restored, merged; a batch is undone."""

import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated
from uuid import UUID

import orjson
from fastapi import APIRouter, Depends, Response

from app.access.keys import Caller
from app.api import examples
from app.api.asking import Asking
from app.api.bodies import read_body
from app.api.caller import Curator
from app.api.cases import write_case
from app.api.describe import Operation
from app.api.idempotency import HEADER, REPLAYED, claim_of
from app.api.negotiation import choose
from app.api.parameters import Asked, ParameterSet
from app.api.reply import Reply, Replying
from app.api.schemas_curation import (
    CaseAct,
    Correction,
    Merger,
    Resolution,
    Restoration,
    Undoing,
    UndoReceipt,
    Withdrawal,
)
from app.db.database import Connection
from app.errors import NotFound, PreconditionRequired
from app.formats import dump
from app.ingest.acting import Act, Answering
from app.ingest.correction import correct
from app.ingest.curation import LEDGER_CAUSES, Wanted, merge_into, restore, withdraw
from app.ingest.idempotency import AlreadyAnswered, Answered, answer_of
from app.ingest.receipt import Receipt
from app.ingest.resolution import settle
from app.ingest.undo import undo
from app.records.cases import get_case
from app.records.conflicts import read_conflict_id
from app.records.ids import read_id
from app.records.revisions import get_state

router = APIRouter()

_ID = ("Id of the case.", examples.CASE["id"])
_IF_MATCH = re.compile(r'(?<!W/)"([1-9][0-9]{0,8})-[^"]*"')
_MAY_MATCH = HEADER | {"If-Match": ("The case's ETag, as it was read.", '"3-5c2f1a"')}
_HELD = (
    " With `If-Match` (the ETag of the case) it happens only where the case is still at that version."
    " The answer has the case as it is now; `revision` is null where there was nothing to change."
)


def _act(operation_id: str, summary: str, description: str, body: type) -> Operation:
    return Operation(
        id=operation_id,
        tag="Curation",
        summary=summary,
        description=description + _HELD,
        result=CaseAct,
        scopes=("curate",),
        body=body,
        path_parameters={"id": _ID},
        formats=("json",),
        headers=_MAY_MATCH,
        problems=(404, 409, 412),
    )


_CORRECT = Operation(
    id="correct_case",
    tag="Curation",
    summary="Correct a case",
    description="What the newsroom established, field by field: it wins over the court's card from this revision on."
    " A field that is left out stays as it is; null takes back what the newsroom said; `deny` refuses the card's value"
    " of a field. `If-Match` with the case's ETag is needed, and held to its version." + _HELD,
    result=CaseAct,
    scopes=("curate",),
    body=Correction,
    path_parameters={"id": _ID},
    formats=("json",),
    headers=_MAY_MATCH,
    problems=(404, 409, 412, 428),
)
_WITHDRAW = _act(
    "withdraw_case",
    "Withdraw a case",
    "The case counts nowhere from this revision on. It keeps its identifiers, and no scrape brings it back.",
    Withdrawal,
)
_RESTORE = _act(
    "restore_case", "Restore a withdrawn or merged case", "It counts again as its layers have it by now.", Restoration
)
_MERGE = Operation(
    id="merge_case",
    tag="Curation",
    summary="Merge a duplicate into another case",
    description="The first case counts nowhere from this revision on; its address leads to the other for ever (308)."
    " The other inherits nothing. Both are of one court and instance: a case that came from another court is no"
    " duplicate, its UID links it." + _HELD,
    result=CaseAct,
    scopes=("curate",),
    body=Merger,
    headers=_MAY_MATCH,
    path_parameters={"id": _ID, "other": ("Id of the case that stays.", "cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E9")},
    formats=("json",),
    problems=(404, 409, 412),
)

_UNDO = Operation(
    id="undo_batch",
    tag="Curation",
    summary="Take a batch back",
    description="A new revision in which, for each case and layer that the batch spoke of, the statement that it"
    " replaced stands again; keys and coverage that it taught fall. Where a later statement of that layer stands, that"
    " one stays: `not_undone` counts and lists those. A case that the batch brought and of which nobody else speaks"
    " is withdrawn with nothing left in it. The file may be loaded again. A curator's act is a batch too,"
    " and so is an undo. 201 where something was taken back, 200 where nothing could be.",
    result=UndoReceipt,
    scopes=("curate",),
    body=Undoing,
    statuses=(200, 201),
    path_parameters={"id": ("Id of the batch, as in its receipt.", examples.RECEIPT["batch_id"])},
    formats=("json",),
    headers=HEADER,
    problems=(404, 409),
)
_SETTLE = Operation(
    id="settle_conflict",
    tag="Curation",
    summary="Settle a conflict",
    description="Take the card's word or keep the newsroom's, or say that two cases are no duplicates. What is settled"
    " is no conflict any more until one of its values moves. The answer has the case as it is now.",
    result=CaseAct,
    scopes=("curate",),
    body=Resolution,
    path_parameters={"id": ("Id of the conflict.", examples.CONFLICT["id"])},
    formats=("json",),
    headers=_MAY_MATCH,
    problems=(404, 409, 412),
)
_Said = Correction | Resolution | Withdrawal | Restoration | Merger
Unasked = Annotated[Asked, Depends(Asking(ParameterSet(())))]
"""A query that has to be empty."""


@router.patch("/v1/cases/{id}", **_CORRECT.route())
async def correct_case(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Correct a case."""
    if "if-match" not in reply.request.headers:
        detail = "Send the ETag of the case, as you have read it, in If-Match; so nobody's correction is overwritten."
        raise PreconditionRequired(detail)
    said = await read_body(reply.request, Correction)
    fields = said.model_dump(exclude_unset=True, exclude={"cause", "note"})
    return await _perform(caller, asked, reply, said, partial(correct, said=fields))


@router.post("/v1/cases/{id}/withdrawal", **_WITHDRAW.route())
async def withdraw_case(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Withdraw a case."""
    return await _perform(caller, asked, reply, await read_body(reply.request, Withdrawal), withdraw)


@router.post("/v1/cases/{id}/restoration", **_RESTORE.route())
async def restore_case(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Take a withdrawal or a merge back."""
    return await _perform(caller, asked, reply, await read_body(reply.request, Restoration), restore)


@router.post("/v1/cases/{id}/merge-into/{other}", **_MERGE.route())
async def merge_case(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Merge a duplicate into the case that stays."""
    said = await read_body(reply.request, Merger)
    return await _perform(caller, asked, reply, said, partial(merge_into, survivor_id=id_in(reply, "other")))


@router.post("/v1/conflicts/{id}/resolution", **_SETTLE.route())
async def settle_conflict(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Settle a conflict."""
    said = await read_body(reply.request, Resolution)
    shown = reply.request.path_params["id"]
    known = read_conflict_id(shown)
    if known is None:
        raise NotFound(f"There is no conflict {shown[:60]}.")
    case_id, tag = known
    act_on = partial(settle, tag=tag, resolution=said.resolution)
    return await _perform(caller, asked, reply, said, act_on, case_id=case_id)


@router.post("/v1/ingest/batches/{id}/undo", **_UNDO.route())
async def undo_batch(caller: Curator, asked: Unasked, reply: Reply) -> Response:
    """Take a batch back."""
    asked.refuse()
    said = await read_body(reply.request, Undoing)
    shown = reply.request.path_params["id"]
    try:
        batch_id = UUID(shown)
    except ValueError:
        raise NotFound(f"There is no batch {shown[:40]}.") from None

    async def answering(_: Connection, receipt: Receipt) -> Answered:
        return answer_of(receipt)

    answered, headers = await _do(reply, caller, said, undo, batch_id, answering)
    return Response(answered.body, answered.status, media_type="application/json", headers=headers)


async def _perform(
    caller: Caller,
    asked: Asked,
    reply: Replying,
    said: _Said,
    act_on: Callable[..., Awaitable[Receipt]],
    *,
    case_id: UUID | None = None,
) -> Response:
    """Do an act on a case, by default the one that the path names, and show the case as it is then."""
    asked.refuse()
    shape = choose(asked, reply.request.headers, ("json",))
    wanted = Wanted(case_id or id_in(reply, "id"), _versions(reply.request.headers.get("if-match")))

    async def answering(connection: Connection, receipt: Receipt) -> Answered:
        case = await get_case(connection, wanted.case_id, await get_state(connection))
        assert case is not None, "it was there when the act was done"
        told = receipt.as_json()
        done = {name: told[name] for name in ("batch_id", "revision", "applied", "effect", "effect_total")}
        return Answered(200, dump({**done, "case": write_case(case, shape)[1]}))

    answered, headers = await _do(reply, caller, said, act_on, wanted, answering)
    headers |= {"Content-Type": shape.format.content_type, "ETag": orjson.loads(answered.body)["case"]["etag"]}
    return Response(answered.body, headers=headers)


async def _do(
    reply: Replying,
    caller: Caller,
    said: _Said | Undoing,
    act_on: Callable[..., Awaitable[Receipt]],
    what: Wanted | UUID,
    answering: Answering,
) -> tuple[Answered, dict[str, str]]:
    """Do an act; returns its answer, or the one that the same request got before, and headers that tell which."""
    claim = claim_of(reply.request, caller, said)
    act = Act(
        author=caller.key_id or "",
        cause=LEDGER_CAUSES[said.cause],
        note=said.note,
        claim=(claim, answering) if claim else None,
    )
    database = reply.service.database
    try:
        receipt = await act_on(database, what, act, writer_wait_s=reply.service.settings.writer_wait_s)
    except AlreadyAnswered as already:
        return already.answered, dict(REPLAYED)
    async with database.snapshot() as connection:
        answered = await claim.find(connection) if claim else None
        return answered or await answering(connection, receipt), {}


def id_in(reply: Replying, name: str) -> UUID:
    """The id of a case in the path."""
    shown = reply.request.path_params[name]
    case_id = read_id(shown)
    if case_id is None:
        raise NotFound(f"There is no case {shown[:40]}; the id of one reads cs_ and 26 more characters.")
    return case_id


def _versions(if_match: str | None) -> frozenset[int] | None:
    """The versions that an If-Match allows: any (None) where there is none, or where it is a star."""
    if if_match is None or if_match.strip() == "*":
        return None
    return frozenset(int(version) for version in _IF_MATCH.findall(if_match))
