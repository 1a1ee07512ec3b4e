"""The first answer of `sudstat serve` on a warm data folder, beside a bare FastAPI app: `make bench-start`.

The bare one starts the same embedded Postgres, imports FastAPI, uvicorn and asyncpg, connects, and has one route. Both
by turns; told are seconds from the start of the process to the first answer, the ratio of each turn's two, and what the
processors had to do for it (the process alone, without Postgres). Memory is of the process when it has answered.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.service import BIN

_BARE = """
import sys
from pathlib import Path
from app.db.embedded import embedded_postgres
with embedded_postgres(Path(sys.argv[1])) as url:
    import asyncpg, uvicorn
    from contextlib import asynccontextmanager
    from fastapi import FastAPI
    @asynccontextmanager
    async def lifespan(app):
        app.state.pool = await asyncpg.create_pool(url, min_size=1)
        yield
    app = FastAPI(lifespan=lifespan)
    @app.get("/readyz")
    async def ready():
        return {"one": await app.state.pool.fetchval("SELECT 1")}
    uvicorn.run(app, port=int(sys.argv[2]), log_config=None)
"""


@dataclass(frozen=True, slots=True)
class Start:
    """One start: seconds until the first answer, seconds of processor until then, memory in MB."""

    took_s: float
    processor_s: float
    memory_mb: float


def start(command: Sequence[str | Path], port: int, **settings: str) -> Start:
    """Start a server, ask it until it answers, and stop it."""
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while time.perf_counter() - began < 60:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.005)
        took_s = time.perf_counter() - began
        used = psutil.Process(process.pid)
        spent = used.cpu_times()
        return Start(took_s, spent.user + spent.system, used.memory_info().rss / 2**20)
    finally:
        process.terminate()
        process.wait(20)


def main() -> int:
    """Measure, and print a table in Markdown."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--rounds", type=int, default=7)
    asked.add_argument("--port", type=int, default=8795)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        ours = {"SUDSTAT_DATA_DIR": str(data), "SUDSTAT_PORT": str(given.port)}
        found: list[tuple[Start, Start]] = []
        for turn in range(given.rounds + 1):
            one = start((BIN / "sudstat", "serve"), given.port, **ours)
            bare = start((sys.executable, "-c", _BARE, str(data), str(given.port + 1)), given.port + 1)
            if turn:  # the first makes the folder
                found.append((one, bare))
    print("| | first answer, s | least | processor, s | memory, MB |\n|---|---|---|---|---|")
    for name, starts in (("sudstat serve", [one for one, _ in found]), ("bare FastAPI", [bare for _, bare in found])):
        took = [each.took_s for each in starts]
        spent, memory = (
            statistics.median(values) for values in zip(*((s.processor_s, s.memory_mb) for s in starts), strict=True)
        )
        print(f"| {name} | {statistics.median(took):.2f} | {min(took):.2f} | {spent:.2f} | {memory:.0f} |")
    wall = statistics.median(one.took_s / bare.took_s for one, bare in found)
    processor = statistics.median(one.processor_s / bare.processor_s for one, bare in found)
    print(f"\nBeside the bare one: {wall:.2f} of the time, {processor:.2f} of the processor.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
