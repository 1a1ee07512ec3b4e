"""What healthy callers notice of slow, heavy and greedy ones: `make bench-limits`; figures: docs/operations/limits.md.

On loopback, bounded in time and number. The service runs in a process of its own with one worker, those who attack it
in another, healthy callers here. They ask on a fixed timetable, and an answer's time counts from the moment at which
it should have been asked, so that no queue hides. An attack begins two seconds before anything is measured. Those who
attack yield the processor to the others, as if theirs were another machine.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

from app import migrations
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
from app.ingest.restate import bring_method
from bench.ingest import cases
from bench.service import BIN, Served, served

HEALTHY = 8  # callers, each with a key and a connection of their own
EACH_EVERY_S = 0.8
SLOW, HEAVY, GREEDY = 1000, 200, 50  # connections
GREEDY_EVERY_S = 0.1  # each of them: 500 requests a second, where 20 are a key's quota
_NICE = 10
_ATTACKS_S = 2
_LONGEST_S = 15  # waited for an answer
_ASKED = (
    "/v1/statistics?group_by=year",
    "/v1/statistics/weekly?last_n=12",
    "/v1/statistics?measures=persons_convicted,suspended_share&group_by=offence&start_period=2022&end_period=2022",
    "/v1/cases?limit=20",
    "/v1/courts?limit=20",
    "/v1/statistics/catalogue",
)
# Every second question is one of these, with a first day that nobody has asked for: no answer is kept.
_ASKED_ANEW = (
    "/v1/statistics?group_by=service_status&start_period={day}",
    "/v1/statistics/weekly?measures=persons_convicted&last_n=26&end_period={day}",
    "/v1/statistics?measures=persons_convicted,suspended_share&group_by=year,disposition&start_period={day}",
)
_CASES_TAKEN = 5  # in each batch that comes in while others attack


@dataclass(slots=True)
class Told:
    """Answers: how long they took, milliseconds, by status; and what was not as it should be."""

    took_ms: dict[int, list[float]] = field(default_factory=dict)
    wrong: Counter[str] = field(default_factory=Counter)

    def add(self, status: int, took_s: float) -> None:
        """Note one answer."""
        self.took_ms.setdefault(status, []).append(took_s * 1000)

    def part(self, share: float, *statuses: int) -> float:
        """The time within which that share of the answers came; of all, or of some statuses."""
        found = sorted(ms for status, each in self.took_ms.items() if not statuses or status in statuses for ms in each)
        return found[min(len(found) - 1, int(share * len(found)))] if found else float("nan")

    def counts(self) -> str:
        """How many answers of each status."""
        return ", ".join(f"{len(each):,} × {status}" for status, each in sorted(self.took_ms.items()))


class Line:
    """One lasting connection, as lean as can be: what is measured is the service."""

    def __init__(self, port: int, key: str | None) -> None:
        self._port = port
        self._key = key
        self._open: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str) -> tuple[int, dict[str, str]]:
        """Status and headers of an answer whose body has come whole."""
        if self._open is None or self._open[0].at_eof():  # the service ends those that are idle
            self._open = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._open
        named = f"Authorization: Bearer {self._key}\r\n" if self._key else ""
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{named}\r\n".encode())
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").rstrip().split("\r\n")
        headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        if "content-length" in headers:
            await reader.readexactly(int(headers["content-length"]))
        else:
            while size := int(await reader.readline(), 16):
                await reader.readexactly(size + 2)
            await reader.readline()
        if headers.get("connection") == "close":
            self.close()
        return int(first.split()[1]), headers

    def close(self) -> None:
        """End it."""
        if self._open is not None:
            self._open[1].close()
            self._open = None


async def healthy(port: int, keys: Sequence[str], seconds: float) -> Told:
    """Callers who ask at a steady pace."""
    told, begun, dice = Told(), time.perf_counter() + 0.1, random.Random()  # noqa: S311

    def path(turn: int, place: int) -> str:
        if turn % 2 == 0:
            return _ASKED[(turn + place) % len(_ASKED)]
        day = f"20{dice.randrange(19, 24)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
        return _ASKED_ANEW[(turn + place) % len(_ASKED_ANEW)].format(day=day)

    async def one(place: int, key: str) -> None:
        line = Line(port, key)
        for turn in range(int(seconds / EACH_EVERY_S)):
            due = begun + turn * EACH_EVERY_S + place * EACH_EVERY_S / len(keys)
            await asyncio.sleep(due - time.perf_counter())
            try:
                async with asyncio.timeout(_LONGEST_S):
                    status, _ = await line.ask(path(turn, place))
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                told.wrong[type(error).__name__] += 1
                line.close()
                continue
            told.add(status, time.perf_counter() - due)
        line.close()

    await asyncio.gather(*(one(place, key) for place, key in enumerate(keys)))
    return told


async def slow(port: int, keys: Sequence[str], until: float) -> Told:
    """Connections that send their head byte by byte, without end, and come again when they are left."""
    del keys
    told = Told()

    async def one(place: int) -> None:
        await asyncio.sleep(place / SLOW)
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                answered = asyncio.create_task(reader.read(200))
                writer.write(b"GET /v1/cases HTTP/1.1\r\nHost: a\r\nX-A: ")
                while time.monotonic() < until and not answered.done():
                    writer.write(b"a")
                    await asyncio.wait([answered], timeout=1)
                if answered.done():
                    told.add(int(answered.result().split()[1]), time.monotonic() - begun)
                answered.cancel()
                writer.close()
            except (OSError, IndexError):
                told.wrong["connection lost"] += 1
                await asyncio.sleep(0.1)

    await asyncio.gather(*(one(place) for place in range(SLOW)))
    return told


async def heavy(port: int, keys: Sequence[str], until: float) -> Told:
    """Large questions, each other than all before; who is refused waits for as long as they are told."""
    told, dice = Told(), random.Random(7)  # noqa: S311

    async def one(place: int) -> None:
        await asyncio.sleep(place / HEAVY)
        line = Line(port, keys[place % len(keys)])
        while time.monotonic() < until:
            years = f"start_period=20{dice.randrange(18, 21)}-{dice.randrange(1, 13):02d}-{dice.randrange(1, 29):02d}"
            path = f"/v1/statistics?measures=persons_convicted&group_by=month,court,service_status&{years}"
            begun = time.perf_counter()
            try:
                async with asyncio.timeout(_LONGEST_S):
                    status, headers = await line.ask(path)
            except (OSError, EOFError, ValueError, TimeoutError) as error:
                told.wrong[type(error).__name__] += 1
                line.close()
                continue
            told.add(status, time.perf_counter() - begun)
            wait_s = headers.get("retry-after", "0")
            if status in (429, 503) and not (wait_s.isdecimal() and int(wait_s) >= 1):
                told.wrong["no Retry-After in whole seconds"] += 1
            await asyncio.sleep(min(int(wait_s), max(0.0, until - time.monotonic())))
        line.close()

    await asyncio.gather(*(one(place) for place in range(HEAVY)))
    return told


async def greedy(port: int, keys: Sequence[str], until: float) -> Told:
    """One caller who goes on asking, whatever they are told."""
    told = Told()

    async def one(place: int) -> None:
        await asyncio.sleep(place * GREEDY_EVERY_S / GREEDY)
        line = Line(port, keys[0])
        while time.monotonic() < until:
            begun = time.perf_counter()
            try:
                status, headers = await line.ask(_ASKED[place % len(_ASKED)])
            except (OSError, EOFError, ValueError) as error:
                told.wrong[type(error).__name__] += 1
                line.close()
                continue
            told.add(status, time.perf_counter() - begun)
            if status in (429, 503) and not headers.get("retry-after", "").isdecimal():
                told.wrong["no Retry-After in whole seconds"] += 1
            await asyncio.sleep(begun + GREEDY_EVERY_S - time.perf_counter())
        line.close()

    await asyncio.gather(*(one(place) for place in range(GREEDY)))
    return told


Attack = Callable[[int, Sequence[str], float], Coroutine[Any, Any, Told]]
KINDS: dict[str, tuple[Attack, int]] = {
    "1,000 slow connections": (slow, 0),
    "200 heavy questions of one key": (heavy, 1),
    "200 heavy questions of 20 keys": (heavy, 20),
    "a flood past quota": (greedy, 1),
}
"""Each attack, and by how many keys it is made."""


def _attack(attack: Attack, port: int, keys: Sequence[str], seconds: float, pipe: Pipe) -> None:
    os.nice(_NICE)
    pipe.send(asyncio.run(attack(port, keys, time.monotonic() + seconds)))


async def _post(port: int, key: str, number: int) -> str:
    """Have a small batch taken; its cases are new, and known by its number."""
    new = [
        {
            "court": "61GV0012",
            "instance": "first",
            "number": f"1-{number * 100 + place}/2025",
            "received_on": "2025-03-03",
        }
        for place in range(_CASES_TAKEN)
    ]
    body = json.dumps(new)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    asked = "/v1/ingest/batches?layout=house&layer=court_card&source=limits"
    head = f"POST {asked} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n"
    writer.write(f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
    answer = await reader.read()
    writer.close()
    return answer.split()[1].decode()


def _refusals(address: str) -> tuple[int, int]:
    """Answers of status 503 by the service's own clock: those within 50 ms, and all."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:  # noqa: S310
        lines = [line for line in answer.read().decode().splitlines() if 'status="503"' in line and "_bucket{" in line]
    within, of_all = (
        sum(float(line.split()[-1]) for line in lines if f'le="{bound}"' in line) for bound in ("0.05", "+Inf")
    )
    return int(within), int(of_all)


