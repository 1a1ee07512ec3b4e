"""Offences: articles and parts, titles, penalties, and when each wording was law."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import schemas
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS, STATE, looked_up, paging
from app.api.describe import Operation
from app.api.kinds import TRUTH
from app.api.lists import Resource, reply_with_list, reply_with_one
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.reply import Reply
from app.records.listing import Condition
from app.records.reading import OFFENCE_COLUMNS, OFFENCES, Counter, find_offences, flat_under

router = APIRouter()

RESOURCE = Resource(
    name="offences",
    listing=OFFENCES,
    default_order="code",
    fields=tuple(schemas.Offence.model_fields),
    columns=OFFENCE_COLUMNS,
    flatten=flat_under(OFFENCE_COLUMNS),
    find=find_offences,
    count=Counter(OFFENCES),
)
LIST = ParameterSet(
    (
        looked_up("code", "offence", "Code of the article or part.", "337:5"),
        looked_up("article", "article", "The article alone.", "337"),
        looked_up("offence_group", "offence_group", "Group of offences.", "absence"),
        Parameter("is_wartime", TRUTH, "Whether it applies to mobilisation, martial law or war only."),
        *STATE,
        *paging(tuple(OFFENCES.columns), RESOURCE.default_order, RESOURCE.all_fields),
        *SHOWN_AS,
    )
)
ONE = ParameterSet((*STATE, *SHOWN_AS))

_LIST = Operation(
    id="list_offences",
    tag="Reference",
    summary="Offences, by code",
    description="Articles and parts with titles, least and most imprisonment in months, and when they were law.",
    result=schemas.OffenceList,
    scopes=("statistics",),
    parameters=LIST,
    problems=(404,),
)
_ONE = Operation(
    id="get_offence",
    tag="Reference",
    summary="One offence",
    description="One article or part, as the list shows it.",
    result=schemas.OffenceAnswer,
    scopes=("statistics",),
    parameters=ONE,
    path_parameters={"code": ("Article, or article and part.", "337:5")},
    problems=(404,),
)


@router.get("/v1/offences", **_LIST.route())
async def list_offences(
    caller: StatisticsReader, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply
) -> Response:
    """A page of offences, or all."""
    return await reply_with_list(RESOURCE, asked, caller, reply)


@router.get("/v1/offences/{code}", **_ONE.route())
async def read_offence(_: StatisticsReader, asked: Annotated[Asked, Depends(Asking(ONE))], reply: Reply) -> Response:
    """One article or part."""
    key = Condition("code", "eq", (reply.request.path_params["code"],))
    return await reply_with_one(RESOURCE, key, asked, reply)
