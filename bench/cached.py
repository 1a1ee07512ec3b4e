"""Kept answers beside a raw ASGI app that sends the same bytes from the same server: `make bench-cached`.

The raw app is served by the service's own uvicorn, with the status, headers and body that the service sent; wrk asks
both with a key. Alternately, a few times over; what is told is the median of the ratios of runs side by side, by
requests a second and by processor time of the server for each request. The second stands where others use the machine.
"""

import argparse
import asyncio
import os
import pickle
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import orjson
import uvicorn

from app import __version__, migrations
from app.access.register import create_key
from app.cli.serving import uvicorn_config
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
from app.ingest.restate import bring_method
from app.settings import Settings
from bench.ingest import cases
from bench.service import BIN

_QUESTION = "/v1/statistics/weekly?measures=cases_received&court=61GV0012&start_period=2020&end_period=2020-06"
_CASES = 20_000
_UNLIMITED = 1_000_000_000
_DONE = re.compile(r"(\d+) requests in")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_NOT_2XX = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_MISSED = re.compile(r"Socket errors: (.*)")


@dataclass(frozen=True, slots=True)
class Target:
    """Where the load goes: its name in the table, address, headers of every request, and the server's process."""

    name: str
    url: str
    headers: Sequence[str]
    process: int


@dataclass(frozen=True, slots=True)
class Run:
    """What one run came to."""

    per_s: float
    processor_s: float  # of the server, for each request


async def _fill(url: str, folder: Path) -> str:
    """Take cases in, and return a key."""
    database = Database(url)
    await bring_method(database)
    path = folder / "cases.ndjson"
    path.write_bytes(b"".join(orjson.dumps(case) + b"\n" for case in cases(_CASES)))
    await ingest_file(
        database,
        path,
        Options(layout="house", layer="court_card", source="bench", author="bench", seen_on=date(2024, 8, 1)),
    )
    async with database.owner() as connection:
        return await create_key(connection, "bench", scopes=["statistics"])


def _ask(url: str, headers: dict[str, str]) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """Status, headers and body; without what uvicorn adds by itself."""
    try:
        answer: Any = urllib.request.urlopen(urllib.request.Request(url, headers=headers))  # noqa: S310
    except urllib.error.HTTPError as error:
        answer = error
    sent = [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    return answer.status, [pair for pair in sent if pair[0] not in (b"date", b"server", b"connection")], answer.read()


@contextmanager
def _process(*command: str, **env: str) -> Iterator[int]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(  # noqa: S603
            command, env={**os.environ, **env}, stderr=log, stdout=subprocess.DEVNULL
        )
        try:
            yield process.pid
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(20)


def _ready(url: str) -> None:
    for _ in range(200):
        try:
            urllib.request.urlopen(url, timeout=1).close()  # noqa: S310
        except urllib.error.HTTPError:  # a 304
            return
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"{url} does not answer")


def serve_raw(path: str, port: int) -> None:
    """The raw app: what it sends was written to a file."""
    status, headers, body = pickle.loads(Path(path).read_bytes())  # noqa: S301

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    config = uvicorn_config(app, Settings(port=port))
    config.lifespan, config.port = "off", port
    uvicorn.Server(config).run(sockets=[config.bind_socket()])


def _processor_s(process: int) -> float:
    """What all threads of a process have used so far, to the nanosecond."""
    threads = Path(f"/proc/{process}/task").glob("*/schedstat")
    return sum(int(thread.read_text(encoding="ascii").split()[0]) for thread in threads) / 1e9


def _load(target: Target, connections: int, seconds: int) -> Run:
    """One run."""
    before_s = _processor_s(target.process)
    headers = [part for header in target.headers for part in ("-H", header)]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *headers, target.url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    if _NOT_2XX.search(told) or _MISSED.search(told):
        raise RuntimeError(told)
    rate, done = _RATE.search(told), _DONE.search(told)
    assert rate
    assert done
    return Run(float(rate[1]), (_processor_s(target.process) - before_s) / int(done[1]))


