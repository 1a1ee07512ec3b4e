"""Behind: the cases, persons and charges that a count is the count of, as of any revision."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.db.database import Connection
from app.errors import Fault
from app.records.ids import show_id
from app.records.listing import Filter, Listing, Page, Position, SortColumn, Wanted
from app.records.revisions import State
from app.statistics.codes import Codes
from app.statistics.measure import OFFENCE_DIMENSIONS, Kind, Measure, Unit
from app.statistics.measures import MEASURES, OPEN_CASE
from app.statistics.offence_kind import IS_WARTIME, OFFENCE_GROUP, looked_up
from app.statistics.question import Question
from app.statistics.select import Counted, Select, Statement
from app.table import Column

_CASE = SortColumn("case_id", "uuid")
_KEY = SortColumn('key COLLATE "C"', "text")
_NO_FILTERS: dict[str, Filter] = {}
BEHIND = Listing(select="*", source="", where="", id=_KEY, columns={"case_id": _CASE}, filters=_NO_FILTERS)
"""How the list is sorted: by case; within one by person, charge and number."""
BEHIND_COLUMNS = (
    Column("case_id", caption="Id of the case"),
    Column("defendant_id", caption="Id of the person within the case; null where cases are counted"),
    Column("court", codelist="court"),
    Column("offence", codelist="offence", caption="The charge, or the offence by which the case or person is counted"),
    Column("day", "day", caption="Day of the event that is counted"),
)
COUNTING = (Kind.COUNT, Kind.STOCK, Kind.ANY_CHARGE)
"""Kinds of measure behind which there are records."""
_GROUPS = ("court", "case_id", "defendant", "offence_part", "day")


@dataclass(frozen=True, slots=True)
class Cell:
    """One count: a question with one counting measure, about one state, all in one cell."""

    question: Question
    state: State
    known: Codes

    @property
    def measure(self) -> Measure:
        """What is counted."""
        return self.question.measures[0]


def faults_in(question: Question) -> tuple[Fault, ...]:
    """What keeps a question from being the question of one count."""
    if len(question.measures) > 1:
        detail = f"Give one measure, not {len(question.measures)}: one list holds the records of one count."
        return (Fault("one-measure", detail, parameter="measures"),)
    measure = question.measures[0]
    if measure.kind in COUNTING:
        return ()
    ratio = measure.ratio
    of = f"{ratio.numerator} and {ratio.denominator}" if ratio else measure.counted_in
    told = [name for name in of.split(" and ") if name in MEASURES]
    advice = f"; ask for {' or '.join(told)}" if told else ""
    detail = f"{measure.id} is no count, so no records are behind it{advice}."
    return (Fault("no-count", detail, parameter="measures"),)


async def find_behind(connection: Connection, cell: Cell, wanted: Wanted) -> Page:
    """The records behind a count: as many as it says, a person or charge as often as it is counted.

    Shape   objects under `BEHIND_COLUMNS`, by case, then person, charge
    Reads   the ledger; with a filter on one court, that court's days alone
    """
    statement = _page(cell, wanted)
    rows = await connection.fetch(statement.sql, *statement.args)
    page = rows[: wanted.limit]
    last = Position(page[-1]["case_id"], page[-1]["key"]) if page else None
    return Page(tuple(_shown(row, cell.measure) for row in page), len(rows) > wanted.limit, last)


async def count_behind(connection: Connection, cell: Cell) -> int:
    """How many records are behind a count: the count."""
    select, held = _held(cell)
    rows = await connection.fetch(f"SELECT coalesce(sum(times), 0) FROM ({held}) AS held", *select.args)
    return int(rows[0][0])


def _shown(row: Any, measure: Measure) -> dict[str, Any]:
    return {
        "case_id": show_id(row["case_id"]),
        "defendant_id": None if measure.unit is Unit.CASE else f"d{row['defendant']}",
        "court": row["court"],
        "offence": row["offence_part"],
        "day": row["day"],
    }


def _page(cell: Cell, wanted: Wanted) -> Statement:
    select, held = _held(cell)
    sign, direction = ("<", "DESC") if wanted.order.is_descending else (">", "ASC")
    after = "true"
    if wanted.after:
        place = f"{select.add(wanted.after.value)}::uuid, {select.add(wanted.after.id)}::text"
        after = f"(case_id, {_KEY.sql}) {sign} ({place})"
    key = "format('%s/%s/%s', lpad(defendant::text, 5, '0'), offence_part, lpad(number::text, 5, '0'))"
    sql = (
        f"SELECT * FROM (SELECT held.*, {key} AS key FROM ({held}) AS held, generate_series(1, times) AS number)"
        f" AS behind WHERE {after} ORDER BY case_id {direction}, {_KEY.sql} {direction}"
        f" LIMIT {select.add(wanted.limit + 1)}"
    )
    return Statement(sql, tuple(select.args))


def _held(cell: Cell) -> tuple[Select, str]:
    """Each case, person or charge with how often it is counted, where it is at all."""
    question, measure = cell.question, cell.measure
    window = question.window(cell.known.covered)
    select = Select(None, cell.known.ends)
    select.as_of(cell.state.revision)
    select.where.append(select.condition(Counted.of(measure)))
    by_any_charge = measure.kind is Kind.ANY_CHARGE
    for entry in question.filters:
        if not (by_any_charge and entry.dimension in OFFENCE_DIMENSIONS):
            select.filter(entry)
    if by_any_charge:
        select.where += _has_charge(select, cell)
    times, more = "sum(n)", ""
    if measure.kind is Kind.STOCK:
        times, more = _still_open(select, cell)
    elif window:
        select.between(window)
    select.groups = list(_GROUPS)
    outputs = ", ".join(_GROUPS)
    return select, (
        f"SELECT {outputs}, {times} AS times FROM {select.table}{more} WHERE {' AND '.join(select.where)}"
        f" GROUP BY {outputs} HAVING {times} > 0"
    )


def _has_charge(select: Select, cell: Cell) -> Sequence[str]:
    """One of its charges meets all that is asked of charges."""
    passes = [select.passes(entry) for entry in cell.question.filters if entry.dimension in OFFENCE_DIMENSIONS]
    if not passes:
        return ()
    charges = (
        f"SELECT o.code AS offence_part, split_part(o.code, ':', 1) AS offence,"
        f" {OFFENCE_GROUP} AS offence_group, {IS_WARTIME} AS is_wartime"
        " FROM unnest(CASE WHEN entries.offences = '{}' THEN '{unknown}' ELSE entries.offences END) AS o (code)"
        f" {looked_up('o.code', select.add(cell.state.reference))}"
    )
    return (f"EXISTS (SELECT FROM ({charges}) AS charges WHERE {' AND '.join(passes)})",)


def _still_open(select: Select, cell: Cell) -> tuple[str, str]:
    """Cases that had come and not been closed by the last day of the window; without one, those that are open."""
    window = cell.question.window(cell.known.covered)
    if window is None:
        select.where.append(f"disposition = ANY({select.add(list(OPEN_CASE))})")
        return "sum(n)", ""
    select.where.append(select.is_open_or_dated())
    select.where.append(f"moved_on <= {select.add(window.last)}")
    return "sum(n * change)", ", LATERAL (VALUES (day, 1), (day + days, -1)) AS moved (moved_on, change)"
