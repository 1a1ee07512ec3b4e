"""Conflicts: what curators should settle."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas_conflicts
from app.api.asking import Asking
from app.api.caller import Curator
from app.api.common import SHOWN_AS, STATE, coded, day, looked_up, paging
from app.api.describe import Operation
from app.api.kinds import TEXT, Kind
from app.api.lists import Resource, reply_with_list, reply_with_one
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.reply import Reply
from app.errors import NotFound
from app.records.conflicts import CONFLICT_COLUMNS, CONFLICTS, find_conflicts, flatten_conflict, read_conflict_id
from app.records.ids import read_id
from app.records.listing import Condition
from app.records.reading import Counter

router = APIRouter()

RESOURCE = Resource(
    name="conflicts",
    listing=CONFLICTS,
    default_order="case",
    fields=tuple(schemas_conflicts.Conflict.model_fields),
    columns=CONFLICT_COLUMNS,
    flatten=flatten_conflict,
    find=find_conflicts,
    count=Counter(CONFLICTS),
)


def _read_case(text: str) -> Any:
    case_id = read_id(text)
    if case_id is None:
        raise ValueError("write the id of a case, such as cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E8")
    return case_id


LIST = ParameterSet(
    (
        coded("kind", "conflict_kind"),
        looked_up("court", "court", "Code of the court.", "61GV0012"),
        Parameter("case", Kind(_read_case, TEXT.schema), "Id of a case, either of a pair.", is_list=True),
        day("received_on", "Day on which the court received the case."),
        *STATE,
        *paging(tuple(CONFLICTS.columns), RESOURCE.default_order, RESOURCE.all_fields),
        *SHOWN_AS,
    )
)
ONE = ParameterSet((*STATE, *SHOWN_AS))

_LIST = Operation(
    id="list_conflicts",
    tag="Cases",
    summary="What curators should settle",
    description="Where card and newsroom disagree or the newsroom denies what a card says, with both values, where and"
    " when each was seen; cards whose defendants can no longer be told apart; cases that may be one, with the reasons."
    " A case that is withdrawn or merged has none.",
    result=schemas_conflicts.ConflictList,
    example=examples.CONFLICT_LIST,
    scopes=("curate",),
    parameters=LIST,
    problems=(404,),
)
_ONE = Operation(
    id="get_conflict",
    tag="Cases",
    summary="One conflict",
    description="One conflict that stands, as of the state asked for.",
    result=schemas_conflicts.ConflictAnswer,
    scopes=("curate",),
    parameters=ONE,
    path_parameters={"id": ("Id of the conflict.", examples.CONFLICT["id"])},
    problems=(404,),
)


@router.get("/v1/conflicts", **_LIST.route())
async def list_conflicts(caller: Curator, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply) -> Response:
    """A page of conflicts, or all."""
    return await reply_with_list(RESOURCE, asked, caller, reply)


@router.get("/v1/conflicts/{id}", **_ONE.route())
async def read_conflict(_: Curator, asked: Annotated[Asked, Depends(Asking(ONE))], reply: Reply) -> Response:
    """One conflict."""
    shown = reply.request.path_params["id"]
    known = read_conflict_id(shown)
    if known is None:
        raise NotFound(f"There is no conflict {shown[:60]}.")
    case_id, tag = known
    of, tagged = Condition("of", "eq", (case_id,)), Condition("tag", "eq", (tag,))
    return await reply_with_one(RESOURCE, of, asked, reply, also=tagged)
