"""Sudstat beside Datasette, roapi, PostGraphile and bare SQL: `make bench SIZE=100000`. Needs npm and wrk (Debian)."""

import argparse
import asyncio
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import orjson

from app import __version__, migrations
from app.db.embedded import embedded_postgres
from bench.peers import report, sides
from bench.peers.load import Run, pgbench, pgbench_run, wrk_run
from bench.peers.questions import POSTGRES, QUESTIONS, Question, Row, compared, literals, spelt, variants
from bench.peers.record import SCHEMA, drawn, fill
from bench.peers.sides import Request, Side
from bench.service import served

_ROOT = Path(__file__).parents[2]
_PROVED = 4  # variants of each question whose answers are compared
# From so many cases on, peers are asked over one connection alone: sixteen questions keep them at work for many seconds
# after nobody waits for the answers any more, and whoever is asked next would pay for it.
_ALONE_FROM = 5_000_000
_STARTS_S = 120
# No answer is kept; nobody is told to come later, which no peer does.
_SETTINGS = {"SUDSTAT_CACHE_MB": "0", "SUDSTAT_POOL_WAIT_S": "60", "SUDSTAT_SECRET": sides.SECRET}


@contextmanager
def _running(side: Side, log: Path) -> Iterator[Side]:
    """A peer's server; a side that says why, where it does not come up."""
    assert side.command
    with log.open("wb") as said:
        process = subprocess.Popen(side.command, stdout=said, stderr=said)  # noqa: S603
        try:
            yield side if _answers(side, process) else replace(side, command=None, missing=_last(log))
        finally:
            process.terminate()
            process.wait(20)


def _answers(side: Side, process: "subprocess.Popen[bytes]") -> bool:
    until = time.monotonic() + _STARTS_S
    while process.poll() is None and time.monotonic() < until:
        try:
            urllib.request.urlopen(side.address, timeout=1).close()  # noqa: S310
        except urllib.error.HTTPError:
            return True
        except OSError:
            time.sleep(0.2)
        else:
            return True
    return False


def _last(log: Path) -> str:
    return " ".join(log.read_text(encoding="utf-8", errors="replace").split())[-200:]


def _prove(questions: Sequence[Question], running: Sequence[Side], url: str) -> None:
    """Compare the answers of all sides.

    Errors  RuntimeError with the first that differs
    """
    ours, *others = running
    for question in questions:
        for given in question.variants[:_PROVED]:
            first = _answered(ours, question, given)
            if not first:
                raise RuntimeError(f"{question.id} of {given} has no rows: it proves nothing")
            told = {side.name: _answered(side, question, given) for side in others if side.request(question, given)}
            told[report.SQL_ALONE] = asyncio.run(_by_sql(url, question, given))
            for name, rows in told.items():
                if rows != first:
                    here, there = (
                        [row for row in one if row not in two][:2] for one, two in ((first, rows), (rows, first))
                    )
                    raise RuntimeError(f"{question.id} of {given}: Sudstat says {here}, {name} {there}")
    print(f"{len(questions)} questions: the same answers from {', '.join(side.name for side in running)}", flush=True)


def _answered(side: Side, question: Question, given: "dict[str, str] | object") -> list[Row]:
    asked = side.request(question, given)  # type: ignore[arg-type]
    assert asked
    return compared(side.rows(question, orjson.loads(side.ask(asked))))


async def _by_sql(url: str, question: Question, given: "object") -> list[Row]:
    connection = await asyncpg.connect(url, server_settings={"search_path": f"{SCHEMA},public"})
    try:
        statement = spelt(question, POSTGRES, literals(question, given))  # type: ignore[arg-type]
        return compared(tuple(row) for row in await connection.fetch(statement))
    finally:
        await connection.close()


def _measure(
    questions: Sequence[Question], running: Sequence[Side], url: str, given: argparse.Namespace, folder: Path
) -> dict[tuple[str, str], list[Run]]:
    program = pgbench()
    found: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for question in questions:
        asked = {side.name: _requests(side, question) for side in running}
        for turn in range(given.rounds):
            for side in running if turn % 2 else reversed(running):
                if asked[side.name]:
                    is_alone = given.size >= _ALONE_FROM and side.name not in report.OURSELVES
                    run = wrk_run(side, asked[side.name], given.seconds, folder, is_alone=is_alone)
                    found[question.id, side.name].append(run)
            if program:
                found[question.id, report.SQL_ALONE].append(pgbench_run(program, url, question, given.seconds, folder))
        told = {
            name: f"{runs[-1].per_s:,.0f}/s {runs[-1].ms:.1f} ms"
            for (of, name), runs in found.items()
            if of == question.id
        }
        print(question.id, told, flush=True)
    return found


