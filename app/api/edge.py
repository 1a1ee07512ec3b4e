"""The outermost layer, plain ASGI: request ids, unreadable URLs, HEAD, CORS, headers of every answer, the last catch.

Routing sees only URLs that decode, hold no control characters and are not too long; nothing that it raises goes
further than here.
"""

import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.access.keys import Caller
from app.api.answers import Answers, Form, Raw, Ready
from app.api.caching import holds
from app.api.entrance import Entrance, Guest, Shown, Visit
from app.api.problems import problem_of, problem_response
from app.db.turns import on_behalf_of
from app.errors import BadRequest, Fault, InvalidParameters, Problem, UriTooLong
from app.telemetry import Telemetry, trace_of

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
_ALWAYS = {"X-Content-Type-Options": "nosniff", "Vary": _VARY}
_TO_OTHER_SITES = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": _EXPOSED}
_UNLESS_SAID = {"Content-Security-Policy": _POLICY, "Referrer-Policy": "no-referrer"}
_ON_KEPT = tuple(
    (name.lower().encode(), value.encode()) for name, value in {**_ALWAYS, **_TO_OTHER_SITES, **_UNLESS_SAID}.items()
)
# Headers that are looked at here; values of one that comes more than once are put together with line feeds.
_HEEDED = frozenset((
    b"accept", b"accept-encoding", b"accept-language", b"authorization", b"x-api-key", b"x-forwarded-for",
    b"x-forwarded-proto", b"x-request-id", b"if-none-match", b"origin", b"access-control-request-method",
))  # fmt: skip
_KEPT_METHODS = frozenset(("GET", "HEAD"))
Whole = tuple[bytes, bytes]
"""An answer as it goes out: its head but for what the server adds, which is the end of it too; and its body."""
_EMPTY: Message = {"type": "http.response.body", "body": b""}
_FIRST_REFUSAL = 400
_ID_BYTES = 12
_IDS_AT_ONCE = 256
_SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")


