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
from app.statistics.measures import CONVICTED, COUNTS, KNOWN_CLASSES, Measure
from app.statistics.question import Filter, Question
from app.statistics.select import Counted

UNKNOWN = "unknown"
_UNSURE = (UNKNOWN, "mixed")  # a case is mixed also where one of its persons is of unknown status
_CLASS = "sentence_class"


@dataclass(frozen=True, slots=True)
class Extremes:
    """Who is certainly counted, and who possibly."""

    name: str
    certain: Counted
    possible: Counted


def extremes_of(question: Question, measures: Iterable[Measure]) -> tuple[Extremes, ...]:
    """The counts that the bounds of some measures of a question are made of, each once."""
    found = {entry.name: entry for measure in measures for entry in _extremes(measure)}
    certain = strict(question.filters)
    return tuple(replace(entry, certain=replace(entry.certain, filters=certain)) for entry in found.values())


def strict(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """The filters on what is learnt from a text, passed only by those of whom it is known that they pass."""
    learnt = [entry for entry in filters if DIMENSIONS[entry.dimension].learnt]
    return tuple(one for entry in learnt for one in (entry, Filter(entry.dimension, _UNSURE, is_not=True)))


def relaxed(filters: Iterable[Filter]) -> tuple[Filter, ...]:
    """Filters that let those pass of whom it is not known whether they would."""
    return tuple(
        replace(entry, codes=(*entry.codes, *_UNSURE))
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

    if measure.ratio is None:
        return count(measure.id, "certain"), count(measure.id, "possible")
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
    return (code, *_UNSURE) if side == "possible" and DIMENSIONS[name].learnt else (code,)


def _is_about_unknown(question: Question, codes: tuple[str, ...]) -> bool:
    named = (code for name, code in zip(question.dimensions, codes, strict=True) if DIMENSIONS[name].learnt)
    filtered = (code for entry in question.filters if DIMENSIONS[entry.dimension].learnt for code in entry.codes)
    return any(code in _UNSURE for code in (*named, *filtered))


def _extremes(measure: Measure) -> Iterable[Extremes]:
    if not measure.has_bounds:
        return
    if measure.ratio is None:
        yield _of_count(measure)
    elif measure.ratio.over:
        convicted = Counted(measure.unit, measure.event, (CONVICTED,))
        yield Extremes("convicted", convicted, convicted)
    else:
        yield _of_count(COUNTS[measure.ratio.numerator])
        yield Extremes(
            f"not_{measure.ratio.numerator}",
            Counted(measure.unit, measure.event, measure.ratio.others),
            Counted(measure.unit, measure.event, measure.ratio.perhaps_others),
        )


def _of_count(measure: Measure) -> Extremes:
    certain = (measure.certain or measure.predicate,)
    possible = measure.possible or (measure.predicate,)
    return Extremes(
        measure.id,
        Counted(measure.unit, measure.event, certain),
        Counted(measure.unit, measure.event, possible),
    )
