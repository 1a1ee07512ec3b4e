"""One Postgres for the run, a template database migrated once, a clone of it for each test that asks."""

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from app import migrations
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest import ahead
from app.ingest.restate import bring_method
from tests.databases import at, cloned, execute
from tests.ledgers import write_reference
from tests.loading import Desk, empty, one_for_all

QUICK = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "200",
    "shared_buffers": "64MB",
}

settings.register_profile(
    "sudstat",
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("sudstat")


# Groups and files that take longest, longest first: two workers end together only if these do not come last.
_LONGEST = ("test_demo_record", "test_laws", "test_embedded", "test_export", "test_answers", "test_batch_faults")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put first what takes longest."""
    place = {name: number for number, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: place.get(item.path.stem, len(place)))


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder that all workers of this run share."""
    base = tmp_path_factory.getbasetemp()
    return base if worker_id == "master" else base.parent


@pytest.fixture(scope="session")
def server_url(run_dir: Path) -> Iterator[str]:
    """Address of the run's Postgres: the one in DATABASE_URL, else an embedded one."""
    given = os.environ.get("DATABASE_URL")
    if given:
        yield given
        return
    with embedded_postgres(run_dir / "postgres", settings=QUICK) as url:
        yield url


@pytest.fixture(scope="session")
def template(server_url: str, run_dir: Path) -> str:
    """Name of a migrated database with the courts and offences in it, made once in a run."""
    name_file = run_dir / "template"
    with _only_one(run_dir / "template.lock"):
        if not name_file.exists():
            name = f"sudstat_template_{uuid4().hex[:8]}"
            asyncio.run(execute(server_url, f"CREATE DATABASE {name} ENCODING 'UTF8' TEMPLATE template0"))
            migrations.upgrade(at(server_url, name))
            asyncio.run(bring_method(Database(at(server_url, name))))
            name_file.write_text(name)
    return name_file.read_text()


@pytest.fixture(scope="module")
def shared(server_url: str, template: str) -> Iterator[Database]:
    """The database of one file's tests."""
    with one_for_all(server_url, template) as database:
        yield database


@pytest.fixture(scope="module")
def going_ahead() -> Iterator[None]:
    """Batches go ahead of their turn however small they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ahead, "WORTHWHILE", 1)
        yield


@pytest.fixture
async def desk(shared: Database, tmp_path: Path) -> AsyncIterator[Desk]:
    """An empty record; afterwards every revision of it agrees with a recount."""
    await empty(shared)
    desk = Desk(shared, tmp_path)
    async with shared.keeping_writer():
        yield desk
    assert await desk.differences() == []


@pytest.fixture
async def database_url(server_url: str, template: str) -> AsyncIterator[str]:
    """Address of a database of this test's own."""
    async with cloned(server_url, template) as url:
        yield url


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[Any]:
    """A connection to a database of this test's own, with the reference of `tests/ledgers.py` in it."""
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    await write_reference(connection)
    yield connection
    await connection.close()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database of this test's own, open."""
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@contextmanager
def _only_one(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
