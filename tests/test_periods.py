"""Periods tile the calendar, and weeks are those of ISO 8601."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.database import Database
from app.statistics.periods import (
    Grain,
    Period,
    Window,
    count_periods,
    list_periods,
    number_of,
    numbered,
    parse_period,
    period_of,
    year_before,
)
from app.statistics.select import first_day

days = st.dates(date(1, 1, 1), date(9998, 12, 31))
grains = st.sampled_from(Grain)
windows = st.builds(
    lambda first, length: Window(first, first + timedelta(length)),
    st.dates(date(1990, 1, 1), date(2060, 1, 1)),
    st.integers(0, 900),
)


def key_by_hand(grain: Grain, day: date) -> str:
    """The key of a day's period, reckoned another way: a week belongs to the year of its Thursday."""
    if grain is Grain.WEEK:
        thursday = day + timedelta(3 - day.weekday())
        week = (thursday - date(thursday.year, 1, 1)).days // 7 + 1
        return f"{thursday.year:04}-W{week:02}"
    names = {
        Grain.DAY: f"{day.year:04}-{day.month:02}-{day.day:02}",
        Grain.MONTH: f"{day.year:04}-{day.month:02}",
        Grain.QUARTER: f"{day.year:04}-Q{[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4][day.month - 1]}",
        Grain.HALF_YEAR: f"{day.year:04}-H{1 if day.month < 7 else 2}",
        Grain.YEAR: f"{day.year:04}",
    }
    return names[grain]


@given(grains, days)
def test_a_day_lies_in_its_period_whose_key_is_that_reckoned_by_hand(grain: Grain, day: date) -> None:
    period = period_of(grain, day)
    assert period.first <= day <= period.last
    assert period.key == key_by_hand(grain, day) == key_by_hand(grain, period.first)
    assert key_by_hand(grain, period.last) == period.key


@given(days)
def test_weeks_are_those_of_isocalendar(day: date) -> None:
    year, week, weekday = day.isocalendar()
    period = period_of(Grain.WEEK, day)
    assert period.key == f"{year:04}-W{week:02}"
    assert (day - period.first).days == weekday - 1
    assert (period.last - period.first).days == 6


@given(grains, days)
def test_neighbours_touch_and_differ_by_one(grain: Grain, day: date) -> None:
    period = period_of(grain, day)
    after = period_of(grain, period.last + timedelta(1))
    assert after.first == period.last + timedelta(1)
    assert number_of(grain, after.first) == number_of(grain, day) + 1
    assert numbered(grain, number_of(grain, day)) == period


@given(grains, days)
def test_a_key_is_read_as_its_period(grain: Grain, day: date) -> None:
    period = period_of(grain, day)
    assert parse_period(period.key) == period


@given(grains, windows)
def test_the_periods_of_a_window_are_those_of_its_days(grain: Grain, window: Window) -> None:
    listed = list_periods(grain, window)
    length = (window.last - window.first).days + 1
    every_day = [window.first + timedelta(step) for step in range(length)]
    assert [period.key for period in listed] == list(dict.fromkeys(key_by_hand(grain, day) for day in every_day))
    assert len(listed) == count_periods(grain, window)


@given(grains, windows)
def test_a_period_is_cut_where_one_of_its_days_is_outside(grain: Grain, window: Window) -> None:
    for period in list_periods(grain, window):
        length = (period.last - period.first).days + 1
        inside = [window.first <= period.first + timedelta(step) <= window.last for step in range(length)]
        assert any(inside)
        assert period.is_cut_by(window) == (not all(inside))


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2020-W53", date(2020, 12, 28), date(2021, 1, 3)),
        ("2021-W01", date(2021, 1, 4), date(2021, 1, 10)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 3)),
        ("2019-W01", date(2018, 12, 31), date(2019, 1, 6)),
        ("2023-W23", date(2023, 6, 5), date(2023, 6, 11)),
        ("2023-06", date(2023, 6, 1), date(2023, 6, 30)),
        ("2024-02", date(2024, 2, 1), date(2024, 2, 29)),
        ("2023-Q2", date(2023, 4, 1), date(2023, 6, 30)),
        ("2023-Q4", date(2023, 10, 1), date(2023, 12, 31)),
        ("2023-H1", date(2023, 1, 1), date(2023, 6, 30)),
        ("2023-H2", date(2023, 7, 1), date(2023, 12, 31)),
        ("2023", date(2023, 1, 1), date(2023, 12, 31)),
        ("2023-06-11", date(2023, 6, 11), date(2023, 6, 11)),
    ],
)
def test_a_period_means_its_first_and_last_day(text: str, first: date, last: date) -> None:
    assert parse_period(text) == Period(text, first, last)


@pytest.mark.parametrize(
    "text",
    [
        "", " 2023", "2023 ", "23", "02023", "2023-13", "2023-00", "2023-02-30", "2023-6", "2023-W00", "2023-W53",
        "2021-W53", "2023-W1", "2023-w23", "2023W23", "2023-Q0", "2023-Q5", "2023-H3", "2023-06-11T00:00", "0000",
        "２０２３", "2023-06-", "-2023", "2023\n", "latest",
    ],
)  # fmt: skip
def test_what_the_calendar_does_not_have_is_no_period(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)


def test_the_last_week_of_the_calendar_ends_with_it() -> None:
    assert period_of(Grain.WEEK, date.max) == Period("9999-W52", date(9999, 12, 27), date.max)


def test_an_empty_window_has_no_period() -> None:
    assert list_periods(Grain.WEEK, Window(date(2023, 6, 7), date(2023, 6, 6))) == ()


async def test_sql_puts_every_day_into_the_period_that_the_calendar_does(database: Database) -> None:
    """Ten years day by day, a week 53 (2020, 2026) and two leap days among them."""
    first = date(2018, 12, 25)
    days = [first + timedelta(step) for step in range(3700)]
    assert {"2020-W53", "2026-W53"} <= {period_of(Grain.WEEK, day).key for day in days}
    async with database.snapshot() as connection:
        for grain in Grain:
            rows = await connection.fetch(
                f"SELECT day, {first_day(grain, 'day')} AS first, to_char(day, 'IYYY-\"W\"IW') AS week"
                " FROM unnest($1::date[]) AS day",
                days,
            )
            for row in rows:
                period = period_of(grain, row["day"])
                assert row["first"] == period.first <= row["day"] <= period.last
                assert grain is not Grain.WEEK or row["week"] == period.key


def test_a_year_before_is_the_same_period_or_none() -> None:
    assert year_before(Grain.WEEK, parse_period("2021-W01")) == parse_period("2020-W01")
    assert year_before(Grain.WEEK, parse_period("2020-W53")) is None
    assert year_before(Grain.DAY, parse_period("2024-02-29")) is None
    assert year_before(Grain.HALF_YEAR, parse_period("2024-H2")) == parse_period("2023-H2")
    assert year_before(Grain.YEAR, parse_period("0001")) is None
