"""Faults of a batch over HTTP: whatever breaks, and when, it is there whole or not at all, and nothing else is left."""

import asyncio
import gzip
import json
import os
import signal
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest

from app import migrations
from app.access.register import create_key
from app.db.database import WRITER_LOCK, Database
from app.db.embedded import embedded_postgres
from app.formats import dump
from app.ingest.ahead import WORTHWHILE
from app.ingest.restate import bring_method
from tests.conftest import QUICK
from tests.loading import Desk, case, empty, outcomes, until
from tests.serving import client_of, problem_of
from tests.test_cli import free_port, started, status_of
from tests.test_embedded import server_pid

Client = httpx.AsyncClient
PATH = "/v1/ingest/batches?layout=house&layer=court_card&source=cards&seen_on=2023-06-01"
NDJSON = {"Content-Type": "application/x-ndjson"}
ROWS = [case(f"1-{n}/2023", received_on="2023-03-14") for n in range(1, 21)]
LIMIT_BYTES = 3_000_000


def lines(rows: list[dict[str, Any]]) -> bytes:
    return b"".join(dump(row) + b"\n" for row in rows)


async def made_key(database: Database) -> str:
    async with database.owner() as connection:
        return await create_key(connection, "test", scopes=["ingest", "records", "statistics"])


@pytest.fixture(scope="module")
def key(shared: Database) -> dict[str, str]:
    """The head of a request by somebody who may send batches."""
    return {"Authorization": f"Bearer {asyncio.run(made_key(shared))}"}


@pytest.fixture
async def desk(shared: Database, tmp_path: Path) -> Desk:
    """An empty record."""
    await empty(shared)
    return Desk(shared, tmp_path)


@pytest.fixture
async def client(desk: Desk, key: dict[str, str]) -> AsyncIterator[Client]:
    """A client over that record that may send batches."""
    async with client_of(desk.database.url, writer_wait_s=3, body_limit_bytes=LIMIT_BYTES) as client:
        client.headers.update(key)
        yield client


async def nothing_of_it(desk: Desk) -> bool:
    held = await desk.fetch("SELECT (SELECT count(*) FROM statements) AS s, (SELECT count(*) FROM batches) AS b")
    return held == [{"s": 0, "b": 0}] and await desk.revision() == 0


# ── Bodies ─────────────────────────────────────────────────────────────────────────────────────


class Server:
    """A server at work, spoken to over a plain socket."""

    def __init__(self, port: int, process: Any, spool: Path, key: dict[str, str]) -> None:
        self.port = port
        self.pid: int = process.pid
        self.spool = spool
        self.key = key

    def call(self, **headers: Any) -> socket.socket:
        """Send the head of a batch."""
        known = {
            "Host": "x",
            **NDJSON,
            **self.key,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        head = "".join(f"{name}: {value}\r\n" for name, value in known.items())
        sock.sendall(f"POST {PATH} HTTP/1.1\r\n{head}\r\n".encode())
        return sock

    def spooled(self) -> list[str]:
        """Files that lie in the spool folder, or are open there without a name."""
        nameless = []
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):  # closed meanwhile
                nameless.append(str(link.readlink()))
        return [*map(str, self.spool.iterdir()), *(path for path in nameless if path.startswith(str(self.spool)))]


def answer_of(sock: socket.socket) -> tuple[int, str]:
    """Status and kind of the problem that is answered."""
    received = b""
    while piece := sock.recv(65536):
        received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(body)["type"].removeprefix("/problems/")


