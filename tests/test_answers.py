"""Kept answers: what costs no SQL, for whom, until when; and that no answer is of two revisions."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from functools import partial
from typing import Any

import asyncpg
import httpx
import pytest

from app.api import answers as module
from app.api.answers import Answers, Kept, Key
from app.api.caching import IMMUTABLE, LATEST
from app.db.database import Database
from app.main import Application, create_app
from app.records import watching
from app.records.watching import Pointer
from app.settings import Settings
from tests.loading import until
from tests.serving import FIRST, PUBLISHED, SECOND, client_fixture, client_of, fill, filled_fixture, problem_of, take  # noqa: F401
from tests.test_access import new_key

Client = httpx.AsyncClient
WEEKLY = "/v1/statistics/weekly"
KEPT = (
    WEEKLY,
    "/v1/statistics?group_by=court&format=csv",
    "/v1/statistics/sentences?lang=ru",
    "/v1/statistics/catalogue",
    "/v1/compare?from=1&to=2",
    "/v1/cases?limit=2",
    "/v1/courts/61GV0012",
    "/v1/revisions",
    "/v1/offences?article=337",
    "/v1/changes",
)
OWN = ("x-request-id", "ratelimit")  # headers that each answer has of its own


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that connections of this process run meanwhile, but for those that only look after themselves."""
    asked: list[str] = []
    ours = (watching._POINTER, "api_key")

    async def noted(connection: Any, method: Any, *args: Any, **kwargs: Any) -> Any:
        text = next((arg for arg in args if isinstance(arg, str)), "")
        if not any(mine in text for mine in ours):
            asked.append(text)
        return await method(connection, *args, **kwargs)

    with pytest.MonkeyPatch.context() as patched:
        for name in ("execute", "_execute", "executemany"):
            whole = getattr(asyncpg.Connection, name)
            patched.setattr(asyncpg.Connection, name, lambda self, *a, _whole=whole, **k: noted(self, _whole, *a, **k))
        yield asked


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    """An answer without what is of this one request."""
    return (
        answer.status_code,
        {name: value for name, value in answer.headers.items() if name not in OWN},
        answer.content,
    )


@asynccontextmanager
async def worker_of(url: str, **settings: Any) -> AsyncIterator[tuple[Client, Application]]:
    """A worker, and a client of it."""
    app = create_app(
        Settings(**{"anonymous_quota_minute": 0, "anonymous_quota_day": 0, "request_log": False, **settings}),
        database_url=url,
        secret=b"s" * 40,
    )
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sudstat.test") as client,
    ):
        client.headers = httpx.Headers({"accept": "*/*", "accept-encoding": "identity"})
        yield client, app


async def revision_of(client: Client, path: str = WEEKLY) -> int:
    return int((await client.get(path)).headers["sudstat-revision"])


async def is_at(client: Client, revision: int) -> bool:
    return await revision_of(client) == revision


@pytest.mark.parametrize("path", KEPT)
async def test_what_was_asked_before_costs_no_sql_and_is_the_same_to_the_byte(client: Client, path: str) -> None:
    with counted() as asked:
        first = await client.get(path)
        assert asked
    with counted() as asked:
        again = await client.get(path)
        head = await client.head(path)
        held = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
        packed = await client.get(path, headers={"Accept-Encoding": "gzip"})
        unchanged = await client.get(path, headers={"Accept-Encoding": "gzip", "If-None-Match": packed.headers["etag"]})
        twice = await client.get(path, headers={"Accept-Encoding": "gzip"})
    assert asked == []
    assert told(again) == told(first)
    assert told(head) == (200, told(first)[1], b"")
    assert (held.status_code, held.content, unchanged.status_code) == (304, b"", 304)
    for name in ("etag", "cache-control", "vary", "access-control-allow-origin", "content-security-policy"):
        assert held.headers[name] == first.headers[name]
    assert "content-type" not in held.headers
    assert packed.content == first.content
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["etag"] != first.headers["etag"]
    assert told(twice) == told(packed)
    ids = {answer.headers["x-request-id"] for answer in (first, again, head, held, packed)}
    assert len(ids) == 5
    left = [int(answer.headers["ratelimit"].split("r=")[1].split(";")[0]) for answer in (first, again, head, held)]
    assert left == list(range(left[0], left[0] - 4, -1))  # each is counted