class Edge:
    """Wraps the application; `telemetry` is told of each request, `log` of what went wrong.

    What was asked before is answered here, from the bytes that `answers` keeps: behind the check of the key and the
    quota, with the headers and the line in the log of any other answer. `renew` reads which revision is published,
    once a request that may have published one has succeeded.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        entrance: Entrance,
        answers: Answers,
        renew: Callable[[], Awaitable[None]],
        url_limit_bytes: int,
        log: Any,
        telemetry: Telemetry,
    ) -> None:
        self._app = app
        self._entrance = entrance
        self._answers = answers
        self._renew = renew
        self._url_limit_bytes = url_limit_bytes
        self._log = log
        self._telemetry = telemetry
        self._ids: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        came = self._came(scope)
        found = self._find(scope, came)
        if found is None:
            await self._handle(scope, receive, send, came)
            return
        guest, ready, limit, is_held, _ = found
        status, headers = (304, ready.short_headers) if is_held else (200, ready.headers)
        own = [(b"x-request-id", came.request_id.encode())]
        if limit:
            own += ((b"ratelimit-policy", guest.meter.policy), (b"ratelimit", limit))
        if guest.is_encrypted:
            own.append((b"strict-transport-security", _HSTS.encode()))
        try:
            await send({"type": "http.response.start", "status": status, "headers": headers + own})
            await send(_EMPTY if is_held or scope["method"] == "HEAD" else ready.body)
        finally:
            self._note(scope, came, found)

    def at_once(self, scope: Scope) -> Whole | None:
        """The answer to a request, where it is kept and may be given; None: the application is to be called.

        For a server that writes it itself: a task and two messages for each answer take longer than all that is done
        here.
        """
        came = self._came(scope)
        found = self._find(scope, came)
        if found is None:
            return None
        guest, ready, limit, is_held, _ = found
        head = b"%bx-request-id: %b\r\n" % (ready.short_head if is_held else ready.head, came.request_id.encode())
        if limit:
            head += b"ratelimit-policy: %b\r\nratelimit: %b\r\n" % (guest.meter.policy, limit)
        if guest.is_encrypted:
            head += b"strict-transport-security: " + _HSTS.encode() + b"\r\n"
        self._note(scope, came, found)
        return head, b"" if is_held or scope["method"] == "HEAD" else ready.body["body"]

    def _came(self, scope: Scope) -> "_Came":
        # On the way of what is kept, where each microsecond is a percent of what a machine can serve.
        begun, now_s = time.monotonic(), time.time()
        told: dict[bytes, bytes] = {}
        for name, value in scope["headers"]:
            if name in _HEEDED:
                told[name] = told[name] + b"\n" + value if name in told else value
        get, client = told.get, scope["client"]
        shown = (
            client[0] if client else None, scope["scheme"], get(b"authorization"), get(b"x-api-key"),
            get(b"x-forwarded-for"), get(b"x-forwarded-proto"),
        )  # fmt: skip
        return _Came(begun, now_s, self._request_id(get(b"x-request-id")), shown, told)

    def _find(self, scope: Scope, came: "_Came") -> "_Found | None":
        """What is kept for a request that came before, or made for one of a known form, of a caller who may still ask;
        the request is counted then."""
        if scope["method"] not in _KEPT_METHODS:
            return None
        begun, now_s, _, shown, told = came
        guest = self._entrance.recognise(shown, now_s, begun)
        if guest is None:
            return None
        raw = _raw(scope, told.get, guest.audience)
        ready, cache = self._answers.find(raw, begun), "hit"
        if ready is None and self._answers.has_form(raw) and self._entrance.may_pass_by(guest, now_s):
            ready, cache = self._answers.fill(raw, _ON_KEPT), "miss"
        if ready is None:
            return None
        limit = self._entrance.pass_by(guest, now_s)
        if limit is None:
            return None
        held = told.get(b"if-none-match")
        is_held = held is not None and (held == ready.etag_bytes or holds(held.decode("latin-1"), ready.etag))
        return guest, ready, limit, is_held, cache

    def _note(self, scope: Scope, came: "_Came", found: "_Found") -> None:
        guest, ready, _, is_held, cache = found
        status, cache = (304, "not-modified") if is_held else (200, cache)
        took_s = time.monotonic() - came.begun
        self._telemetry.note(
            (came.at_s, came.request_id, scope["method"], ready.route, status, took_s, guest.key_id, cache)
        )

    async def _handle(self, scope: Scope, receive: Receive, send: Send, came: "_Came") -> None:
        """A request whose answer is not at hand."""
        method = scope["method"]
        is_head = method == "HEAD"
        state = {**scope.get("state", {}), "request_id": came.request_id, "is_head": is_head}
        inner = {**scope, "method": "GET" if is_head else method, "state": state}
        answer = _Answer(send, came.request_id, method, self._renew)
        try:
            await self._answer(inner, receive, answer, came)
        finally:
            took_s = time.monotonic() - came.begun
            route, cache = getattr(inner.get("route"), "path", None), state.get("cache")
            self._telemetry.note(
                (came.at_s, came.request_id, method, route, answer.status, took_s, answer.key_id, cache)
            )
        if route is not None and answer.visit is not None and "kept" in state:
            kept, is_gzipped = state["kept"]
            raw = _raw(scope, came.told.get, answer.visit.audience)
            if kept.key is not None:
                self._answers.spell(raw, kept.ready(route, _ON_KEPT, is_gzipped=is_gzipped))
            if "again" in state:
                self._answers.learn_form(raw, Form(state["again"], route, is_gzipped))

    async def _answer(self, scope: Scope, receive: Receive, send: "_Answer", came: "_Came") -> None:
        refused = refuse_url(scope, self._url_limit_bytes)
        if refused is not None:
            await _send_problem(refused, scope, receive, send)
        elif scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= came.told.keys():
            await Response(status_code=204, headers=_PREFLIGHT)(scope, receive, send)
        else:
            await self._enter(scope, receive, send, came)

    async def _enter(self, scope: Scope, receive: Receive, send: "_Answer", came: "_Came") -> None:
        visit = await self._entrance.admit(scope, came.shown, came.at_s)
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

    def _request_id(self, given: bytes | None) -> str:
        """The id that was given, where it is a sane one; else one at random."""
        if given is not None:
            text = given.decode("latin-1")
            if _SANE_ID.fullmatch(text):
                return text
        if not self._ids:
            digits = secrets.token_hex(_ID_BYTES * _IDS_AT_ONCE)
            self._ids = [digits[at : at + 2 * _ID_BYTES] for at in range(0, len(digits), 2 * _ID_BYTES)]
        return self._ids.pop()


class _Came(NamedTuple):
    """A request that came: when, its id, what it shows of its caller, and those of its headers that are heeded here."""

    begun: float
    at_s: float
    request_id: str
    shown: Shown
    told: Mapping[bytes, bytes]


_Found = tuple[Guest, Ready, bytes, bool, str]
"""Who asks, the answer, what `RateLimit` says, whether they have it already, whether it was kept: hit or miss."""


def _raw(scope: Scope, get: Callable[[bytes], bytes | None], audience: str) -> Raw:
    """By what a request is known that came before."""
    return (
        scope.get("raw_path") or scope["path"].encode(), scope["query_string"], get(b"accept"),
        get(b"accept-encoding"), get(b"accept-language"), audience,
    )  # fmt: skip


class _Answer:
    """Sends, with the headers of every answer, and without a body to HEAD."""

    def __init__(self, send: Send, request_id: str, method: str, renew: Callable[[], Awaitable[None]]) -> None:
        self._send = send
        self._is_read = method in _READS
        self._request_id = request_id
        self._is_head = method == "HEAD"
        self._renew = renew
        self.status: int | None = None
        self.visit: Visit | None = None

    @property
    def key_id(self) -> str | None:
        """The id of the caller's key, where it is a good one."""
        caller = self.visit.caller if self.visit else None
        return caller.key_id if isinstance(caller, Caller) else None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            if not self._is_read and message["status"] < _FIRST_REFUSAL:
                await self._renew()  # whoever is told of a revision sees it in the next answer
            self.status = message["status"]
            self._complete(MutableHeaders(scope=message))
        elif self._is_head and message["type"] == "http.response.body":
            message = {**message, "body": b""}
        await self._send(message)

    def _complete(self, headers: MutableHeaders) -> None:
        headers["X-Request-ID"] = self._request_id
        for name, value in {**_ALWAYS, **(_TO_OTHER_SITES if self._is_read else {})}.items():
            headers[name] = value
        for name, value in _UNLESS_SAID.items():
            headers.setdefault(name, value)
        if self.visit and self.visit.is_encrypted:
            headers["Strict-Transport-Security"] = _HSTS
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


async def _send_problem(problem: Problem, scope: Scope, receive: Receive, send: Send) -> None:
    # A path that does not decode is not repeated.
    instance = "" if isinstance(problem, BadRequest | UriTooLong) else scope["path"]
    response = problem_response(problem, instance=instance, request_id=scope["state"]["request_id"])
    await response(scope, receive, send)
