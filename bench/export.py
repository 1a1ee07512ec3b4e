"""All cases out over HTTP, beside psql's \\copy of the same query: `make bench-export SIZE=100000`.

CSV, NDJSON and Parquet by curl, each in turns with psql, both of which write to nowhere: medians of the ratio of each
turn's two and of the time until the first byte, and the most memory that the one worker had by the end of its turns.
"""

import argparse
import asyncio
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
from asyncpg.utils import _mogrify

from app import migrations
from app.access.keys import SCOPES
from app.access.register import create_key
from app.db.copying import SETTINGS
from app.db.database import Database
from app.db.embedded import embedded_postgres, pg_bin_dir
from app.formats import FORMATS, Options
from app.ingest.restate import bring_method
from app.records.export import copies_of_cases
from app.records.flat import CASE_COLUMNS
from app.records.listing import Condition, Order
from app.records.revisions import get_state
from bench.ingest import cases, posted
from bench.service import served

_BATCH = 30_000
_TOLD = "%{time_starttransfer} %{size_download}"
_ROWS = re.compile(r"sudstat-rows: (\d+)", re.IGNORECASE)
_PATH = "/v1/cases?format={}"
_FIELDS = (
    "id", "version", "revision", "court", "instance", "identifiers", "received_on", "arrival", "decided_on",
    "disposition", "in_force_on", "is_withdrawn", "merged_into", "deny", "defendants", "layers", "conflicts", "sources",
)  # fmt: skip


async def _prepare(url: str) -> str:
    await bring_method(Database(url))
    async with Database(url).owner() as connection:
        return await create_key(connection, "bench", scopes=SCOPES)


def fill(address: str, key: str, folder: Path, size: int) -> None:
    """Take in so many cases, in batches."""
    made: Iterator[dict[str, object]] = cases(size)
    file = folder / "cases.ndjson"
    for first in range(0, size, _BATCH):
        lines = (orjson.dumps(next(made), option=orjson.OPT_APPEND_NEWLINE) for _ in range(min(_BATCH, size - first)))
        file.write_bytes(b"".join(lines))
        posted(address, key, file)


async def script(url: str, format_id: str) -> str:
    """What psql is to do: the settings and the queries of an export of all cases, its output thrown away."""
    copying = FORMATS[format_id].copying
    assert copying is not None
    names = _FIELDS if copying.shape == "objects" else tuple(column.id for column in CASE_COLUMNS)
    shown = (Condition("is_withdrawn", "eq", (False,)), Condition("is_merged", "eq", (False,)))
    lines = ["BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;", "SET LOCAL jit = off;", f"{SETTINGS};"]
    async with Database(url).owner() as connection, connection.transaction():
        state = await get_state(connection)
        for copy in copies_of_cases(copying, Options(), names, shown, Order("received_on", is_descending=True), state):
            query = re.sub(r"\s+", " ", await _mogrify(connection, copy.sql, copy.arguments))
            options = copy.options
            told = ["FORMAT csv", f"DELIMITER E'\\x{ord(options['delimiter']):02x}'"]
            told += ["QUOTE E'\\x02'"] if "quote" in options else []
            lines.append(f"\\copy ({query}) TO '/dev/null' WITH ({', '.join(told)})")
    return "\n".join((*lines, "COMMIT;", ""))


def psql(url: str, file: Path) -> float:
    """Seconds that psql takes for a script."""
    began = time.perf_counter()
    said = [pg_bin_dir() / "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", f"--file={file}", url]
    subprocess.run(said, check=True)  # noqa: S603
    return time.perf_counter() - began


def got(address: str, key: str, format_id: str) -> tuple[float, float, int, int]:
    """Seconds until the last byte, and until the first; bytes, and rows as the head says."""
    began = time.perf_counter()
    said = ["curl", "--silent", "--fail", "--output", "/dev/null", "--dump-header", "-", "--write-out", _TOLD]
    asked = [*said, "--header", f"Authorization: Bearer {key}", address + _PATH.format(format_id)]
    told = subprocess.run(asked, check=True, capture_output=True, text=True).stdout  # noqa: S603
    took_s = time.perf_counter() - began
    head, _, numbers = told.rpartition("\n\n")
    first_s, size = numbers.split()
    return took_s, float(first_s), int(size), int(_ROWS.search(head)[1])  # type: ignore[index]


def peak_mb(pid: int) -> float:
    """The most memory that a process has had so far, resident."""
    said = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s+(\d+)", said)[1]) / 1024  # type: ignore[index]


def main() -> int:
    """Measure, and print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--size", type=int, default=100_000)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--port", type=int, default=8767)
    asked.add_argument("--kept", type=Path, help="folder that `bench.peers --kept` has filled, of so many cases")
    given = asked.parse_args()
    with (
        tempfile.TemporaryDirectory() as name,
        embedded_postgres((given.kept or Path(name)) / "data") as url,
    ):
        folder = Path(name)
        migrations.upgrade(url)
        key = asyncio.run(_prepare(url))
        if not given.kept:
            with served(url, given.port) as address:
                fill(address, key, folder, given.size)
        subprocess.run([pg_bin_dir() / "psql", "--quiet", "--command=VACUUM ANALYZE", url], check=True)  # noqa: S603
        print(
            f"| {given.size:,} cases | MB | seconds | rows a second | of psql | first byte, ms | worker, MB |\n"
            "|---|---|---|---|---|---|---|"
        )
        csv_s = 0.0
        for format_id in ("csv", "ndjson", "parquet"):
            file = folder / "export.sql"
            file.write_text(asyncio.run(script(url, format_id)), encoding="utf-8")
            with served(url, given.port) as address:
                turns = [(psql(url, file), *got(address, key, format_id)) for _ in range(given.rounds)]
                took_s = statistics.median(turn[1] for turn in turns)
                ratio = statistics.median(turn[0] / turn[1] for turn in turns)
                first_ms = statistics.median(turn[2] for turn in turns) * 1000
                size, rows, memory = turns[0][3], turns[0][4], peak_mb(address.process.pid)
            csv_s = csv_s or took_s
            print(
                f"| {format_id} | {size / 1e6:.1f} | {took_s:.2f} | {rows / took_s:,.0f} | {ratio:.2f} |"
                f" {first_ms:.0f} | {memory:.0f} |",
                flush=True,
            )
        print(f"\nParquet beside CSV: {csv_s / took_s:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
