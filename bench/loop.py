"""How long one request holds the event loop: `make bench-loop DATA=FOLDER`, over the record in a data folder.

The service runs in this process. While each question is answered, every step of the loop is timed by the processor
time of its thread, which other work on the machine does not lengthen. Told are the longest step, and its wall time.
Each question is asked three times, with a first one before, and nothing is kept; told is the middle of the three.
"""

import argparse
import asyncio
import asyncio.events
import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.access.keys import SCOPES, read_key_id
from app.access.register import create_key, revoke_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.main import create_app, settle_memory
from app.records.ids import show_id
from app.settings import Settings
from app.statistics.delays import KnownDelays

ROUNDS = 3
_COUNTS = "cases_received,persons_received,cases_decided,persons_decided,persons_convicted,persons_acquitted"
_WIDE = "measures=persons_convicted,suspended_share&group_by=week,court"
# The largest that each route may be asked, as far as the demonstration record goes.
ASKED = (
    "/v1/cases?limit=1000",
    "/v1/cases?limit=1000&format=csv",
    "/v1/cases?limit=1000&format=ndjson",
    "/v1/cases?limit=1000&format=parquet",
    "/v1/cases?format=csv",
    "/v1/cases?format=csv&labels=both",
    "/v1/cases?format=ndjson",
    "/v1/cases?format=parquet",
    "/v1/cases/{case}",
    "/v1/cases/{case}/revisions?limit=1000",
    "/v1/changes?limit=1000",
    "/v1/changes?limit=1000&sort=-revision",
    "/v1/changes?limit=1000&format=csv",
    "/v1/changes?format=csv",
    "/v1/changes?format=ndjson",
    "/v1/revisions/1/changes?limit=1000",
    "/v1/revisions?limit=1000",
    "/v1/revisions?format=csv",
    "/v1/courts?limit=1000",
    "/v1/courts?format=csv",
    "/v1/offences?limit=1000",
    "/v1/conflicts?limit=1000",
    "/v1/conflicts?format=csv",
    "/v1/vocabularies",
    "/v1/statistics/catalogue",
    "/v1/statistics/records?measures=persons_convicted&limit=1000",
    "/v1/statistics/records?measures=persons_convicted&format=csv",
    f"/v1/statistics?{_WIDE}",
    f"/v1/statistics?{_WIDE}&format=csv",
    f"/v1/statistics?{_WIDE}&format=parquet",
    "/v1/statistics?measures=persons_convicted&group_by=week,court&nowcast=true",
    "/v1/statistics?measures=persons_convicted&group_by=week,offence&nowcast=true&signal=true",
    "/v1/statistics?measures=persons_convicted&group_by=day,court_level",
    f"/v1/statistics?measures={_COUNTS}&group_by=day&nowcast=true",
    "/v1/statistics?measures=persons_convicted&group_by=week,service_status,sentence_class&nowcast=true",
    "/v1/statistics?measures=persons_convicted&group_by=day,service_status,sentence_class&nowcast=true",
    "/v1/statistics?measures=term_months_median,days_to_decision_median&group_by=month,court",
    "/v1/statistics?measures=persons_convicted&group_by=week,court&transform=yoy",
    "/v1/statistics?measures=persons_convicted,suspended_share&group_by=week,court&bounds=true",
    "/v1/statistics?measures=persons_convicted&group_by=week&vintage=all",
    "/v1/statistics?measures=persons_convicted&group_by=month,district&vintage=all",
    "/v1/statistics?measures=suspended_share&group_by=month,district&vintage=all",
    "/v1/statistics?measures=persons_convicted&group_by=week,court&vintage=first&lag=4",
    "/v1/statistics/weekly?group_by=week,region",
    "/v1/statistics/sentences?group_by=month,region",
    "/v1/statistics/nowcast-skill",
    f"/v1/statistics/nowcast-skill?measures={_COUNTS}",
    f"/v1/statistics/nowcast-skill?measures={_COUNTS}&group_by=day",
    f"/v1/compare?from=1&{_WIDE}",
    f"/v1/compare?from=1&{_WIDE}&format=csv",
    "/openapi.json",
    "/docs",
    "/v1/me",
    "/v1/keys",
    "/metrics",
)


@dataclass(slots=True)
class Longest:
    """The longest step of the loop since it was last set back: of processor, and of wall time."""

    processor_s: float = 0.0
    wall_s: float = 0.0

    def note(self, processor_s: float, wall_s: float) -> None:
        """Take note of a step."""
        self.processor_s, self.wall_s = max(self.processor_s, processor_s), max(self.wall_s, wall_s)


LONGEST = Longest()


def watch() -> None:
    """Time every step of every loop from now on."""
    run = asyncio.events.Handle._run  # type: ignore[attr-defined]

    def timed(handle: Any) -> None:
        processor, wall = time.thread_time(), time.perf_counter()
        run(handle)
        LONGEST.note(time.thread_time() - processor, time.perf_counter() - wall)

    asyncio.events.Handle._run = timed  # type: ignore[attr-defined]


async def ask(app: Any, path: str, key: str) -> tuple[int, int]:
    """Status, and how many bytes came."""
    bare, _, query = path.partition("?")
    told = [0, 0]

    coming = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        return coming.pop() if coming else await asyncio.Future()  # does not hang up

    async def send(message: dict[str, Any]) -> None:
        told[0] = message.get("status", told[0])
        told[1] += len(message.get("body", b""))

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": bare, "raw_path": bare.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(b"host", b"a"), (b"authorization", b"Bearer " + key.encode())],
        "client": ("127.0.0.1", 1), "server": ("a", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    return told[0], told[1]


async def measure(url: str, paths: Sequence[str]) -> None:
    """Ask each, and print a row of it."""
    database = Database(url)
    async with database.owner() as connection:
        key = await create_key(connection, "bench", scopes=SCOPES)
        case = await connection.fetchval("SELECT case_id FROM versions ORDER BY version DESC, case_id LIMIT 1")
    app = create_app(
        Settings(cache_mb=0, request_log=False, statement_timeout_s=120), database_url=url, secret=b"s" * 40
    )
    watch()
    try:
        async with app.router.lifespan_context(app):
            settle_memory()
            print(
                "| question | status | MB | took s | longest step, processor ms | wall ms |\n|---|---|---|---|---|---|"
            )
            for path in paths:
                filled = path.replace("{case}", show_id(case))
                rows = []
                for turn in range(ROUNDS + 1):
                    await asyncio.sleep(0.05)
                    app.state.service.delays = KnownDelays()
                    LONGEST.processor_s = LONGEST.wall_s = 0.0
                    began = time.perf_counter()
                    status, size = await ask(app, filled, key)
                    took = time.perf_counter() - began
                    if turn:
                        rows.append((LONGEST.processor_s, LONGEST.wall_s, took))
                processor, wall, took = (statistics.median(row[place] for row in rows) for place in range(3))
                told = f"{size / 1e6:.2f} | {took:.2f} | {processor * 1000:.0f} | {wall * 1000:.0f}"
                print(f"| `{path}` | {status} | {told} |", flush=True)
    finally:
        async with database.owner() as connection:
            await revoke_key(connection, read_key_id(key), by="bench")


def main() -> int:
    """Measure, and print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, default=Path(".sudstat-demo"))
    asked.add_argument("--only", default="", help="questions that hold this text")
    given = asked.parse_args()
    with embedded_postgres(given.data) as url:
        asyncio.run(measure(url, [path for path in ASKED if given.only in path]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
