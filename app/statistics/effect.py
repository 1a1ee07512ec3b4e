"""Effect: which published numbers a revision moves, week by week, before and after."""

from dataclasses import dataclass
from datetime import date

from app.db.database import Connection
from app.statistics.measures import MEASURES
from app.statistics.periods import Grain, Window, period_of
from app.statistics.plan import Plan
from app.statistics.presets import PRESETS
from app.statistics.question import Question

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
_DAYS = "SELECT min(day) AS first, max(day) AS last FROM ledger WHERE revision = $1"
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
    (days,) = await connection.fetch(_DAYS, revision)
    if days["first"] is None:
        return ()
    window = Window(period_of(Grain.WEEK, days["first"]).first, period_of(Grain.WEEK, days["last"]).last)
    before, after = [await _counts(connection, Plan(_QUESTION, at, window)) for at in (revision - 1, revision)]
    zeros = (0,) * len(_QUESTION.measures)
    return tuple(
        Moved(measure.id, period_of(Grain.WEEK, week).key, was, is_now)
        for week in sorted({*before, *after})
        for measure, was, is_now in zip(
            _QUESTION.measures, before.get(week, zeros), after.get(week, zeros), strict=True
        )
        if was != is_now
    )


async def _counts(connection: Connection, plan: Plan) -> dict[date, tuple[int, ...]]:
    statement = plan.main().rows(_WEEKS_LIMIT)
    return {row[0]: tuple(row[1:]) for row in await connection.fetch(statement.sql, *statement.args)}
