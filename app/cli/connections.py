"""Connections within bounds: how many, how long a request's head may take to arrive, and how large it may be.

uvicorn waits for a head without end, so that a thousand callers who send a byte now and then would hold a thousand
connections for ever. Here such a caller is told 408 and left.
"""

import asyncio
import resource
import secrets
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from app.api.problems import MEDIA_TYPE, problem_body
from app.errors import BadRequest, HeadersTooLarge, Overloaded, Problem, RequestTimeout
from app.formats import dump

HEAD_S = 10.0
HEAD_BYTES = 64 * 1024
CONNECTIONS = 4096
"""Of each worker; fewer where the system lets a process open fewer files."""
_FILES_SPARED = 128  # for the database, the log, a batch's spool


def raise_file_limit() -> None:
    """Let this process, and those that it starts, open as many files as the system allows."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with bounds on what comes before the application.

    An application that has `at_once` is asked for an answer of which every byte is there, before it is called: such a
    one is sent in one piece.
    """

    _head_timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _in_head = True
    _is_first = False  # nothing of this connection is being answered

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._at_once = getattr(self.app, "at_once", None)

    def connection_made(self, transport: Any) -> None:
        """Take a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_SPARED):
            self._leave(Overloaded("Too many connections are open. Try again in 1 s.", headers={"Retry-After": "1"}))
        else:
            self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; those of a head are counted."""
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES:
            self._leave(HeadersTooLarge(f"The head of a request has at most {HEAD_BYTES} bytes."))
        elif self._head_timer is None and self._is_waiting():
            self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def on_message_begin(self) -> None:
        """A head begins to arrive; mostly its end is there too."""
        super().on_message_begin()
        if not self._in_head:
            self._in_head, self._head_bytes = True, 0

    def on_headers_complete(self) -> None:
        """A head is there."""
        self._stop_timer()
        self._in_head, self._head_bytes = False, 0
        self._is_first = True
        super().on_headers_complete()
        self._is_first = False

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP is a problem like any other."""
        del msg
        self._leave(BadRequest("This is not HTTP that can be read."))

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        # What waited behind another comes from the end of that one, again and again: it takes the long way.
        whole = self._at_once(cycle.scope) if self._is_first and self._at_once and not self.flow.write_paused else None
        if whole is None:
            super()._start_asgi_task(cycle, app)
            return
        head, body = whole
        for name, value in self.server_state.default_headers:
            head += b"%b: %b\r\n" % (name, value)
        cycle.response_started = cycle.response_complete = True
        if cycle.keep_alive:
            self.transport.write(b"%b\r\n%b" % (head, body))
        else:
            self.transport.write(b"%bconnection: close\r\n\r\n%b" % (head, body))
            self.transport.close()
        self.on_response_complete()

    def _is_waiting(self) -> bool:
        """Whether a request, or the rest of its head, is waited for without a bound."""
        if self._in_head:
            return True
        is_answered = self.cycle is not None and self.cycle.response_complete
        return is_answered and self.timeout_keep_alive_task is None and not self.transport.is_closing()

    def _expect_head(self) -> None:
        self._in_head, self._head_bytes = True, 0
        self._head_timer = self.loop.call_later(HEAD_S, self._give_up)

    def _stop_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up(self) -> None:
        self._leave(RequestTimeout(f"The head of the request did not arrive within {HEAD_S:.0f} s."))

    def _leave(self, problem: Problem) -> None:
        """Say why, and close."""
        self._stop_timer()
        if self.transport.is_closing():
            return
        request_id = secrets.token_hex(12)
        body = dump(problem_body(problem, instance="", request_id=request_id))
        told = {
            "content-type": MEDIA_TYPE,
            "content-length": str(len(body)),
            "x-request-id": request_id,
            "cache-control": "private, no-cache",
            "connection": "close",
            **problem.headers,
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in told.items())
        self.transport.write(f"HTTP/1.1 {problem.status} {problem.title}\r\n{head}\r\n".encode() + body)
        self.transport.close()
