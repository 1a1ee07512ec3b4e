"""Comparison: any question at two revisions, each value before and after, and the parts of each change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from app.db.database import Connection
from app.errors import TooManyCells
from app.records.revisions import State
from app.statistics.answer import dimension_columns, find_answer, period_columns
from app.statistics.cells import COVERAGE
from app.statistics.codes import Codes, natural_key
from app.statistics.difference import CAUSES, Change, find_difference, window_of_both
from app.statistics.measures import Measure
from app.statistics.notes import describe_dimensions, describe_measure, warn_outside
from app.statistics.periods import Grain, Window, list_periods, number_of, period_of
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.table import Column, Table

Place = tuple[Any, ...]  # first day of the period or None, then the codes of the dimensions
Sides = tuple[Any, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Rows as objects that nest, and the same rows as a flat table."""

    rows: tuple[dict[str, Any], ...]
    table: Table
    dimensions: tuple[dict[str, Any], ...]
    measures: tuple[dict[str, Any], ...]
    warnings: tuple[dict[str, Any], ...]
    question: str


async def find_comparison(
    connection: Connection,
    question: Question,
    known: Codes,
    before: State,
    after: State,
    *,
    cells_limit: int = 50_000,
    lang: str = "en",
) -> Comparison:
    """What a question's answer was at one revision and at a later one, and why it changed.

    A count has its parts by cause, which add up to its change. Any other measure has its value at both revisions,
    and a share the parts of its numerator and denominator. Both revisions count the same days: where no end is
    asked, those after the day of publication too.

    Shape   one row for each period and combination that has a count at either revision or a change between them,
            and for each period of the window; ordered as answers are
    Errors  InvalidParameters for revisions the wrong way round; TooManyCells
    """
    changes = await find_difference(connection, question, known, before, after, cells_limit=cells_limit)
    grid = _Grid.of(question, known, changes)
    if len(grid.places) * len(question.measures) > cells_limit:
        raise TooManyCells(
            "The comparison would have too many cells; ask for a shorter time, a coarser grain or fewer dimensions.",
            cells=len(grid.places) * len(question.measures),
            limit=cells_limit,
        )
    values = await _find_values(connection, question, known, (before, after), grid.window, cells_limit)
    counts = {(change.row, change.measure): change for change in changes}
    rows = tuple(
        {**grid.named(place), **{one.id: _told(one, place, question, counts, values) for one in question.measures}}
        for place in grid.places
    )
    return Comparison(
        rows=rows,
        table=_flat(question, rows, lang),
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        warnings=tuple(warn_outside(question, known.covered)),
        question=question.canonical,
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Which rows there are, in order; `window` is the stretch of days that they show."""

    question: Question
    places: Sequence[Place]
    window: Window | None

    @classmethod
    def of(cls, question: Question, known: Codes, changes: Sequence[Change]) -> "_Grid":
        orders = [{code: number for number, code in enumerate(known.ids(name))} for name in question.dimensions]

        def rank(codes: Place) -> list[Any]:
            pairs = zip(orders, codes, strict=True)
            return [(order.get(code, len(order)), natural_key(code)) for order, code in pairs]

        combinations = sorted({change.row[1:] for change in changes}, key=rank)
        if not question.dimensions:
            combinations = [()]
        days = [change.row[0] for change in changes if isinstance(change.row[0], date)]
        window = _shown(question, known, days)
        starts: Iterable[date | None] = (None,)
        if question.grain:
            starts = [period.first for period in list_periods(question.grain, window)] if window else []
        return cls(question, [(start, *codes) for start in starts for codes in combinations], window)

    def named(self, place: Place) -> dict[str, Any]:
        """What stands in a row before its measures."""
        codes = dict(zip(self.question.dimensions, place[1:], strict=True))
        grain = self.question.grain
        if grain is None or self.window is None:
            return codes
        period = period_of(grain, place[0])
        bounds = {grain.value: period.key, f"{grain.value}_start": period.first, f"{grain.value}_end": period.last}
        return {**bounds, "partial": period.is_cut_by(self.window), **codes}


def _shown(question: Question, known: Codes, days: Sequence[date]) -> Window | None:
    """The window, with what is open in it closed by the record's own days and by those that have a count."""
    window, covered = window_of_both(question, known), known.covered
    if window is None or window.last < date.max:
        return window
    grain = question.grain or Grain.DAY
    firsts = [*days, *([covered.first] if covered else [])]
    lasts = [*(period_of(grain, day).last for day in days), *([covered.last] if covered else [])]
    if not firsts:
        return Window(date(1, 1, 2), date(1, 1, 1))
    first = question.start or min(firsts)
    last = max(lasts)
    if covered and number_of(grain, last) == number_of(grain, covered.last):
        last = covered.last
    return Window(first, max(first, last))


async def _find_values(
    connection: Connection,
    question: Question,
    known: Codes,
    states: Sequence[State],
    window: Window | None,
    cells_limit: int,
) -> dict[tuple[str, Place], Sides]:
    """What the measures that are no counts were at both revisions; None where there was no such row."""
    measures = tuple(measure for measure in question.measures if not _is_count(measure, question))
    if not measures:
        return {}
    asked = replace(question, last_n=None)
    if window:
        asked = replace(asked, start=window.first, end=window.last)
    found: dict[tuple[str, Place], list[Any]] = {}
    for side, state in enumerate(states):
        answer = await find_answer(connection, state, asked, known, cells_limit=cells_limit)
        for row in answer.table.rows:
            told = dict(zip(answer.table.column_ids, row, strict=True))
            start = told[f"{question.grain.value}_start"] if question.grain else None
            place = (start, *(told[name] for name in question.dimensions))
            for measure in measures:
                found.setdefault((measure.id, place), [None, None])[side] = told[measure.id]
    return {key: (sides[0], sides[1]) for key, sides in found.items()}


def _told(
    measure: Measure,
    place: Place,
    question: Question,
    counts: Mapping[tuple[Place, str], Change],
    values: Mapping[tuple[str, Place], Sides],
) -> dict[str, Any]:
    if _is_count(measure, question):
        return _count(measure.id, place, counts)
    before, after = values.get((measure.id, place), (None, None))
    delta = None if before is None or after is None else after - before
    if not _has_counted_parts(measure) or measure.ratio is None:
        return {"before": before, "after": after, "delta": delta}
    made_of = {"numerator": measure.ratio.numerator, "denominator": measure.ratio.denominator}
    # of rows by something learnt, coverage is reckoned over the whole (notes: coverage_of), which these are not
    is_elsewhere = measure is COVERAGE and bool(question.learnt)
    parts = {
        side: {"measure": name, **(_NO_COUNT if is_elsewhere else _count(name, place, counts))}
        for side, name in made_of.items()
    }
    return {"before": before, "after": after, "delta": delta, **parts}


def _is_count(measure: Measure, question: Question) -> bool:
    """Whether its change has parts by cause, entry by entry."""
    return measure.id in Plan(question, 0, None).counts


def _has_counted_parts(measure: Measure) -> bool:
    """Whether it is a share of two counts that have such parts; one whose base moves with the record's end is not."""
    return measure.ratio is not None and measure.ratio.not_yet is None


_NO_COUNT = {"before": None, "after": None, "delta": None, "causes": dict.fromkeys(CAUSES)}


def _count(name: str, place: Place, counts: Mapping[tuple[Place, str], Change]) -> dict[str, Any]:
    change = counts.get((place, name), Change(place, name))
    causes = {cause: change.causes.get(cause, 0) for cause in CAUSES}
    return {"before": change.before, "after": change.after, "delta": change.after - change.before, "causes": causes}


# ── The flat table ─────────────────────────────────────────────────────────────────────────────


def _flat(question: Question, rows: Sequence[Mapping[str, Any]], lang: str) -> Table:
    keys = (*period_columns(question, lang), *dimension_columns(question, lang))
    columns = (*keys, *(column for measure in question.measures for column in _columns(measure, question, lang)))
    table_rows = [
        tuple(
            value
            for name, told in row.items()
            for value in (_leaves(told) if isinstance(told, dict) and name not in question.dimensions else (told,))
        )
        for row in rows
    ]
    return Table(columns, table_rows, total=len(table_rows))


def _leaves(told: Mapping[str, Any]) -> Iterable[Any]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif name != "measure":
            yield value


def _columns(measure: Measure, question: Question, lang: str) -> Iterable[Column]:
    caption, unit = measure.label(lang), measure.unit_of_value
    is_share_or_spread = measure.ratio is not None or measure.spread is not None
    for side in ("before", "after", "delta"):
        yield Column(f"{measure.id}_{side}", "number" if is_share_or_spread else "integer", unit, caption=caption)
    if _is_count(measure, question):
        yield from _cause_columns(measure.id, unit, caption)
    if not _has_counted_parts(measure):
        return
    for part in ("numerator", "denominator"):
        name = f"{measure.id}_{part}"
        for side in ("before", "after", "delta"):
            yield Column(f"{name}_{side}", "integer", measure.unit.value, caption=caption)
        yield from _cause_columns(name, measure.unit.value, caption)


def _cause_columns(name: str, unit: str, caption: str) -> Iterable[Column]:
    return (Column(f"{name}_{cause}", "integer", unit, caption=caption) for cause in CAUSES)
