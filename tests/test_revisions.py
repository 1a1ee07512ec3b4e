"""Revisions: their causes, their numbers, when they are published, and that nothing is half of one."""

import asyncio
import os
import signal
import sys
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from app import reference
from app.db.database import Database, take_turn
from app.errors import InvalidParameters, NoRevisionYet, Unavailable
from app.ingest.restate import bring_method
from app.records.resolve import Effective
from app.records.revisions import get_state
from app.statistics import find_answer, find_codes, find_comparison, read_question
from app.statistics.definitions import DEFINITIONS, Definition
from app.statistics.vintages import find_all, find_first
from tests.loading import (
    GROZNY,
    JUDGED,
    MOSCOW,
    UID,
    VERDICT,
    Desk,
    card,
    case,
    empty,
    outcomes,
    person,
    recount,
    until,
)

ROOT = Path(__file__).parents[1]


# ── Causes and coverage ────────────────────────────────────────────────────────────────────────

SPRING = {"entry_date_from": "01.03.2023", "entry_date_till": "31.05.2023"}


@pytest.mark.parametrize(
    ("received", "cause"),
    [
        ("01.06.2023", "new"),
        ("31.05.2023", "late_reported"),
        ("01.03.2023", "late_reported"),
        ("28.02.2023", "newly_found"),
    ],
)
async def test_why_a_case_appears_follows_from_what_was_covered(desk: Desk, received: str, cause: str) -> None:
    await desk.scrape(card(), meta=SPRING)
    assert await desk.causes(1) == {("received", "new"): 1}
    await desk.scrape(card("1-2/2023", entryDate=received))
    assert await desk.causes(2) == {("received", cause): 1}


async def test_a_window_covers_its_own_court_and_what_it_brings_itself_is_judged_without_it(desk: Desk) -> None:
    await desk.scrape(card(), meta=SPRING)
    await desk.scrape(card(court=MOSCOW), meta=SPRING)
    assert await desk.causes(2) == {("received", "new"): 1}


async def test_a_verdict_is_new_an_offence_changed_is_reclassified_and_the_rest_is_corrected(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    await desk.house(case(**VERDICT))
    assert await desk.causes(2) == {("decided", "new"): 1, ("received", "corrected"): 0}
    await desk.house(case(defendants=[person("338:1")]))
    assert await desk.causes(3) == {("received", "reclassified"): 0, ("decided", "reclassified"): 0}
    await desk.house(case(received_on="2023-03-15"))
    assert await desk.causes(4) == {("received", "corrected"): 0, ("decided", "corrected"): 0}


async def test_the_negated_and_the_added_entries_of_an_event_share_a_cause(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT, defendants=[person("337:5"), person("338:1")]))
    await desk.house(case(decided_on="2023-04-22", defendants=[person("337:5"), person("338:2")]))
    rows = await desk.fetch(
        "SELECT event, count(DISTINCT cause) AS causes, min(n) AS least, max(n) AS most FROM entries"
        " WHERE revision = 2 GROUP BY court, case_id, event"
    )
    assert [(r["causes"], r["least"], r["most"]) for r in rows] == [(1, -1, 1)] * 2


async def test_a_new_window_alone_makes_a_revision_and_a_known_one_does_not(desk: Desk) -> None:
    await desk.scrape(card(), meta=SPRING)
    wider = {**SPRING, "entry_date_till": "30.06.2023"}
    receipt = await desk.scrape(card(), meta=wider)
    assert (outcomes(receipt), receipt["revision"]) == ({"unchanged": 1}, 2)
    inside = {"entry_date_from": "15.05.2023", "entry_date_till": "15.06.2023"}
    assert (await desk.scrape(card(), meta=inside))["revision"] is None
    assert await desk.value("SELECT count(*) FROM entries WHERE revision = 2") == 0


async def test_a_window_that_lies_in_several_known_ones_is_not_new(desk: Desk) -> None:
    await desk.scrape(card(), meta={"entry_date_from": "01.03.2023", "entry_date_till": "31.03.2023"})
    await desk.scrape(card(), meta={"entry_date_from": "01.04.2023", "entry_date_till": "30.04.2023"})
    assert (await desk.scrape(card(), meta={**SPRING, "entry_date_till": "30.04.2023"}))["revision"] is None


async def test_a_run_does_not_cover_the_days_after_it(desk: Desk) -> None:
    await desk.scrape(card(), meta={**SPRING, "entry_date_till": "31.12.2099"}, seen_on="2023-05-10")
    await desk.scrape(card("1-2/2023", entryDate="11.05.2023"))
    assert await desk.causes(2) == {("received", "new"): 1}


