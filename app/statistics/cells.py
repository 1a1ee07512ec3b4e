"""Cells: the columns of each measure and what stands in them, from the values of one row; pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.statistics.dimensions import Dimension
from app.statistics.intervals import wilson_interval
from app.statistics.measures import KNOWN_CLASSES, MEASURES, SMALL_N, Kind, Measure, Ratio
from app.table import Column

COVERAGE = MEASURES["coverage"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one row.

    `totals`  by measure, the denominator over a dimension that is summed away
    `base`    sentences known and persons convicted, of which coverage is made; None where it is not told
    `rounding`  counts are rounded down to multiples of it, and shares are made of rounded counts
    """

    values: Mapping[str, Any]
    codes: Mapping[str, Any]
    totals: Mapping[str, int]
    base: tuple[int, int] | None
    learnt: Sequence[Dimension]
    rounding: int = 1

    def count(self, name: str) -> int:
        """One count, rounded down; 0 where nobody was counted."""
        return self.rounded(self.values.get(name) or 0)

    def rounded(self, count: int) -> int:
        """A count as it may be told."""
        return count // self.rounding * self.rounding

    @property
    def normal(self) -> str:
        """The status of a value that is there."""
        return "rounded" if self.rounding > 1 else "normal"


def columns_of(
    measures: Sequence[Measure], lang: str, *, has_coverage: bool, is_rounded: bool = False
) -> tuple[Column, ...]:
    """The columns of the measures, in order, each beside its companions; coverage once, beside the first of sentences.

    Where no measure speaks of sentences and coverage is told all the same, it stands last.
    """
    columns = [column for measure in measures for column in _columns(measure, lang, is_rounded=is_rounded)]
    columns += _coverage_columns(lang) if has_coverage else ()
    return tuple(_once(columns).values())


def values_of(measures: Iterable[Measure], cell: Cell) -> dict[str, Any]:
    """What stands in the columns of the measures in one row, by column."""
    values: dict[str, Any] = {}
    for measure in measures:
        values |= _VALUES[measure.kind](measure, cell)
        values |= _coverage(cell) if measure.is_sentence else {}
    return values | (_coverage(cell) if cell.base is not None else {})


def companions(measure: Measure, lang: str) -> tuple[Column, ...]:
    """The columns of a measure beside its own."""
    return _columns(measure, lang)[1:]


def _once(columns: Iterable[Column]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for column in columns:
        found.setdefault(column.id, column)
    return found


def _columns(measure: Measure, lang: str, *, is_rounded: bool = False) -> tuple[Column, ...]:
    coverage = _coverage_columns(lang) if measure.is_sentence else ()
    if measure is COVERAGE:
        return coverage
    return (*_own_columns(measure, measure.label(lang), is_rounded=is_rounded), *coverage)


def _own_columns(measure: Measure, caption: str, *, is_rounded: bool) -> tuple[Column, ...]:
    name, unit, counted = measure.id, measure.unit_of_value, measure.unit.value
    if measure.ratio:
        not_yet = (Column(f"{name}_not_yet", "integer", counted, caption=caption),) if measure.ratio.not_yet else ()
        return (
            Column(name, "number", unit, caption=caption),
            Column(f"{name}_low", "number", unit, caption=caption),
            Column(f"{name}_high", "number", unit, caption=caption),
            Column(f"{name}_n", "integer", counted, caption=caption),
            Column(f"{name}_numerator", "integer", counted, caption=caption),
            *not_yet,
            Column(f"{name}_small_n", "boolean", caption=caption),
            Column(f"{name}_status", caption=caption),
        )
    if measure.spread:
        return (
            Column(name, "number", unit, caption=caption),
            Column(f"{name}_n", "integer", counted, caption=caption),
            Column(f"{name}_small_n", "boolean", caption=caption),
            Column(f"{name}_status", caption=caption),
        )
    status = (Column(f"{name}_status", caption=caption),) if is_rounded else ()
    return (Column(name, "integer", unit, caption=caption), *status)


def _coverage_columns(lang: str) -> tuple[Column, ...]:
    caption = COVERAGE.label(lang)
    return (
        Column("coverage", "number", "share", caption=caption),
        Column("coverage_status", caption=caption),
        Column("coverage_of", caption=caption),
    )


def _count(measure: Measure, cell: Cell) -> dict[str, Any]:
    status = {f"{measure.id}_status": cell.normal} if cell.rounding > 1 else {}
    return {measure.id: cell.count(measure.id), **status}


def _spread(measure: Measure, cell: Cell) -> dict[str, Any]:
    assert measure.spread
    name, column = measure.id, measure.spread.column
    n = cell.count(f"{column}_n")
    value = None
    if n:
        place = measure.spread.place
        value = cell.values[f"{column}_mean"] if place is None else cell.values[f"{column}_quartiles"][place]
    return {
        name: value,
        f"{name}_n": n,
        f"{name}_small_n": n < SMALL_N,
        f"{name}_status": cell.normal if n else "undefined",
    }


def _ratio(measure: Measure, cell: Cell) -> dict[str, Any]:
    assert measure.ratio
    return {} if measure is COVERAGE else _share(measure.id, measure.ratio, cell)


def _share(name: str, ratio: Ratio, cell: Cell) -> dict[str, Any]:
    trials = cell.rounded(cell.totals[name]) if ratio.over else cell.count(ratio.denominator)
    status = _status(ratio, trials, cell)
    share = low = high = successes = None
    if status != "not_applicable":
        successes = cell.count(ratio.numerator)
    if status == cell.normal and successes is not None:
        share = successes / trials
        low, high = wilson_interval(successes, trials)
    return {
        name: share,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_n": trials,
        f"{name}_numerator": successes,
        **({f"{name}_not_yet": cell.count(ratio.not_yet)} if ratio.not_yet else {}),
        f"{name}_small_n": trials < SMALL_N,
        f"{name}_status": status,
    }


def _status(ratio: Ratio, trials: int, cell: Cell) -> str:
    """`normal` or `rounded`; `undefined` where the denominator is 0; `not_applicable` to a class never in it."""
    if ratio.over and cell.codes[ratio.over] not in KNOWN_CLASSES:
        return "not_applicable"
    return cell.normal if trials else "undefined"


_VALUES: Mapping[Kind, Callable[[Measure, Cell], dict[str, Any]]] = {
    Kind.COUNT: _count,
    Kind.ANY_CHARGE: _count,
    Kind.STOCK: _count,
    Kind.SPREAD: _spread,
    Kind.RATIO: _ratio,
}


def _coverage(cell: Cell) -> dict[str, Any]:
    assert cell.base is not None
    known, convicted = map(cell.rounded, cell.base)
    return {
        "coverage": known / convicted if convicted else None,
        "coverage_status": cell.normal if convicted else "undefined",
        "coverage_of": coverage_base(cell.learnt),
    }


def coverage_base(learnt: Sequence[Dimension]) -> str:
    """Of whom coverage is the share: `persons_convicted, all service statuses`."""
    names = " and ".join(dimension.plural for dimension in learnt)
    return f"persons_convicted, all {names}" if names else "persons_convicted"
