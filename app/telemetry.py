"""The structured log, one JSON line for each request, and metrics: both gathered in memory and written off the path.

Never in them: a query, a body, an address, a key, a name.
"""

import asyncio
import json
import logging
import sys
import time
import traceback
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

_EVERY_S = 0.1
_AT_ONCE = 128  # requests that are reckoned before others have their turn: some 0.2 ms
_MOST_LINES = 50_000  # kept while the log cannot be written; then the oldest are lost, and counted
_MOST_KINDS = 4096
_LAST_WRITE_S = 5.0
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE")
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


Seen = tuple[float, str, str, str | None, int | None, float, str | None, str | None]
"""One request as the log tells of it. A plain tuple, because nothing that is made as often is as cheap:

    when it came (seconds since 1970), its id, its method,
    the template of its route, not the path; None where nothing is,
    the status; None: the caller went away,
    its duration, seconds, the id of the key,
    and of the cache hit, miss, or not-modified; None where nothing is cached
"""
_Kind = tuple[str, str | None, int | None, str | None, str | None]  # method, route, status, key, cache


@dataclass(slots=True)
class Series:
    """Durations of some requests: how many, their sum, and how many in each bucket."""

    count: int = 0
    total_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))


class Telemetry:
    """What one process has seen of its requests.

    `note` remembers one, and is a mere append: what it comes to is reckoned now and then, a few at a time, and written
    by a thread.
    """

    def __init__(self, stream: TextIO | None = None, *, has_lines: bool = True, has_metrics: bool = True) -> None:
        self.lost_lines = 0
        self._stream = stream or sys.stderr
        self._has_lines = has_lines
        self._has_metrics = has_metrics
        self._seen: list[Seen] = []
        self.note: Callable[[Seen], None] = self._seen.append if has_lines or has_metrics else _nothing
        self._kinds: dict[_Kind, tuple[str, Series]] = {}
        self._series: dict[tuple[str, str, int, str], Series] = {}
        self._lines: list[str] = []
        self._second = (-1, "")
        self._writing: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to write lines as they gather."""
        self._task = asyncio.create_task(self._work_all_the_time())

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=_LAST_WRITE_S)
        self._reckon(len(self._seen))
        self._write(self._taken())

    @property
    def series(self) -> Mapping[tuple[str, str, int, str], Series]:
        """Durations by method, route, status and cache, up to now."""
        self._reckon(len(self._seen))
        return self._series

    async def _work_all_the_time(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            while self._seen:
                self._reckon(_AT_ONCE)
                await asyncio.sleep(0)
            if self._lines and (self._writing is None or self._writing.done()):
                loop = asyncio.get_running_loop()
                self._writing = loop.run_in_executor(None, self._write, self._taken())

    def _reckon(self, most: int) -> None:
        """Make metrics and lines of the first requests that were noted."""
        seen = self._seen[:most]
        del self._seen[:most]
        for at_s, request_id, method, route, status, duration_s, key_id, cache in seen:
            kind = (method, route, status, key_id, cache)
            rest, series = self._kinds.get(kind) or self._add(kind)
            series.count += 1
            series.total_s += duration_s
            series.buckets[bisect_left(BUCKETS_S, duration_s)] += 1
            if self._has_lines:
                second, text = self._second
                if second != int(at_s):
                    second, text = self._second = int(at_s), _spelt(int(at_s))[:-1]
                self._lines.append(
                    f'{{"timestamp": "{text}.{int((at_s - second) * 1e6):06d}Z", "request_id": "{request_id}",'
                    f' "duration_ms": {duration_s * 1000:.2f}, {rest}'
                )
        if len(self._lines) > _MOST_LINES:
            self.lost_lines += len(self._lines) // 2
            del self._lines[: len(self._lines) // 2]

    def _add(self, kind: _Kind) -> tuple[str, Series]:
        """The part of a line that all requests of a kind share, and their metrics."""
        method, route, status, key_id, cache = kind
        told = {"method": method, "route": route, "status": status, "key_id": key_id, "cache": cache}
        rest = json.dumps({**told, "event": "request", "level": "info"})[1:] + "\n"
        place = (method if method in _METHODS else "other", route or "none", status or 0, cache or "none")
        series = self._series.setdefault(place, Series()) if self._has_metrics else Series()
        if len(self._kinds) >= _MOST_KINDS:
            self._kinds.clear()
        self._kinds[kind] = rest, series
        return rest, series

    def _taken(self) -> str:
        lines, self._lines = self._lines, []
        return "".join(lines)

    def _write(self, text: str) -> None:
        if not text:
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # nobody reads it any more
            self.lost_lines += text.count("\n")


def _nothing(_: Seen) -> None:
    """Where neither lines nor metrics are wanted."""


def make_log(stream: TextIO | None = None) -> Any:
    """A logger that writes JSON lines, to standard error unless told otherwise."""
    return structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.stdlib.add_log_level,
            _stamp,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def trace_of(error: BaseException) -> str:
    """Where an error came from, and its kind, causes first; not its message, which may hold what was asked."""
    causes, at = [], error.__cause__ or error.__context__
    while at is not None and at not in causes:
        causes.append(at)
        at = at.__cause__ or at.__context__
    return "\n".join(
        "".join(traceback.format_tb(each.__traceback__)) + type(each).__qualname__
        for each in [*reversed(causes), error]
    )


def _stamp(_: Any, __: str, event: Any) -> Any:
    event.setdefault("timestamp", _spelt(time.time()))
    return event


def _spelt(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")