async def test_a_run_that_asked_by_result_covers_nothing_and_says_so(desk: Desk) -> None:
    receipt = await desk.scrape(card(), meta={**SPRING, "result_date_from": "01.03.2023"})
    assert [w["code"] for w in receipt["warnings"]] == ["coverage-by-result"]
    assert await desk.value("SELECT count(*) FROM coverage_windows") == 0


async def test_a_description_that_cannot_be_read_is_a_warning(desk: Desk) -> None:
    receipt = await desk.scrape(card(), meta={"entry_date_from": "31.02.2023", "entry_date_till": "31.05.2023"})
    assert [w["code"] for w in receipt["warnings"]] == ["meta-malformed"]
    assert receipt["revision"] == 1


# ── Numbers and days of publication ────────────────────────────────────────────────────────────


async def test_revisions_count_from_one_without_gaps_also_after_failures(desk: Desk) -> None:
    await desk.house(case())
    await desk.house(case("1-2/2023"), is_trial=True)
    await desk.house(case("1-2/2023", decided_on="2023-02-31"))
    with pytest.raises(InvalidParameters):
        await desk.house(case("1-2/2023"), published_at=datetime(2999, 1, 1, tzinfo=UTC))
    await desk.house(case("1-2/2023"))
    assert [row["revision"] for row in await desk.fetch("SELECT revision FROM revisions ORDER BY 1")] == [1, 2]


async def test_a_time_of_publication_is_never_in_the_future_nor_before_the_last(desk: Desk) -> None:
    summer = datetime(2023, 7, 19, 10, tzinfo=UTC)
    await desk.house(case(), published_at=summer)
    for wrong, why in (
        (datetime.now(UTC) + timedelta(minutes=5), "is in the future"),
        (summer - timedelta(seconds=1), "is before the last revision's"),
    ):
        with pytest.raises(InvalidParameters, match=why):
            await desk.house(case("1-2/2023"), published_at=wrong)
    assert await desk.value("SELECT count(*) FROM statements") == 1
    await desk.house(case("1-2/2023"), published_at=summer)
    rows = await desk.fetch("SELECT is_backdated, recorded_at > published_at AS is_past FROM revisions")
    assert [tuple(row.values()) for row in rows] == [(True, True)] * 2


async def test_as_of_a_day_is_the_last_revision_published_by_its_end(desk: Desk) -> None:
    for number, at in enumerate(("2023-07-18T23:59:59.999999", "2023-07-19T00:00:00", "2023-07-19T23:59:59"), 1):
        await desk.house(case(f"1-{number}/2023"), published_at=datetime.fromisoformat(at).replace(tzinfo=UTC))
    async with desk.database.owner() as connection:
        for day, revision, is_pinned in ((18, 1, True), (19, 3, False), (20, 3, False)):
            state = await get_state(connection, as_of=date(2023, 7, day))
            assert (state.revision, state.is_pinned, state.is_backdated) == (revision, is_pinned, True)
        with pytest.raises(NoRevisionYet):
            await get_state(connection, as_of=date(2023, 7, 17))


async def test_an_ordinary_revision_is_published_when_it_is_recorded(desk: Desk) -> None:
    await desk.house(case(), is_synthetic=True)
    (row,) = await desk.fetch("SELECT recorded_at, published_at, is_backdated, is_synthetic FROM revisions")
    assert row["recorded_at"] == row["published_at"]
    assert (row["is_backdated"], row["is_synthetic"]) == (False, True)


# ── All of it or nothing ───────────────────────────────────────────────────────────────────────

_RECORD = ("cases", "identifiers", "statements", "versions", "revisions", "batches", "sources", "ledger", "tally")


async def _rows(desk: Desk) -> int:
    return sum([await desk.value(f"SELECT count(*) FROM {table}") for table in _RECORD])


async def test_one_refused_row_refuses_the_file_unless_such_rows_are_skipped(desk: Desk) -> None:
    rows = (case(), case("1-2/2023", disposition="aquitted"), case("1-3/2023"))
    receipt = await desk.house(*rows)
    assert (receipt["applied"], [r["pointer"] for r in receipt["refused"]]) == (False, ["line 2 /disposition"])
    assert await _rows(desk) == 1  # the receipt, which says why
    assert outcomes(await desk.house(*rows, skips_refused=True)) == {"created": 2, "refused": 1}
    assert sorted(await desk.held()) == ["1-1/2023", "1-3/2023"]


