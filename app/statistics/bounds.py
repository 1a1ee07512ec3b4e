"""Bounds: the least and the most that a figure could be, whatever is not known; pure.

Everybody of whom something is not known could be anything: convicted or not where a conviction is presumed, of any
class where the sentence is unknown, of any status where that is unknown. Bounds take the worst of it, one by one
(Manski 1989, Journal of Human Resources 24, 343-360). They say nothing of chance.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from app.statistics.dimensions import DIMENSIONS
from app.statistics.measures import CONVICTED, COUNTS, KNOWN_CLASSES, Kind, Measure, Predicate
from app.statistics.question import Filter, Question
from app.statistics.select import Counted

UNKNOWN = "unknown"
_CLASS = "sentence_class"


@dataclass(frozen=True, slots=True)
class Extremes:
    """Who is certainly counted, and who possibly."""

    name: str
    certain: Counted
    possible: Counted


def extremes_of(question: Question) -> tuple[Extremes, ...]:
    """The counts that bounds are made of, each once."""
    found = {entry.name: entry for measure in question.measures for entry in _extremes(measure)}
    strict = tuple(entry for entry in question.filters if DIMENSIONS[entry.dimension].learnt)
    known = tuple(dict.fromkeys(DIMENSIONS[entry.dimension].column for entry in strict))
    return tuple(
        replace(entry, certain=replace(entry.certain, filters=strict, known=known)) for entry in found.values()
    )


def relaxed(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """Filters that let those pass of whom it is not known whether they would."""
    return tuple(
        replace(entry, codes=(*entry.codes, UNKNOWN))
        if DIMENSIONS[entry.dimension].learnt and not entry.is_not
        else entry
        for entry in filters
    )


def bounds_of(
    measure: Measure,
    question: Question,
    place: tuple[Any, tuple[str, ...]],
    found: Mapping[tuple[Any, tuple[str, ...]], Mapping[str, int]],
    *,
    rounding: int = 1,
) -> tuple[float | int | None, float | int | None]:
    """The two bounds of a measure in one row. None where the row itself is about what is not known."""
    if _is_about_unknown(question, place[1]):
        return None, None

    def count(name: str, side: str, *, classes: tuple[str, ...] = ()) -> int:
        options = [_codes(question, number, code, side, classes) for number, code in enumerate(place[1])]
        total = sum(found.get((place[0], codes), {}).get(f"{name}:{side}", 0) for codes in product(*options))
        return total // rounding * rounding

    if measure.kind is Kind.COUNT:
        return count(measure.id, "certain"), count(measure.id, "possible")
    assert measure.ratio
    if measure.ratio.over:
        own = place[1][question.dimensions.index(_CLASS)]
        if own not in KNOWN_CLASSES:
            return None, None
        others = tuple(entry for entry in KNOWN_CLASSES if entry != own)
        low, high = count("convicted", "certain"), count("convicted", "possible")
        rest_low = count("convicted", "certain", classes=others)
        rest_high = count("convicted", "possible", classes=(*others, UNKNOWN))
    else:
        numerator = measure.ratio.numerator
        low, high = count(numerator, "certain"), count(numerator, "possible")
        rest_low, rest_high = count(f"not_{numerator}", "certain"), count(f"not_{numerator}", "possible")
    if not low + rest_high or not high + rest_low:
        return None, None
    return low / (low + rest_high), high / (high + rest_low)


def _codes(question: Question, number: int, code: str, side: str, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The codes that a row may hold on one of its dimensions."""
    name = question.dimensions[number]
    if name == _CLASS and classes:
        return classes
    return (code, UNKNOWN) if side == "possible" and DIMENSIONS[name].learnt else (code,)


def _is_about_unknown(question: Question, codes: tuple[str, ...]) -> bool:
    named = (code for name, code in zip(question.dimensions, codes, strict=True) if DIMENSIONS[name].learnt)
    filtered = (code for entry in question.filters if DIMENSIONS[entry.dimension].learnt for code in entry.codes)
    return UNKNOWN in (*named, *filtered)


def _extremes(measure: Measure) -> Iterable[Extremes]:
    if not measure.has_bounds:
        return
    if measure.ratio is None:
        yield _of_count(measure)
    elif measure.ratio.over:
        convicted = Counted(measure.unit, measure.event, (CONVICTED,))
        yield Extremes("convicted", convicted, convicted)
    else:
        numerator = COUNTS[measure.ratio.numerator]
        yield _of_count(numerator)
        rest = tuple(entry for entry in KNOWN_CLASSES if entry not in numerator.predicate.sentence_class)
        yield Extremes(
            f"not_{numerator.id}",
            Counted(measure.unit, measure.event, (Predicate(CONVICTED.disposition, rest),)),
            Counted(measure.unit, measure.event, (Predicate(CONVICTED.disposition, (*rest, UNKNOWN)),)),
        )


def _of_count(measure: Measure) -> Extremes:
    certain = (measure.certain or measure.predicate,)
    possible = measure.possible or (measure.predicate,)
    return Extremes(
        measure.id,
        Counted(measure.unit, measure.event, certain),
        Counted(measure.unit, measure.event, possible),
    )
