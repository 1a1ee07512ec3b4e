"""Notes: what an answer says of itself, and what a reader has to be warned of; pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.statistics.codes import Codes
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.measures import Measure
from app.statistics.periods import Window
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.table import Column


def describe_dimensions(question: Question) -> Iterable[dict[str, Any]]:
    """Grain and dimensions as an answer lists them."""
    if question.grain:
        yield {"id": question.grain.value, "type": GRAINS[question.grain].type}
    for entry in (DIMENSIONS[name] for name in question.dimensions):
        overlaps = any(one.is_any_charge and entry.id not in one.additive_over for one in question.measures)
        yield {"id": entry.id, "codelist": entry.codelist, "additive": entry.additive and not overlaps}


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


def warn_outside(question: Question, known: Codes) -> Iterable[dict[str, Any]]:
    """The warning that more is asked for than the record covers, where it is: other days, or courts not looked at."""
    covered = known.covered
    asked = [day for day in (question.start, question.end) if day]
    if asked and not (covered and all(covered.first <= day <= covered.last for day in asked)):
        held = f"covers {covered.first} to {covered.last}" if covered else "holds no day yet"
        detail = f"The record {held}; of other days nothing is known, so a 0 there does not mean that nothing was."
        yield {"code": "beyond_coverage", "detail": detail}
    elif courts := _not_looked_at(question, known):
        detail = (
            f"No source is known to have looked at every day asked for of {', '.join(courts)}, so a 0 there does not"
            " mean that nothing was; /v1/courts tells which days were."
        )
        yield {"code": "beyond_coverage", "detail": detail, "courts": courts}


def _not_looked_at(question: Question, known: Codes) -> list[str]:
    """Courts that are named in a filter, and of which some day asked for was not looked at.

    Without a window only those that nobody ever looked at. Where no source notes what it looks at, nothing is known of
    any court, and none is listed.
    """
    if not known.looked_at or known.covered is None:
        return []
    named = [
        code for entry in question.filters if entry.dimension == "court" and not entry.is_not for code in entry.codes
    ]
    first, last = question.start or known.covered.first, question.end or known.covered.last
    has_window = question.start is not None or question.end is not None

    def is_looked_at(court: str) -> bool:
        windows = known.looked_at.get(court, ())
        return any(w.first <= first and last <= w.last for w in windows) if has_window else bool(windows)

    return sorted(court for court in set(named) if not is_looked_at(court))


def warn_left_out(
    plan: Plan, left_out: Mapping[bool, Mapping[str, int]], rounding: int = 1
) -> Iterable[dict[str, Any]]:
    """One warning for each measure and reason of which something is left out of the window."""
    for is_undated, counts in left_out.items():
        for measure in plan.question.measures:
            of = measure.counted_in
            n = counts.get(of, 0) // rounding * rounding
            if n and (plan.window is not None or _needs_day(measure)):
                yield _undated(measure, of, n) if is_undated else _too_late(measure, of, n)


def warn_overlap(question: Question) -> Iterable[dict[str, Any]]:
    """The warning that rows or codes overlap, so that they must not be added."""
    for measure in question.measures:
        if not measure.is_any_charge:
            continue
        filtered = (entry.dimension for entry in question.filters if entry.is_not or len(entry.codes) > 1)
        for name in dict.fromkeys((*question.dimensions, *filtered)):
            if name not in measure.additive_over:
                several = (
                    f"One {measure.unit} may have several values of {name}. {measure.id} counts each once in a row"
                )
                if name in question.dimensions:
                    total = f"{measure.id}_distinct is their distinct total."
                    detail = f"{several}, so that rows do not add up; {total}"
                else:
                    detail = f"{several}, whichever it has of the codes asked for: less than those codes one by one."
                yield {"code": "overlapping", "detail": detail, "measure": measure.id, "dimension": name}


def warn_across_break(
    question: Question, columns: Iterable[Column], rows: Iterable[Sequence[Any]], breaks: Iterable[dict[str, Any]]
) -> Iterable[dict[str, Any]]:
    """The warning that values before and after a change of the law are compared."""
    places = [place for place, column in enumerate(columns) if column.id.endswith("_status")]
    if question.transform is None or not any(row[place] == "break" for row in rows for place in places):
        return
    named = ", ".join(f"{entry['id']} of {entry['day']}" for entry in breaks)
    detail = f"Some values compare periods before and after a change of the law ({named}); their status is break."
    yield {"code": "across_break", "detail": detail}


def warn_rounded(rounding: int) -> Iterable[dict[str, Any]]:
    """The warning that counts are rounded."""
    if rounding > 1:
        detail = f"Counts are rounded down to multiples of {rounding}; shares derive from the rounded, totals do not."
        yield {"code": "rounded", "detail": detail, "rounding": rounding}


def _needs_day(measure: Measure) -> bool:
    return measure.ratio is not None and measure.ratio.not_yet is not None


def _undated(measure: Measure, of: str, n: int) -> dict[str, Any]:
    detail = f"{n} of {of} have no day and are left out; they are counted where neither window nor grain is asked."
    return {"code": "undated", "detail": detail, "measure": measure.id, "undated": n}


def _too_late(measure: Measure, of: str, n: int) -> dict[str, Any]:
    detail = f"{n} of {of} have a day after the day of publication and are left out; an end_period takes them in."
    return {"code": "after_publication", "detail": detail, "measure": measure.id, "left_out": n}