async def test_a_trial_tells_what_would_be_and_writes_nothing(desk: Desk) -> None:
    receipt = await desk.house(case(), case("1-2/2023"), is_trial=True)
    assert (outcomes(receipt), receipt["applied"]) == ({"created": 2}, False)
    assert await _rows(desk) == 0


_KILLED = """
import asyncio, sys
from pathlib import Path
from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
options = Options(layout="house", layer="court_card", source="killed", author="test")
asyncio.run(ingest_file(Database(sys.argv[1]), Path(sys.argv[2]), options))
"""
_BLOCKED = "SELECT pid FROM pg_locks WHERE NOT granted AND relation = $1::regclass"
_GONE = "SELECT true WHERE NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)"


@pytest.mark.parametrize("table", ["ledger", "published"])
async def test_an_ingest_killed_at_work_leaves_nothing_behind(desk: Desk, table: str) -> None:
    await desk.house(case())
    before = await _rows(desk)
    path = desk.write(*(case(f"1-{n}/2023", received_on="2023-03-14") for n in range(2, 200)))
    async with desk.database.owner() as gate:
        async with gate.transaction():
            await gate.execute(f"LOCK TABLE {table} IN SHARE MODE")  # holds the ingest up in the middle
            killed = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _KILLED, desk.database.url, str(path), cwd=ROOT
            )
            backend = await until(lambda: desk.value(_BLOCKED, table))
            os.kill(killed.pid, signal.SIGKILL)
            assert await killed.wait() == -signal.SIGKILL
        await until(lambda: gate.fetchval(_GONE, backend))
    assert await _rows(desk) == before
    assert outcomes(await desk.take(path)) == {"created": 198}
    assert await desk.revision() == 2


async def test_two_ingests_at_once_are_applied_one_after_the_other(desk: Desk) -> None:
    receipts = await asyncio.gather(
        desk.house(case(), case("1-2/2023")), desk.house(case("1-2/2023", arrival="return"), case("1-3/2023"))
    )
    assert sorted(r["revision"] for r in receipts) == [1, 2]
    assert sum(outcomes(r)["created"] for r in receipts) == 3


async def test_the_same_file_twice_at_once_is_applied_once(desk: Desk) -> None:
    path = desk.write(case())
    receipts = await asyncio.gather(desk.take(path), desk.take(path))
    assert sorted(str(r["revision"]) for r in receipts) == ["1", "None"]


async def test_an_ingest_waits_its_turn_and_then_gives_up(desk: Desk) -> None:
    async with desk.database.owner() as other, other.transaction():
        await take_turn(other)
        with pytest.raises(Unavailable, match="Another ingest is running") as waited:
            await desk.take(desk.write(case()), writer_wait_s=0.05)
    assert waited.value.headers == {"Retry-After": "60"}


async def test_a_reader_never_sees_half_of_a_revision(desk: Desk) -> None:
    """A reader's snapshot holds the published revision's rows, all of them, and none of a later one."""
    await desk.database.open()
    is_over = asyncio.Event()

    async def read() -> int:
        times = 0
        while not is_over.is_set():
            async with desk.database.snapshot() as connection:
                rows = await connection.fetch(
                    "SELECT l.revision, l.n, (r.rows_written ->> 'ledger')::int AS expected FROM"
                    " (SELECT revision, count(*) AS n FROM ledger GROUP BY revision) l"
                    " LEFT JOIN revisions r ON r.revision = l.revision"
                    " AND r.revision <= (SELECT revision FROM published)"
                )
                assert all(row["n"] == row["expected"] for row in rows)
                times += 1
        return times

    reading = asyncio.create_task(read())
    try:
        for n in range(1, 5):
            await desk.house(case(received_on=f"2023-03-1{n}"), case(f"1-{n}1/2023", received_on="2023-03-14"))
    finally:
        is_over.set()
        times = await reading
        await desk.database.close()
    assert times > 4