async def test_a_question_is_one_however_it_is_spelt_and_another_one_is_another(client: Client) -> None:
    path = "/v1/statistics?court=61GV0012,77GV0003&group_by=month"
    first = await client.get(path)
    with counted() as asked:
        for spelt in ("group_by=month&court=77GV0003%2C61GV0012", "court=77GV0003&&court=61GV0012&group_by=month"):
            for _ in range(2):
                assert told(await client.get(f"/v1/statistics?{spelt}")) == told(first)
    assert asked == []
    for other in (path + "&revision=1", path + "&format=csv", path + "&lang=ru", path.replace("month", "week")):
        assert (await client.get(other)).headers["etag"] != first.headers["etag"]
    for wrong in ("&courts=1", "&lang=xx", "&revision=99", "%zz"):
        assert (await client.get(path + wrong)).status_code in (400, 422)


async def test_accept_language_and_format_are_told_apart(client: Client) -> None:
    path = "/v1/statistics?group_by=disposition&labels=name"
    for _ in range(2):
        kinds = [
            (await client.get(path, headers=headers)).content
            for headers in ({}, {"Accept": "text/csv"}, {"Accept": "text/csv", "Accept-Language": "ru"})
        ]
        assert len(set(kinds)) == 3


async def test_a_hundred_who_ask_the_same_at_once_ask_the_database_once(filled: str) -> None:
    async with worker_of(filled) as (client, _):
        await client.get(f"{WEEKLY}?last_n=6")  # the codes, the delays of the series, and a connection
        with counted() as one:
            first = await client.get(f"{WEEKLY}?last_n=7")
        with counted() as asked:
            all_ = await asyncio.gather(*(client.get(f"{WEEKLY}?last_n=8") for _ in range(100)))
    assert {answer.status_code for answer in (first, *all_)} == {200}
    assert len({answer.content for answer in all_}) == 1
    assert len(asked) == len(one) > 0


