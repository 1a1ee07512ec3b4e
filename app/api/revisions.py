"""Revisions: every numbered change of the record, and what it brought."""

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS, STATE, coded, paging
from app.api.describe import Operation
from app.api.kinds import INSTANT, TEXT
from app.api.lists import Resource, reply_with_list, reply_with_one
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.reply import Reply
from app.api.rounding import rounded
from app.errors import NotFound
from app.records.listing import Condition
from app.records.reading import REVISION_COLUMNS, REVISIONS, Counter, find_revisions, flat_under

router = APIRouter()

RESOURCE = Resource(
    name="revisions",
    listing=REVISIONS,
    default_order="-revision",
    fields=tuple(schemas.Revision.model_fields),
    columns=REVISION_COLUMNS,
    flatten=flat_under(REVISION_COLUMNS),
    find=find_revisions,
    count=Counter(REVISIONS),
)
LIST = ParameterSet(
    (
        Parameter("cause", TEXT, "What brought it about.", is_list=True, operators=("ne",)),
        Parameter("source", TEXT, "Publisher of the records.", is_list=True, operators=("ne",)),
        coded("layer", "layer", nullable=True),
        Parameter(
            "published_at",
            INSTANT,
            "When it was published.",
            operators=("gte", "gt", "lte", "lt"),
            is_list=True,
            example="2025-06-26T00:00:00Z",
        ),
        *STATE,
        *paging(tuple(REVISIONS.columns), RESOURCE.default_order, RESOURCE.all_fields),
        *SHOWN_AS,
    )
)
ONE = ParameterSet(SHOWN_AS)

_LIST = Operation(
    id="list_revisions",
    tag="Revisions",
    summary="Revisions, latest first",
    description="Accepted changes of the record, up to the state asked for.",
    result=schemas.RevisionList,
    scopes=("statistics",),
    parameters=LIST,
    problems=(404,),
)
_ONE = Operation(
    id="get_revision",
    tag="Revisions",
    summary="One revision",
    description="One accepted change of the record: cause, source, layer and counts.",
    result=schemas.RevisionAnswer,
    scopes=("statistics",),
    parameters=ONE,
    path_parameters={"n": ("Number of the revision.", str(examples.REVISION["revision"]))},
    problems=(404,),
)
_NUMBER = re.compile(r"[1-9][0-9]{0,8}")


@router.get("/v1/revisions", **_LIST.route())
async def list_revisions(
    caller: StatisticsReader, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply
) -> Response:
    """A page of revisions, or all."""
    return await reply_with_list(rounded(RESOURCE, reply.rounding, ("counts",)), asked, caller, reply)


@router.get("/v1/revisions/{n}", **_ONE.route())
async def read_revision(_: StatisticsReader, asked: Annotated[Asked, Depends(Asking(ONE))], reply: Reply) -> Response:
    """One revision."""
    number = read_number(reply.request.path_params["n"])
    return await reply_with_one(
        rounded(RESOURCE, reply.rounding, ("counts",)), Condition("revision", "eq", (number,)), asked, reply
    )


def read_number(shown: str) -> int:
    """The number of a revision in a path.

    Errors  NotFound for what is none
    """
    if not _NUMBER.fullmatch(shown):
        raise NotFound("Revisions are numbered from 1.")
    return int(shown)