def _resident_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS")) / 1024


@dataclass(slots=True)
class Phase:
    """What was seen while an attack went on."""

    healthy: Told
    attack: Told | None
    memory_mib: list[float]
    batches: Counter[str]
    refusals: tuple[int, int]


async def _watch(process: int, seen: list[float]) -> None:
    while True:
        seen.append(_resident_mib(process))
        await asyncio.sleep(0.5)


class Bench:
    """One service and its callers."""

    def __init__(self, address: Served, keys: Sequence[str], seconds: float) -> None:
        self._address = address
        self._process = address.process.pid
        self._port = int(address.rpartition(":")[2])
        self._keys = keys
        self._seconds = seconds
        self._batch = 0

    async def phase(self, kind: str | None) -> Phase:
        """Healthy callers, a batch halfway, and an attack, if any, for the time given."""
        before = await asyncio.to_thread(_refusals, self._address)
        end, child = multiprocessing.get_context("spawn").Pipe(duplex=False)
        attacker = None
        if kind is not None:
            attack, number = KINDS[kind]
            keys = self._keys[HEALTHY + 1 : HEALTHY + 1 + number]
            attacker = multiprocessing.get_context("spawn").Process(
                target=_attack, args=(attack, self._port, keys, self._seconds + _ATTACKS_S, child)
            )
            attacker.start()
            child.close()
            await asyncio.sleep(_ATTACKS_S)
        memory: list[float] = []
        watching = asyncio.create_task(_watch(self._process, memory))
        batches: Counter[str] = Counter()
        try:
            taking = asyncio.create_task(self._take(batches))
            told = await healthy(self._port, self._keys[:HEALTHY], self._seconds)
            await taking
            attacked = await asyncio.to_thread(end.recv) if attacker else None
        finally:
            watching.cancel()
            if attacker is not None:
                attacker.terminate()
                attacker.join()
        await asyncio.sleep(2)
        memory.append(_resident_mib(self._process))
        after = await asyncio.to_thread(_refusals, self._address)
        refusals = (after[0] - before[0], after[1] - before[1])
        return Phase(told, attacked, memory, batches, refusals)

    async def _take(self, batches: Counter[str]) -> None:
        await asyncio.sleep(self._seconds / 2)
        self._batch += 1
        batches[await _post(self._port, self._keys[HEALTHY], self._batch)] += 1


