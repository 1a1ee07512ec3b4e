"""A record small enough to know by heart, and a client of the application that serves it."""

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest

from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
from app.main import create_app
from app.settings import Settings
from tests.databases import cloned
from tests.loading import until

SECRET = b"a secret of tests, long enough to be one"
GROZNY, REUTOV, CHITA = "61GV0012", "77GV0003", "75GV0001"
UID = "61GV0012-01-2023-000123-60"


def person(offence: str = "337:5", **said: Any) -> dict[str, Any]:
    """One defendant with one charge."""
    return {"ordinal": 1, "charges": [{"offence": offence}], **said}


def case(court: str, number: str, **said: Any) -> dict[str, Any]:
    """One house record."""
    return {"court": court, "instance": "first", "number": number, **said}


SENTENCE = {"kind": "imprisonment", "execution": "suspended", "term_months": 30, "source": "verdict_text"}
FIRST: tuple[dict[str, Any], ...] = (
    case(
        GROZNY,
        "1-45/2023",
        previous_numbers=["1-201/2022"],
        uid=UID,
        received_on="2023-03-14",
        decided_on="2023-04-21",
        disposition="verdict",
        defendants=[
            person(
                "337:5",
                charges=[{"offence": "337:5"}, {"offence": "158:3"}],
                service_status="mobilised",
                sentence=SENTENCE,
            ),
            person("338:1", ordinal=2, service_status="contract", disposition="acquitted"),
        ],
        sources=[{"kind": "court_card", "url": "https://court.example/1", "seen_on": "2023-05-10"}],
    ),
    case(GROZNY, "1-46/2023", received_on="2023-03-14", defendants=[person("337:3.1")]),
    case(REUTOV, "1-2/2023", received_on="2023-01-09", decided_on="2023-03-14", disposition="terminated"),
    case(REUTOV, "1-3/2023", defendants=[person("332:2.1")]),
    case(CHITA, "1-7/2023", received_on="2023-03-14", decided_on="2023-04-21", disposition="verdict"),
)
SECOND: tuple[dict[str, Any], ...] = (
    case(GROZNY, "1-46/2023", decided_on="2023-05-02", disposition="verdict"),
    case(CHITA, "1-8/2023", received_on="2023-05-01", defendants=[person("337", service_status="conscript")]),
)
PUBLISHED = (datetime(2023, 6, 1, 9, tzinfo=UTC), datetime(2023, 7, 1, 9, tzinfo=UTC))


async def fill(url: str) -> None:
    """Take the two batches in: two revisions."""
    database = Database(url)
    await take(database, FIRST, layer="court_card", published_at=PUBLISHED[0])
    await take(database, SECOND, layer="newsroom", published_at=PUBLISHED[1])


async def take(database: Database, records: tuple[dict[str, Any], ...], *, layer: str, published_at: datetime) -> None:
    """Take records in as one revision."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "batch.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        options = Options(
            layout="house",
            layer=layer,
            source="test-cards",
            author="test",
            seen_on=date(2023, 5, 20),
            published_at=published_at,
        )
        receipt = await ingest_file(database, path, options)
        assert receipt.applied, receipt


async def crowd(url: str) -> None:
    """Take in cases that tie on every column and miss every day now and then."""
    dice = random.Random(5)
    days = [None, None, "2023-02-01", "2023-02-02", "2023-02-03"]
    records = tuple(
        case(
            dice.choice((GROZNY, REUTOV, CHITA)),
            f"1-{number}/2023",
            received_on=dice.choice(days),
            **({"decided_on": "2023-03-01", "disposition": "verdict"} if dice.random() < 0.4 else {}),
            defendants=[
                person(dice.choice(("337:5", "338:1")), ordinal=ordinal, service_status=dice.choice(STATUSES))
                for ordinal in range(1, dice.randint(1, 3))
            ],
        )
        for number in range(1, 41)
    )
    await take(Database(url), records, layer="newsroom", published_at=PUBLISHED[0])


STATUSES = ("mobilised", "contract", "unknown")


@asynccontextmanager
async def client_of(url: str, **settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application over a database."""
    # Not from the environment of whoever runs the tests.
    app = create_app(Settings(**settings), database_url=url, secret=SECRET)
    transport = httpx.ASGITransport(app, root_path=str(settings.get("root_path", "")))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://sudstat.test") as client,
    ):
        # What the client adds by itself would choose format and coding for the test.
        client.headers = httpx.Headers({"accept": "*/*", "accept-encoding": "identity", "user-agent": "test"})
        yield client


def problem_of(answer: httpx.Response) -> tuple[int, str]:
    """Status and kind of a problem."""
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


@pytest.fixture(name="filled", scope="session")
def filled_fixture(server_url: str, template: str) -> Iterator[str]:
    """Address of a database with the small record; to be read only."""
    with filled_with(fill, server_url, template) as url:
        yield url


@pytest.fixture(name="crowded", scope="session")
def crowded_fixture(server_url: str, template: str) -> Iterator[str]:
    """Address of a database with ties and gaps; to be read only."""
    with filled_with(crowd, server_url, template) as url:
        yield url


@pytest.fixture(name="client")
async def client_fixture(filled: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client over the small record."""
    async with client_of(filled) as client:
        yield client


@contextmanager
def filled_with(filling: Callable[[str], Coroutine[Any, Any, None]], server_url: str, template: str) -> Iterator[str]:
    """A clone of the template with something in it, dropped at the end."""
    database = cloned(server_url, template)
    url = asyncio.run(database.__aenter__())
    try:
        asyncio.run(filling(url))
        yield url
    finally:
        asyncio.run(database.__aexit__())


@contextmanager
def terminal_beside_a_server(url: str) -> Iterator[dict[str, str]]:
    """Environment of a terminal in which `sudstat` works on a database, and a server answers for it at SUDSTAT_PORT."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = {"PATH": path, "SUDSTAT_DATABASE_URL": url, "SUDSTAT_PORT": port, "SUDSTAT_SECRET": "s" * 40}
    with subprocess.Popen(["sudstat", "serve"], env=said) as server:
        try:
            asyncio.run(until(lambda: _is_ready(port)))
            yield said
        finally:
            server.terminate()


async def _is_ready(port: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False


async def read(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    """The body of an answer."""
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body
