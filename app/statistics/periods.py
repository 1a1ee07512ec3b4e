"""Periods: days, ISO weeks, months, quarters, half-years and years; pure calendar arithmetic."""

import re
from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import lru_cache


class Grain(StrEnum):
    """The size of one period. Weeks are ISO 8601: from Monday, numbered in the year of their Thursday."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    HALF_YEAR = "half_year"
    YEAR = "year"


_DAYS = {Grain.DAY: 1, Grain.WEEK: 7}
_MONTHS = {Grain.MONTH: 1, Grain.QUARTER: 3, Grain.HALF_YEAR: 6, Grain.YEAR: 12}


_KEPT_PERIODS = 16_384  # weeks of three hundred years: a period is made once, not once for each row


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of days, both ends included; empty where the last is before the first."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Period:
    """One period: its key (`2023-W23`), first and last day."""

    key: str
    first: date
    last: date

    def is_cut_by(self, window: Window) -> bool:
        """Whether a part of the period lies outside the window."""
        return self.first < window.first or self.last > window.last


def number_of(grain: Grain, day: date) -> int:
    """The number of the period that holds a day; neighbours differ by 1."""
    if grain in _DAYS:
        return (day.toordinal() - 1) // _DAYS[grain]  # day 1 of year 1 is a Monday
    return (day.year * 12 + day.month - 1) // _MONTHS[grain]


@lru_cache(_KEPT_PERIODS)
def numbered(grain: Grain, number: int) -> Period:
    """The period of that number."""
    first = _first_day(grain, number)
    return Period(_KEYS[grain](first), first, _last_day(grain, first))


def period_of(grain: Grain, day: date) -> Period:
    """The period that holds a day."""
    return numbered(grain, number_of(grain, day))


def period_with(grain: Grain, day: int) -> Period:
    """The period that holds a day, given as its number (`date.toordinal`)."""
    if grain in _DAYS:
        return numbered(grain, (day - 1) // _DAYS[grain])
    return period_of(grain, date.fromordinal(day))


def year_before(grain: Grain, period: Period) -> Period | None:
    """The same period of the year before; None where the calendar has none (week 53, 29 February, year 1)."""
    try:
        if grain is Grain.WEEK:
            year, week, _ = period.first.isocalendar()
            first = date.fromisocalendar(year - 1, week, 1)
        else:
            first = period.first.replace(year=period.first.year - 1)
    except ValueError:
        return None
    return period_of(grain, first)


def count_periods(grain: Grain, window: Window) -> int:
    """How many periods a window touches."""
    if window.last < window.first:
        return 0
    return number_of(grain, window.last) - number_of(grain, window.first) + 1


def list_periods(grain: Grain, window: Window) -> tuple[Period, ...]:
    """Every period that a window touches, in order, those that it cuts included."""
    start = number_of(grain, window.first)
    return tuple(numbered(grain, start + step) for step in range(count_periods(grain, window)))


def parse_period(text: str) -> Period:
    """Read `2023`, `2023-H1`, `2023-Q2`, `2023-06`, `2023-W23` or `2023-06-11`.

    Errors  ValueError for anything else, and for what the calendar does not have (`2023-W53`)
    """
    for grain, pattern, first_day in _SPELLINGS:
        match = pattern.fullmatch(text)
        if match:
            return period_of(grain, first_day(*(int(group) for group in match.groups())))
    raise ValueError(f"{text!r} is no period")


def _first_day(grain: Grain, number: int) -> date:
    if grain in _DAYS:
        return date.fromordinal(number * _DAYS[grain] + 1)
    year, month = divmod(number * _MONTHS[grain], 12)
    return date(year, month + 1, 1)


def _last_day(grain: Grain, first: date) -> date:
    if grain in _DAYS:
        return first + min(timedelta(days=_DAYS[grain] - 1), date.max - first)
    month = first.month + _MONTHS[grain] - 1
    return date(first.year, month, monthrange(first.year, month)[1])


def _week_key(first: date) -> str:
    year, week, _ = first.isocalendar()
    return f"{year:04}-W{week:02}"


_KEYS: dict[Grain, Callable[[date], str]] = {
    Grain.DAY: date.isoformat,
    Grain.WEEK: _week_key,
    Grain.MONTH: lambda first: f"{first.year:04}-{first.month:02}",
    Grain.QUARTER: lambda first: f"{first.year:04}-Q{first.month // 3 + 1}",
    Grain.HALF_YEAR: lambda first: f"{first.year:04}-H{first.month // 6 + 1}",
    Grain.YEAR: lambda first: f"{first.year:04}",
}
_SPELLINGS: tuple[tuple[Grain, re.Pattern[str], Callable[..., date]], ...] = (
    (Grain.DAY, re.compile("([0-9]{4})-([0-9]{2})-([0-9]{2})"), date),
    (
        Grain.WEEK,
        re.compile("([0-9]{4})-W([0-9]{2})"),
        lambda year, week: date.fromisocalendar(year, week, 1),
    ),
    (Grain.MONTH, re.compile("([0-9]{4})-([0-9]{2})"), lambda year, month: date(year, month, 1)),
    (Grain.QUARTER, re.compile("([0-9]{4})-Q([1-4])"), lambda year, quarter: date(year, quarter * 3 - 2, 1)),
    (Grain.HALF_YEAR, re.compile("([0-9]{4})-H([12])"), lambda year, half: date(year, half * 6 - 5, 1)),
    (Grain.YEAR, re.compile("([0-9]{4})"), lambda year: date(year, 1, 1)),
)