async def _prepare(url: str, folder: Path, size: int) -> list[str]:
    database = Database(url)
    await bring_method(database)
    file = folder / "cases.ndjson"
    with file.open("w", encoding="utf-8") as rows:
        rows.writelines(json.dumps(case) + "\n" for case in cases(size))
    options = Options(layout="house", layer="court_card", source="limits", author="bench")
    receipt = await ingest_file(database, file, options)
    assert receipt.applied
    async with database.owner() as connection:
        scopes = [["statistics", "records"]] * HEALTHY + [["ingest"]] + [["statistics", "records"]] * 20
        return [await create_key(connection, "bench", scopes=each) for each in scopes]


async def _count(url: str) -> int:
    async with Database(url).owner() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM cases"))


def _row(what: str, phase: Phase, quiet: Phase) -> str:
    p50, p99 = phase.healthy.part(0.5), phase.healthy.part(0.99)
    ratio = p99 / quiet.healthy.part(0.99)
    most, after = max(phase.memory_mib), phase.memory_mib[-1]
    cells = (
        what,
        phase.healthy.counts() + _wrong(phase.healthy),
        f"{p50:.1f}",
        f"{p99:.1f}",
        f"{ratio:.1f}",
        f"{most:.0f}",
        f"{after:.0f}",
    )
    return f"| {' | '.join(cells)} |"


