"""Answer: run what was planned, and reduce it to a table in which nothing is missing."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.db.database import Connection
from app.errors import TooManyCells
from app.records.revisions import State
from app.statistics.cells import Cell, columns_of, values_of
from app.statistics.codes import Codes, natural_key
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.notes import (
    describe_days,
    describe_dimensions,
    describe_measure,
    warn_left_out,
    warn_outside,
)
from app.statistics.periods import Period, Window, count_periods, list_periods
from app.statistics.plan import Plan, Statement
from app.statistics.question import Question
from app.statistics.sums import SUMS
from app.table import Column, Table

Combination = tuple[str, ...]
Counts = tuple[int, ...]
Place = tuple[date | None, Combination]  # first day of the period, codes of the dimensions


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
) -> Answer:
    """Answer a question about a state of the record. Rows are ordered by period, then by code.

    `sums` are those that may be read; with none of them, the ledger answers the same.

    Errors  TooManyCells, with `cells` and `limit`
    """
    plan = Plan(question, state.revision, question.window(known.covered), sums)
    counts, combinations = await _find_counts(connection, plan, known, cells_limit)
    base = await _find_base(connection, plan, combinations)
    left_out = await _fetch(connection, plan.left_out()) if plan.window else []
    reduced = _Reduced(plan, counts, combinations, base)
    warnings = (*warn_outside(question, known.covered), *warn_left_out(plan, left_out))
    table_rows = reduced.rows()
    return Answer(
        table=Table(_columns(question, lang), table_rows, total=len(table_rows), warnings=warnings),
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        coverage=describe_days(known.covered),
        warnings=warnings,
        question=question.canonical,
    )


async def _fetch(connection: Connection, statement: Statement) -> list[Any]:
    # fetch, even for one row: fetchrow and fetchval send a row limit, which turns parallel query off
    rows: list[Any] = await connection.fetch(statement.sql, *statement.args)
    return rows


async def _find_counts(
    connection: Connection, plan: Plan, known: Codes, cells_limit: int
) -> tuple[dict[Place, Counts], tuple[Combination, ...]]:
    """What the main statement counts, and the combinations that have a row; TooManyCells where it is too much."""
    question = plan.question
    rows_limit = cells_limit // len(question.measures)
    periods = count_periods(question.grain, plan.window) if question.grain and plan.window else 1
    if not question.dimensions and periods > rows_limit:
        raise _too_many(periods, question, cells_limit)
    rows = await _fetch(connection, plan.main(rows_limit + 1))
    if len(rows) > rows_limit:
        wanted = periods * await _count_combinations(connection, plan)
        raise _too_many(max(wanted, len(rows)), question, cells_limit)
    counts = _by_place(rows, question)
    combinations = _combinations(counts, question, known)
    if periods * len(combinations) > rows_limit:
        raise _too_many(periods * len(combinations), question, cells_limit)
    return counts, combinations


def _too_many(rows: int, question: Question, cells_limit: int) -> TooManyCells:
    cells = rows * len(question.measures)
    detail = (
        f"The answer would have {cells} cells ({rows} rows of {len(question.measures)} measures);"
        f" at most {cells_limit} are given."
        " Ask for a shorter time, a coarser grain, fewer dimensions or more filters."
    )
    return TooManyCells(detail, cells=cells, limit=cells_limit)


async def _count_combinations(connection: Connection, plan: Plan) -> int:
    preset = plan.question.preset
    free = [name for name in plan.question.dimensions if name != preset.dimension]
    shown = max(1, len(preset.always_shown))
    if not free:
        return shown
    rows = await _fetch(connection, plan.combinations(free))
    return int(rows[0][0]) * shown


def _by_place(rows: Iterable[Any], question: Question, width: int | None = None) -> dict[Place, Counts]:
    """Rows of a statement (period, dimensions, counts) by where they belong."""
    start = 1 if question.grain else 0
    end = start + (len(question.dimensions) if width is None else width)
    return {(row[0] if start else None, tuple(row[start:end])): tuple(row[end:]) for row in rows}


def _combinations(counts: Mapping[Place, Counts], question: Question, known: Codes) -> tuple[Combination, ...]:
    """Every combination of codes that has a row, in the order of the rows."""
    observed = {combination for _, combination in counts}
    if not question.dimensions:
        observed = {()}
    if question.preset.dimension:
        place = question.dimensions.index(question.preset.dimension)
        rest = {_without(entry, (place,)) for entry in observed} or ({()} if len(question.dimensions) == 1 else set())
        codes = {entry[place] for entry in observed}.union(question.preset.always_shown)
        observed = {(*entry[:place], code, *entry[place:]) for entry in rest for code in codes}
    orders = [{code: number for number, code in enumerate(known.ids(name))} for name in question.dimensions]
    return tuple(sorted(observed, key=lambda entry: tuple(map(_rank, orders, entry))))


def _rank(order: Mapping[str, int], value: str) -> tuple[int, Any]:
    return (order.get(value, len(order)), natural_key(value))


def _without(entry: Combination, places: Sequence[int]) -> Combination:
    return tuple(value for place, value in enumerate(entry) if place not in places)


async def _find_base(
    connection: Connection, plan: Plan, combinations: Sequence[Combination]
) -> dict[Place, Counts] | None:
    """What coverage is made of, by period and plain dimensions; None where the main statement has it."""
    if not plan.has_own_base:
        return None
    plain = sorted({_without(entry, _learnt_places(plan)) for entry in combinations})
    rows = await _fetch(connection, plan.base(plain))
    return _by_place(rows, plan.question, len(plan.plain_dimensions))


def _learnt_places(plan: Plan) -> tuple[int, ...]:
    return tuple(place for place, name in enumerate(plan.question.dimensions) if DIMENSIONS[name].learnt)


@dataclass(slots=True)
class _Reduced:
    """The counts of all statements, read cell by cell."""

    plan: Plan
    counts: Mapping[Place, Counts]
    combinations: Sequence[Combination]
    base: Mapping[Place, Counts] | None
    totals: dict[tuple[str, Place], int] = field(default_factory=dict)

    def rows(self) -> list[tuple[Any, ...]]:
        """Every row of the table, in order; where nobody was counted, with 0."""
        question, window = self.plan.question, self.plan.window
        self._add_up()
        if question.grain is None or window is None:
            return [(*entry, *self._values((None, entry))) for entry in self.combinations]
        return [
            (*_period_values(period, window), *entry, *self._values((period.first, entry)))
            for period in list_periods(question.grain, window)
            for entry in self.combinations
        ]

    def _add_up(self) -> None:
        """Denominators over a dimension that is summed away."""
        for measure in self.plan.question.measures:
            if measure.ratio is None or measure.ratio.over is None:
                continue
            place = self.plan.counts.index(measure.ratio.denominator)
            for where, counts in self.counts.items():
                key = (measure.id, self._total_place(where, measure.ratio.over))
                self.totals[key] = self.totals.get(key, 0) + counts[place]

    def _total_place(self, where: Place, over: str) -> Place:
        return where[0], _without(where[1], (self.plan.question.dimensions.index(over),))

    def _values(self, where: Place) -> tuple[Any, ...]:
        question = self.plan.question
        zeros = (0,) * len(self.plan.counts)
        counts = dict(zip(self.plan.counts, self.counts.get(where, zeros), strict=True))
        cell = Cell(
            counts,
            dict(zip(question.dimensions, where[1], strict=True)),
            {
                measure.id: self.totals.get((measure.id, self._total_place(where, measure.ratio.over)), 0)
                for measure in question.measures
                if measure.ratio and measure.ratio.over
            },
            self._base(where, counts) if self.plan.has_coverage else (0, 0),
            question.learnt,
        )
        return values_of(question.measures, cell)

    def _base(self, where: Place, counts: Mapping[str, int]) -> tuple[int, int]:
        if self.base is None:
            return counts["sentences_known"], counts["persons_convicted"]
        known, convicted = self.base.get((where[0], _without(where[1], _learnt_places(self.plan))), (0, 0))
        return known, convicted


def _period_values(period: Period, window: Window) -> tuple[Any, ...]:
    return period.key, period.first, period.last, period.is_cut_by(window)


def _columns(question: Question, lang: str) -> tuple[Column, ...]:
    return (
        *period_columns(question, lang),
        *dimension_columns(question, lang),
        *columns_of(question.measures, lang),
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
