"""Cases a second through POST /v1/ingest/batches, beside a raw COPY of the same cases: `make bench-ingest SIZE=100000`.

House records of one person and one charge each, on an embedded server with its usual settings: new, the same files
again, and the same cases in other files. They are sent as six batches for a million, three at once: while one is
merged the next are read. The raw COPY goes into one flat table without any index.
"""

import argparse
import asyncio
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson

from app import migrations
from app.access.keys import SCOPES
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.restate import bring_method
from app.reference import courts
from bench.service import served

_FLAT = (
    "CREATE TABLE flat (court text, number text, received_on date, decided_on date, disposition text,"
    " service_status text, offence text, kind text, execution text, term_months int)"
)
_STATUSES = ("mobilised", "contract", "conscript", "unknown")
_OFFENCES = ("337:5", "337:4", "338:1", "332:1")


def cases(size: int) -> Iterator[dict[str, Any]]:
    """House records, the same for the same size; a court's numbers begin anew each year."""
    chance = random.Random(1)  # noqa: S311
    codes = sorted(courts())
    for position in range(size):
        sequence, court = divmod(position, len(codes))
        number, year = sequence // 6 + 1, 2018 + sequence % 6
        received_on = date(year, 1, 1) + timedelta(days=chance.randrange(365))
        person: dict[str, Any] = {"service_status": chance.choice(_STATUSES)}
        person["charges"] = [{"offence": chance.choice(_OFFENCES)}]
        case = {"court": codes[court], "instance": "first", "number": f"1-{number}/{year}", "defendants": [person]}
        case["received_on"] = received_on.isoformat()
        if chance.random() < 0.8:
            case |= {"decided_on": str(received_on + timedelta(days=chance.randrange(200))), "disposition": "verdict"}
            if chance.random() < 0.4:
                execution = chance.choice(("suspended", "immediate"))
                person["sentence"] = {"kind": "imprisonment", "execution": execution}
                person["sentence"]["term_months"] = chance.randrange(6, 80)
        yield case


def _flat(case: dict[str, Any]) -> tuple[Any, ...]:
    person = case["defendants"][0]
    sentence = person.get("sentence", {})
    decided_on = case.get("decided_on")
    return (
        case["court"], case["number"], date.fromisoformat(case["received_on"]),
        date.fromisoformat(decided_on) if decided_on else None, case.get("disposition"), person["service_status"],
        person["charges"][0]["offence"], sentence.get("kind"), sentence.get("execution"), sentence.get("term_months"),
    )  # fmt: skip


async def raw_copy(url: str, size: int) -> float:
    """Seconds of a COPY of the same cases, made before the clock starts."""
    rows = [_flat(case) for case in cases(size)]
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(_FLAT)
        began = time.perf_counter()
        await connection.copy_records_to_table("flat", records=rows)
        took = time.perf_counter() - began
        await connection.execute("DROP TABLE flat")
    finally:
        await connection.close()
    return took


def posted(address: str, key: str, file: Path) -> dict[str, int]:
    """The counts of a file's receipt."""
    asked = {"layout": "house", "layer": "newsroom", "source": "bench"}
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
    with file.open("rb") as body:
        answer = httpx.post(f"{address}/v1/ingest/batches", params=asked, headers=headers, content=body, timeout=7200)
    answer.raise_for_status()
    counts: dict[str, int] = answer.json()["counts"]
    return counts


def posted_all(address: str, key: str, files: list[Path], at_once: int) -> tuple[float, Counter[str], int]:
    """Seconds from the first byte sent to the last receipt, all counts, and the most MB that a batch took."""
    largest = 0
    began = time.perf_counter()
    with ThreadPoolExecutor(at_once) as senders:
        waiting = [senders.submit(posted, address, key, file) for file in files]
        while not all(one.done() for one in waiting):
            largest = max(largest, _resident_mb())
            time.sleep(0.25)
    took = time.perf_counter() - began
    return took, sum((Counter(one.result()) for one in waiting), Counter()), largest


def _resident_mb() -> int:
    """The most memory that any process of a batch has had so far; 0 where the system does not tell."""
    found = 0
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, StopIteration):
            if b"app.ingest.apart" in (process / "cmdline").read_bytes():
                lines = (process / "status").read_text().splitlines()
                found = max(found, int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) // 1024)
    return found


def write_files(folder: Path, size: int, batch: int) -> list[Path]:
    """The cases as NDJSON files of so many each."""
    records = (orjson.dumps(case, option=orjson.OPT_APPEND_NEWLINE) for case in cases(size))
    files: list[Path] = []
    while lines := list(islice(records, batch)):
        files.append(folder / f"cases-{len(files)}.ndjson")
        files[-1].write_bytes(b"".join(lines))
    return files


async def _prepare(url: str) -> str:
    await bring_method(Database(url))
    async with Database(url).owner() as connection:
        return await create_key(connection, "bench", scopes=SCOPES)


def main() -> int:
    """Measure, and print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", type=int, default=100_000)
    asked.add_argument("--batch", type=int, default=167_000)
    asked.add_argument("--at-once", type=int, default=3)
    asked.add_argument("--port", type=int, default=8766)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder) / "data") as url:
        migrations.upgrade(url)
        key = asyncio.run(_prepare(url))
        files = write_files(Path(folder), given.size, given.batch)
        raw = asyncio.run(raw_copy(url, given.size))
        load = " ".join(f"{average:.1f}" for average in os.getloadavg())
        print(f"{given.size:,} cases in {len(files)} batches, {given.at_once} at once; load before: {load}\n")
        print("| what | seconds | a second | of raw COPY | MB of a batch's process |\n|---|---|---|---|---|")
        _line("raw COPY into a flat table", given.size, raw, raw, 0)
        with served(url, given.port, SUDSTAT_WRITER_WAIT_S="3600") as address:
            for what in ("new", "the same files again", "the same cases in other files"):
                if what.endswith("other files"):
                    for file in files:
                        file.write_bytes(file.read_bytes() + b"\n")
                took, counts, memory = posted_all(address, key, files, given.at_once)
                told = ", ".join(f"{n:,} {name}" for name, n in counts.items() if n and name != "received")
                _line(f"{what}: {told}", given.size, took, raw, memory)
    return 0


def _line(what: str, size: int, took: float, raw: float, memory: int) -> None:
    print(f"| {what} | {took:.1f} | {size / took:,.0f} | {raw / took:.4f} | {memory or ''} |", flush=True)


if __name__ == "__main__":
    sys.exit(main())
