"""Cells: the columns of each measure and what stands in them, from the counts of one row; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.statistics.dimensions import Dimension
from app.statistics.intervals import wilson_interval
from app.statistics.measures import KNOWN_CLASSES, MEASURES, Measure, Ratio
from app.table import Column

COVERAGE = MEASURES["coverage"]


@dataclass(frozen=True, slots=True)
class Cell:
    """What is known of one row.

    `totals`  by measure, the denominator over a dimension that is summed away
    `base`    sentences known and persons convicted, of which coverage is made
    """

    counts: Mapping[str, int]
    codes: Mapping[str, Any]
    totals: Mapping[str, int]
    base: tuple[int, int]
    learnt: Sequence[Dimension]


def columns_of(measures: Iterable[Measure], lang: str) -> tuple[Column, ...]:
    """The columns of the measures, in order, each beside its companions; coverage once."""
    return tuple(_once(column for measure in measures for column in _columns(measure, lang)).values())


def values_of(measures: Iterable[Measure], cell: Cell) -> tuple[Any, ...]:
    """What stands in the columns of the measures in one row."""
    values: dict[str, Any] = {}
    for measure in measures:
        values |= _values(measure, cell)
    return tuple(values.values())


def _once(columns: Iterable[Column]) -> dict[str, Column]:
    found: dict[str, Column] = {}
    for column in columns:
        found.setdefault(column.id, column)
    return found


def _columns(measure: Measure, lang: str) -> tuple[Column, ...]:
    name, caption, unit = measure.id, measure.label(lang), measure.unit_of_value
    if measure.ratio is None:
        return (Column(name, "integer", unit, caption=caption),)
    if measure is COVERAGE:
        return _coverage_columns(lang)
    return (
        Column(name, "number", unit, caption=caption),
        Column(f"{name}_low", "number", unit, caption=caption),
        Column(f"{name}_high", "number", unit, caption=caption),
        Column(f"{name}_n", "integer", measure.unit.value, caption=caption),
        Column(f"{name}_status", caption=caption),
        *_coverage_columns(lang),
    )


def _coverage_columns(lang: str) -> tuple[Column, ...]:
    caption = COVERAGE.label(lang)
    return (
        Column("coverage", "number", "share", caption=caption),
        Column("coverage_status", caption=caption),
        Column("coverage_of", caption=caption),
    )


def _values(measure: Measure, cell: Cell) -> dict[str, Any]:
    if measure.ratio is None:
        return {measure.id: cell.counts[measure.id]}
    if measure is COVERAGE:
        return _coverage(cell)
    return {**_share(measure.id, measure.ratio, cell), **_coverage(cell)}


def _share(name: str, ratio: Ratio, cell: Cell) -> dict[str, Any]:
    trials = cell.totals[name] if ratio.over else cell.counts[ratio.denominator]
    status = _status(ratio, trials, cell)
    share = low = high = None
    if status == "normal":
        successes = cell.counts[ratio.numerator]
        share = successes / trials
        low, high = wilson_interval(successes, trials)
    return {
        name: share,
        f"{name}_low": low,
        f"{name}_high": high,
        f"{name}_n": trials,
        f"{name}_status": status,
    }


def _status(ratio: Ratio, trials: int, cell: Cell) -> str:
    """`normal`; `undefined` where the denominator is 0; `not_applicable` to a class that is never in it."""
    if ratio.over and cell.codes[ratio.over] not in KNOWN_CLASSES:
        return "not_applicable"
    return "normal" if trials else "undefined"


def _coverage(cell: Cell) -> dict[str, Any]:
    known, convicted = cell.base
    return {
        "coverage": known / convicted if convicted else None,
        "coverage_status": "normal" if convicted else "undefined",
        "coverage_of": coverage_base(cell.learnt),
    }


def coverage_base(learnt: Sequence[Dimension]) -> str:
    """Of whom coverage is the share: `persons_convicted, all service statuses`."""
    names = " and ".join(dimension.plural for dimension in learnt)
    return f"persons_convicted, all {names}" if names else "persons_convicted"
