"""Answers made at once: what was asked before, asked with another window, is the same to the byte, and takes no SQL."""

import asyncio
import random
from contextlib import AsyncExitStack
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.api import entrance
from app.api.answers import Answers, Form
from app.db.at_once import NO_CONNECTION, at_once
from app.db.database import Database
from app.errors import BadRequest
from app.main import Application
from tests.loading import until
from tests.serving import FIRST, GROZNY, PUBLISHED, SECOND, fill, take
from tests.test_access import new_key
from tests.test_answers import Client, counted, is_at, told, worker_of
from tests.test_days import eager

WEEKLY = f"/v1/statistics/weekly?measures=cases_received&court={GROZNY}"
FORMS = (
    WEEKLY,
    "/v1/statistics/weekly?measures=persons_convicted,cases_received&lang=ru",
    "/v1/statistics?group_by=month,offence&measures=term_months_median,persons_convicted&format=csv",
    "/v1/statistics/sentences?group_by=court&revision=1",
    "/v1/statistics/weekly?measures=persons_convicted&transform=avg4&format=csv&labels=both&delimiter=semicolon",
    "/v1/statistics?measures=cases_received",
)


@pytest.fixture(autouse=True)
def nobody_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller is known again until a minute ends, which may be now."""
    monkeypatch.setattr(entrance, "_SHORTEST_S", 10**9)


@pytest.fixture
async def filled(database_url: str) -> str:
    await fill(database_url)
    return database_url


def windows(pick: random.Random) -> str:
    """What a request says of its window."""
    first = date(2022, 11, 1) + timedelta(pick.randrange(200))
    last = first + timedelta(pick.randrange(150))
    spelt = ("{0:%Y-%m-%d}", "{0:%Y-%m}", "{0:%G-W%V}", "{0:%Y}", "{0:%Y-H1}", "{0:%Y-Q2}")
    start, end = (pick.choice(spelt).format(day) for day in (first, last))
    return pick.choice((f"start_period={start}&end_period={end}", f"end_period={end}", f"start_period={start}"))


def said(path: str, window: str) -> str:
    return f"{path}{'&' if '?' in path else '?'}{window}"


def without_id(problem: httpx.Response) -> dict[str, Any]:
    """A problem as it is told to anybody."""
    return {**problem.json(), "request_id": ""}


async def warmed(client: Client, path: str, **headers: str) -> None:
    """Ask until days are kept, and the form is known."""
    for day in range(1, 5):
        answer = await client.get(said(path, f"start_period=2023-03-0{day}&end_period=2023-05-1{day}"), headers=headers)
        assert answer.status_code == 200, answer.text


def made(app: Application) -> list[str]:
    """How answers of this worker came to be, one by one."""
    found: list[str] = []
    whole = app.edge._answers.fill

    def filled_(raw: Any, around: Any) -> Any:
        ready = whole(raw, around)
        found.append("at once" if ready else "in vain")
        return ready

    app.edge._answers.fill = filled_  # type: ignore[method-assign]
    return found


@pytest.mark.parametrize("cache_mb", [0, 4])
async def test_another_window_is_answered_at_once_as_by_a_worker_that_keeps_nothing(filled: str, cache_mb: int) -> None:
    pick = random.Random(cache_mb)
    async with AsyncExitStack() as opened:
        opened.enter_context(eager())
        client, app = await opened.enter_async_context(worker_of(filled, cache_mb=cache_mb))
        cold, _ = await opened.enter_async_context(worker_of(filled, cache_mb=0, days_mb=0))
        how, asked = made(app), 0
        for path in FORMS:
            for headers in ({"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip", "Accept-Language": "ru"}):
                await warmed(client, path, **headers)
                for _ in range(12):
                    window = windows(pick)
                    plain = await cold.get(said(path, window), headers=headers)
                    answer = await client.get(said(path, window), headers=headers)
                    if plain.status_code != 200:
                        assert without_id(answer) == without_id(plain)
                        continue
                    assert told(answer) == told(plain), (path, window)
                    asked += 1
                    held = headers | {"If-None-Match": plain.headers.get("etag", "none")}
                    short = await client.get(said(path, window), headers=held)
                    assert told(short) == told(await cold.get(said(path, window), headers=held))
                    head = await client.head(said(path, window), headers=headers)
                    assert told(head) == (plain.status_code, told(plain)[1], b"")
        assert how.count("at once") >= asked // 2


async def test_it_takes_no_sql(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, app):
        with eager():
            await warmed(client, WEEKLY)
        how = made(app)
        with counted() as statements:
            for week in range(10, 20):
                answer = await client.get(said(WEEKLY, f"start_period=2023-W{week}&end_period=2023-W20"))
                assert answer.json()["results"][0]["week"] == f"2023-W{week}"
        assert statements == []
        assert how == ["at once"] * 10


async def test_what_is_wrong_with_a_window_is_told_as_ever(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, _), worker_of(filled, cache_mb=0, days_mb=0) as (cold, _):
        with eager():
            await warmed(client, WEEKLY)
        for window in (
            "start_period=2023-W60&end_period=2024", "start_period=2023-13", "start_period=2024&end_period=2023",
            "start_period=2023&start_period=2023", "start_period=2023,2024", "start_period=", "start_period=2023-w10",
            "start_period=%32023", "end_period=0001", "start_period=2023&limit=1", "start_period=2023&x=1",
            "start_period=0001-01-01&end_period=9999-12-31",
        ):  # fmt: skip
            for form in ("start_period=2023&end_period=2023", "start_period=2023", "end_period=2023"):
                await client.get(said(WEEKLY, form))  # is learnt again where it served in vain
            answer, plain = [await one.get(said(WEEKLY, window)) for one in (client, cold)]
            assert answer.status_code == plain.status_code, window
            if plain.status_code == 200:
                assert told(answer) == told(plain)
            else:
                assert without_id(answer) == without_id(plain)


async def test_it_is_of_the_revision_that_is_published(database_url: str) -> None:
    database = Database(database_url)
    await take(database, FIRST, layer="court_card", published_at=PUBLISHED[0])
    path = "/v1/statistics/weekly?measures=persons_convicted"
    async with worker_of(database_url, cache_mb=0) as (client, app):
        with eager():
            await warmed(client, path)
        await take(database, SECOND, layer="newsroom", published_at=PUBLISHED[1])
        await until(lambda: is_at(client, 2))
        how = made(app)
        for day in range(10, 20):
            answer = await client.get(said(path, f"start_period=2023-04-{day}&end_period=2023-06"))
            assert answer.json()["meta"]["revision"] == 2
        assert how[-1:] == ["at once"]


async def test_each_is_told_what_is_theirs(filled: str) -> None:
    """Counts are rounded for whoever has no key, whatever was made before for whom has one."""
    key = await new_key(Database(filled), "statistics")
    async with worker_of(filled, cache_mb=0, anonymous_rounding=5) as (client, app):
        keyed = {"X-API-Key": key}
        with eager():
            await warmed(client, WEEKLY)
            await warmed(client, WEEKLY, **keyed)
        how = made(app)
        window = "start_period=2023-01&end_period=2023-05"
        exact = (await client.get(said(WEEKLY, window), headers=keyed)).json()["results"]
        rounded = (await client.get(said(WEEKLY, window))).json()["results"]
        assert how == ["at once", "at once"]
        assert sum(row["cases_received"] for row in exact) == 2
        assert {row["cases_received"] for row in rounded} == {0}


async def test_it_is_counted_against_the_quota(filled: str) -> None:
    async with worker_of(filled, cache_mb=0, anonymous_quota_minute=8) as (client, app):
        with eager():
            await warmed(client, WEEKLY)
        how = made(app)
        statuses = [(await client.get(said(WEEKLY, f"start_period=2023-W{10 + n}"))).status_code for n in range(9)]
        assert statuses.count(429) >= 4
        assert len(how) <= statuses.count(200)  # nothing is made for whoever may not have it


async def test_at_once_is_without_statement_wait_or_fault() -> None:
    async def given(value: Any) -> Any:
        return value

    async def waits() -> int:
        await asyncio.sleep(0)
        return 1

    async def asks() -> Any:
        return await NO_CONNECTION.fetch("SELECT 1")

    async def refuses() -> int:
        raise BadRequest("no")

    async def fails() -> int:
        raise ZeroDivisionError

    assert at_once(given(7)) == 7
    assert [at_once(work()) for work in (waits, asks, refuses)] == [None] * 3
    with pytest.raises(ZeroDivisionError):
        at_once(fails())


async def test_forms_are_bounded() -> None:
    answers = Answers(2**20)
    for number in range(3000):
        raw = (b"/p", b"court=%d&start_period=2023" % number, None, None, None, "")
        answers.learn_form(raw, Form(lambda _: None, "/p", False))
    assert len(answers._forms) == 1024
    assert answers.has_form((b"/p", b"court=2999&start_period=2024-W01", None, None, None, ""))
    assert not answers.has_form((b"/p", b"court=0&start_period=2024-W01", None, None, None, ""))
    assert not answers.has_form((b"/p", b"court=2999&end_period=2024-W01", None, None, None, ""))
    assert not answers.has_form((b"/p", b"court=2999&start_period=2024-W01", None, None, None, "other"))
    assert answers.fill((b"/p", b"court=2999&start_period=2024", None, None, None, ""), ()) is None
    assert not answers.has_form((b"/p", b"court=2999&start_period=2024", None, None, None, ""))  # in vain but once
