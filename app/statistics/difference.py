"""Difference: the counts of a question at two revisions, and what made the change, cause by cause."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.errors import Fault, InvalidParameters
from app.records.revisions import State
from app.statistics.codes import Codes
from app.statistics.grid import Place, by_place, fetch, read_values, refuse_beyond
from app.statistics.measure import Kind
from app.statistics.periods import Window
from app.statistics.plan import Plan
from app.statistics.question import Question
from app.statistics.span import Change as Span
from app.statistics.sums import ALL_COURTS, KINDS, SUMS, WHOLE, position
from app.vocabulary import CODELISTS

CAUSES = CODELISTS["cause"].ids
# The outermost days of every block, each found by a step into the index for every kind of entry: how far any state
# until then reaches.
_OUTERMOST = f"""
SELECT series FROM tally
WHERE sum = {SUMS["by_day_alone"].number} AND block = b AND court = '{ALL_COURTS}' AND kind = k AND year > {WHOLE}
ORDER BY year {{order}} LIMIT 1
"""
_DAYS = f"""
SELECT DATE '0001-01-01' - 1 + min({position("first.series[1]")}) AS first,
       DATE '0001-01-01' - 1 + max({position("last.series[cardinality(last.series)]")}) AS last
FROM generate_series(1, $1::int) AS b, generate_series(0, {len(KINDS) - 1}) AS k,
    LATERAL ({_OUTERMOST.format(order="")}) AS first, LATERAL ({_OUTERMOST.format(order="DESC")}) AS last
"""
_CAUSES = "SELECT DISTINCT cause FROM ledger WHERE revision > $1 AND revision <= $2"


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

    @property
    def is_told(self) -> bool:
        """Whether anything of it is not 0."""
        return any((self.before, self.after, *self.causes.values()))


async def find_difference(
    connection: Connection,
    question: Question,
    known: Codes,
    before: State,
    after: State,
    *,
    window: Window | None,
    cells_limit: int = 50_000,
) -> tuple[Change, ...]:
    """What a question's counts were at one revision and at a later one, and the parts of the change by cause.

    A share is told by the counts that it is made of; what no adding up of entries can tell is left out.
    `known` are the codes of the later revision; `window` the days that both count (see `find_window`).

    Shape   one change for each row and count that is not 0 at both and throughout; ordered by row, then count
    Reads   the tally twice, where it keeps the question; of the ledger the entries of the revisions between
    Errors  InvalidParameters for revisions the wrong way round; TooManyCells
    """
    _check(before, after)
    later = Plan(question, after.revision, window, last=known.ends, reference=after.reference)
    earlier = replace(later, revision=before.revision, reference=before.reference)
    changes: dict[tuple[Any, ...], Change] = {}
    for plan, side in ((earlier, "before"), (later, "after")):
        values = await read_values(connection, plan, cells_limit)
        await aside(len(values), partial(_set, changes, plan, values, side))
    if before.revision < after.revision:
        parts = await _find_parts(connection, later, before, cells_limit)
        await aside(len(parts), partial(_add, changes, parts))
    return await aside(len(changes), lambda: tuple(changes[key] for key in sorted(changes, key=_order)))


async def find_window(connection: Connection, question: Question, known: Codes, after: State) -> Window | None:
    """The days that are counted at both revisions; None: all, the undated included.

    Where no end is asked, all days that any state until then has held: an end that moved with the revision would
    make a change without a cause.
    """
    window = question.window(known.covered)
    if window is None or question.end is not None or question.last_n is not None:
        return window
    (days,) = await connection.fetch(_DAYS, after.revision)
    if days["first"] is None:
        return window
    return Window(question.start or days["first"], days["last"])


def told_by_parts(question: Question) -> frozenset[str]:
    """Ids of the counts of a question that are sums of entries, so that their changes have parts."""
    sums = Plan(question, 0, None).counts
    others = [measure.id for measure in question.measures if measure.kind in (Kind.STOCK, Kind.ANY_CHARGE)]
    return frozenset((*sums, *others))


def _check(before: State, after: State) -> None:
    if before.revision > after.revision:
        detail = f"Revision {before.revision} is not before revision {after.revision}; give the earlier one first."
        raise InvalidParameters(detail, [Fault("wrong-order", detail, parameter="from")])


async def _find_parts(
    connection: Connection, plan: Plan, before: State, cells_limit: int
) -> list[tuple[str, Place, str, int]]:
    """Each count that is not 0 of what the entries of each cause add up to."""
    parts: list[tuple[str, Place, str, int]] = []
    limit = (cells_limit // len(plan.question.measures) + 1) * len(CAUSES)
    if plan.counts:
        rows = await fetch(connection, plan.changes(before.revision, limit))
        refuse_beyond(len(rows) // len(CAUSES), plan.question, cells_limit)
        parts = await aside(len(rows), lambda: [part for row in rows for part in _parts_in(row, plan)])
    others = tuple(one for one in plan.question.measures if one.kind in (Kind.STOCK, Kind.ANY_CHARGE))
    others = tuple(one for one in others if one.id not in plan.counts)
    if others:
        # one by one: they are no plain sums over groups, to which a cause could be one group more
        for (cause,) in await connection.fetch(_CAUSES, before.revision, plan.revision):
            own = replace(plan, question=replace(plan.question, measures=others), span=Span(before.revision, cause))
            values = await read_values(connection, own, cells_limit)
            parts += await aside(len(values), partial(_parts_of, own, values, cause))
    return parts


def _parts_in(row: Sequence[Any], plan: Plan) -> Iterable[tuple[str, Place, str, int]]:
    cause, *rest = row
    for place, counts in by_place([rest], plan.question, plan.counts):
        yield from ((cause, place, name, count) for name, count in counts.items() if count)


def _parts_of(plan: Plan, values: dict[Place, dict[str, Any]], cause: str) -> list[tuple[str, Place, str, int]]:
    return [(cause, *one) for one in _counts(plan, values)]


def _set(changes: dict[tuple[Any, ...], Change], plan: Plan, values: dict[Place, dict[str, Any]], side: str) -> None:
    for place, measure, count in _counts(plan, values):
        setattr(_at(changes, place, measure), side, count)


def _add(changes: dict[tuple[Any, ...], Change], parts: Iterable[tuple[str, Place, str, int]]) -> None:
    for cause, place, measure, count in parts:
        _at(changes, place, measure).causes[cause] = count


def _counts(plan: Plan, values: dict[Place, dict[str, Any]]) -> Iterable[tuple[Place, str, int]]:
    """Each count of each place that is a sum of entries and not 0."""
    names = told_by_parts(plan.question)
    for place, found in values.items():
        for name in names.intersection(found):
            if found[name]:
                yield place, name, found[name]


def _at(changes: dict[tuple[Any, ...], Change], place: Place, measure: str) -> Change:
    row = (place[0], *place[1])
    return changes.setdefault((row, measure), Change(row, measure))


def _order(key: tuple[Any, ...]) -> tuple[Any, ...]:
    (day, *codes), measure = key
    return (day or date.min, codes, measure)
