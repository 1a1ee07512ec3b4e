"""Builds the demonstration record: writes its files, and takes them in by the ordinary way, revision by revision."""

import asyncio
import fcntl
import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from app.db.database import Database
from app.demo.files import DemoFile, count_files, write_files
from app.demo.history import SEED, history
from app.ingest.batch import ingest_file, read_outcomes
from app.ingest.layouts import LAYOUTS
from app.ingest.receipt import Options, Receipt

_REAL = "SELECT count(*) FROM revisions WHERE NOT is_synthetic"
_PUBLISHED = "SELECT revision FROM published"
_HELD = (
    "sources, batches, revisions, coverage_windows, removals, cases, identifiers, sightings, statements, versions,"
    " defendants, charges, ledger, tally"
)
_AUTHOR = "sudstat demo"

OnStep = Callable[[int, int], None]


class DemoError(Exception):
    """Why the demonstration record cannot be built; one line for a person."""


async def is_finished(database: Database, folder: Path) -> bool:
    """Whether the database holds the whole demonstration record of this release, and nothing else.

    Errors  DemoError where the database holds records that are not synthetic
    """
    async with database.owner() as connection:
        if await connection.fetchval(_REAL):
            raise DemoError(
                "this database holds real records, and the demonstration must not mix with them;"
                " give it a folder or a database of its own"
            )
        published: int = await connection.fetchval(_PUBLISHED)
    return published > 0 and _finished(folder) == {"generator": _generator(), "revisions": published}


async def empty(database: Database) -> None:
    """Take an unfinished demonstration out of its database; keys, courts and offences stay."""
    async with database.owner() as connection, connection.transaction():
        await connection.execute(f"TRUNCATE {_HELD}")
        await connection.execute("UPDATE published SET revision = 0")


async def build(database: Database, folder: Path, *, on_step: OnStep) -> int:
    """Write the files into a folder and take them in; returns the number of the last revision.

    `on_step` is told how many files are done, of how many.
    Errors  DemoError where a file of ours is refused: a bug
    """
    (folder / "demo.json").unlink(missing_ok=True)
    revision = 0
    with _written_apart(folder / "files") as produced:
        total: int = await asyncio.to_thread(produced.recv)
        on_step(0, total)
        async with database.keeping_writer():
            for done in range(1, total + 1):
                file, outcomes = await asyncio.to_thread(produced.recv)
                receipt = await ingest_file(database, file.path, _options(file), outcomes=outcomes)
                revision = _check(receipt, file) or revision
                on_step(done, total)
    (folder / "demo.json").write_text(json.dumps({"generator": _generator(), "revisions": revision}), encoding="utf-8")
    return revision


@contextmanager
def _written_apart(folder: Path) -> Iterator[Connection]:
    """A process of its own that writes the files and reads them, while Postgres and we are at work on earlier ones.

    Through the connection come the number of files, then each with what its layout makes of it.
    """
    spawn = get_context("spawn")
    produced, sender = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_produce, args=(folder, sender), daemon=True)
    process.start()
    sender.close()
    try:
        yield produced
    finally:
        produced.close()
        process.kill()
        process.join()


def _produce(folder: Path, sender: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for us
    cases = history(SEED)
    sender.send(count_files(cases))
    for file in write_files(folder, cases, SEED):
        sender.send((file, list(read_outcomes(file.path, LAYOUTS[file.layout]))))


@contextmanager
def only_builder(folder: Path) -> Iterator[None]:
    """Hold the right to build in a folder.

    Errors  DemoError where another process holds it
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise DemoError(f"another `sudstat demo` is building in {folder}; wait for it to end") from None
        yield


def _options(file: DemoFile) -> Options:
    return Options(
        layout=file.layout,
        layer=file.layer,
        source=file.source,
        author=_AUTHOR,
        seen_on=file.seen_on,
        published_at=file.published_at,
        is_synthetic=True,
    )


def _check(receipt: Receipt, file: DemoFile) -> int | None:
    if receipt.tallied.refused:
        first = receipt.tallied.refused[0]
        raise DemoError(f"{file.path.name}, {first.place}: {first.code}: {first.detail}")
    return receipt.revision


def _finished(folder: Path) -> object:
    path = folder / "demo.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _generator() -> str:
    """What tells this release's demonstration from another's: a digest of the code that writes it."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:16]