@pytest.fixture(scope="module")
def server(shared: Database, key: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server in a process of its own."""
    folder, port = tmp_path_factory.mktemp("served"), free_port()
    spool = folder / "spool"
    spool.mkdir()
    settings: dict[str, Any] = {"body_limit_bytes": LIMIT_BYTES, "body_pause_s": 0.5, "spool_dir": spool}
    with started("serve", "--port", port, cwd=folder, database_url=shared.url, data_dir=folder, **settings) as process:
        assert status_of(port) == 200
        yield Server(port, process, spool, key)


async def test_a_body_past_the_limit_is_refused_before_it_is_read(desk: Desk, server: Server) -> None:
    with closing(server.call(Content_Length=LIMIT_BYTES + 1)) as sock:
        assert answer_of(sock) == (413, "body-too-large")
    assert await nothing_of_it(desk)


async def test_a_body_of_unknown_length_is_read_up_to_the_limit(desk: Desk, server: Server) -> None:
    with closing(server.call(Transfer_Encoding="chunked")) as sock:
        piece = b"f4240\r\n" + b" " * 1_000_000 + b"\r\n"
        for _ in range(3):
            sock.sendall(piece)
        sock.sendall(b"1\r\n \r\n")
        assert answer_of(sock) == (413, "body-too-large")
    assert await nothing_of_it(desk)


async def test_a_body_that_stalls_is_given_up(desk: Desk, server: Server) -> None:
    with closing(server.call(Content_Length=1000)) as sock:
        sock.sendall(lines(ROWS)[:500])
        assert await asyncio.to_thread(answer_of, sock) == (408, "request-timeout")
    assert server.spooled() == []
    assert await nothing_of_it(desk)


async def test_a_client_that_hangs_up_in_the_middle_leaves_nothing(desk: Desk, server: Server) -> None:
    async def is_spooled() -> bool:
        return bool(server.spooled())

    async def is_gone() -> bool:
        return not server.spooled()

    with closing(server.call(Content_Length=LIMIT_BYTES)) as sock:
        sock.sendall(lines(ROWS))
        await until(is_spooled)
    await until(is_gone)
    assert await nothing_of_it(desk)
    assert status_of(server.port, "/readyz") == 200


PACKED = gzip.compress(lines(ROWS))


@pytest.mark.parametrize("headers", [{"Content-Encoding": "gzip"}, {}], ids=["coding", "file"])
async def test_a_body_may_be_gzip(desk: Desk, client: Client, headers: dict[str, str]) -> None:
    answer = await client.post(PATH, content=PACKED, headers={**NDJSON, **headers})
    assert (answer.status_code, outcomes(answer.json())) == (201, {"created": 20})


@pytest.mark.parametrize(
    ("content", "headers", "expected", "code"),
    [
        (PACKED[:-20], {}, (400, "unreadable-body"), "gzip-truncated"),
        (PACKED[:-20], {"Content-Encoding": "gzip"}, (400, "unreadable-body"), "gzip-truncated"),
        (PACKED[:60] + b"x" * 60 + PACKED[120:], {}, (400, "unreadable-body"), "gzip-damaged"),
        (lines(ROWS), {"Content-Encoding": "gzip"}, (400, "unreadable-body"), "not-gzip"),
        (gzip.compress(b" " * 40_000_000), {}, (413, "body-too-large"), "unpacked-too-large"),
        (gzip.compress(PACKED), {}, (400, "unreadable-body"), "not-utf8"),
    ],
    ids=["cut", "coding, cut", "damaged", "none", "bomb", "twice"],
)
async def test_a_gzip_that_is_cut_damaged_or_a_bomb_is_refused_whole(
    desk: Desk, client: Client, content: bytes, headers: dict[str, str], expected: tuple[int, str], code: str
) -> None:
    for on_refused in ("reject", "skip"):
        answer = await client.post(f"{PATH}&on_refused={on_refused}", content=content, headers={**NDJSON, **headers})
        if on_refused == "reject" or code != "not-utf8":
            assert (problem_of(answer), answer.json()["errors"][0]["code"]) == (expected, code)
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM statements")) == (0, 0)


# ── Killed ─────────────────────────────────────────────────────────────────────────────────────

_STEPS = {  # where a batch waits, in this order, and what holds it up there
    "begun": "LOCK TABLE removals IN ACCESS EXCLUSIVE MODE",
    "turn": f"SELECT pg_advisory_xact_lock({WRITER_LOCK})",  # all of it is staged
    "cases": "LOCK TABLE identifiers IN ACCESS EXCLUSIVE MODE",
    "ledger": "LOCK TABLE ledger IN SHARE MODE",
    "tally": "LOCK TABLE tally IN SHARE MODE",
    "statements": "LOCK TABLE statements IN SHARE MODE",
    "revision": "LOCK TABLE revisions IN SHARE MODE",
    "pointer": "LOCK TABLE published IN SHARE MODE",
    "receipt": "LOCK TABLE batches IN SHARE MODE",
    "answer": "LOCK TABLE idempotent_answers IN SHARE MODE",
}
_HELD_UP = "SELECT true FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
# nobody has a transaction open: a batch whose server was killed goes on until its end
_AT_REST = """
SELECT true WHERE NOT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type = 'client backend' AND xact_start IS NOT NULL)
"""
_KEY = {"Idempotency-Key": "one"}


async def held_up(desk: Desk, step: str, send: Callable[[], Awaitable[Any]], then: Callable[[], None]) -> Any:
    """Hold a batch up at a step, do something, let go; what became of the request."""
    async with desk.database.owner() as gate, gate.transaction():
        await gate.execute(_STEPS[step])
        request = asyncio.ensure_future(send())
        await until(lambda: desk.value(_HELD_UP))
        then()
        await asyncio.wait([request], timeout=0.5)
    try:
        return await request
    except httpx.HTTPError:
        return None


def children(pid: int) -> list[int]:
    text = "".join(path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    return [int(child) for child in text.split()]


async def is_whole(desk: Desk) -> bool:
    """Whether the batch is there; with a recount, and nothing in between."""
    revision, statements = await desk.revision(), await desk.value("SELECT count(*) FROM statements")
    batches, answers = [await desk.value(f"SELECT count(*) FROM {t}") for t in ("batches", "idempotent_answers")]
    assert (revision, statements, batches, answers) in {(0, 0, 0, 0), (1, 20, 1, 1)}
    assert await desk.differences() == []
    return revision == 1


async def send_again(desk: Desk, client: Client) -> None:
    """The same request afterwards is answered, and the batch is there once."""
    answer = await client.post(PATH, content=lines(ROWS), headers={**NDJSON, **_KEY})
    assert (answer.status_code, answer.json()["revision"]) == (201, 1), answer.text
    assert await is_whole(desk)


@pytest.mark.parametrize("step", _STEPS)
async def test_a_batch_killed_at_any_step_is_not_there_and_its_key_is_free(
    desk: Desk, client: Client, step: str
) -> None:
    def kill() -> None:
        (child,) = (pid for pid in children(os.getpid()) if b"app.ingest.apart" in _command(pid))
        os.kill(child, signal.SIGKILL)

    answer = await held_up(desk, step, lambda: client.post(PATH, content=lines(ROWS), headers={**NDJSON, **_KEY}), kill)
    assert problem_of(answer) == (500, "internal-error")
    await until(lambda: desk.value(_AT_REST))
    assert not await is_whole(desk)
    await send_again(desk, client)


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.mark.parametrize("step", ["ledger", "turn", "cases", "receipt"])
async def test_of_a_large_batch_that_is_killed_nothing_is_left_that_went_ahead(
    desk: Desk, client: Client, step: str
) -> None:
    """It is killed while it writes ahead of its turn, before that, and after."""
    large = lines([case(f"1-{n}/2023", received_on="2023-03-21") for n in range(WORTHWHILE)])

    def kill() -> None:
        (child,) = (pid for pid in children(os.getpid()) if b"app.ingest.apart" in _command(pid))
        os.kill(child, signal.SIGKILL)

    await held_up(desk, step, lambda: client.post(PATH, content=large, headers=NDJSON), kill)
    await until(lambda: desk.value(_AT_REST))
    for table in ("cases", "identifiers", "statements", "versions", "defendants", "charges", "ledger", "revisions"):
        assert await desk.value(f"SELECT count(*) FROM {table}") == 0
    answers = await asyncio.gather(*(client.post(PATH, content=large, headers=NDJSON) for _ in range(2)))
    assert sorted(answer.json()["counts"]["created"] for answer in answers) == [0, WORTHWHILE]
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM versions")) == (1, WORTHWHILE)
    assert await desk.differences() == []


@pytest.mark.parametrize("step", _STEPS)
async def test_a_server_killed_at_any_step_leaves_a_batch_whole_or_not_at_all(
    desk: Desk, client: Client, key: dict[str, str], step: str
) -> None:
    port = free_port()
    with started("serve", "--port", port, cwd=desk.folder, database_url=desk.database.url) as process:
        assert status_of(port) == 200
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=key, timeout=30) as other:
            answer = await held_up(
                desk,
                step,
                lambda: other.post(PATH, content=lines(ROWS), headers={**NDJSON, **_KEY}),
                lambda: os.kill(process.pid, signal.SIGKILL),
            )
    assert answer is None
    await until(lambda: desk.value(_AT_REST))
    await is_whole(desk)
    await send_again(desk, client)


async def test_a_server_killed_while_a_body_comes_leaves_nothing(
    desk: Desk, client: Client, key: dict[str, str]
) -> None:
    port, spool = free_port(), desk.folder / "spool"
    spool.mkdir()
    environment = {"database_url": desk.database.url, "spool_dir": spool}
    with started("serve", "--port", port, cwd=desk.folder, **environment) as process:
        assert status_of(port) == 200
        server = Server(port, process, spool, key)

        async def is_spooled() -> bool:
            return bool(server.spooled())

        with closing(server.call(Content_Length=LIMIT_BYTES, **_KEY)) as sock:
            sock.sendall(lines(ROWS))
            await until(is_spooled)
            os.kill(process.pid, signal.SIGKILL)
    assert list(spool.iterdir()) == []
    assert await nothing_of_it(desk)
    await send_again(desk, client)


async def test_a_server_killed_before_it_answers_leaves_the_batch_whole_and_its_answer_kept(
    desk: Desk, client: Client, key: dict[str, str]
) -> None:
    port = free_port()
    with started("serve", "--port", port, cwd=desk.folder, database_url=desk.database.url) as process:
        assert status_of(port) == 200
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=key, timeout=30) as other:
            async with desk.database.owner() as gate, gate.transaction():
                await gate.execute(_STEPS["answer"])
                request = asyncio.ensure_future(other.post(PATH, content=lines(ROWS), headers={**NDJSON, **_KEY}))
                await until(lambda: desk.value(_HELD_UP))
                os.kill(process.pid, signal.SIGSTOP)  # hears of nothing more, while the batch goes on
            await until(desk.revision)
            os.kill(process.pid, signal.SIGKILL)
            with pytest.raises(httpx.HTTPError):
                await request
    assert await is_whole(desk)
    await send_again(desk, client)


async def test_postgres_killed_in_the_middle_of_a_merge_leaves_the_batch_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    settings = {**QUICK, "synchronous_commit": "on", "max_connections": "20"}  # what is committed outlives the kill
    with embedded_postgres(folder, settings=settings) as url:
        await asyncio.to_thread(migrations.upgrade, url)
        await bring_method(Database(url))
        head = {**NDJSON, **_KEY, "Authorization": f"Bearer {await made_key(Database(url))}"}
        desk = Desk(Database(url), tmp_path)
        async with client_of(url) as client:
            with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
                async with desk.database.owner() as gate, gate.transaction():
                    await gate.execute(_STEPS["ledger"])
                    request = asyncio.ensure_future(client.post(PATH, content=lines(ROWS), headers=head))
                    await until(lambda: desk.value(_HELD_UP))
                    os.kill(server_pid(folder), signal.SIGKILL)
                    answer = await request
                    await gate.execute("SELECT 1")
    assert problem_of(answer) == (503, "unavailable")
    assert "Idempotency-Key" in answer.json()["detail"]
    with embedded_postgres(folder, settings=settings) as url:
        desk = Desk(Database(url), tmp_path)
        assert not await is_whole(desk)
        async with client_of(url) as client:
            client.headers.update(head)
            await send_again(desk, client)


# ── At once ────────────────────────────────────────────────────────────────────────────────────


async def test_two_batches_at_once_are_two_revisions(desk: Desk, client: Client) -> None:
    other = [case(f"1-{n}/2023", received_on="2023-03-21") for n in range(11, 31)]
    answers = await asyncio.gather(
        client.post(PATH, content=lines(ROWS), headers=NDJSON), client.post(PATH, content=lines(other), headers=NDJSON)
    )
    assert sorted((answer.status_code, answer.json()["revision"]) for answer in answers) == [(201, 1), (201, 2)]
    second = max((answer.json() for answer in answers), key=lambda receipt: int(receipt["revision"]))
    assert outcomes(second) == {"created": 10, "changed": 10}
    assert await desk.differences() == []


async def test_a_batch_that_waits_too_long_for_its_turn_is_told_when_to_come_again(desk: Desk, client: Client) -> None:
    async with desk.database.owner() as gate, gate.transaction():
        await gate.execute(_STEPS["turn"])
        answer = await client.post(PATH, content=lines(ROWS), headers=NDJSON)
    assert (problem_of(answer), "retry-after" in answer.headers) == ((503, "unavailable"), True)
    assert await nothing_of_it(desk)


async def test_readers_never_wait_for_a_batch_and_never_see_half_of_it(desk: Desk, client: Client) -> None:
    first = await client.post(PATH, content=lines(ROWS[:5]), headers=NDJSON)
    assert first.status_code == 201
    seen: set[tuple[int, int, int]] = set()

    async def look() -> None:
        received = await client.get("/v1/statistics?measures=cases_received")
        cases = await client.get("/v1/cases?limit=0&include_total=true")
        for answer, count in (
            (received, received.json()["results"][0]["cases_received"]),
            (cases, cases.json()["paging"]["total"]),
        ):
            seen.add((answer.status_code, answer.json()["meta"]["revision"], count))

    async with desk.database.owner() as gate, gate.transaction():
        await gate.execute(_STEPS["receipt"])  # everything is written, and not yet to be seen
        request = asyncio.ensure_future(client.post(PATH, content=lines(ROWS), headers=NDJSON))
        await until(lambda: desk.value(_HELD_UP))
        await asyncio.gather(*(look() for _ in range(8)))
        assert seen == {(200, 1, 5)}
    while not request.done():
        await look()
        await asyncio.sleep(0.02)  # kept answers come so quickly that the quota would be used up
    await look()
    assert (await request).status_code == 201
    assert seen == {(200, 1, 5), (200, 2, 20)}
