"""Effect: which published numbers a revision moves, week by week, before and after."""

from dataclasses import dataclass
from datetime import date

from app.db.database import Connection
from app.statistics.measures import MEASURES
from app.statistics.periods import Grain, Window, period_of
from app.statistics.plan import Plan
from app.statistics.presets import PRESETS
from app.statistics.question import Question
from app.statistics.select import Counted, Reading, Select

_QUESTION = Question(
    PRESETS["weekly"],
    tuple(
        MEASURES[name]
        for name in (
            "cases_received",
            "cases_decided",
            "persons_convicted",
            "sentences_known",
            "custodial",
            "suspended",
        )
    ),
    Grain.WEEK,
)
_WEEKS_LIMIT = 100_000  # more weeks than days that a record may name have


@dataclass(frozen=True, slots=True)
class Moved:
    """One measure of one ISO week that a revision moved; all courts together."""

    measure: str
    period: str
    before: int
    after: int


async def find_effect(connection: Connection, revision: int) -> tuple[Moved, ...]:
    """What the revision just posted moves, by the questions that anybody may ask.

    Call it in the transaction that posted the revision. Events without a day are in no week.
    Shape   one entry for each week and measure that differs; ordered by week, then measure; may be empty
    """
    moved = await _counts(connection, _posted(revision))
    if not moved:
        return ()
    window = Window(min(moved), period_of(Grain.WEEK, max(moved)).last)
    before = await _counts(connection, Plan(_QUESTION, revision - 1, window).main())
    zeros = (0,) * len(_QUESTION.measures)
    return tuple(
        Moved(measure.id, period_of(Grain.WEEK, week).key, count, count + by)
        for week, added in sorted(moved.items())
        for measure, count, by in zip(_QUESTION.measures, before.get(week, zeros), added, strict=True)
        if by
    )


def _posted(revision: int) -> Reading:
    """What a revision's entries add to each week."""
    select = Select(None)
    select.where.append(f"revision = {select.add(revision)} AND day IS NOT NULL")
    select.group(_QUESTION.grain, ())
    return select.counts([Counted.of(measure) for measure in _QUESTION.measures], [m.id for m in _QUESTION.measures])


async def _counts(connection: Connection, reading: Reading) -> dict[date, tuple[int, ...]]:
    statement = reading.rows(_WEEKS_LIMIT)
    return {row[0]: tuple(row[1:]) for row in await connection.fetch(statement.sql, *statement.args)}
