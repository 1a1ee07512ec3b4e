"""Builds the demonstration record: writes its files, and takes them in by the ordinary way, revision by revision."""

import asyncio
import fcntl
import hashlib
import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from app.db.database import Database
from app.demo.files import DemoFile, count_files, write_files
from app.demo.history import SEED, history
from app.ingest.batch import ingest_file
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


def is_unbuilt(folder: Path) -> bool:
    """Whether a folder surely holds no finished record of this release."""
    return (_finished(folder) or {}).get("generator") != _generator()


async def empty(database: Database) -> None:
    """Take an unfinished demonstration out of its database; keys, courts and offences stay."""
    async with database.owner() as connection, connection.transaction():
        await connection.execute(f"TRUNCATE {_HELD}")
        await connection.execute("UPDATE published SET revision = 0")


async def build(database: Database, folder: Path, *, on_step: OnStep, crew: "Crew | None" = None) -> int:
    """Write the files into a folder and take them in; returns the number of the last revision.

    `on_step` is told how many files are done, of how many. `crew` has been called together ahead of time.
    Errors  DemoError where a file of ours is refused: a bug; what `ingest_file` raises
    """
    (folder / "demo.json").unlink(missing_ok=True)
    with crew or Crew() as at_work:
        revision = await asyncio.to_thread(at_work.build, database.url, folder / "files", on_step)
    (folder / "demo.json").write_text(json.dumps({"generator": _generator(), "revisions": revision}), encoding="utf-8")
    return revision


class Crew:
    """Processes of their own that build: one writes the files, two take them in by turns.

    While one merges a file, the other reads and stages the next. They are at work as soon as they are called together,
    before there is a database: a history takes seconds to invent.
    """

    def __init__(self) -> None:
        spawn = get_context("spawn")
        self._processes: list[BaseProcess] = []
        self._writer, *self._takers = (self._call(spawn, task) for task in (_write, _take_in_turn, _take_in_turn))

    def __enter__(self) -> "Crew":
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.join()

    def build(self, url: str, folder: Path, on_step: OnStep) -> int:
        """Have all files written into a folder and taken into a database; returns the last revision."""
        for taker in self._takers:
            taker.send(url)
        self._writer.send(folder)
        total: int = _told(self._writer)
        revision = 0
        on_step(0, total)
        for done in range(total):
            taker, other = self._takers[done % 2], self._takers[done % 2 - 1]
            taker.send(_told(self._writer))
            if done:
                revision = _told(other) or revision
                on_step(done, total)
            taker.send("your turn")
        revision = _told(self._takers[(total - 1) % 2]) or revision
        on_step(total, total)
        return revision

    def _call(self, spawn: SpawnContext, task: Callable[[Connection], None]) -> Connection:
        ours, theirs = spawn.Pipe()
        process = spawn.Process(target=_at_work, args=(task, theirs), daemon=True)
        process.start()
        theirs.close()
        self._processes.append(process)
        return ours


def _told(pipe: Connection) -> Any:
    """What a process of the crew sends next; raises what went wrong there."""
    try:
        word = pipe.recv()
    except (EOFError, ConnectionResetError):
        raise DemoError("a process that builds the demonstration record was ended; run `sudstat demo` again") from None
    if isinstance(word, Exception):
        raise word
    return word


def _at_work(task: Callable[[Connection], None], pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for us
    with suppress(EOFError, BrokenPipeError):  # nobody waits any more
        try:
            task(pipe)
        except Exception as error:  # raised where it is waited for
            pipe.send(error)


def _write(pipe: Connection) -> None:
    """Send the number of files, then each as it is written."""
    cases = history(SEED)
    total = count_files(cases)
    folder = pipe.recv()
    pipe.send(total)
    for file in write_files(folder, cases, SEED):
        pipe.send(file)


def _take_in_turn(pipe: Connection) -> None:
    asyncio.run(_take_files(Database(pipe.recv()), pipe))


async def _take_files(database: Database, pipe: Connection) -> None:
    """Take in each file that comes, once its turn is told after it; send the revision that it makes."""
    async with database.keeping_writer():
        while True:
            file = await asyncio.to_thread(pipe.recv)
            turn = asyncio.create_task(asyncio.to_thread(pipe.recv))
            receipt = await ingest_file(database, file.path, _options(file), after=turn)
            await turn
            pipe.send(_check(receipt, file))


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


def _finished(folder: Path) -> dict[str, object] | None:
    path = folder / "demo.json"
    held: dict[str, object] | None = json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
    return held


def _generator() -> str:
    """What tells this release's demonstration from another's: a digest of the code that writes it."""
    code = b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*.py")))
    return hashlib.sha256(code).hexdigest()[:16]
