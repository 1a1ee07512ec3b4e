"""Turns at the database: one caller cannot hold them all, and who would wait too long is told at once."""

import asyncio
import threading
import time
from contextlib import AsyncExitStack
from importlib import import_module
from typing import Any

import pytest

from app.db.database import Database
from app.db.turns import LARGE_ROWS, LONG_S, Turns, aside, on_behalf_of
from app.errors import Overloaded
from tests.serving import client_of, fill, problem_of


async def hold(turns: Turns, who: str, seconds: float) -> str:
    """Take a turn for somebody and keep it for a while; tells how that ended."""
    on_behalf_of.set(who)
    try:
        async with turns.one():
            await asyncio.sleep(seconds)
    except Overloaded as problem:
        return problem.headers["Retry-After"]
    return "done"


def all_of(turns: Turns, who: str, times: int, seconds: float) -> list[asyncio.Task[str]]:
    """Many at once, of one caller."""
    return [asyncio.create_task(hold(turns, who, seconds)) for _ in range(times)]


async def test_one_caller_holds_half_of_the_turns_and_others_do_not_wait_for_theirs() -> None:
    turns = Turns(4, wait_s=5)
    heavy = all_of(turns, "heavy", 40, 10)
    await asyncio.sleep(0.01)
    assert turns._running == {"heavy": 2}
    assert await asyncio.wait_for(hold(turns, "light", 0), 1) == "done"
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)
    assert (turns._running.total(), turns._waiting) == (0, [])
    assert await hold(turns, "heavy", 0) == "done"


async def test_who_would_wait_too_long_is_told_at_once_in_whole_seconds() -> None:
    turns = Turns(2, wait_s=1)
    turns._lanes[False].mean_s = 2.5
    held = all_of(turns, "a", 1, 10)
    await asyncio.sleep(0.01)
    begun = time.monotonic()
    assert await hold(turns, "a", 0) == "3"
    assert time.monotonic() - begun < 0.5  # without waiting
    held[0].cancel()
    await asyncio.gather(*held, return_exceptions=True)


async def test_who_was_misjudged_waits_no_longer_than_may_be_and_leaves_nothing_behind() -> None:
    turns = Turns(1, wait_s=0.05)
    held = all_of(turns, "a", 1, 0.4)
    await asyncio.sleep(0.01)
    assert await hold(turns, "b", 0) == "1"
    assert turns._waiting == []
    assert await held[0] == "done"
    assert await hold(turns, "b", 0) == "done"


async def test_turns_come_in_the_order_of_coming() -> None:
    turns, seen = Turns(2, wait_s=5), list[int]()

    async def note(number: int) -> None:
        on_behalf_of.set(f"caller {number}")
        async with turns.one():
            seen.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(note(number) for number in range(20)))
    assert seen == list(range(20))


async def test_a_flood_of_questions_is_refused_at_once_and_others_are_answered(database_url: str) -> None:
    await fill(database_url)
    settings: dict[str, Any] = {"pool_size": 2, "pool_wait_s": 0.2, "trusted_proxies": "127.0.0.1"}
    async with client_of(database_url, **settings) as client, AsyncExitStack() as held:
        database = client._transport.app.state.service.database  # type: ignore[attr-defined]
        database._turns._lanes[False].mean_s = 1.0  # as if questions took a second
        on_behalf_of.set("k:heavy")
        await held.enter_async_context(database.snapshot())
        on_behalf_of.set("k:heavier")
        await held.enter_async_context(database.snapshot())
        flood = await asyncio.gather(*(client.get("/v1/statistics") for _ in range(30)))
        for answer in flood:
            assert problem_of(answer) == (503, "overloaded")
            assert int(answer.headers["retry-after"]) >= 1
        assert (await client.get("/healthz")).status_code == 200
        await held.aclose()
        assert (await client.get("/v1/statistics")).status_code == 200