def _requests(side: Side, question: Question) -> list[Request]:
    return [asked for given in question.variants if (asked := side.request(question, given))]


def _need_wrk() -> None:
    """Errors  SystemExit, where there is none and apt gives none."""
    if shutil.which("wrk") is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["apt-get", "install", "-y", "-qq", "wrk"], check=False)  # noqa: S607
    if shutil.which("wrk") is None:
        raise SystemExit("make bench needs wrk: apt install wrk")


def _about(url: str) -> list[str]:
    """Where and when."""
    server = asyncio.run(_server(url))
    load = " ".join(f"{part:.1f}" for part in os.getloadavg())
    day = datetime.now(UTC).date()
    return [
        f"{day}; {os.cpu_count()} cores ({platform.machine()}), client, servers and database on one machine; Python"
        f" {platform.python_version()}; Postgres {server}; load before the first round {load}."
    ]


async def _server(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return str(await connection.fetchval("SHOW server_version"))
    finally:
        await connection.close()


def _filled(url: str, folder: Path, given: argparse.Namespace) -> str:
    """Fill the record, unless the folder holds it; returns the key that opens it.

    Errors  SystemExit where it holds another
    """
    wanted = {"size": given.size, "revisions": given.revisions, "directly": given.directly}
    note = folder / "filled.json"
    if note.exists():
        held = orjson.loads(note.read_bytes())
        key: str = held.pop("key")
        if held != wanted:
            raise SystemExit(f"{folder} holds another record: {held}")
        return key
    began = time.perf_counter()
    key = asyncio.run(fill(url, given.size, given.revisions, folder, directly=given.directly))
    print(f"{given.size:,} cases taken in and laid out in {time.perf_counter() - began:.0f} s", flush=True)
    note.write_bytes(orjson.dumps({**wanted, "key": key}))
    return key


def main() -> int:
    """Install, load, prove, measure, and write `bench/results.md`."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", type=int, default=100_000, help="cases in the record")
    asked.add_argument("--revisions", type=int, default=20)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--seconds", type=int, default=2, help="of each run at many connections; half of it at one")
    asked.add_argument("--port", type=int, default=8810)
    asked.add_argument("--only", default="", help="ids of questions, joined by commas")
    asked.add_argument("--peers", type=Path, default=_ROOT / ".peers", help="folder that the peers are installed into")
    asked.add_argument("--results", type=Path, default=_ROOT / "bench" / "results.md")
    asked.add_argument(
        "--directly", action="store_true", help="write versions by a side door, instead of taking files in"
    )
    asked.add_argument("--kept", type=Path, help="folder where the record stays, and is found again by the next run")
    asked.add_argument("--build-only", action="store_true", help="measure nothing; with --kept")
    given = asked.parse_args()
    _need_wrk()
    with ExitStack() as opened:
        folder = given.kept or Path(opened.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        settings = {"max_connections": "150"}  # of all sides, each with a pool of its own
        url = opened.enter_context(embedded_postgres(folder / "data", settings=settings))
        migrations.upgrade(url)
        key = _filled(url, folder, given)
        if given.build_only:
            return 0
        picked = asyncio.run(drawn(url, given.revisions))
        only = [one for one in given.only.split(",") if one]
        questions = [replace(one, variants=variants(one, picked)) for one in QUESTIONS if not only or one.id in only]
        peers = list(sides.install(given.peers, folder, url, given.port + 1))
        ours = []
        for place, (name, settings) in enumerate(report.OURSELVES.items()):
            port = given.port + 10 * place
            opened.enter_context(served(url, port, **_SETTINGS, **settings))
            ours.append(sides.sudstat(port, key, __version__, name, **settings))
        peers = [
            opened.enter_context(_running(side, folder / f"{side.name}.log")) if side.command else side
            for side in peers
        ]
        running = [*ours, *(side for side in peers if side.command)]
        _prove(questions, running, url)
        about = _about(url)
        runs = _measure(questions, running, url, given, folder)
        versions = report.versions_of([*ours, *peers], asyncio.run(_server(url)))
        found = report.Measured(given.size, given.revisions, given.seconds, versions, about, runs, given.directly)
    report.write(found, given.results)
    print(f"written to {given.results}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
