"""Changes: the feed of all cases, what one revision did, and the history of one case."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas_changes
from app.api.asking import Asking
from app.api.caller import RecordsReader
from app.api.cases import find_moved
from app.api.common import SHOWN_AS, STATE, coded, looked_up, paging
from app.api.describe import Operation
from app.api.kinds import INSTANT, TEXT, WHOLE
from app.api.lists import Resource, reply_with_list
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.reply import Reading, Reply
from app.api.revisions import read_number
from app.errors import NotFound
from app.records.cases import get_court_of
from app.records.changes import CHANGE_COLUMNS, CHANGES, find_changes, flatten_change
from app.records.ids import read_id
from app.records.listing import Condition
from app.records.reading import Counter

router = APIRouter()

RESOURCE = Resource(
    name="changes",
    listing=CHANGES,
    default_order="revision",
    fields=tuple(schemas_changes.Change.model_fields),
    columns=CHANGE_COLUMNS,
    flatten=flatten_change,
    find=find_changes,
    count=Counter(CHANGES),
)
_PAGING = paging(tuple(CHANGES.columns), RESOURCE.default_order, RESOURCE.all_fields)
_COURT = looked_up("court", "court", "Code of the court.", "61GV0012")
_CHANGE = coded("change", "change")
_CAUSE = Parameter("cause", TEXT, "Why the revision was made.", is_list=True, operators=("ne",))
_SOURCE = Parameter("source", TEXT, "Publisher of the records.", is_list=True, operators=("ne",))
_LAYER = coded("layer", "layer", nullable=True)
FEED = ParameterSet(
    (
        Parameter("after_revision", WHOLE, "Only what later revisions did.", example="57"),
        Parameter(
            "updated_after", INSTANT, "Only what was published after this instant.", example="2025-06-26T00:00:00Z"
        ),
        _COURT,
        _CHANGE,
        _CAUSE,
        _SOURCE,
        _LAYER,
        *STATE,
        *_PAGING,
        *SHOWN_AS,
    )
)
OF_REVISION = ParameterSet((_COURT, _CHANGE, *_PAGING, *SHOWN_AS))
OF_CASE = ParameterSet((_CHANGE, _CAUSE, _SOURCE, _LAYER, *STATE, *_PAGING, *SHOWN_AS))

_FEED = Operation(
    id="list_changes",
    tag="Revisions",
    summary="The feed of changes, first to last",
    description="Every case that a revision created, changed, withdrew, merged, restored, undid or cleared of personal"
    " data, in the order of revisions. Who applies the differences of each, from the first on, holds what `/v1/cases`"
    " shows. To go on later, ask with `after_revision` of the `meta.revision` that the last page had.",
    result=schemas_changes.ChangeList,
    example=examples.CHANGE_LIST,
    scopes=("records",),
    parameters=FEED,
    problems=(404,),
)
_OF_REVISION = Operation(
    id="list_revision_changes",
    tag="Revisions",
    summary="What one revision did",
    description="The cases that it touched, how, and what moved.",
    result=schemas_changes.ChangeList,
    scopes=("records",),
    parameters=OF_REVISION,
    path_parameters={"n": ("Number of the revision.", str(examples.REVISION["revision"]))},
    problems=(404,),
)
_OF_CASE = Operation(
    id="list_case_revisions",
    tag="Cases",
    summary="The history of one case",
    description="Every version of the record in order: who made it, why, and what moved, field by field. A case that"
    " had been merged into another by then answers 308; ask as of an earlier revision for what it was.",
    result=schemas_changes.ChangeList,
    scopes=("records",),
    parameters=OF_CASE,
    path_parameters={"id": ("Id of the case.", examples.CASE["id"])},
    problems=(404,),
    moves=True,
)


@router.get("/v1/changes", **_FEED.route())
async def list_changes(caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(FEED))], reply: Reply) -> Response:
    """A page of the feed."""
    return await reply_with_list(RESOURCE, asked, caller, reply)


@router.get("/v1/revisions/{n}/changes", **_OF_REVISION.route())
async def list_revision_changes(
    caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(OF_REVISION))], reply: Reply
) -> Response:
    """What one revision did, a page of it."""
    number = read_number(reply.request.path_params["n"])

    async def within(reading: Reading) -> tuple[Condition, ...]:
        if number > reading.state.revision:
            raise NotFound(f"There is no revision {number}; the last is {reading.state.revision}.")
        return (Condition("revision", "eq", (number,)),)

    return await reply_with_list(RESOURCE, asked, caller, reply, within=within)


@router.get("/v1/cases/{id}/revisions", **_OF_CASE.route())
async def list_case_revisions(
    caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(OF_CASE))], reply: Reply
) -> Response:
    """The history of one case; of a merged one, its survivor's."""
    if elsewhere := await find_moved(asked, reply):
        return elsewhere
    shown_id = reply.request.path_params["id"]

    async def within(reading: Reading) -> tuple[Condition, ...]:
        case_id = read_id(shown_id)
        court = await get_court_of(reading.connection, case_id, reading.state) if case_id else None
        if court is None:
            raise NotFound(f"There is no case {shown_id[:40]} in revision {reading.state.revision}.")
        return Condition("case", "eq", (case_id,)), Condition("court", "eq", (court,))

    return await reply_with_list(RESOURCE, asked, caller, reply, within=within)
