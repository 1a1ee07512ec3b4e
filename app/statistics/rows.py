"""Rows: what the grids of an answer hold, cell by cell; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from app.statistics.bounds import bounds_of
from app.statistics.breaks import breaks_of
from app.statistics.cells import Cell, columns_of, values_of
from app.statistics.dimensions import DIMENSIONS, GRAINS, Dimension
from app.statistics.grid import Combination, Grid, Place, Values, learnt_places, without
from app.statistics.measure import OFFENCE_DIMENSIONS
from app.statistics.measures import Kind, Measure
from app.statistics.periods import Period, Window
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.transforms import Point, Transformed, against_past, of_total, standing_of
from app.table import Column, ColumnType


@dataclass(slots=True)
class Rows:
    """The rows of an answer.

    `before`    what was counted in the periods before the first, where a transform looks at them
    `earlier`   these periods
    `relaxed`   what bounds are made of
    `distinct`  totals of what overlaps, by the place without the dimensions of charges
    `rounding`  counts are rounded down to multiples of it
    """

    plan: Plan
    covered: Window | None
    grid: Grid
    combinations: Sequence[Combination]
    periods: Sequence[Period | None]
    before: Grid | None = None
    earlier: Sequence[Period] = ()
    relaxed: Mapping[Place, Values] = field(default_factory=dict)
    distinct: Mapping[Place, Values] = field(default_factory=dict)
    rounding: int = 1
    _learnt: tuple[Dimension, ...] = field(init=False)  # the plan's own, found once and not for each row
    _overlapping: tuple[Measure, ...] = field(init=False)
    _has_coverage: bool = field(init=False)

    def __post_init__(self) -> None:
        self._learnt = self.plan.question.learnt
        self._overlapping = self.plan.overlapping
        self._has_coverage = self.plan.has_coverage

    def table(self) -> list[tuple[Any, ...]]:
        """Every row, by period and combination; where nobody was counted, with 0."""
        if self._is_plain:
            return list(self._plain())
        totals = self._totals(self.grid)
        cells = {
            place: values_of(self.plan.question.measures, self._cell(self.grid, place, totals))
            for place in self._places(self.periods)
        }
        transformed = self._transformed(cells)
        return [
            (
                *_period_values(period, self.plan.window),
                *entry,
                *cells[place].values(),
                *self._distinct(place),
                *self._bounds(place),
                *transformed.get(place, ()),
            )
            for period in self.periods
            for entry in self.combinations
            for place in (_place(period, entry),)
        ]

    @property
    def _is_plain(self) -> bool:
        """Whether counts are all that stands in a row."""
        question = self.plan.question
        has_more = self._has_coverage or question.has_bounds or question.transform or self.rounding > 1
        return not has_more and all(measure.kind is Kind.COUNT for measure in question.measures)

    def _plain(self) -> Iterable[tuple[Any, ...]]:
        ids = tuple(dict.fromkeys(measure.id for measure in self.plan.question.measures))
        find, nobody = self.grid.values.get, [0] * len(ids)
        for period in self.periods:
            first, head = period.first if period else None, _period_values(period, self.plan.window)
            for entry in self.combinations:
                found = find((first, entry))
                yield (*head, *entry, *([found.get(name) or 0 for name in ids] if found else nobody))

    def _places(self, periods: Iterable[Period | None]) -> Iterable[Place]:
        return (_place(period, entry) for period in periods for entry in self.combinations)

    def _cell(self, grid: Grid, place: Place, totals: Mapping[tuple[str, Place], int]) -> Cell:
        question, values = self.plan.question, grid.at(place)
        return Cell(
            values,
            dict(zip(question.dimensions, place[1], strict=True)),
            {
                measure.id: totals.get((measure.id, self._without(place, measure.ratio.over)), 0)
                for measure in question.measures
                if measure.ratio and measure.ratio.over
            },
            self._base(grid, place, values) if self._has_coverage else None,
            self._learnt,
            self.rounding,
        )

    def _totals(self, grid: Grid) -> dict[tuple[str, Place], int]:
        """Denominators over a dimension that is summed away."""
        totals: dict[tuple[str, Place], int] = {}
        for measure in self.plan.question.measures:
            if measure.ratio is None or measure.ratio.over is None:
                continue
            for where, values in grid.values.items():
                key = (measure.id, self._without(where, measure.ratio.over))
                totals[key] = totals.get(key, 0) + values.get(measure.ratio.denominator, 0)
        return totals

    def _without(self, where: Place, dimension: str) -> Place:
        return where[0], without(where[1], (self.plan.question.dimensions.index(dimension),))

    def _base(self, grid: Grid, where: Place, values: Values) -> tuple[int, int]:
        if grid.base is None:
            return values.get("sentences_known", 0), values.get("persons_convicted", 0)
        return grid.base.get((where[0], without(where[1], learnt_places(self.plan.question))), (0, 0))

    def _distinct(self, place: Place) -> Iterable[int]:
        if not self.distinct:
            return [0] * len(self._overlapping)
        names = self.plan.question.dimensions
        of_charge = [number for number, name in enumerate(names) if name in OFFENCE_DIMENSIONS]
        found = self.distinct.get((place[0], without(place[1], of_charge)), {})
        return (found.get(one.id, 0) // self.rounding * self.rounding for one in self._overlapping)

    def _bounds(self, place: Place) -> Iterable[Any]:
        question = self.plan.question
        if question.has_bounds:
            for measure in question.measures:
                yield from bounds_of(measure, question, place, self.relaxed, rounding=self.rounding)

    def _transformed(self, cells: Mapping[Place, Mapping[str, Any]]) -> dict[Place, list[Any]]:
        """For each place, the value and status of each measure, transformed."""
        if self.plan.question.transform is None:
            return {}
        found: dict[Place, list[Any]] = {place: [] for place in cells}
        for measure in self.plan.question.measures:
            for place, one in self._transform(measure, cells).items():
                is_rounded = self.rounding > 1 and one.status == "normal"
                found[place] += (one.value, "rounded" if is_rounded else one.status)
        return found

    def _transform(self, measure: Measure, cells: Mapping[Place, Mapping[str, Any]]) -> dict[Place, Transformed]:
        exact = {place: self._number(measure, self.grid, place, cells[place]) for place in cells}
        transform = self.plan.question.transform
        assert transform
        if transform.id == "share":
            totals: dict[date | None, Any] = {}
            for (first, _), value in exact.items():
                totals[first] = totals.get(first, 0) + value
            return {place: of_total(exact[place], totals[place[0]], rounding=self.rounding) for place in cells}
        if transform.id == "cumulative":
            return self._cumulated(exact)
        return self._compared(measure, exact)

    def _number(self, measure: Measure, grid: Grid, place: Place, cell: Mapping[str, Any]) -> Any:
        """The value of a measure: of a count the exact one, so that sums are rounded once."""
        if measure.kind in (Kind.RATIO, Kind.SPREAD):
            return cell[measure.id]
        return grid.at(place).get(measure.id) or 0

    def _cumulated(self, exact: Mapping[Place, int]) -> dict[Place, Transformed]:
        sums = dict.fromkeys(self.combinations, 0)
        found = {}
        for place, value in exact.items():
            sums[place[1]] += value
            found[place] = Transformed(sums[place[1]] // self.rounding * self.rounding, "normal")
        return found

    def _compared(self, measure: Measure, exact: Mapping[Place, Any]) -> dict[Place, Transformed]:
        question, before = self.plan.question, self.before or Grid({})
        transform, grain = question.transform, question.grain
        assert transform and grain
        days = tuple(entry.day for entry in breaks_of(question))
        totals = self._totals(before)
        shown = [period for period in self.periods if period]
        found: dict[Place, Transformed] = {}
        for entry in self.combinations:
            points = {}
            for period in self.earlier:
                place = (period.first, entry)
                cell = values_of((measure,), replace(self._cell(before, place, totals), base=(0, 0)))
                value = self._number(measure, before, place, cell)
                points[period.first] = Point(value, standing_of(period, self.covered), period)
            for period in shown:
                standing = standing_of(period, self.covered, self.plan.window)
                points[period.first] = Point(exact[(period.first, entry)], standing, period)
            for period in shown:
                point = points[period.first]
                found[(period.first, entry)] = against_past(
                    transform, grain, point, points, breaks=days, rounding=self.rounding
                )
        return found


def _place(period: Period | None, entry: Combination) -> Place:
    return (period.first if period else None, entry)


def _period_values(period: Period | None, window: Window | None) -> tuple[Any, ...]:
    if period is None or window is None:
        return ()
    return period.key, period.first, period.last, period.is_cut_by(window)


def columns_for(plan: Plan, lang: str, *, is_rounded: bool) -> tuple[Column, ...]:
    """The columns of an answer: period, dimensions, measures, then distinct totals, bounds and what is transformed."""
    question = plan.question
    return (
        *period_columns(question, lang),
        *dimension_columns(question, lang),
        *columns_of(question.measures, lang, has_coverage=plan.has_coverage, is_rounded=is_rounded),
        *_distinct_columns(plan, lang),
        *_bound_columns(question, lang),
        *_transform_columns(question, lang),
    )


def _distinct_columns(plan: Plan, lang: str) -> Iterable[Column]:
    for measure in plan.overlapping:
        caption = f"{measure.label(lang)}: each once in all rows by charge"
        yield Column(f"{measure.id}_distinct", "integer", measure.unit.value, caption=caption)


def _bound_columns(question: Question, lang: str) -> Iterable[Column]:
    for measure in question.measures if question.has_bounds else ():
        kind: ColumnType = "number" if measure.ratio else "integer"
        caption = measure.label(lang)
        yield Column(f"{measure.id}_bound_low", kind, measure.unit_of_value, caption=caption)
        yield Column(f"{measure.id}_bound_high", kind, measure.unit_of_value, caption=caption)


def _transform_columns(question: Question, lang: str) -> Iterable[Column]:
    transform = question.transform
    for measure in question.measures if transform else ():
        assert transform
        caption = f"{measure.label(lang)}: {transform.label(lang)}"
        name = f"{measure.id}_{transform.id}"
        yield Column(name, "number", transform.unit or measure.unit_of_value, caption=caption)
        yield Column(f"{name}_status", caption=caption)


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
