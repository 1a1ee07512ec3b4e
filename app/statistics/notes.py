"""Notes: what an answer says of itself, and what a reader has to be warned of; pure."""

from collections.abc import Iterable
from typing import Any

from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.measures import Measure
from app.statistics.periods import Window
from app.statistics.plan import Plan
from app.statistics.question import Question


def describe_dimensions(question: Question) -> Iterable[dict[str, Any]]:
    """Grain and dimensions as an answer lists them."""
    if question.grain:
        yield {"id": question.grain.value, "type": GRAINS[question.grain].type}
    for entry in (DIMENSIONS[name] for name in question.dimensions):
        yield {"id": entry.id, "codelist": entry.codelist, "additive": entry.additive}


def describe_measure(measure: Measure) -> dict[str, Any]:
    """A measure as an answer lists it."""
    return {
        "id": measure.id,
        "unit": measure.unit.value,
        "event": measure.event.value,
        "unit_of_value": measure.unit_of_value,
        "additive": measure.additive,
        "additive_over": list(measure.additive_over),
        "definition": measure.definition,
        "definition_version": measure.definition_version,
    }


def describe_days(covered: Window | None) -> dict[str, str | None]:
    """First and last day of the record, as an answer tells them."""
    if covered is None:
        return {"first": None, "last": None}
    return {"first": covered.first.isoformat(), "last": covered.last.isoformat()}


def warn_outside(question: Question, covered: Window | None) -> Iterable[dict[str, Any]]:
    """The warning that more time is asked for than the record covers, where it is."""
    asked = [day for day in (question.start, question.end) if day]
    if not asked or (covered and all(covered.first <= day <= covered.last for day in asked)):
        return
    held = f"covers {covered.first} to {covered.last}" if covered else "holds no day yet"
    detail = f"The record {held}; of other days nothing is known, so a 0 there does not mean that nothing was."
    yield {"code": "beyond_coverage", "detail": detail}


def warn_left_out(plan: Plan, rows: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """One warning for each measure and reason of which something is left out of the window."""
    for is_undated, *counts in sorted(map(tuple, rows), reverse=True):
        found = dict(zip(plan.populations, counts, strict=True))
        for measure in plan.question.measures:
            of = measure.counted_in
            is_told = plan.window is not None or _needs_day(measure)
            if is_told and found[of]:
                yield _undated(measure, of, found[of]) if is_undated else _too_late(measure, of, found[of])


def warn_overlap(question: Question) -> Iterable[dict[str, Any]]:
    """The warning that rows or codes overlap, so that they must not be added: a total counts each once."""
    for measure in question.measures:
        if not measure.is_any_charge:
            continue
        filtered = (entry.dimension for entry in question.filters if entry.is_not or len(entry.codes) > 1)
        for name in dict.fromkeys((*question.dimensions, *filtered)):
            if name not in measure.additive_over:
                detail = (
                    f"One {measure.unit} may have several values of {name}. {measure.id} counts each once in a row, so"
                    " that rows and codes do not add up; ask without them for the distinct total."
                )
                yield {"code": "overlapping", "detail": detail, "measure": measure.id, "dimension": name}


def _needs_day(measure: Measure) -> bool:
    return measure.ratio is not None and measure.ratio.not_yet is not None


def _undated(measure: Measure, of: str, n: int) -> dict[str, Any]:
    detail = f"{n} of {of} have no day and are left out; they are counted where neither window nor grain is asked."
    return {"code": "undated", "detail": detail, "measure": measure.id, "undated": n}


def _too_late(measure: Measure, of: str, n: int) -> dict[str, Any]:
    detail = f"{n} of {of} have a day after the day of publication and are left out; an end_period takes them in."
    return {"code": "after_publication", "detail": detail, "measure": measure.id, "left_out": n}
