"""Breaks: the two statutes and a change of method, on the series and in what is compared across them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from app.statistics import Answer, find_answer, find_codes, read_question
from app.statistics.breaks import BREAKS
from tests.ledgers import person, rows_of, state_of, write
from tests.recount import LAST_REVISION, Given

PUBLISHED = datetime(2026, 9, 1, tzinfo=UTC)


@pytest.fixture
async def record(connection: Any) -> Any:
    """Somebody convicted on the first of every month from 2021 to August 2026."""
    months = [date(2021 + number // 12, 1 + number % 12, 1) for number in range(68)]
    await write(connection, [(LAST_REVISION, person(str(day)), 1) for day in months])
    return connection


async def ask(connection: Any, given: Given, *, lang: str = "en") -> Answer:
    state = replace(state_of(LAST_REVISION), published_at=PUBLISHED)
    known = await find_codes(connection, state)
    question = read_question({"measures": ("persons_convicted",), **given}, None, known)
    return await find_answer(connection, state, question, known, lang=lang)


def marked(answer: Answer, grain: str, transform: str) -> list[str]:
    column = f"persons_convicted_{transform}_status"
    return [row[grain] for row in rows_of(answer) if row[column] == "break"]


@pytest.mark.parametrize(
    ("grain", "periods", "changes"),
    [
        ("day", ["2022-09-24", "2026-01-09"], ["2022-09-24", "2026-01-09"]),
        ("week", ["2022-W38", "2026-W02"], ["2022-W38", "2022-W39", "2026-W02", "2026-W03"]),
        ("month", ["2022-09", "2026-01"], ["2022-09", "2022-10", "2026-01", "2026-02"]),
        ("quarter", ["2022-Q3", "2026-Q1"], ["2022-Q3", "2022-Q4", "2026-Q1", "2026-Q2"]),
        ("half_year", ["2022-H2", "2026-H1"], ["2022-H2", "2023-H1", "2026-H1"]),
        ("year", ["2022", "2026"], ["2022", "2023"]),
    ],
)
async def test_both_statutes_break_every_series_and_what_is_compared_across_them(
    record: Any, grain: str, periods: list[str], changes: list[str]
) -> None:
    """In the period that holds the day, and in the one after, which is compared with it. 2026 itself is not over."""
    answer = await ask(record, {"group_by": (grain,), "transform": ("chg",)})
    assert [(one["id"], one["kind"], one["day"], one["period"]) for one in answer.breaks] == [
        ("365-FZ", "statute", "2022-09-24", periods[0]),
        ("534-FZ", "statute", "2026-01-09", periods[1]),
    ]
    assert marked(answer, grain, "chg") == changes
    [warning] = [one for one in answer.warnings if one["code"] == "across_break"]
    assert "365-FZ of 2022-09-24, 534-FZ of 2026-01-09" in warning["detail"]


async def test_a_year_later_is_still_compared_across(record: Any) -> None:
    answer = await ask(record, {"group_by": ("month",), "transform": ("yoy",)})
    of_the_first = [f"2022-{month:02}" for month in range(9, 13)] + [f"2023-{month:02}" for month in range(1, 10)]
    assert marked(answer, "month", "yoy") == [*of_the_first, *(f"2026-{month:02}" for month in range(1, 8))]
    means = await ask(record, {"group_by": ("month",), "transform": ("avg4",)})
    months = [f"2022-{month:02}" for month in range(9, 13)] + [f"2026-{month:02}" for month in range(1, 5)]
    assert marked(means, "month", "avg4") == months


async def test_a_statute_breaks_the_series_of_its_articles_alone_and_between_its_days(record: Any) -> None:
    async def ids(**given: tuple[str, ...]) -> list[str]:
        answer = await ask(record, {"group_by": ("month",), "transform": ("chg",), **given})
        warned = [one["detail"] for one in answer.warnings if one["code"] == "across_break"]
        found = [one["id"] for one in answer.breaks]
        assert bool(warned) is bool(found) is bool(marked(answer, "month", "chg"))
        assert [name for name in BREAKS for detail in warned if name in detail] == found
        return found

    assert await ids(offence=("337",)) == await ids(offence=("337:5", "352.1")) == list(BREAKS)
    assert await ids(start_period=("2022-11",), end_period=("2025",)) == []
    assert await ids(end_period=("2022-09-23",)) == []
    assert await ids(end_period=("2022-12",)) == ["365-FZ"]
    assert await ids(start_period=("2023",)) == ["534-FZ"]
    # the first month shown is compared with the one before, in which the break was
    early = await ask(record, {"group_by": ("month",), "transform": ("chg",), "start_period": ("2022-10",)})
    [warning] = [one["detail"] for one in early.warnings if one["code"] == "across_break"]
    assert "365-FZ of 2022-09-24, 534-FZ" in warning
    assert [one["id"] for one in early.breaks] == ["534-FZ"]
    surrender = await ask(record, {"group_by": ("month",), "offence": ("352.1",)})
    assert [one["id"] for one in surrender.breaks] == ["365-FZ"]  # of which nobody was convicted
    foreign = await ask(record, {"group_by": ("month",), "offence": ("158",)})
    assert foreign.breaks == ()


async def test_a_break_is_told_in_both_languages(record: Any) -> None:
    for lang, word in (("en", "Federal law"), ("ru", "Федеральный закон")):
        answer = await ask(record, {"group_by": ("month",)}, lang=lang)
        assert all(one["caption"].startswith(word) for one in answer.breaks)
