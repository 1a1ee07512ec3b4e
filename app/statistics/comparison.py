"""Comparison: any question at two revisions, each value before and after, and the parts of each change."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.records.revisions import State
from app.statistics.answer import find_answer
from app.statistics.breaks import warn_across_method
from app.statistics.cells import COVERAGE
from app.statistics.codes import Codes
from app.statistics.difference import CAUSES, Change, find_difference, find_window, told_by_parts
from app.statistics.grid import ranking, reading_limit, refuse_beyond
from app.statistics.measure import OFFENCE_DIMENSIONS, Measure
from app.statistics.notes import describe_dimensions, describe_measure, warn_outside, warn_overlap, warn_rounded
from app.statistics.periods import Window, list_periods, period_of
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.rows import dimension_columns, period_columns
from app.table import Column, Table

Place = tuple[Any, ...]  # first day of the period or None, then the codes of the dimensions
Sides = tuple[Any, Any]
_SIDES = ("before", "after", "delta")


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
    known: tuple[Codes, Codes],
    states: tuple[State, State],
    *,
    cells_limit: int = 50_000,
    lang: str = "en",
    rounding: int = 1,
) -> Comparison:
    """What a question's answer was at one revision and at a later one, and why it changed.

    A count has its parts by cause, which add up to its change. Any other measure has its value at both revisions,
    and a share the parts of its numerator and denominator. Beside rows that overlap their distinct total is told in
    the same way. Both revisions count the same days: where no end is
    asked, those after the day of publication too. Of the two states and their codes, the earlier comes first; the
    question is read by the later's. With a `rounding` of more than 1 all counts are rounded down to multiples of it,
    before, after and each part by itself, so that parts no longer add up.

    Shape   one row for each period and combination that has a count at either revision or a change between them,
            and for each period of the window; ordered as answers are
    Errors  InvalidParameters for revisions the wrong way round; TooManyCells
    """
    read_limit = reading_limit(question, known[1], cells_limit, rounding)
    window = await find_window(connection, question, known[1], states[1])
    changes = await find_difference(connection, question, known[1], *states, window=window, cells_limit=read_limit)
    changes = await aside(len(changes), partial(_rounded, changes, rounding))

    def days_shown() -> Window | None:
        days = {change.row[0] for change in changes if isinstance(change.row[0], date) and change.is_told}
        return _shown(question, known[1], days, window)

    shown = await aside(len(changes), days_shown)
    values = await _find_values(connection, question, known, states, shown, read_limit, rounding)

    overlapping, totals = await _find_distinct(connection, question, known[1], states, window, read_limit, rounding)

    def told() -> tuple[tuple[dict[str, Any], ...], Table]:
        combinations = {change.row[1:] for change in changes} | {place[1:] for _, place in values}
        grid = _Grid.of(question, known[1], combinations, shown)
        refuse_beyond(len(grid.places), question, cells_limit)
        counts = {(change.row, change.measure): change for change in changes}
        teller = _Teller(question, counts, values, told_by_parts(question))
        rows = tuple(
            {
                **grid.named(place),
                **{one.id: teller.tell(one, place) for one in question.measures},
                **{_distinct(one): totals.tell(one, _of_total(question, place)) for one in overlapping},
            }
            for place in grid.places
        )
        return rows, _flat(question, overlapping, rows, lang)

    rows, table = await aside(len(changes) + len(values), told)
    return Comparison(
        rows=rows,
        table=table,
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        warnings=(
            *warn_outside(question, known[1]),
            *warn_overlap(question),
            *await warn_across_method(connection, states[0].revision, states[1].revision),
            *warn_rounded(rounding),
        ),
        question=question.canonical,
    )


async def _find_distinct(
    connection: Connection,
    question: Question,
    known: Codes,
    states: tuple[State, State],
    window: Window | None,
    cells_limit: int,
    rounding: int,
) -> tuple[tuple[Measure, ...], "_Teller"]:
    """The measures whose rows overlap, and what tells their totals: each once, whatever rows it is in."""
    plan = Plan(question, 0, window)
    if not plan.overlapping:
        return (), _Teller(question, {}, {}, frozenset())
    whole = plan.distinct().question
    changes = await find_difference(connection, whole, known, *states, window=window, cells_limit=cells_limit)
    counts = {(change.row, change.measure): change for change in _rounded(changes, rounding)}
    return plan.overlapping, _Teller(whole, counts, {}, told_by_parts(whole))


def _distinct(measure: Measure) -> str:
    return f"{measure.id}_distinct"


def _of_total(question: Question, place: Place) -> Place:
    """Where the total of a row is told."""
    names = zip(question.dimensions, place[1:], strict=True)
    return (place[0], *(code for name, code in names if name not in OFFENCE_DIMENSIONS))


def _rounded(changes: tuple[Change, ...], rounding: int) -> tuple[Change, ...]:
    """The changes as they may be told: of a combination with too few at both revisions, nothing."""
    if rounding <= 1:
        return changes
    sums: dict[tuple[Any, ...], int] = {}
    for change in changes:
        for side, count in (("before", change.before), ("after", change.after)):
            key = (change.row[1:], change.measure, side)
            sums[key] = sums.get(key, 0) + count
    told = {codes for (codes, _, _), total in sums.items() if total >= rounding}
    return tuple(
        replace(
            change,
            before=change.before // rounding * rounding,
            after=change.after // rounding * rounding,
            causes={cause: int(n / rounding) * rounding for cause, n in change.causes.items()},
        )
        for change in changes
        if change.row[1:] in told
    )


@dataclass(frozen=True, slots=True)
class _Grid:
    """Which rows there are, in order; `window` is the stretch of days that they show."""

    question: Question
    places: Sequence[Place]
    window: Window | None

    @classmethod
    def of(cls, question: Question, known: Codes, combinations: Iterable[Place], window: Window | None) -> "_Grid":
        held = set(combinations)
        ordered = sorted(held, key=ranking(held, question, known)) if question.dimensions else [()]
        starts: Iterable[date | None] = (None,)
        if question.grain:
            starts = [period.first for period in list_periods(question.grain, window)] if window else []
        return cls(question, [(start, *codes) for start in starts for codes in ordered], window)

    def named(self, place: Place) -> dict[str, Any]:
        """What stands in a row before its measures."""
        codes = dict(zip(self.question.dimensions, place[1:], strict=True))
        grain = self.question.grain
        if grain is None or self.window is None:
            return codes
        period = period_of(grain, place[0])
        bounds = {grain.value: period.key, f"{grain.value}_start": period.first, f"{grain.value}_end": period.last}
        return {**bounds, "partial": period.is_cut_by(self.window), **codes}


def _shown(question: Question, known: Codes, days: Iterable[date], window: Window | None) -> Window | None:
    """The window, or where no end is asked what of it the later record covers, or has a count."""
    covered = known.covered
    grain = question.grain
    if window is None or grain is None or covered is None or question.end is not None or question.last_n is not None:
        return window
    outside = [period_of(grain, day) for day in days]
    firsts = [covered.first, *(period.first for period in outside if period.last < covered.first)]
    lasts = [covered.last, *(period.last for period in outside if period.first > covered.last)]
    return Window(question.start or min(firsts), max(lasts))


async def _find_values(
    connection: Connection,
    question: Question,
    known: Sequence[Codes],
    states: Sequence[State],
    window: Window | None,
    cells_limit: int,
    rounding: int,
) -> dict[tuple[str, Place], Sides]:
    """What the columns of an answer were at both revisions, by column and place; None where there was no such row.

    Empty where all measures are told by their parts.
    """
    if all(measure.id in told_by_parts(question) for measure in question.measures):
        return {}
    asked = replace(question, last_n=None)
    if window:
        asked = replace(asked, start=window.first, end=window.last)
    found: dict[tuple[str, Place], list[Any]] = {}

    def add(table: Table, side: int) -> None:
        for row in table.rows:
            told = dict(zip(table.column_ids, row, strict=True))
            start = told[f"{question.grain.value}_start"] if question.grain else None
            place = (start, *(told[name] for name in question.dimensions))
            for name, value in told.items():
                found.setdefault((name, place), [None, None])[side] = value

    for side, state in enumerate(states):
        answer = await find_answer(connection, state, asked, known[side], cells_limit=cells_limit, rounding=rounding)
        await aside(len(answer.table.rows), partial(add, answer.table, side))
    return await aside(len(found), lambda: {key: (sides[0], sides[1]) for key, sides in found.items()})


@dataclass(frozen=True, slots=True)
class _Teller:
    """Puts together what is told of each measure in a row."""

    question: Question
    counts: Mapping[tuple[Place, str], Change]
    values: Mapping[tuple[str, Place], Sides]
    has_parts: frozenset[str]

    def tell(self, measure: Measure, place: Place) -> dict[str, Any]:
        """The value at both revisions, its change, and the parts of that."""
        if measure.id in self.has_parts:
            return self._count(measure.id, place)
        told = self._value(measure.id, place)
        if measure.ratio is None:
            return told
        made_of = (("numerator", measure.ratio.numerator), ("denominator", measure.ratio.denominator))
        return told | {side: self._part(measure, side, name, place) for side, name in made_of}

    def _part(self, measure: Measure, side: str, name: str, place: Place) -> dict[str, Any]:
        # of rows by something learnt, coverage is reckoned over the whole (coverage_of), which these are not
        is_elsewhere = measure is COVERAGE and bool(self.question.learnt)
        if name in self.has_parts and not is_elsewhere:
            return {"measure": name, **self._count(name, place)}
        column = f"{measure.id}_numerator" if side == "numerator" else f"{measure.id}_n"
        return {"measure": name, **self._value(column, place), "causes": dict.fromkeys(CAUSES)}

    def _value(self, column: str, place: Place) -> dict[str, Any]:
        before, after = self.values.get((column, place), (None, None))
        delta = None if before is None or after is None else after - before
        return {"before": before, "after": after, "delta": delta}

    def _count(self, name: str, place: Place) -> dict[str, Any]:
        change = self.counts.get((place, name), Change(place, name))
        causes = {cause: change.causes.get(cause, 0) for cause in CAUSES}
        return {"before": change.before, "after": change.after, "delta": change.after - change.before, "causes": causes}


# ── The flat table ─────────────────────────────────────────────────────────────────────────────


def _flat(question: Question, overlapping: Iterable[Measure], rows: Sequence[Mapping[str, Any]], lang: str) -> Table:
    keys = (*period_columns(question, lang), *dimension_columns(question, lang))
    has_parts = told_by_parts(question)
    told = [column for measure in question.measures for column in _columns(measure, lang, measure.id in has_parts)]
    told += [column for one in overlapping for column in _count_columns(_distinct(one), one, lang)]
    table_rows = [tuple(_leaves(row)) for row in rows]
    return Table((*keys, *told), table_rows, total=len(table_rows))


def _leaves(told: Mapping[str, Any]) -> Iterable[Any]:
    for name, value in told.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif name != "measure":
            yield value


def _columns(measure: Measure, lang: str, has_parts: bool) -> Iterable[Column]:
    caption, unit = measure.label(lang), measure.unit_of_value
    if has_parts:
        yield from _count_columns(measure.id, measure, lang)
        return
    yield from (Column(f"{measure.id}_{side}", "number", unit, caption=caption) for side in _SIDES)
    if measure.ratio:
        for part in ("numerator", "denominator"):
            name, counted = f"{measure.id}_{part}", measure.unit.value
            yield from (Column(f"{name}_{side}", "integer", counted, caption=caption) for side in _SIDES)
            yield from _cause_columns(name, counted, caption)


def _count_columns(name: str, measure: Measure, lang: str) -> Iterable[Column]:
    caption, unit = measure.label(lang), measure.unit_of_value
    yield from (Column(f"{name}_{side}", "integer", unit, caption=caption) for side in _SIDES)
    yield from _cause_columns(name, unit, caption)


def _cause_columns(name: str, unit: str, caption: str) -> Iterable[Column]:
    return (Column(f"{name}_{cause}", "integer", unit, caption=caption) for cause in CAUSES)
