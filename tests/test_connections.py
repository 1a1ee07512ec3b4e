"""Connections within bounds: a head that does not come, is too large, or is no HTTP; too many connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn

from app.cli import connections
from app.cli.connections import BoundedProtocol
from app.main import create_app
from app.settings import Settings
from tests.serving import SECRET


@pytest.fixture(name="port")
async def port_fixture(database_url: str) -> AsyncIterator[int]:
    """Port of a server that answers for this test."""
    app = create_app(Settings(), database_url=database_url, secret=SECRET)
    config = uvicorn.Config(app, http=BoundedProtocol, port=0, log_config=None, access_log=False, loop="asyncio")
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