async def test_a_statement_that_takes_too_long_is_cancelled_with_advice(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database_url)

    async def sleep(connection: Any, *_: Any, **__: Any) -> None:
        await connection.execute("SELECT pg_sleep(30)")

    monkeypatch.setattr("app.api.statistics.find_answer", sleep)
    async with client_of(database_url, statement_timeout_s=0.2) as client:
        answer = await client.get("/v1/statistics")
        assert problem_of(answer) == (503, "took-too-long")
        assert "shorter window" in answer.json()["detail"]
        assert int(answer.headers["retry-after"]) > 0
        async with Database(database_url).owner() as connection:  # in Postgres too, not only here
            assert await connection.fetchval(
                "SELECT count(*) FROM pg_stat_activity"
                " WHERE state = 'active' AND datname = current_database() AND query LIKE '%pg_sleep(30)%'"
                " AND pid <> pg_backend_pid()"
            ) == 0  # fmt: skip


async def test_callers_whose_questions_are_long_have_together_one_turn_of_eight() -> None:
    turns = Turns(8, wait_s=5)
    for number in range(20):
        turns._callers[f"heavy {number}"] = 2 * LONG_S
    heavy = [task for number in range(20) for task in all_of(turns, f"heavy {number}", 2, 10)]
    await asyncio.sleep(0.01)
    assert turns.busy[0] == 1
    assert await asyncio.gather(*all_of(turns, "light", 40, 0)) == ["done"] * 40
    for task in heavy:
        task.cancel()
    await asyncio.gather(*heavy, return_exceptions=True)
    assert turns.busy == (0, 0)


async def test_a_caller_is_known_by_how_long_their_turns_lately_took() -> None:
    turns = Turns(4, wait_s=5)
    assert await hold(turns, "a", 0.3) == "done"
    assert turns._callers["a"] >= 0.3
    turns._callers["a"] = 2 * LONG_S
    for _ in range(8):
        assert await hold(turns, "a", 0) == "done"
    assert turns._callers["a"] < LONG_S


async def test_who_asks_a_large_question_waits_only_where_the_longest_of_late_would_end_well_in_time() -> None:
    turns = Turns(8, wait_s=1)
    for worst_s, expected in ((0.6, "1"), (0.3, "done")):
        turns._lanes[True].worst_s, turns._lanes[True].mean_s = worst_s, 0.1
        async with turns.one(is_large=True):
            waiting = asyncio.create_task(hold_long(turns))
            await asyncio.sleep(0.01)
            assert turns.busy == (1, 0 if expected == "1" else 1)
        assert await waiting == expected


async def hold_long(turns: Turns) -> str:
    """Take a long turn; tells how that ended."""
    try:
        async with turns.one(is_large=True):
            return "done"
    except Overloaded as problem:
        return problem.headers["Retry-After"]


async def test_large_work_is_done_beside_the_event_loop_and_small_work_on_it() -> None:
    here = threading.current_thread().name
    assert await aside(LARGE_ROWS - 1, lambda: threading.current_thread().name) == here
    assert (await aside(LARGE_ROWS, lambda: threading.current_thread().name)).startswith("aside")


async def test_a_long_page_is_made_beside_the_event_loop_and_is_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database_url)
    made: list[str] = []

    def noting(work: Any) -> Any:
        def noted(*given: Any, **more: Any) -> Any:
            made.append(threading.current_thread().name)
            return work(*given, **more)

        return noted

    for name in (
        "app.api.lists.envelope",
        "app.api.lists.render",
        "app.records.cases._show",
        "app.records.changes._show",
    ):
        room, _, function = name.rpartition(".")
        monkeypatch.setattr(name, noting(getattr(import_module(room), function)))
    paths = [f"/v1/{name}?limit=9&format={form}" for name in ("cases", "changes") for form in ("json", "csv")]
    paths += ["/v1/cases?format=ndjson", "/v1/changes?format=parquet"]
    paths.remove("/v1/cases?limit=9&format=json")  # Postgres makes it
    async with client_of(database_url, cache_mb=0) as client:
        few = [(await client.get(path)).content for path in paths]
        assert not [name for name in made if name.startswith("aside")]
        made.clear()
        for room in ("app.api.lists", "app.records.cases", "app.records.changes"):
            monkeypatch.setattr(f"{room}.RESULT_ROWS", LARGE_ROWS)
        assert [(await client.get(path)).content for path in paths] == few
        assert made
        assert not [name for name in made if not name.startswith("aside")]


