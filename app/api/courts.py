"""Courts: level, region, next court, first and last record, coverage."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import schemas
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS, STATE, coded, looked_up, paging
from app.api.describe import Operation
from app.api.lists import Resource, reply_with_list, reply_with_one
from app.api.parameters import Asked, ParameterSet
from app.api.reply import Reply
from app.api.rounding import rounded
from app.records.listing import Condition
from app.records.reading import COURT_COLUMNS, COURTS, Counter, find_courts, flatten_court

router = APIRouter()

RESOURCE = Resource(
    name="courts",
    listing=COURTS,
    default_order="code",
    fields=tuple(schemas.Court.model_fields),
    columns=COURT_COLUMNS,
    flatten=flatten_court,
    find=find_courts,
    count=Counter(COURTS),
)
_ROUNDED = ("coverage",)
_HIDDEN = ("first_record_on", "last_record_on")  # each the day of one case
LIST = ParameterSet(
    (
        looked_up("code", "court", "Code of the court.", "61GV0012"),
        coded("court_level", "court_level"),
        looked_up("region", "region", "Region in which the court sits.", "20"),
        looked_up("district", "district", "Code of the next court above.", "61OV0000"),
        *STATE,
        *paging(tuple(COURTS.columns), RESOURCE.default_order, RESOURCE.all_fields),
        *SHOWN_AS,
    )
)
ONE = ParameterSet((*STATE, *SHOWN_AS))

_LIST = Operation(
    id="list_courts",
    tag="Reference",
    summary="Courts, by code",
    description="Courts with level, region, next court above, first and last record, and the days looked at.",
    result=schemas.CourtList,
    scopes=("statistics",),
    parameters=LIST,
    problems=(404,),
)
_ONE = Operation(
    id="get_court",
    tag="Reference",
    summary="One court",
    description="One court, as the list shows it.",
    result=schemas.CourtAnswer,
    scopes=("statistics",),
    parameters=ONE,
    path_parameters={"code": ("Code of the court.", "61GV0012")},
    problems=(404,),
)


@router.get("/v1/courts", **_LIST.route())
async def list_courts(
    caller: StatisticsReader, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply
) -> Response:
    """A page of courts, or all."""
    return await reply_with_list(rounded(RESOURCE, reply.rounding, _ROUNDED, _HIDDEN), asked, caller, reply)


@router.get("/v1/courts/{code}", **_ONE.route())
async def read_court(_: StatisticsReader, asked: Annotated[Asked, Depends(Asking(ONE))], reply: Reply) -> Response:
    """One court."""
    key = Condition("code", "eq", (reply.request.path_params["code"],))
    return await reply_with_one(rounded(RESOURCE, reply.rounding, _ROUNDED, _HIDDEN), key, asked, reply)
