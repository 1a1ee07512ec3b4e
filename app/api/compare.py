"""Compare: a question at two revisions, and why each of its numbers changed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS
from app.api.describe import Operation
from app.api.kinds import REVISION
from app.api.negotiation import Representation
from app.api.parameters import Asked, Parameter, ParameterSet, Role
from app.api.reply import Answer, Reading, Reply, envelope
from app.api.statistics import COUNTED, WHOLE_LIMIT, faults_of, question_of, refuse_cut
from app.db.database import Connection
from app.db.turns import aside
from app.errors import Fault, InvalidParameters, NoRevisionYet
from app.formats import render
from app.records.revisions import State, get_state
from app.statistics import Codes, find_comparison

router = APIRouter()

COMPARISON = ParameterSet(
    (
        Parameter(
            "from",
            REVISION,
            "The earlier state: the number of a revision, or a day (the last revision published by its end, UTC);"
            " otherwise the revision before `to`.",
            Role.STATE,
            example="2023-06-15",
        ),
        Parameter("to", REVISION, "The later state; otherwise the last revision.", Role.STATE, example="2024-07-19"),
        *COUNTED,
        WHOLE_LIMIT,
        *SHOWN_AS,
    )
)
_COMPARE = Operation(
    id="compare_revisions",
    tag="Statistics",
    summary="Why a number changed",
    description=(
        "Any question at two states of the record: before, after, and for each count the parts of its change by cause"
        " (`/v1/vocabularies` defines the causes). The parts add up to the change, and the changes from a to b and"
        " from b to c to the change from a to c. A share has its value before and after, and the parts of its"
        " numerator and denominator. Both states count the same days: without `end_period` those after the day of"
        " publication too. CSV has the same rows, with a column for each part. Never paged."
    ),
    result=schemas.ComparisonAnswer,
    example=examples.COMPARISON,
    scopes=("statistics",),
    parameters=COMPARISON,
    problems=(404,),
)


@router.get("/v1/compare", **_COMPARE.route())
async def compare(_: StatisticsReader, asked: Annotated[Asked, Depends(Asking(COMPARISON))], reply: Reply) -> Response:
    """Tell why a question's numbers changed from one revision to another."""

    def check(codes: Codes, shape: Representation) -> Iterable[Fault]:
        del shape
        return faults_of(asked, None, codes)

    def weigh(codes: Codes) -> int:
        return 2 * question_of(asked, None, codes).most_cells(codes)

    async def find(reading: Reading) -> Answer:
        assert reading.before is not None
        found = await find_comparison(
            reading.connection,
            question_of(asked, None, reading.codes),
            (await reply.service.codes.at(reading.connection, reading.before), reading.codes),
            (reading.before, reading.state),
            cells_limit=reply.service.settings.cells_limit,
            lang=reading.shape.lang,
            rounding=reply.rounding,
        )
        rows, options = len(found.rows), reading.options
        refuse_cut(asked, rows)
        headers = {"Sudstat-Revision-Before": str(reading.before.revision)}
        if reading.shape.format.is_flat:
            return Answer(await aside(rows, lambda: render(reading.shape.format, found.table, options)), headers)
        canonical = "&".join(filter(None, (asked.canonical({Role.STATE}), found.question)))
        whole = partial(
            envelope,
            found.rows,
            **{"from": _told(reading.before), "to": _told(reading.state)},
            dimensions=found.dimensions,
            measures=found.measures,
            paging={"limit": None, "has_more": False, "next": None, "total": rows},
            meta=reply.meta(reading.state, canonical),
            warnings=found.warnings,
        )
        return Answer(await aside(rows, whole), headers)

    return await reply.from_record(asked, find, check=check, weigh=weigh, may_pin=True, opens=_open)


def _told(state: State) -> dict[str, Any]:
    return {
        "revision": state.revision,
        "as_of": state.as_of or state.published_at,
        "published_at": state.published_at,
        "backdated": state.is_backdated,
    }


async def _open(connection: Connection, asked: Asked) -> tuple[State, State]:
    """The two states asked for; a fault in either is told with the query's other faults."""
    after = await _open_one(connection, asked, "to", None)
    before = await _open_one(connection, asked, "from", max(1, after.revision - 1))
    if before.revision > after.revision:
        detail = f"from (revision {before.revision}) is later than to (revision {after.revision}); swap them."
        asked.refuse([Fault("wrong-order", detail, parameter="from")])
    return before, after


async def _open_one(connection: Connection, asked: Asked, name: str, otherwise: int | None) -> State:
    value: int | date | datetime | None = asked.one(name, otherwise)
    try:
        if isinstance(value, int):
            return await get_state(connection, revision=value)
        return await get_state(connection, as_of=value)
    except InvalidParameters as problem:
        asked.refuse([replace(fault, parameter=name) for fault in problem.faults])
        raise
    except NoRevisionYet:
        asked.refuse()
        raise
