"""Skill: how the nowcast would have done on what is held, made again from what was known at each of many days."""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from functools import partial

from app.db.database import Connection
from app.db.turns import aside
from app.errors import Fault
from app.records.revisions import State
from app.statistics.delays import count_behind, find_delays
from app.statistics.measure import Kind, Measure
from app.statistics.nowcast import AGE_GROUPS, HORIZON_DAYS, Past, Trial, back_test, skill_of
from app.statistics.periods import number_of
from app.statistics.question import Question
from app.table import Column, Row, Table

ORIGINS = 40
"""From how many past publications nowcasts are made at most, spread evenly over those at hand."""
PERIODS_BACK = 78
COLUMNS = (
    Column("measure", caption="What is counted"),
    Column("age_weeks", caption="Whole weeks from the period's end to the nowcast"),
    Column("n", "integer", caption="Nowcasts whose outcome is known"),
    Column("coverage_50", "number", "share", caption="Outcomes within the 50 % interval"),
    Column("coverage_80", "number", "share", caption="Outcomes within the 80 % interval"),
    Column("bias", "number", "share", caption="Expected less outcome, over outcome"),
    Column("error", "number", "share", caption="Distance of expected and outcome, over outcome"),
    Column("error_of_count", "number", "share", caption="The same for the count as it stood"),
    Column("status", caption="normal, or too_little_history"),
)


def faults_in(question: Question) -> Iterable[Fault]:
    """What keeps a question from being back-tested."""
    if question.dimensions:
        detail = "The back-test is of one series; give the grain alone, and filters for the rest."
        yield Fault("no-dimensions", detail, parameter="group_by")
    for measure in question.measures:
        if measure.kind is not Kind.COUNT or not count_behind(measure):
            detail = f"{measure.id} has no nowcast: that is made for counts."
            yield Fault("no-count", detail, parameter="measures")


async def find_skill(connection: Connection, state: State, question: Question) -> Table:
    """How nowcasts came out, by count and age: the empirical coverage of their own intervals, bias and error.

    A nowcast is made at each of up to `ORIGINS` past publications, for every period then younger than the horizon,
    from what had been published by then; and judged by the count at the horizon, where that is known by now.

    Shape   one row for each measure and group of ages, in order; without an outcome n is 0 and the rest null
    Reads   as nowcasts do, with more periods
    """
    delays = await find_delays(connection, state, question, with_cells=False, periods_back=PERIODS_BACK)
    rows: list[Row] = []
    for measure in question.measures:
        past = delays.past.get((str(count_behind(measure)), ()), ())
        rows += await aside(len(past) * ORIGINS, partial(_told, measure, past))
    return Table(COLUMNS, rows, total=len(rows))


def nowcasts(question: Question) -> int:
    """How many nowcasts a back-test makes at most."""
    if question.grain is None:
        return 0
    days = timedelta(days=HORIZON_DAYS)
    periods = number_of(question.grain, date(2000, 1, 1) + days) - number_of(question.grain, date(2000, 1, 1))
    return len(question.measures) * ORIGINS * (PERIODS_BACK + periods)


def _told(measure: Measure, past: Sequence[Past]) -> Sequence[Row]:
    return tuple(_rows(measure, back_test(past, _origins(past))))


def _origins(past: Sequence[Past]) -> list[float]:
    """Days ago of the publications that nowcasts are made at again: from the first that have an outcome on."""
    ago = {round(one.age - age, 6) for one in past for age in one.development.ages}
    known = sorted(days for days in ago if 0 < days <= HORIZON_DAYS * 2)
    step = max(1, -(-len(known) // ORIGINS))
    return known[::step]


def _rows(measure: Measure, trials: Sequence[Trial]) -> Iterable[Row]:
    for name, low, high in AGE_GROUPS:
        skill = skill_of([trial for trial in trials if low <= trial.age < high])
        if skill is None:
            yield (measure.id, name, 0, *(None,) * 5, "too_little_history")
            continue
        shares = (skill.coverage50, skill.coverage80, skill.bias, skill.error, skill.error_of_count)
        yield (measure.id, name, skill.n, *(round(share, 4) for share in shares), "normal")
