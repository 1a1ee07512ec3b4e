"""The structured log, one JSON line for each request, and metrics: both gathered in memory and written off the path.

Never in them: a query, a body, an address, a key, a name.
"""

import asyncio
import logging
import sys
import time
import traceback
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TextIO

import structlog

_EVERY_S = 0.25
_MOST_LINES = 50_000  # kept while the log cannot be written; then the oldest are lost, and counted
_METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PATCH", "PUT", "DELETE")
BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as the log tells of it.

    `route`   the template, not the path; None where nothing is
    `status`  None: the caller went away
    `cache`   hit, miss, or not-modified; None where nothing is cached
    """

    request_id: str
    method: str
    route: str | None
    status: int | None
    duration_s: float
    key_id: str | None
    cache: str | None


@dataclass(slots=True)
class Series:
    """Durations of some requests: how many, their sum, and how many in each bucket."""

    count: int = 0
    total_s: float = 0.0
    buckets: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS_S) + 1))


class Telemetry:
    """What one process has seen of its requests."""

    def __init__(self, log: Any, *, has_lines: bool = True, has_metrics: bool = True) -> None:
        self.series: dict[tuple[str, str, int, str], Series] = {}
        self.lost_lines = 0
        self._log = log
        self._has_lines = has_lines
        self._has_metrics = has_metrics
        self._lines: list[tuple[float, Seen]] = []
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to write lines as they gather."""
        self._task = asyncio.create_task(self._write_all_the_time())

    async def close(self) -> None:
        """Write what is left."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._write(self._taken())

    def note(self, seen: Seen) -> None:
        """Remember one request."""
        if self._has_metrics:
            method = seen.method if seen.method in _METHODS else "other"
            key = (method, seen.route or "none", seen.status or 0, seen.cache or "none")
            series = self.series.get(key)
            if series is None:
                series = self.series[key] = Series()
            series.count += 1
            series.total_s += seen.duration_s
            series.buckets[bisect_left(BUCKETS_S, seen.duration_s)] += 1
        if self._has_lines:
            self._lines.append((time.time(), seen))
            if len(self._lines) > _MOST_LINES:
                self.lost_lines += len(self._lines) // 2
                del self._lines[: len(self._lines) // 2]

    async def _write_all_the_time(self) -> None:
        while True:
            await asyncio.sleep(_EVERY_S)
            if self._lines:
                await asyncio.to_thread(self._write, self._taken())

    def _taken(self) -> list[tuple[float, Seen]]:
        lines, self._lines = self._lines, []
        return lines

    def _write(self, lines: Iterable[tuple[float, Seen]]) -> None:
        for at_s, seen in lines:
            self._log.info(
                "request",
                timestamp=_spelt(at_s),
                request_id=seen.request_id,
                method=seen.method,
                route=seen.route,
                status=seen.status,
                duration_ms=round(seen.duration_s * 1000, 2),
                key_id=seen.key_id,
                cache=seen.cache,
            )


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
