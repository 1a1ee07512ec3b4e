"""The structured request log: one JSON line for each request, never a query, an address or a key."""

import logging
import sys
from typing import Any, TextIO

import structlog


def make_log(stream: TextIO | None = None) -> Any:
    """A logger that writes JSON lines, to standard error unless told otherwise."""
    return structlog.wrap_logger(
        structlog.WriteLogger(stream or sys.stderr),
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
    )


def log_request(
    log: Any,
    *,
    request_id: str,
    method: str,
    route: str | None,
    status: int | None,
    duration_ms: float,
    key_id: str | None,
) -> None:
    """Write the line of one request. `route` is the template, not the path; no status: the caller went away."""
    log.info(
        "request",
        request_id=request_id,
        method=method,
        route=route,
        status=status,
        duration_ms=round(duration_ms, 2),
        key_id=key_id,
    )