# ── Append-only ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("table", ["ledger", "tally", "statements", "versions", "defendants", "charges", "revisions"])
async def test_neither_role_may_change_or_delete_what_was_written(desk: Desk, table: str) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    column = {"statements": "seen_on", "versions": "arrival", "revisions": "source"}.get(table, "court")
    changes = (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}", f"TRUNCATE {table}")
    insert = f"INSERT INTO {table} SELECT * FROM {table} LIMIT 0"
    async with desk.database.owner() as connection:
        for role in ("sudstat_reader", "sudstat_writer"):
            await connection.execute(f"SET ROLE {role}")
            for statement in changes:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(statement)
            if role == "sudstat_writer":
                await connection.execute(insert)
                continue
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(insert)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE ledger SET cases = 2 WHERE cases = 1 AND event = 'received'",
        "UPDATE ledger SET charges = 0",
        "INSERT INTO ledger SELECT * FROM ledger WHERE persons = 1",
        "UPDATE ledger SET offence_part = '337:3' WHERE persons = 1",
        "UPDATE ledger SET day = day + 1 WHERE cases = 1",
        *(f"UPDATE tally SET n = n + 1 WHERE sum = {sum_} AND year {year}" for sum_, year in ((7, "> 0"), (2, "= 0"))),
        *(f"UPDATE tally SET {name}[1] = {name}[1] + 1 WHERE sum = 1" for name in ("series", "running")),
        "UPDATE tally SET series[1] = series[1] + (1::bigint << 32) WHERE year > 0",
        "DELETE FROM tally WHERE sum = 5",
        "UPDATE versions SET content_hash = '\\x00'",
        'UPDATE statements SET body = body || \'{"arrival": "transfer"}\'',
        "UPDATE revisions SET rows_written = '{\"ledger\": 9}'",
    ],
)
async def test_a_row_tampered_with_is_found(desk: Desk, tampering: str) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    async with desk.database.owner() as connection:
        tampered = connection.transaction()
        await tampered.start()
        assert await connection.execute(tampering) != "UPDATE 0"
        assert await recount(connection, 1) != ()
        await tampered.rollback()


# ── Courts and offences of another release ─────────────────────────────────────────────────────


