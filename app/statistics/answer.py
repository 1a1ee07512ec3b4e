"""Answer: run what was planned, and reduce it to a table in which nothing is missing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.db.database import Connection
from app.db.turns import LARGE_ROWS, aside
from app.records.revisions import State
from app.statistics.breaks import describe_breaks
from app.statistics.codes import Codes
from app.statistics.days import KnownDays
from app.statistics.grid import (
    Grid,
    Place,
    Values,
    disclosable,
    order_combinations,
    read_base,
    read_bounds,
    read_grid,
    read_values,
    reading_limit,
    refuse_beyond,
)
from app.statistics.notes import (
    describe_days,
    describe_dimensions,
    describe_measure,
    warn_across_break,
    warn_left_out,
    warn_outside,
    warn_overlap,
    warn_rounded,
)
from app.statistics.periods import Period, Window, list_periods
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.rows import Rows, columns_for
from app.statistics.span import Span
from app.statistics.sums import SUMS
from app.statistics.transforms import base_window
from app.table import Table


@dataclass(frozen=True, slots=True)
class Answer:
    """A table of one row for each period and combination, and what has to be said of it.

    `is_at_hand`  it took no SQL and little work, and so will most with another window
    """

    table: Table
    dimensions: tuple[dict[str, Any], ...]
    measures: tuple[dict[str, Any], ...]
    coverage: dict[str, str | None]
    warnings: tuple[dict[str, Any], ...]
    question: str
    breaks: tuple[dict[str, Any], ...] = ()
    is_at_hand: bool = False


async def find_answer(
    connection: Connection,
    state: State,
    question: Question,
    known: Codes,
    *,
    cells_limit: int = 50_000,
    lang: str = "en",
    sums: Collection[str] = tuple(SUMS),
    span: Span | None = None,
    rounding: int = 1,
    days: KnownDays | None = None,
) -> Answer:
    """Answer a question about a state of the record. Rows are ordered by period, then by code.

    `sums` are those that may be read; with none of them, the ledger answers the same. With a `rounding` of more than
    1, every count is rounded down to a multiple of it, and whatever derives from counts derives from the rounded.
    `span` tells which entries are read, where that is not the state. `days` keeps what questions that are asked again
    count on each day: of these no SQL is needed.

    Errors  TooManyCells, with `cells` and `limit`
    """
    read_limit = reading_limit(question, known, cells_limit, rounding)
    plan = plan_of(question, state, known, sums)
    plan = replace(plan, span=span) if span else plan
    periods = _periods(plan)
    cut = await days.read(connection, plan, state, read_limit) if days else None
    if cut is None:
        grid, left_out = await read_grid(connection, plan, replace(plan, span=None), read_limit)
        if days and known.covered:
            days.note(plan, state, grid, known.covered)
    else:
        grid, left_out = cut.grid, cut.left_out
    values = grid.values
    before, earlier = await _read_before(connection, plan, periods, read_limit)
    combinations = await aside(
        len(before) + len(values),
        lambda: order_combinations(disclosable({**before, **values}, rounding), question, known),
    )
    refuse_beyond(len(periods) * len(combinations), question, cells_limit)
    base = await read_base(connection, plan, combinations) if grid.base is None else grid.base
    made = Rows(
        plan,
        known.covered,
        Grid(values, base),
        combinations,
        periods,
        before=Grid(before),
        earlier=earlier,
        relaxed=await read_bounds(connection, plan) if question.has_bounds else {},
        distinct=await read_values(connection, plan.distinct(), read_limit) if plan.overlapping else {},
        rounding=rounding,
    )
    rows = await aside(len(periods) * len(combinations), made.table)
    breaks = tuple(describe_breaks(question, plan.window or known.covered, lang))
    compared = replace(plan.window, first=earlier[0].first) if earlier and plan.window else plan.window
    columns = columns_for(plan, lang, is_rounded=rounding > 1)
    warnings = (
        *warn_outside(question, known),
        *warn_left_out(plan, left_out, rounding),
        *warn_overlap(question),
        *warn_across_break(question, columns, rows, describe_breaks(question, compared, lang)),
        *warn_rounded(rounding),
    )
    return Answer(
        table=Table(columns, rows, total=len(rows), warnings=warnings),
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        coverage=describe_days(known.covered),
        warnings=warnings,
        question=question.canonical,
        breaks=breaks,
        is_at_hand=cut is not None and cut.is_small and len(rows) < LARGE_ROWS,
    )


def plan_of(question: Question, state: State, known: Codes, sums: Collection[str] = tuple(SUMS)) -> Plan:
    """How a question about a state is answered."""
    return Plan(question, state.revision, question.window(known.covered), sums, known.ends, state.reference)


def _periods(plan: Plan) -> Sequence[Period | None]:
    """The periods that have rows; without a grain, the one stretch that has no name."""
    if plan.question.grain is None or plan.window is None:
        return (None,)
    return list_periods(plan.question.grain, plan.window)


async def _read_before(
    connection: Connection, plan: Plan, periods: Sequence[Period | None], cells_limit: int
) -> tuple[Mapping[Place, Values], Sequence[Period]]:
    """What was counted in the periods before the first that a transform looks at, and these periods."""
    transform, grain = plan.question.transform, plan.question.grain
    if transform is None or grain is None:
        return {}, ()
    window: Window | None = base_window(transform, grain, tuple(period for period in periods if period))
    if window is None:
        return {}, ()
    return await read_values(connection, replace(plan, window=window), cells_limit), list_periods(grain, window)
