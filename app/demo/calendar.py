"""Days: when courts work, when files are made, and how delays are drawn."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import cache
from random import Random

from app.demo.targets import FIRST_FILE, LAST_FILE, PUBLICATION_DAYS, Delay

NEVER = date.max
_HOLIDAYS = {(1, day) for day in range(1, 9)} | {(2, 23), (3, 8), (5, 1), (5, 9), (6, 12), (11, 4)}
_NEWSROOM_DAY = 15


def stream(seed: int, name: str) -> Random:
    """A source of chance of its own for each purpose, so that one stage does not shift another."""
    return Random(f"{seed}:{name}")  # noqa: S311  # nosec B311


def drawn_delay(chance: Random, delay: Delay) -> timedelta:
    """A delay drawn from a table of weighted ranges of days."""
    _, least, most = chance.choices(delay, [weight for weight, _, _ in delay])[0]
    return timedelta(days=chance.randint(least, most))


def days_between(start: date, end: date) -> Iterator[date]:
    """Every day from start to end, both included."""
    for number in range((end - start).days + 1):
        yield start + timedelta(days=number)


def is_working(day: date) -> bool:
    """Whether courts sit: no weekend, no fixed holiday."""
    return day.weekday() < 5 and (day.month, day.day) not in _HOLIDAYS


@cache
def working_days(year: int, month: int) -> tuple[date, ...]:
    """The days of a month on which courts sit."""
    first = date(year, month, 1)
    after = date(year + month // 12, month % 12 + 1, 1)
    return tuple(day for day in days_between(first, after - timedelta(days=1)) if is_working(day))


def next_working(day: date) -> date:
    """That day, or the first after it on which courts sit."""
    while not is_working(day):
        day += timedelta(days=1)
    return day


@cache
def scrape_days() -> tuple[date, ...]:
    """Days on which courts' sites are read: Mondays, and days of publication."""
    mondays = range(0, (LAST_FILE - FIRST_FILE).days + 1, 7)
    return tuple(sorted({FIRST_FILE + timedelta(days=number) for number in mondays} | set(PUBLICATION_DAYS)))


@cache
def newsroom_days() -> tuple[date, ...]:
    """Days on which the newsroom hands in what it read: once a month, and days of publication."""
    months = ((year, month) for year in range(2022, 2026) for month in range(1, 13))
    regular = {date(year, month, _NEWSROOM_DAY) for year, month in months}
    return tuple(sorted(day for day in regular | set(PUBLICATION_DAYS) if date(2022, 11, 1) < day <= LAST_FILE))


def first_from(days: Sequence[date], day: date) -> date:
    """The first of the sorted days that is not before a day; NEVER when there is none."""
    at = bisect_left(days, day)
    return days[at] if at < len(days) else NEVER


def within(days: Sequence[date], after: date, until: date) -> Sequence[date]:
    """Those of the sorted days that lie after one day and not after another."""
    return days[bisect_right(days, after) : bisect_right(days, until)]