async def test_what_fails_for_one_is_asked_anew_by_those_who_waited() -> None:
    answers, made = Answers(2**20), []

    async def fail() -> Kept:
        made.append(1)
        await asyncio.sleep(0.01)
        raise ValueError

    key = Key("/", "", "", "")
    told = await asyncio.gather(*(answers.get(key, fail) for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in told] == [ValueError] * 3
    assert len(made) == 3

    first = asyncio.create_task(answers.get(key, fail))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(answers.get(key, _making(1)))
    await asyncio.sleep(0)
    first.cancel()
    kept, was_there = await waiting
    assert (isinstance(kept, Kept), was_there) == (True, False)


def _making(revision: int | None, body: bytes = b"x") -> Any:
    async def make() -> Kept:
        return Kept(revision, 0, body, "tag", "private", {})

    return make


async def test_room_is_bounded_and_those_used_longest_ago_go_first() -> None:
    answers = Answers(100_000)
    answers.learn(Pointer(1, 0), time.monotonic())

    async def ask(number: int, size: int = 1000) -> bool:
        return (await answers.get(Key(str(number), "", "", ""), _making(1, b"x" * size)))[1]

    await ask(0)
    for number in range(1, 100):
        assert not await ask(number)
        assert await ask(0)  # used again and again
        assert answers.size_bytes <= 100_000
    assert len(answers) == 100_000 // (1000 + module._OVERHEAD_BYTES)
    assert await ask(99)
    assert not await ask(1)
    assert not await ask(1000, 50_000)
    assert not await ask(1000, 50_000)  # too large to be kept
    ready = (await answers.get(Key("0", "", "", ""), _making(1)))[0].ready("/", (), is_gzipped=True)  # type: ignore[union-attr]
    for number in range(500):
        answers.spell((b"/", str(number).encode(), None, None, None, ""), ready)
    assert len(answers._spelt) == module._MOST_SPELLINGS
    while len(answers) > 1:
        answers._drop(next(iter(answers._order)))
    answers._drop(ready.kept)
    assert (answers.size_bytes, len(answers), answers._spelt) == (0, 0, {})


async def test_nothing_is_kept_where_there_is_no_room(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, app):
        assert [(await client.get(WEEKLY)).status_code for _ in range(3)] == [200] * 3
        assert len(app.state.service.answers) == 0


async def test_only_who_may_is_told_and_each_audience_has_its_own(filled: str) -> None:
    database = Database(filled)
    keys = {name: await new_key(database, name) for name in ("statistics", "records", "ingest")}
    path = "/v1/statistics?group_by=court"
    async with worker_of(filled, anonymous_rounding=3) as (client, _):
        for _ in range(3):
            rounded = await client.get(path)
            exact = await client.get(path, headers={"X-API-Key": keys["statistics"]})
            assert rounded.json()["results"] != exact.json()["results"]
            assert (rounded.headers["cache-control"], exact.headers["cache-control"]) == (LATEST, "private, no-cache")
            assert problem_of(await client.get(path, headers={"X-API-Key": keys["ingest"]})) == (403, "scope-missing")
            assert problem_of(await client.get(path, headers={"X-API-Key": "sud_bad"})) == (401, "key-invalid")
            assert problem_of(await client.get("/v1/cases")) == (401, "key-missing")
            assert (await client.get("/v1/cases", headers={"X-API-Key": keys["records"]})).status_code == 200


async def test_a_kept_answer_is_behind_the_quota_and_in_log_and_metrics(
    filled: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with client_of(filled, anonymous_quota_minute=5) as client:
        answers = [await client.get(WEEKLY, headers={"X-Request-ID": f"r{n}"}) for n in range(8)]
        service = client._transport.app.state.service  # type: ignore[attr-defined]
        counts = {place[2:]: series.count for place, series in service.telemetry.series.items()}
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 3
    assert counts == {(200, "miss"): 1, (200, "hit"): 4, (429, "none"): 3}
    lines = capsys.readouterr().err.splitlines()
    assert [line.split('"request_id": "')[1].split('"')[0] for line in lines] == [f"r{n}" for n in range(8)]
    assert [f'"route": "{WEEKLY}", "status": 200, "key_id": null, "cache": "hit"' in line for line in lines] == [
        False, *[True] * 4, *[False] * 3
    ]  # fmt: skip


async def test_a_revoked_key_is_told_nothing_that_is_kept(database_url: str) -> None:
    await fill(database_url)
    key = await new_key(Database(database_url), "statistics")
    async with worker_of(database_url) as (client, _):

        async def status() -> int:
            return (await client.get(WEEKLY, headers={"X-API-Key": key})).status_code

        assert [await status() for _ in range(3)] == [200] * 3
        async with Database(database_url).owner() as connection:
            await connection.execute("UPDATE api_keys SET expires_at = now() + interval '0.4 s'")
            await connection.execute("NOTIFY sudstat_keys")
        await asyncio.sleep(0.1)
        assert await status() == 200
        await asyncio.sleep(0.4)
        assert await status() == 401


async def test_a_new_revision_is_seen_by_every_worker_and_a_pinned_answer_stays(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 60.0)  # by its notice alone
    monkeypatch.setattr(module, "TRUSTED_S", 60.0)
    database = Database(database_url)
    await take(database, FIRST, layer="court_card", published_at=PUBLISHED[0])
    pinned, today = "/v1/statistics?revision=1", "/v1/statistics?as_of=2023-06-15"
    async with AsyncExitStack() as opened:
        patient = {"pool_wait_s": 60.0}  # sixteen readers who never rest would be refused on a busy machine
        clients = [(await opened.enter_async_context(worker_of(database_url, **patient)))[0] for _ in range(2)]
        for client in clients:
            assert await revision_of(client) == await revision_of(client) == 1
            assert (await client.get(pinned)).headers["cache-control"] == IMMUTABLE
            assert (await client.get(today)).headers["cache-control"] == LATEST  # nothing was published after it
        await take(database, SECOND, layer="newsroom", published_at=PUBLISHED[1])
        for client in clients:
            await until(partial(is_at, client, 2))
            assert (await client.get(today)).headers["cache-control"] == IMMUTABLE
            with counted() as asked:
                for path in (pinned, today):
                    assert await revision_of(client, path) == 1
            assert asked == []


async def test_where_the_listeners_connection_is_killed_or_its_notice_lost_polling_takes_over(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = Database(database_url)
    await take(database, FIRST, layer="court_card", published_at=PUBLISHED[0])
    monkeypatch.setattr(watching, "CHANNEL", "sudstat_nobody")
    monkeypatch.setattr(module, "TRUSTED_S", 60.0)
    async with worker_of(database_url) as (client, _):
        assert await revision_of(client) == 1
        async with database.owner() as connection:
            killed = await connection.fetch(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%FROM published p%'"
                " AND datname = current_database() AND pid <> pg_backend_pid()"
            )
        assert killed
        await take(database, SECOND, layer="newsroom", published_at=PUBLISHED[1])
        await until(partial(is_at, client, 2))


async def test_while_nobody_can_tell_what_is_published_nothing_that_is_kept_is_used(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "TRUSTED_S", 0.3)
    async with worker_of(filled) as (client, app):
        assert await revision_of(client) == 2

        async def away(_: Any) -> Pointer:
            raise ConnectionError

        monkeypatch.setattr(watching, "read_pointer", away)
        await until(lambda: _async(time.monotonic() > app.state.service.answers._trusted_until))
        with counted() as asked:
            assert await revision_of(client) == 2
        assert asked


async def _async(value: bool) -> bool:
    return value


async def test_a_database_that_was_restored_to_an_earlier_revision_is_believed() -> None:
    answers = Answers(2**20)
    answers.heed(Pointer(5, 0), time.monotonic())
    await answers.get(Key("/", "", "", ""), _making(5))
    answers.learn(Pointer(6, 0), time.monotonic())
    answers.heed(Pointer(5, 0), time.monotonic())  # read before the sixth was published
    assert answers._pointer == Pointer(6, 0)
    assert len(answers) == 1
    answers.heed(Pointer(3, 0), time.monotonic())
    assert (answers._pointer, len(answers)) == (Pointer(3, 0), 0)


async def test_what_was_read_before_a_later_revision_is_neither_kept_nor_shared_with_who_asks_after_it() -> None:
    answers, key = Answers(2**20), Key("/", "", "", "")
    answers.learn(Pointer(1, 0), time.monotonic())
    go = asyncio.Event()

    async def slow() -> Kept:
        await go.wait()
        return Kept(1, 0, b"old", "old", "private", {})

    before = [asyncio.create_task(answers.get(key, slow)) for _ in range(2)]
    await asyncio.sleep(0)
    answers.learn(Pointer(2, 0), time.monotonic())
    after = asyncio.create_task(answers.get(key, _making(2, b"new")))
    await asyncio.sleep(0)
    go.set()
    assert [(await one)[0].body for one in (*before, after)] == [b"old", b"old", b"new"]
    assert (await answers.get(key, slow))[0].body == b"new"


async def test_no_answer_mixes_two_revisions_and_no_reader_goes_back(database_url: str) -> None:
    database = Database(database_url)
    await take(database, FIRST, layer="court_card", published_at=PUBLISHED[0])
    paths = ("/v1/statistics?group_by=court", f"{WEEKLY}?last_n=5", "/v1/cases?limit=3", "/v1/courts/61GV0012")
    seen: dict[tuple[str, int], set[tuple[str, bytes]]] = {}
    async with AsyncExitStack() as opened:
        patient = {"pool_wait_s": 60.0}  # sixteen readers who never rest would be refused on a busy machine
        clients = [(await opened.enter_async_context(worker_of(database_url, **patient)))[0] for _ in range(2)]
        done = asyncio.Event()

        async def read(client: Client, path: str) -> int:
            last = 0
            while not done.is_set():
                answer = await client.get(path)
                revision = int(answer.headers["sudstat-revision"])
                assert answer.json()["meta"]["revision"] == revision >= last
                seen.setdefault((path, revision), set()).add((answer.headers["etag"], answer.content))
                last = revision
                await asyncio.sleep(0)
            return last

        readers = [asyncio.create_task(read(client, path)) for client in clients for path in paths for _ in range(2)]
        for number in range(2, 8):
            more = ({**SECOND[1], "number": f"1-{number + 90}/2023"},)
            await take(database, more, layer="newsroom", published_at=PUBLISHED[1])
        await until(lambda: _async(len(seen) >= 4 * 3 and all((path, 7) in seen for path in paths)))
        done.set()
        assert set(await asyncio.gather(*readers)) == {7}
        assert {len(told) for told in seen.values()} == {1}  # one answer for each path and revision, in both workers
        for (path, revision), told in seen.items():
            fixed = (await clients[0].get(f"{path}{'&' if '?' in path else '?'}revision={revision}")).json()
            for _, body in told:
                shown = httpx.Response(200, content=body).json()
                assert shown.get("results", shown.get("code")) == fixed.get("results", fixed.get("code"))


async def test_who_was_told_of_a_revision_sees_it_in_the_next_answer(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(database_url)
    key = await new_key(Database(database_url), "ingest", "curate", "statistics", "records")
    monkeypatch.setattr(watching, "POLL_S", 60.0)
    monkeypatch.setattr(watching, "CHANNEL", "sudstat_nobody")
    monkeypatch.setattr(module, "TRUSTED_S", 60.0)
    async with worker_of(database_url) as (client, _):
        client.headers["X-API-Key"] = key
        assert await revision_of(client) == await revision_of(client) == 2
        case_id = (await client.get("/v1/cases?limit=1")).json()["results"][0]["id"]
        tag = (await client.get(f"/v1/cases/{case_id}")).headers["etag"]
        act = {"cause": "withdrawal", "note": "a test"}
        withdrawn = await client.post(f"/v1/cases/{case_id}/withdrawal", json=act, headers={"If-Match": tag})
        assert withdrawn.status_code < 300, withdrawn.text
        assert await revision_of(client) == 3
