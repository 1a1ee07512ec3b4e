"""Records behind a count: the ids of the cases, persons or charges that one cell of a statistic counts."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caller import RecordsReader
from app.api.common import SHOWN_AS, STATE, paging
from app.api.describe import Operation
from app.api.lists import Resource, reply_with_list
from app.api.parameters import Asked, ParameterSet
from app.api.reply import Reply, Replying
from app.api.statistics import COUNTED, question_of
from app.db.database import Connection
from app.errors import Fault, InvalidParameters
from app.records.listing import Condition, Page, Total, Wanted
from app.records.reading import flat_under
from app.records.revisions import State
from app.statistics import Codes
from app.statistics.behind import BEHIND, BEHIND_COLUMNS, Cell, count_behind, faults_in, find_behind

router = APIRouter()

_OF_A_CELL = tuple(entry for entry in COUNTED if entry.name not in ("group_by", "last_n"))
_DEFAULT = "cases_received"


_ORDER = "case_id"
_FIELDS = tuple(schemas.RecordBehind.model_fields)
LIST = ParameterSet((*_OF_A_CELL, *STATE, *paging(tuple(BEHIND.columns), _ORDER, _FIELDS), *SHOWN_AS))
_LIST = Operation(
    id="list_records_behind",
    tag="Statistics",
    summary="Records behind a count",
    description=(
        "The ids behind one cell of a statistic, at any revision: as many as the cell says. Give one counting measure"
        " (without it: cases_received), the filters of the question, the cell's codes as filters, and its period as"
        " `start_period` and `end_period`. Cases have an id; persons and charges that of the case and the person's"
        " within it (see `/v1/cases/{id}`). A charge stands there as often as it is counted."
    ),
    result=schemas.RecordBehindList,
    example=examples.RECORDS_BEHIND,
    scopes=("records",),
    parameters=LIST,
    problems=(404,),
)


@router.get("/v1/statistics/records", **_LIST.route())
async def list_records_behind(
    caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply
) -> Response:
    """A page of the records behind a count, or all."""
    return await reply_with_list(_bound(asked, reply), asked, caller, reply)


def _bound(asked: Asked, reply: Replying) -> Resource:
    """The list of one question."""

    async def cell(connection: Connection, state: State) -> Cell:
        codes = await reply.service.codes.at(connection, state)
        return Cell(question_of(asked, None, codes, measure=_DEFAULT), state, codes)

    async def find(connection: Connection, wanted: Wanted, state: State) -> Page:
        return await find_behind(connection, await cell(connection, state), wanted)

    async def count(connection: Connection, conditions: Sequence[Condition], state: State) -> Total:
        del conditions  # the question has them
        number = await count_behind(connection, await cell(connection, state))
        return Total(number, number)

    def check(codes: Codes) -> Iterable[Fault]:
        try:
            return faults_in(question_of(asked, None, codes, measure=_DEFAULT))
        except InvalidParameters as problem:
            return problem.faults

    return Resource(
        name="statistics-records",
        listing=BEHIND,
        default_order=_ORDER,
        fields=_FIELDS,
        columns=BEHIND_COLUMNS,
        flatten=flat_under(BEHIND_COLUMNS),
        find=find,
        count=count,
        check=check,
    )
