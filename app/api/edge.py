"""The outermost layer, plain ASGI: request ids, unreadable URLs, HEAD, CORS, headers of every answer, the last catch.

Routing sees only URLs that decode, hold no control characters and are not too long; nothing that it raises goes
further than here.
"""

import re
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote_to_bytes

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.keys import Caller
from app.api.entrance import Entrance, Visit
from app.api.problems import problem_of, problem_response
from app.db.turns import on_behalf_of
from app.errors import BadRequest, Fault, InvalidParameters, Problem, UriTooLong
from app.telemetry import Seen, Telemetry, trace_of

_EXPOSED = (
    "ETag, Link, RateLimit, RateLimit-Policy, Retry-After,"
    " Sudstat-Rows, Sudstat-Revision, Sudstat-Synthetic, X-Request-ID"
)
_VARY = "Authorization, X-API-Key, Accept, Accept-Encoding, Accept-Language"
_PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, X-API-Key, Accept, Accept-Language, If-None-Match, X-Request-ID",
    "Access-Control-Max-Age": "86400",
}
_READS = ("GET", "HEAD", "OPTIONS")  # what another site's page may do
# Of what is no page: nothing in it may run, and no page may frame it. Pages send a policy of their own.
_POLICY = "default-src 'none'; frame-ancestors 'none'"
_HSTS = "max-age=31536000"
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Edge:
    """Wraps the application; `telemetry` is told of each request, `log` of what went wrong."""

    def __init__(
        self, app: ASGIApp, *, entrance: Entrance, url_limit_bytes: int, log: Any, telemetry: Telemetry
    ) -> None:
        self._app = app
        self._entrance = entrance
        self._url_limit_bytes = url_limit_bytes
        self._log = log
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        headers = Headers(scope=scope)
        is_head = scope["method"] == "HEAD"
        state = {**scope.get("state", {}), "request_id": _request_id(headers), "is_head": is_head}
        inner = {**scope, "method": "GET" if is_head else scope["method"], "state": state}
        answer = _Answer(send, state["request_id"], scope["method"])
        try:
            await self._answer(inner, receive, answer, headers)
        finally:
            seen = Seen(
                request_id=state["request_id"],
                method=scope["method"],
                route=getattr(inner.get("route"), "path", None),
                status=answer.status,
                duration_s=time.perf_counter() - begun,
                key_id=answer.key_id,
                cache=state.get("cache"),
            )
            self._telemetry.note(seen)

    async def _answer(self, scope: Scope, receive: Receive, send: "_Answer", headers: Headers) -> None:
        refused = refuse_url(scope, self._url_limit_bytes)
        if refused is not None:
            await _send_problem(refused, scope, receive, send)
        elif scope["method"] == "OPTIONS" and "origin" in headers and "access-control-request-method" in headers:
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
        else:
            await self._enter(scope, receive, send)

    async def _enter(self, scope: Scope, receive: Receive, send: "_Answer") -> None:
        visit = await self._entrance.admit(scope)
        scope["state"]["visit"] = visit
        send.visit = visit
        on_behalf_of.set(visit.who)
        if visit.refused is not None:
            await _send_problem(visit.refused, scope, receive, send)
        else:
            await self._route(scope, receive, send)

    async def _route(self, scope: Scope, receive: Receive, send: "_Answer") -> None:
        try:
            await self._app(scope, receive, send)
        except Exception as error:
            problem = problem_of(error)
            is_bug = problem.status == Problem.status
            trace = {"trace": trace_of(error)} if is_bug else {}
            self._log.error("failed", request_id=scope["state"]["request_id"], problem=problem.slug, **trace)
            if send.status is not None:
                raise  # half an answer is out: only a broken connection tells the caller
            await _send_problem(problem, scope, receive, send)


class _Answer:
    """Sends, with the headers of every answer, and without a body to HEAD."""

    def __init__(self, send: Send, request_id: str, method: str) -> None:
        self._send = send
        self._is_read = method in _READS
        self._request_id = request_id
        self._is_head = method == "HEAD"
        self.status: int | None = None
        self.visit: Visit | None = None

    @property
    def key_id(self) -> str | None:
        """The id of the caller's key, where it is a good one."""
        caller = self.visit.caller if self.visit else None
        return caller.key_id if isinstance(caller, Caller) else None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self._complete(MutableHeaders(scope=message))
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._request_id
        if self._is_read:
            headers["Access-Control-Allow-Origin"] = "*"
            headers["Access-Control-Expose-Headers"] = _EXPOSED
        headers["X-Content-Type-Options"] = "nosniff"
        headers.setdefault("Content-Security-Policy", _POLICY)
        headers.setdefault("Referrer-Policy", "no-referrer")
        if self.visit and self.visit.is_encrypted:
            headers["Strict-Transport-Security"] = _HSTS
        headers["Vary"] = _VARY
        headers.setdefault("Cache-Control", "private, no-cache")
        for name, value in (self.visit.headers if self.visit else {}).items():
            headers[name] = value


def refuse_url(scope: Mapping[str, Any], limit_bytes: int) -> Problem | None:
    """What is wrong with a URL before anybody has read it; None if nothing is."""
    path, query = scope.get("raw_path") or scope["path"].encode(), scope["query_string"]
    length = len(path) + len(query) + (1 if query else 0)
    if length > limit_bytes:
        return UriTooLong(f"The URL has {length} bytes; at most {limit_bytes} are read.")
    decoded_path = _decode(path)
    if decoded_path is None or _CONTROL.search(decoded_path):
        return BadRequest("The path is not percent-encoded UTF-8 without control characters.")
    pairs = [part.partition(b"=") for part in query.split(b"&")]
    decoded = [(_decode(name), _decode(value)) for name, _, value in pairs]
    if any(name is None or value is None for name, value in decoded):
        return BadRequest("The query is not percent-encoded UTF-8.")
    faults = [_control_fault(name or "") for name, value in decoded if _CONTROL.search(f"{name}{value}")]
    return InvalidParameters(faults[0].detail, faults) if faults else None


def _decode(raw: bytes) -> str | None:
    if _BAD_ESCAPE.search(raw):
        return None
    try:
        return unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError:
        return None


def _control_fault(name: str) -> Fault:
    parameter = _CONTROL.sub("\N{REPLACEMENT CHARACTER}", name)[:80]
    return Fault("control-character", f"{parameter} holds a control character; leave it out.", parameter=parameter)


def _request_id(headers: Headers) -> str:
    given = headers.get("x-request-id", "")
    return given if _SANE_ID.fullmatch(given) else secrets.token_hex(12)


async def _send_problem(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    # A path that does not decode is not repeated.
    instance = "" if isinstance(problem, BadRequest | UriTooLong) else scope["path"]
    response = problem_response(problem, instance=instance, request_id=scope["state"]["request_id"])
    await response(scope, receive, send)