async def test_a_back_test_of_many_series_is_a_large_question(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database_url)
    taken = list[bool]()
    async with client_of(database_url) as client:
        turns = client._transport.app.state.service.database._turns  # type: ignore[attr-defined]
        one = turns.one

        def noting(*, is_large: bool) -> Any:
            taken.append(is_large)
            return one(is_large=is_large)

        await client.get("/v1/statistics")  # by now it is known which codes there are
        monkeypatch.setattr(turns, "one", noting)
        counts = "cases_received,cases_decided,persons_convicted"
        for asked in ("", "?group_by=day", f"?measures={counts}", "?group_by=month&measures=cases_received"):
            assert (await client.get(f"/v1/statistics/nowcast-skill{asked}")).status_code == 200
    assert taken == [False, True, True, False]


async def test_one_large_question_is_answered_at_a_time_and_its_callers_small_ones_beside_it() -> None:
    turns = Turns(8, wait_s=0.5)
    told: list[str] = []
    async with turns.one(is_large=True) as is_long:
        assert is_long
        for number in range(3):
            on_behalf_of.set(f"caller {number}")
            with pytest.raises(Overloaded) as refused:
                async with turns.one(is_large=True):
                    pass
            told.append(refused.value.headers["Retry-After"])
            assert await hold(turns, f"caller {number}", 0) == "done"
    assert sorted(set(map(int, told))) == list(map(int, told))  # one after another
    async with turns.one(is_large=True) as is_long:
        assert is_long


async def test_a_large_question_is_refused_before_anything_is_read_for_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database_url)
    monkeypatch.setattr("app.api.reply.LONG_CELLS", 50)
    large = "/v1/statistics?group_by=court"
    async with client_of(database_url, pool_wait_s=0.2) as client:
        turns = client._transport.app.state.service.database._turns  # type: ignore[attr-defined]
        taken, one = list[bool](), turns.one

        def noting(*, is_large: bool) -> Any:
            taken.append(is_large)
            return one(is_large=is_large)

        monkeypatch.setattr(turns, "one", noting)
        async with one(is_large=True):
            for path in (large, f"{large}&format=csv", "/v1/compare?group_by=court&from=1"):
                answer = await client.get(path)
                assert problem_of(answer) == (503, "overloaded")
                assert int(answer.headers["retry-after"]) >= 1
            # At first it is not known which courts there are: they are read in a turn for small questions.
            assert taken == [False, True, True, True]
            assert (await client.get("/v1/statistics")).status_code == 200
            assert problem_of(await client.get(f"{large}&offence=none"))[0] == 422
        assert (await client.get(large)).status_code == 200
        assert taken[4:] == [False, True]  # what is refused by what is known takes no turn


async def test_a_long_question_has_one_processor_of_the_database(database_url: str) -> None:
    database = Database(database_url)
    await database.open()
    shown = "SHOW max_parallel_workers_per_gather"
    async with database.snapshot(is_large=True) as connection:
        assert await connection.fetchval(shown) == "0"
    async with database.snapshot() as connection:  # the same connection, given back
        assert await connection.fetchval(shown) != "0"
    await database.close()


async def test_those_who_are_refused_together_are_told_to_come_one_after_another() -> None:
    turns = Turns(2, wait_s=0.5)
    turns._lanes[False].mean_s = 2.0
    held = all_of(turns, "a", 1, 10) + all_of(turns, "b", 1, 10)
    await asyncio.sleep(0.01)
    told = [int(await hold(turns, f"c{number}", 0)) for number in range(100)]
    assert told == sorted(told)
    assert told[0] <= 2
    assert (told[-1], len(set(told))) == (30, 30 - told[0] + 1)
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)
