"""Difference: the counts of a question at two revisions, and what made the change, cause by cause."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.db.database import Connection
from app.errors import Fault, InvalidParameters, TooManyCells
from app.records.revisions import State
from app.statistics.codes import Codes
from app.statistics.periods import Window
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.select import Statement
from app.vocabulary import CODELISTS

CAUSES = CODELISTS["cause"].ids


@dataclass(slots=True)
class Change:
    """One count of one row at both revisions. The causes add up to `after - before`.

    `row`  first day of the period (None without a grain), then the codes of the dimensions
    """

    row: tuple[date | str | None, ...]
    measure: str
    before: int = 0
    after: int = 0
    causes: dict[str, int] = field(default_factory=dict)


async def find_difference(
    connection: Connection, question: Question, known: Codes, before: State, after: State, *, cells_limit: int = 50_000
) -> tuple[Change, ...]:
    """What a question's counts were at one revision and at a later one, and the parts of the change by cause.

    A share or another measure that does not add up is told by the counts that it is made of.

    Shape   one change for each row and count that is not 0 at both and throughout; ordered by row, then count
    Reads   the tally twice, and of the ledger the entries of the revisions between the two
    Errors  InvalidParameters for revisions the wrong way round; TooManyCells
    """
    _check(before, after)
    window = window_of_both(question, known)
    earlier, later = (Plan(question, state.revision, window) for state in (before, after))
    if not later.counts:
        return ()
    limit = cells_limit // len(question.measures) + 1
    changes: dict[tuple[Any, ...], Change] = {}
    for plan, side in ((earlier, "before"), (later, "after")):
        for row, measure, count in _cells(plan, await _fetch(connection, plan.main().rows(limit), limit, cells_limit)):
            setattr(_at(changes, row, measure), side, count)
    if before.revision < after.revision:
        parts: dict[str, list[Any]] = defaultdict(list)
        entries = later.changes(before.revision, limit * len(CAUSES))
        for cause, *values in await _fetch(connection, entries, limit * len(CAUSES), cells_limit):
            parts[cause].append(values)
        for cause, rows in sorted(parts.items()):
            for row, measure, count in _cells(later, rows):
                _at(changes, row, measure).causes[cause] = count
    return tuple(changes[key] for key in sorted(changes, key=_order))


def window_of_both(question: Question, known: Codes) -> Window | None:
    """The days that are counted at both revisions; None: all, the undated included.

    Where no end is asked there is none: an end that moved with the revision would make a change without a cause.
    """
    window = question.window(known.covered)
    if window is None or question.end is not None or question.last_n is not None:
        return window
    return Window(question.start or date.min, date.max)


def _check(before: State, after: State) -> None:
    if before.revision > after.revision:
        detail = f"Revision {before.revision} is not before revision {after.revision}; give the earlier one first."
        raise InvalidParameters(detail, [Fault("wrong-order", detail, parameter="from")])


async def _fetch(connection: Connection, statement: Statement, limit: int, cells_limit: int) -> list[Any]:
    rows: list[Any] = await connection.fetch(statement.sql, *statement.args)
    if len(rows) >= limit:
        raise TooManyCells(
            "The comparison would have too many cells; ask for a shorter time, a coarser grain or fewer dimensions.",
            cells=max(len(rows), cells_limit + 1),
            limit=cells_limit,
        )
    return rows


def _cells(plan: Plan, rows: Iterable[Any]) -> Iterable[tuple[tuple[Any, ...], str, int]]:
    """Each count of each row that is not 0."""
    question = plan.question
    width = (1 if question.grain else 0) + len(question.dimensions)
    for row in rows:
        place = tuple(row[:width]) if question.grain else (None, *row[:width])
        for measure, count in zip(plan.counts, row[width:], strict=True):
            if count:
                yield place, measure, count


def _at(changes: dict[tuple[Any, ...], Change], row: tuple[Any, ...], measure: str) -> Change:
    return changes.setdefault((row, measure), Change(row, measure))


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    (day, *codes), measure = key
    return (day or date.min, codes, measure)
