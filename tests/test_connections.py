"""Connections within bounds: a head that does not come, is too large, or is no HTTP; too many connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from app.cli import connections
from app.cli.serving import uvicorn_config
from app.main import Application, create_app
from app.settings import Settings
from tests.serving import SECRET, filled_fixture  # noqa: F401


@pytest.fixture(name="port")
async def port_fixture(database_url: str) -> AsyncIterator[int]:
    """Port of a server that answers for this test, with an empty record."""
    async with served(create_app(Settings(), database_url=database_url, secret=SECRET)) as port:
        yield port


@asynccontextmanager
async def served(app: Application) -> AsyncIterator[int]:
    """Port of a server of an application."""
    config = uvicorn_config(app, Settings())
    config.port, config.loop = 0, "asyncio"
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:  # noqa: ASYNC110 (uvicorn offers nothing to wait on)
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await task


async def told(port: int, *parts: bytes) -> bytes:
    """What comes back until the connection closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await writer.drain()
        await asyncio.sleep(0.02)
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    return answer


HEALTHY = b"GET /healthz HTTP/1.1\r\nHost: a\r\n"


async def test_a_head_that_does_not_come_is_given_up(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    for parts in ((), (b"GET /healthz",), (HEALTHY, b"X-Slow: a"), (HEALTHY + b"\r\n", b"GET /")):
        answer = await told(port, *parts)
        assert b"HTTP/1.1 408" in answer
        assert b"/problems/request-timeout" in answer
        assert answer.count(b"200 OK") == (parts[:1] == (HEALTHY + b"\r\n",))


async def test_a_head_that_is_too_large_is_refused_before_it_ends(port: int) -> None:
    endless = [b"X-More: " + b"a" * 8000 + b"\r\n"] * 9
    assert b"/problems/headers-too-large" in await told(port, HEALTHY, *endless)
    assert b"/problems/headers-too-large" in await told(port, b"GET /" + b"a" * 70_000)
    with suppress(ConnectionError):  # the answer may be lost with what nobody has read
        assert b"HTTP/1.1 431" in await told(port, b"GET /v1/cases?number=" + b"a" * 1_000_000)
    assert (await told(port, HEALTHY + b"Connection: close\r\n\r\n")).startswith(b"HTTP/1.1 200")


async def test_what_is_no_http_is_a_problem_like_any_other(port: int) -> None:
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n"):
        answer = await told(port, nonsense)
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"application/problem+json" in answer


async def test_connections_past_the_bound_are_told_when_to_come_again(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "CONNECTIONS", 2)
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    answer = await told(port, HEALTHY + b"\r\n")
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"Retry-After: 1\r\n" in answer
    for _, writer in held:
        writer.close()
    await asyncio.sleep(0.1)
    closing = HEALTHY + b"Connection: close\r\n\r\n"
    assert (await told(port, closing)).startswith(b"HTTP/1.1 200")


async def test_connections_that_last_are_served_again_and_again(port: int) -> None:
    closing = HEALTHY + b"Connection: close\r\n\r\n"
    answer = await told(port, *[HEALTHY + b"\r\n"] * 5, closing)
    assert answer.count(b"HTTP/1.1 200") == 6


async def test_what_waits_after_an_answer_without_a_head_is_given_up_too(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_S", 0.3)
    for stray in (b"\r\n", b"\r\n\r\n"):  # nothing begins by it
        assert (await told(port, HEALTHY + b"\r\n", stray)).count(b"HTTP/1.1 408") == 1


def parsed(answers: bytes) -> list[tuple[bytes, dict[bytes, bytes], bytes]]:
    """Answers with a length each: status line, headers without those of their own, body."""
    found = []
    while answers:
        head, _, answers = answers.partition(b"\r\n\r\n")
        line, *pairs = head.split(b"\r\n")
        headers = dict(pair.split(b": ", 1) for pair in pairs)
        assert len(headers) == len(pairs)
        length = 0 if b" 304 " in line else int(headers[b"content-length"])
        found.append((line, headers, answers[:length]))
        answers = answers[length:]
    return found


OWN = (b"x-request-id", b"ratelimit", b"date")


async def test_what_is_kept_goes_out_at_once_and_is_what_the_application_would_send(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = create_app(Settings(request_log=False), database_url=filled, secret=SECRET)
    called = []
    whole = Application.__call__

    async def noted(self: Application, scope: Any, receive: Any, send: Any) -> None:
        called.append(scope.get("path"))
        await whole(self, scope, receive, send)

    monkeypatch.setattr(Application, "__call__", noted)
    asked = b"GET /v1/revisions HTTP/1.1\r\nHost: a\r\nX-Request-ID: mine\r\n"
    last = b"Connection: close\r\n\r\n"
    async with served(app) as port:
        called.clear()
        ((line, headers, body),) = parsed(await told(port, asked + last))  # worked out
        assert called == ["/v1/revisions"]
        again = parsed(await told(port, asked + b"\r\n", (asked + b"\r\n") * 40, asked + last))
        etag = b"If-None-Match: " + headers[b"etag"] + b"\r\n"
        held = parsed(await told(port, asked + etag + b"\r\n", asked + etag + last))
        head = await told(port, asked.replace(b"GET", b"HEAD") + last)
        assert called == ["/v1/revisions"]
        # Behind one that has to be worked out, and in their order.
        other = asked.replace(b"revisions", b"offences?article=337")
        mixed = parsed(await told(port, (asked + b"\r\n") + other + b"\r\n" + (asked + b"\r\n") * 2000 + asked + last))
    assert headers[b"x-request-id"] == b"mine"
    own = {name: value for name, value in headers.items() if name not in OWN}
    assert len(again) == 42
    for place, (status, others, text) in enumerate(again):
        assert (status, text) == (line, body)
        is_last = place == len(again) - 1
        expected = own if is_last else {name: value for name, value in own.items() if name != b"connection"}
        assert {name: value for name, value in others.items() if name not in OWN} == expected
        assert others.keys() - {b"connection"} == headers.keys() - {b"connection"}
    left = [int(others[b"ratelimit"].split(b"r=")[1].split(b";")[0]) for _, others, _ in again]
    assert left == list(range(left[0], left[0] - 42, -1))  # each is counted
    assert [(status, text) for status, _, text in held] == [(b"HTTP/1.1 304 Not Modified", b"")] * 2
    assert held[0][1][b"etag"] == headers[b"etag"]
    assert head.endswith(b"\r\n\r\n")
    assert b"content-length: %d\r\n" % len(body) in head
    statuses = [status for status, _, _ in mixed]
    assert len(mixed) == 2003
    assert mixed[0][2] == body
    assert mixed[1][2] != body
    assert b" 429 " in statuses[-1]  # who is at the end of a quota is told so, as ever
    assert {text for status, _, text in mixed[2:] if b" 200 " in status} == {body}
