"""Answer: run what was planned, and reduce it to a table in which nothing is missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.db.database import Connection
from app.records.revisions import State
from app.statistics.cells import Cell, columns_of, values_of
from app.statistics.codes import Codes
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.grid import (
    Combination,
    Grid,
    Place,
    fetch,
    learnt_places,
    order_combinations,
    read_base,
    read_values,
    refuse_beyond,
    without,
)
from app.statistics.notes import (
    describe_days,
    describe_dimensions,
    describe_measure,
    warn_left_out,
    warn_outside,
    warn_overlap,
)
from app.statistics.periods import Period, Window, list_periods
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.span import Span
from app.statistics.sums import SUMS
from app.table import Column, Table


@dataclass(frozen=True, slots=True)
class Answer:
    """A table of one row for each period and combination, and what has to be said of it."""

    table: Table
    dimensions: tuple[dict[str, Any], ...]
    measures: tuple[dict[str, Any], ...]
    coverage: dict[str, str | None]
    warnings: tuple[dict[str, Any], ...]
    question: str


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
) -> Answer:
    """Answer a question about a state of the record. Rows are ordered by period, then by code.

    `sums` are those that may be read; with none of them, the ledger answers the same. `span` tells which entries are
    read, where that is not the state.

    Errors  TooManyCells, with `cells` and `limit`
    """
    plan = replace(plan_of(question, state, known, sums), span=span)
    values = await read_values(connection, plan, cells_limit)
    combinations = order_combinations(values, question, known)
    periods = _periods(plan)
    refuse_beyond(len(periods) * len(combinations), question, cells_limit)
    grid = Grid(values, await read_base(connection, plan, combinations))
    left_out = await fetch(connection, replace(plan, span=None).left_out()) if plan.window or plan.needs_day else []
    warnings = (
        *warn_outside(question, known),
        *warn_left_out(plan, left_out),
        *warn_overlap(question),
    )
    rows = _Rows(plan, grid, combinations).table(periods)
    return Answer(
        table=Table(columns_for(plan, lang), rows, total=len(rows), warnings=warnings),
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        coverage=describe_days(known.covered),
        warnings=warnings,
        question=question.canonical,
    )


def plan_of(question: Question, state: State, known: Codes, sums: Collection[str] = tuple(SUMS)) -> Plan:
    """How a question about a state is answered."""
    last = known.covered.last if known.covered else None
    return Plan(question, state.revision, question.window(known.covered), sums, last, state.reference)


def _periods(plan: Plan) -> Sequence[Period | None]:
    """The periods that have rows; without a grain, the one stretch that has no name."""
    if plan.question.grain is None or plan.window is None:
        return (None,)
    return list_periods(plan.question.grain, plan.window)


@dataclass(slots=True)
class _Rows:
    """The values of all statements, read cell by cell."""

    plan: Plan
    grid: Grid
    combinations: Sequence[Combination]
    totals: dict[tuple[str, Place], int] = field(default_factory=dict)

    def table(self, periods: Iterable[Period | None]) -> list[tuple[Any, ...]]:
        """Every row of the table, in order; where nobody was counted, with 0."""
        self._add_up()
        return [
            (*_period_values(period, self.plan.window), *entry, *self._values((first, entry)))
            for period, first in ((period, period.first if period else None) for period in periods)
            for entry in self.combinations
        ]

    def _add_up(self) -> None:
        """Denominators over a dimension that is summed away."""
        for measure in self.plan.question.measures:
            if measure.ratio is None or measure.ratio.over is None:
                continue
            for where, values in self.grid.values.items():
                key = (measure.id, self._total_place(where, measure.ratio.over))
                self.totals[key] = self.totals.get(key, 0) + values.get(measure.ratio.denominator, 0)

    def _total_place(self, where: Place, over: str) -> Place:
        return where[0], without(where[1], (self.plan.question.dimensions.index(over),))

    def _values(self, where: Place) -> tuple[Any, ...]:
        question, values = self.plan.question, self.grid.at(where)
        cell = Cell(
            values,
            dict(zip(question.dimensions, where[1], strict=True)),
            {
                measure.id: self.totals.get((measure.id, self._total_place(where, measure.ratio.over)), 0)
                for measure in question.measures
                if measure.ratio and measure.ratio.over
            },
            self._base(where, values) if self.plan.has_coverage else None,
            question.learnt,
        )
        return tuple(values_of(question.measures, cell).values())

    def _base(self, where: Place, values: Mapping[str, Any]) -> tuple[int, int]:
        if self.grid.base is None:
            return values.get("sentences_known", 0), values.get("persons_convicted", 0)
        return self.grid.base.get((where[0], without(where[1], learnt_places(self.plan.question))), (0, 0))


def _period_values(period: Period | None, window: Window | None) -> tuple[Any, ...]:
    if period is None or window is None:
        return ()
    return period.key, period.first, period.last, period.is_cut_by(window)


def columns_for(plan: Plan, lang: str) -> tuple[Column, ...]:
    """The columns of an answer: period, dimensions, measures."""
    question = plan.question
    return (
        *period_columns(question, lang),
        *dimension_columns(question, lang),
        *columns_of(question.measures, lang, has_coverage=plan.has_coverage),
    )


def period_columns(question: Question, lang: str) -> tuple[Column, ...]:
    """The columns that tell a row's period; none without a grain."""
    if question.grain is None:
        return ()
    name, caption = question.grain.value, GRAINS[question.grain].label(lang)
    return (
        Column(name, caption=caption),
        Column(f"{name}_start", "day", caption=caption),
        Column(f"{name}_end", "day", caption=caption),
        Column("partial", "boolean", caption=caption),
    )


def dimension_columns(question: Question, lang: str) -> Iterable[Column]:
    """The columns that tell a row's codes."""
    for entry in (DIMENSIONS[name] for name in question.dimensions):
        yield Column(entry.id, codelist=entry.codelist, caption=entry.label(lang))