def _report(rows: Sequence[tuple[int, int, str, Sequence[Run], Sequence[Run]]]) -> str:
    lines = [
        "| status | connections | log and metrics | requests a second, ours / raw | median ratio | least, most"
        " | processor µs a request, ours / raw | median ratio | least, most |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for status, connections, name, ours, raw in rows:
        rates = [one.per_s / other.per_s for one, other in zip(ours, raw, strict=True)]
        costs = [other.processor_s / one.processor_s for one, other in zip(ours, raw, strict=True)]
        per_s = " / ".join(f"{statistics.median(run.per_s for run in runs):,.0f}" for runs in (ours, raw))
        cost = " / ".join(f"{statistics.median(run.processor_s for run in runs) * 1e6:.1f}" for runs in (ours, raw))
        lines.append(
            f"| {status} | {connections} | {name} | {per_s} | **{statistics.median(rates):.2f}** | {_range(rates)}"
            f" | {cost} | **{statistics.median(costs):.2f}** | {_range(costs)} |"
        )
    return "\n".join(lines)


def _range(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f} {max(ratios):.2f}"


def main() -> None:
    """Measure, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=int, default=1)
    parser.add_argument("--port", type=int, default=8790)
    parser.add_argument("--raw", nargs=2, metavar=("FILE", "PORT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.raw:
        serve_raw(given.raw[0], int(given.raw[1]))
        return
    with ExitStack() as opened:
        folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
        url = opened.enter_context(embedded_postgres(folder / "postgres"))
        migrations.upgrade(url)
        key = asyncio.run(_fill(url, folder))
        env = {"SUDSTAT_DATABASE_URL": url, "SUDSTAT_SECRET": "s" * 40}
        env |= {f"SUDSTAT_KEY_QUOTA_{window}": str(_UNLIMITED) for window in ("MINUTE", "DAY")}
        ours: dict[str, tuple[str, int]] = {}
        for at, (name, flag) in enumerate((("on", "true"), ("off", "false"))):
            said = {"SUDSTAT_PORT": str(given.port + at), "SUDSTAT_REQUEST_LOG": flag, "SUDSTAT_METRICS": flag}
            process = opened.enter_context(_process(str(BIN / "sudstat"), "serve", **env, **said))
            ours[name] = f"http://127.0.0.1:{given.port + at}{_QUESTION}", process
            _ready(f"http://127.0.0.1:{given.port + at}/readyz")
        asked = {"Authorization": f"Bearer {key}"}
        _, sent, body = _ask(ours["on"][0], asked)
        held = {200: asked, 304: {**asked, "If-None-Match": dict(sent)[b"etag"].decode()}}
        raw: dict[int, tuple[str, int]] = {}
        for at, (status, headers) in enumerate(held.items(), 2):
            answer = _ask(ours["on"][0], headers)
            assert answer[0] == status, answer
            file = folder / str(status)
            file.write_bytes(pickle.dumps(answer))
            program = (sys.executable, "-m", "bench.cached", "--raw", str(file), str(given.port + at))
            raw[status] = f"http://127.0.0.1:{given.port + at}{_QUESTION}", opened.enter_context(_process(*program))
            _ready(raw[status][0])
        rows = []
        for status, headers in held.items():
            told = [f"{name}: {value}" for name, value in headers.items()]
            for connections in (16, 64):
                servers = {"raw": raw[status], **ours}
                targets = [Target(name, url, told, process) for name, (url, process) in servers.items()]
                for target in targets:
                    _load(target, connections, 1)  # warm
                found: dict[str, list[Run]] = {target.name: [] for target in targets}
                for turn in range(given.rounds):
                    for target in targets if turn % 2 else reversed(targets):
                        found[target.name].append(_load(target, connections, given.seconds))
                rows += [(status, connections, name, found[name], found["raw"]) for name in ours]
        size = f"{len(body):,} bytes, {len(sent)} headers"
        print(f"Sudstat {__version__}; body of {size}; rounds of {given.seconds} s.\n\n{_report(rows)}")


if __name__ == "__main__":
    main()