def _told_attackers(what: str, told: Told, refusals: tuple[int, int]) -> str:
    refused = f"{told.part(0.5, 503):.1f} | {told.part(0.99, 503):.1f} | {told.part(1, 503):.1f}"
    if 503 not in told.took_ms:
        refused = "– | – | –"
    return f"| {what} | {told.counts()}{_wrong(told)} | {refused} | {refusals[0]} of {refusals[1]} |"


def _wrong(told: Told) -> str:
    return "".join(f", {number} × {what}" for what, number in told.wrong.items())


async def _run(bench: Bench, kinds: Sequence[str]) -> dict[str, Phase]:
    await bench.phase(None)  # warm
    phases = {"quiet": await bench.phase(None)}
    for kind in kinds:
        phases[kind] = await bench.phase(kind)
        print(f"{kind}: done", file=sys.stderr, flush=True)
    return phases


def main() -> int:
    """Measure, and print tables in Markdown; 1 where something was lost."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", type=int, default=20_000, help="cases in the record")
    asked.add_argument("--seconds", type=float, default=15)
    asked.add_argument("--port", type=int, default=8767)
    asked.add_argument("--only", default="", help="attacks whose name holds this")
    given = asked.parse_args()
    kinds = [kind for kind in KINDS if given.only in kind]
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "data") as url:
        migrations.upgrade(url)
        keys = asyncio.run(_prepare(url, Path(folder), given.size))
        quotas = {"SUDSTAT_KEY_QUOTA_MINUTE": "1200"}
        with served(url, given.port, **quotas) as address:
            phases = asyncio.run(_run(Bench(address, keys, given.seconds), kinds))
        print("| while | healthy answers | p50 ms | p99 ms | p99 ÷ quiet | MiB at most | MiB after |")
        print("|---|---|---|---|---|---|---|")
        for what, phase in phases.items():
            print(_row(what, phase, phases["quiet"]))
        print("\n| to attackers | answers | 503 p50 ms | p99 | most | within 50 ms by the service's clock |")
        print("|---|---|---|---|---|---|")
        for what, phase in phases.items():
            if phase.attack is not None:
                print(_told_attackers(what, phase.attack, phase.refusals))
        taken = sum(phase.batches["201"] for phase in phases.values()) + 1  # the one while warming
        lost = given.size + taken * _CASES_TAKEN - asyncio.run(_count(url))
        print(f"\nbatches: {[dict(phase.batches) for phase in phases.values()]}; cases lost: {lost}")
        with suppress(KeyboardInterrupt):
            settled = {"SUDSTAT_DATABASE_URL": url, "PATH": str(BIN)}
            verified = subprocess.run([BIN / "sudstat", "verify"], env=settled, check=False).returncode  # noqa: S603
    return int(bool(lost or verified))


if __name__ == "__main__":
    sys.exit(main())
