"""A record that is published every week: what is a delay, how much has to be known, and what is unusual."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.records.revisions import State
from app.statistics import Answer, find_answer, find_codes, read_question
from app.statistics.beside import Beside
from app.statistics.delays import ORDINARY, Delays, find_delays
from app.statistics.outlook import with_outlook
from app.vocabulary import CODELISTS
from tests.ledgers import person, post, rows_of, state_of
from tests.recount import COURTS, Entry, Given

MONDAY = date(2023, 1, 2)  # of the week that ends before revision 2
ROSTOV, MOSCOW, _ = COURTS
Posted = tuple[int, str, Entry, int]  # revision, cause, entry, n


def published(revision: int) -> datetime:
    """Every Monday at noon."""
    return datetime.combine(MONDAY, datetime.min.time(), UTC) + timedelta(weeks=revision - 1, hours=12)


def state_at(revision: int) -> State:
    return replace(state_of(revision), published_at=published(revision))


def received(week: int, court: str = ROSTOV, **different: Any) -> Entry:
    """A case received on the Wednesday of a week; week 2 ends before revision 3."""
    place = dict(zip(("court_level", "region", "district"), COURTS[court], strict=True))
    day = MONDAY + timedelta(weeks=week - 1, days=2)
    what = {"unit": "case", "event": "received", "disposition": "pending"}
    return person(str(day), court=court, **what, **place, **different)


async def publish(connection: Any, revisions: int, posted: Iterable[Posted], sources: dict[int, str]) -> None:
    """Write revisions, the first load of each court, ledger and tally."""
    await connection.executemany(
        "INSERT INTO revisions (revision, recorded_at, published_at, cause, source, author, is_synthetic, is_backdated,"
        " counts, rows_written, reference, definition, cases, flat_rows)"
        " VALUES ($1, $2, $2, 'source', $3, 'test', false, true, '{}', '{}', 9, 1, 0, 0)",
        [(number, published(number), sources.get(number, "desk")) for number in range(1, revisions + 1)],
    )
    await connection.execute(
        "INSERT INTO cases (court, case_id, instance, revision) VALUES ($1, $2, 'first', 1), ($3, $4, 'first', 10)",
        ROSTOV, UUID(int=1), MOSCOW, UUID(int=2),
    )  # fmt: skip
    await post(connection, posted, revisions)


async def delays_at(connection: Any, revision: int, **given: tuple[str, ...]) -> Delays:
    state = state_at(revision)
    known = await find_codes(connection, state)
    question = read_question({"measures": ("cases_received",), "group_by": ("week",), **given}, None, known)
    return await find_delays(connection, state, question, with_cells=True)


async def ordinary(connection: Any, revision: int, week: int) -> int:
    found = (await delays_at(connection, revision)).ordinary.get("cases_received", {})
    return found.get((MONDAY + timedelta(weeks=week - 1), ()), 0)


async def test_only_ordinary_reports_are_a_delay(connection: Any) -> None:
    """Neither other causes, nor the first revision of a source, nor days until a court was first loaded."""
    causes = CODELISTS["cause"].ids
    weeks = {cause: 11 + number for number, cause in enumerate(causes)}  # each cause has a week of its own
    posted: list[Posted] = [(week + 3, cause, received(week), 1) for cause, week in weeks.items()]
    posted += [
        (25, "new", received(23), 1),  # another source begins
        (26, "new", received(24), 1),
        (3, "new", received(1), 1),  # of the week in which publishing began
        (27, "late_reported", received(8, MOSCOW), 1),  # of days before Moscow was loaded, on the Monday of week 10
        (27, "late_reported", replace(received(10, MOSCOW), day=published(10).date()), 1),  # and of that day
        (27, "late_reported", received(10, MOSCOW), 1),
        (28, "corrected", received(25), 1),
        (29, "corrected", received(25), -1),
    ]
    await publish(connection, 30, posted, {25: "another"})
    assert {cause for cause, week in weeks.items() if await ordinary(connection, 30, week)} == set(ORDINARY)
    assert set(ORDINARY) == {"new", "late_reported", "corrected"}
    told = {week: await ordinary(connection, 30, week) for week in (1, 8, 10, 23, 24, 25)}
    assert told == {1: 0, 8: 0, 10: 1, 23: 0, 24: 1, 25: 0}
    assert await ordinary(connection, 28, 25) == 1  # until it was taken back
    assert await ordinary(connection, 25, 24) == 0  # not published yet


async def test_a_delay_runs_from_the_end_of_the_period_to_each_publication(connection: Any) -> None:
    posted: list[Posted] = [(revision, "new", received(20), 2) for revision in (21, 24)]
    posted += [(26, "corrected", received(20), -1), *((r, "new", received(r - 1), 1) for r in range(22, 30))]
    await publish(connection, 30, posted, {})
    [past] = (await delays_at(connection, 30)).past.values()
    [twenty] = [one for one in past if one.age == pytest.approx(9 * 7 + 0.5)]
    half = 0.5  # a day, from the end of Sunday to Monday noon
    assert [twenty.development.at(7 * weeks + half) for weeks in (0, 3, 5, 8)] == [2, 4, 3, 3]


# ── How much has to be known ───────────────────────────────────────────────────────────────────


def reports(weeks: int, level: int = 30, unusual: dict[int, int] | None = None) -> list[Posted]:
    """So many cases a week, two in three reported at once, the others a week later."""
    posted: list[Posted] = []
    for week in range(2, weeks):
        count = (unusual or {}).get(week, level)
        posted += [(week + 1 + (number % 3 == 2), "new", received(week), 1) for number in range(count)]
    return posted


async def outlook(connection: Any, revision: int, given: Given, beside: Beside) -> Answer:
    state = state_at(revision)
    known = await find_codes(connection, state)
    question = read_question({"measures": ("cases_received",), **given}, None, known)
    answer = await find_answer(connection, state, question, known)
    return await with_outlook(connection, state, question, known, answer, beside)


async def fill(connection: Any, weeks: int, **options: Any) -> None:
    await publish(connection, weeks, [one for one in reports(weeks, **options) if one[0] <= weeks], {})


async def test_with_more_history_come_completeness_and_then_the_nowcast_and_each_says_what_is_missing(
    connection: Any,
) -> None:
    await fill(connection, 50)
    told: list[tuple[bool, bool]] = []
    for revision in range(24, 50):
        start, last = (MONDAY + timedelta(weeks=revision - 3 + more, days=6 * more) for more in (0, 1))
        given: Given = {"group_by": ("week",), "start_period": (str(start),), "end_period": (str(last),)}
        answer = await outlook(connection, revision, given, Beside(has_nowcast=True))
        row = rows_of(answer)[1]
        has_completeness, has_nowcast = row["completeness"] is not None, row["cases_received_expected"] is not None
        warned = [one["detail"] for one in answer.warnings if one["code"] == "too_little_history"]
        assert row["cases_received"] == 20
        assert row["cases_received_nowcast_status"] == ("normal" if has_nowcast else "too_little_history")
        assert bool(warned) is not has_nowcast
        if has_completeness:
            assert row["completeness"] == pytest.approx(2 / 3, abs=0.02)
            assert not [detail for detail in warned if "Their completeness is null" in detail]
        else:
            assert "Their completeness is null" in warned[0]
        if has_nowcast:
            assert row["cases_received_expected"] == pytest.approx(30, abs=1)
            assert row["cases_received_low80"] <= row["cases_received_low50"] <= 30
            assert 30 <= row["cases_received_high50"] <= row["cases_received_high80"]
        told.append((has_completeness, has_nowcast))
    assert sorted(set(told)) == [(False, False), (True, False), (True, True)]
    assert told == sorted(told)  # what is known once stays known


# ── Is it unusual? ─────────────────────────────────────────────────────────────────────────────


async def test_a_week_outside_its_own_past_is_marked_and_an_incomplete_one_cannot_be_told(connection: Any) -> None:
    await fill(connection, 90, unusual={60: 75, 70: 5})
    given: Given = {"group_by": ("week",)}
    rows = rows_of(await outlook(connection, 90, given, Beside(has_signal=True)))
    week_of = {row["week_start"]: row for row in rows}

    def told(week: int) -> str:
        return str(week_of[MONDAY + timedelta(weeks=week - 1)]["cases_received_signal"])

    # fewer than 26 whole weeks of the record before them: it begins on a Wednesday
    assert {told(week) for week in range(2, 29)} == {"cannot_tell"}
    assert {told(week) for week in range(29, 60)} == {"usual"}
    assert (told(60), told(70)) == ("high", "low")
    assert {told(week) for week in (*range(61, 70), *range(71, 89))} == {"usual"}
    assert told(89) == "cannot_tell"  # two thirds of it are known
    row = week_of[MONDAY + timedelta(weeks=59)]
    assert row["cases_received_usual_low"] < 30 < row["cases_received_usual_high"] < row["cases_received"] == 75
