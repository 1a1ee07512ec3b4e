"""Transforms: a series seen against its own past or its own total; pure.

The rules for the edges are the same for all. A value is given only where all periods that it is made of are whole:
within the record's days and, for those that are shown, not cut by the window. Its status says why there is none.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from types import MappingProxyType

from app.statistics.measure import Kind, Measure
from app.statistics.periods import Grain, Period, Window, number_of, numbered, year_before

Number = int | float


class Standing(StrEnum):
    """How much of a period is known: all of it, a part, nothing."""

    WHOLE = "whole"
    PARTIAL = "partial"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class Point:
    """The value of one period; None where it has none."""

    value: Number | None
    standing: Standing
    period: Period


@dataclass(frozen=True, slots=True)
class Transformed:
    """A value and its status: `normal`, `break` (it lies across one), or why there is none."""

    value: Number | None
    status: str


@dataclass(frozen=True, slots=True)
class Transform:
    """One way to see a series.

    `unit`     of its values; None: the measure's own
    `kinds`    of measures for which it has a meaning
    `bases`    the earlier periods that it looks at; an entry is None where the calendar has none
    """

    id: str
    caption: str
    caption_ru: str
    definition: str
    unit: str | None
    kinds: frozenset[Kind]
    bases: Callable[[Grain, Period], tuple[Period | None, ...]] = lambda grain, period: ()
    needs_grain: bool = True
    needs_dimension: bool = False

    def fits(self, measure: Measure) -> bool:
        """Whether it has a meaning for a measure."""
        return measure.kind in self.kinds

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption


_COUNTED = frozenset({Kind.COUNT, Kind.STOCK, Kind.ANY_CHARGE})
_LEVELS = _COUNTED | {Kind.SPREAD}


def _before(count: int) -> Callable[[Grain, Period], tuple[Period | None, ...]]:
    def bases(grain: Grain, period: Period) -> tuple[Period | None, ...]:
        number = number_of(grain, period.first)
        return tuple(numbered(grain, number - step) if number >= step else None for step in range(count, 0, -1))

    return bases


_EDGES = (
    " There is none, and the status says why, in a partial period, in one outside the record's days, and where the"
    " period compared with is partial (partial_base) or outside (no_base)."
)

_TRANSFORMS = (
    Transform(
        "chg", "Change from the period before", "Изменение к предыдущему периоду",
        f"The value less that of the period before.{_EDGES}",
        None, frozenset(Kind), _before(1),
    ),
    Transform(
        "pch", "Change from the period before, per cent", "Изменение к предыдущему периоду, %",
        f"The change from the period before in per cent of that; none where that is 0 (zero_base).{_EDGES}",
        "percent", _LEVELS, _before(1),
    ),
    Transform(
        "yoy", "Change from a year before, per cent", "Изменение к тому же периоду года назад, %",
        "The change from the same period of the year before (the same ISO week, the same date) in per cent"
        " of that; none where that is 0 (zero_base) or the calendar has no such period (week 53, 29 February)."
        f"{_EDGES}",
        "percent", _LEVELS, lambda grain, period: (year_before(grain, period),),
    ),
    Transform(
        "share", "Share of all rows of the period", "Доля от всех строк периода",
        "The value divided by the sum of all rows of its period under the same filters; they add up to 1.",
        "share", frozenset({Kind.COUNT, Kind.STOCK, Kind.ANY_CHARGE}), needs_grain=False, needs_dimension=True,
    ),
    Transform(
        "cumulative", "Running sum from the first period shown", "Накопленная сумма с первого показанного периода",
        "The sum of all periods from the first that is shown to this one, partial ones as far as they are shown.",
        None, frozenset({Kind.COUNT, Kind.ANY_CHARGE}),
    ),
    Transform(
        "avg4", "Mean of four periods", "Среднее за четыре периода",
        f"The mean of this period and the three before it.{_EDGES}",
        None, _COUNTED, _before(3),
    ),
)  # fmt: skip

TRANSFORMS: Mapping[str, Transform] = MappingProxyType({entry.id: entry for entry in _TRANSFORMS})


def standing_of(period: Period, covered: Window | None, window: Window | None = None) -> Standing:
    """How much of a period is known, and is within the window where one is given."""
    if covered is None or period.last < covered.first or period.first > covered.last:
        return Standing.OUTSIDE
    is_cut = period.is_cut_by(covered) or (window is not None and period.is_cut_by(window))
    return Standing.PARTIAL if is_cut else Standing.WHOLE


def base_window(transform: Transform, grain: Grain, shown: tuple[Period, ...]) -> Window | None:
    """The days before the first period shown that a transform looks at; None where it looks at none."""
    if not shown:
        return None
    looked_at = (base for period in shown for base in transform.bases(grain, period))
    bases = [base for base in looked_at if base and base.first < shown[0].first]
    return Window(min(base.first for base in bases), max(base.last for base in bases)) if bases else None


def against_past(
    transform: Transform,
    grain: Grain,
    point: Point,
    series: Mapping[date, Point],
    *,
    breaks: tuple[date, ...] = (),
    rounding: int = 1,
) -> Transformed:
    """A value against its own past. `series`: the points by the first day of their period.

    `rounding`  sums are rounded down to multiples of it, as counts are
    """
    if point.standing is not Standing.WHOLE:
        return Transformed(None, "partial" if point.standing is Standing.PARTIAL else "beyond_coverage")
    if point.value is None:
        return Transformed(None, "undefined")
    bases = [series.get(base.first) if base else None for base in transform.bases(grain, point.period)]
    found = [base for base in bases if base is not None and base.standing is not Standing.OUTSIDE]
    if len(found) < len(bases):
        return Transformed(None, "no_base")
    if any(base.standing is Standing.PARTIAL for base in found):
        return Transformed(None, "partial_base")
    values = [base.value for base in found if base.value is not None]
    if len(values) < len(found):
        return Transformed(None, "undefined")
    if transform.id == "avg4":
        total = sum(values) + point.value
        value: Number = (total // rounding * rounding if rounding > 1 else total) / 4
    else:
        before, now = values[0], point.value
        if rounding > 1 and isinstance(now, int) and isinstance(before, int):
            before, now = before // rounding * rounding, now // rounding * rounding
        if transform.unit == "percent" and before == 0:
            return Transformed(None, "zero_base")
        value = 100 * (now - before) / before if transform.unit == "percent" else now - before
    is_across = any(found[0].period.first < day <= point.period.last for day in breaks)
    return Transformed(value, "break" if is_across else "normal")


def of_total(value: Number, total: Number, *, rounding: int = 1) -> Transformed:
    """A value as a share of a total."""
    if rounding > 1:
        value, total = value // rounding * rounding, total // rounding * rounding
    return Transformed(value / total, "normal") if total else Transformed(None, "undefined")