async def test_changed_courts_and_offences_restate_the_record_as_method(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(database, tmp_path)
    await desk.house(
        case(received_on="2023-03-14", uid=UID, **VERDICT, defendants=[person("338:1", "332:2.1")]),
        case("1-2/2023", MOSCOW, received_on="2023-04-14", uid=UID, defendants=[person("337:5")]),
    )
    await desk.house(case(arrival="return"), layer="newsroom")
    assert await bring_method(database) is None  # nothing of it has changed

    courts, offences = dict(reference.courts()), dict(reference.offences())
    courts[GROZNY] = replace(courts[GROZNY], region_code="05")
    offences["332:2.1"] = replace(offences["332:2.1"], imprisonment_max_months=240)
    monkeypatch.setattr(reference, "courts", lambda: courts)
    monkeypatch.setattr(reference, "offences", lambda: offences)
    monkeypatch.setattr(reference, "content_hash", lambda: "another")
    assert await bring_method(database) == 3
    assert await bring_method(database) is None

    assert {cause for _, cause in await desk.causes(3)} == {"method"}
    moved = (
        "SELECT unit, offence_part, region, sum(n) AS n FROM entries"
        " WHERE revision = 3 AND event = 'decided' GROUP BY 1, 2, 3"
    )
    assert {(r["unit"], r["offence_part"], r["region"]): r["n"] for r in await desk.fetch(moved)} == {
        (unit, offence, region): n
        for unit in ("case", "person")
        for offence, region, n in (("338:1", "20", -1), ("332:2.1", "05", 1))
    }
    assert await desk.value("SELECT count(*) FROM entries WHERE revision = 3 AND court = $1", MOSCOW) == 0
    await desk.scrape(card("1-3/2023", **JUDGED))
    assert await desk.value("SELECT reference FROM revisions WHERE revision = 4") == 2
    assert await desk.differences() == []


async def test_a_changed_reference_before_the_first_revision_is_none(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "content_hash", lambda: "another")
    assert await bring_method(database) is None
    desk = Desk(database, tmp_path)
    await desk.house(case(received_on="2023-03-14"))
    assert await desk.value("SELECT reference FROM revisions") == 2
    assert await desk.differences() == []


# ── Another definition of what counts ──────────────────────────────────────────────────────────

TRANSFERRED = {"decided_on": "2023-05-02", "disposition": "transferred_jurisdiction"}


def without_transferred() -> Definition:
    """A definition by which a case that goes to another court was never received."""
    entries = DEFINITIONS[1].entries
    first_instance = "WHERE v.instance = 'first'"
    assert entries.count(first_instance) == 1
    return Definition(entries.replace(first_instance, f"{first_instance} AND v.disposition NOT LIKE 'transferred%'"))


async def test_another_definition_restates_the_record_as_method_and_earlier_revisions_keep_theirs(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.house(
        case(received_on="2023-03-14", **VERDICT, defendants=[person("337:5")]),
        case("1-2/2023", received_on="2023-03-15", **TRANSFERRED, defendants=[person("337:5")]),
        case("1-3/2023", received_on="2023-03-16", defendants=[person("338:1")]),
        published_at=datetime(2023, 4, 1, tzinfo=UTC),
    )
    assert await bring_method(desk.database) is None
    with monkeypatch.context() as later:
        later.setitem(DEFINITIONS, 2, without_transferred())
        assert await bring_method(desk.database) == 2
        assert await bring_method(desk.database) is None
        assert await desk.fetch("SELECT definition, cause, note FROM revisions ORDER BY revision") == [
            {"definition": 1, "cause": "source", "note": None},
            {"definition": 2, "cause": "method", "note": "What counts: definition 2 instead of 1."},
        ]
        moved = "SELECT DISTINCT v.number FROM entries l JOIN versions v USING (court, case_id) WHERE l.revision = 2"
        assert [row["number"] for row in await desk.fetch(moved)] == ["1-2/2023"]
        received = [await desk.counts(unit="case", event="received", revision=number) for number in (1, 2)]
        assert received == [3, 2]
        # what was counted by the new definition is taken back by it, and the third case is counted no more
        await desk.house(case("1-3/2023", received_on="2023-03-17", **TRANSFERRED), layer="newsroom")
        assert await desk.counts(unit="case", event="received") == 1
        assert await desk.differences() == []
        async with desk.database.owner() as connection:
            states = [await get_state(connection, revision=number) for number in (1, 2)]
            known = [await find_codes(connection, state) for state in states]
            asked = {"measures": ("cases_received", "cases_decided"), "group_by": ("month",)}
            question = read_question(asked, None, known[1])
            told = await find_comparison(connection, question, (known[0], known[1]), (states[0], states[1]))
            every = await find_all(connection, states[1], question, known[1])
            alone = await find_answer(connection, states[0], question, known[0])
            in_march = replace(question, start=date(2023, 3, 1), end=date(2023, 3, 31))
            since = replace(in_march, end=date(2023, 5, 31))  # of which May was first published with the definition
            first, march = [await find_first(connection, states[1], one, known[1]) for one in (since, in_march)]
        assert [row[4] for row in first.table.rows] == [1, 2, 2]
        assert not [one for one in march.warnings if one["code"] == "across_break"]
        assert [row["cases_received"]["causes"]["method"] for row in told.rows] == [-1, 0]
        assert all(row["cases_received"]["delta"] == row["cases_received"]["causes"]["method"] for row in told.rows)
        for answer in (told, every, first):
            assert [one["break"]["id"] for one in answer.warnings if one["code"] == "across_break"] == ["revision-2"]
        assert [row[-2] for row in alone.table.rows] == [3, 0]  # as of then, by the definition of then
        assert not [one for one in alone.warnings if one["code"] == "across_break"]
    # the earlier release must neither serve nor write what it would count by another rule
    with pytest.raises(Unavailable, match="definition 2"):
        await bring_method(desk.database)
    with pytest.raises(Unavailable, match="another release"):
        await desk.house(case("1-4/2023", received_on="2023-03-18"))
    async with desk.database.owner() as connection:
        with pytest.raises(InvalidParameters, match="definition 2"):
            await recount(connection, 2)
    await empty(desk.database)


async def test_a_definition_has_its_own_rule_for_making_a_version(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT, defendants=[person("337:5")]))
    earlier = DEFINITIONS[1]

    def presuming_nobody(*said: Any) -> Effective:
        found = earlier.resolve(*said)
        return replace(found, disposition="other")

    with monkeypatch.context() as later:
        later.setitem(DEFINITIONS, 2, replace(earlier, resolve=presuming_nobody))
        assert await bring_method(desk.database) == 2
        assert (await desk.one())["disposition"] == "other"
        assert await desk.causes(2) == {("received", "method"): 0, ("decided", "method"): 0}
        assert await desk.differences() == []
    await empty(desk.database)


async def test_asking_for_the_reference_does_not_wait_for_an_ingest(desk: Desk) -> None:
    async with desk.database.owner() as other, other.transaction():
        await take_turn(other)
        async with asyncio.timeout(5):
            assert await bring_method(desk.database) is None
