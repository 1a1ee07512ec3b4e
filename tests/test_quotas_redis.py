"""Quotas of several workers over a real Redis; skipped, saying so, where none is installed."""

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from app.access.quotas import Quotas, shared_counts
from app.telemetry import make_log
from tests.loading import until

Worker = Callable[[str, int], Quotas]
REDIS = shutil.which("redis-server")
pytestmark = pytest.mark.skipif(REDIS is None, reason="needs redis-server on the path, which is not here")


@pytest.fixture(name="redis")
async def redis_fixture(tmp_path: Path) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """Address of a Redis of this test's own, and its process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert REDIS is not None
    command = [REDIS, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    server = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    try:
        await until(lambda: _listens(port))
        yield f"redis://127.0.0.1:{port}/0", server
    finally:
        if server.returncode is None:
            server.terminate()
        await server.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


@pytest.fixture(name="worker")
async def worker_fixture() -> AsyncIterator[Callable[[str, int], Quotas]]:
    """Makes the counters of one worker, with connections of its own, which end with the test."""
    stores: list[Any] = []

    def make(url: str, workers: int) -> Quotas:
        stores.append(shared_counts(url))
        return Quotas(workers=workers, shared=stores[-1], log=make_log())

    yield make
    for store in stores:  # the library offers no way to close its connections: they end with the process
        await store.bridge.storage.aclose()


async def spend(counters: Quotas, times: int, quota: int, now_s: float) -> int:
    """How many of some requests of one caller are let through."""
    answers = [await counters.spend("a", {"day": quota}, now_s) for _ in range(times)]
    return sum(lefts[0].remaining >= 0 for lefts in answers)


@pytest.mark.parametrize("quota", [7, 100, 1200])
async def test_two_workers_exceed_a_quota_by_a_lease_each_at_most(
    redis: tuple[str, asyncio.subprocess.Process], worker: Worker, quota: int
) -> None:
    url, _ = redis
    each, now_s = [worker(url, 2) for _ in range(2)], time.time()
    passed = sum(await asyncio.gather(*(spend(counters, quota, quota, now_s) for counters in each)))
    assert quota <= passed <= quota + 2 * max(1, quota // 10)
    assert [await spend(counters, 20, quota, now_s) for counters in each] == [0, 0]


async def test_a_worker_that_starts_later_knows_what_others_let_through(
    redis: tuple[str, asyncio.subprocess.Process], worker: Worker
) -> None:
    url, _ = redis
    now_s = time.time()
    assert await spend(worker(url, 2), 100, 100, now_s) == 100
    assert await spend(worker(url, 2), 100, 100, now_s) <= 10


async def test_where_redis_goes_away_workers_go_on_by_their_share(
    redis: tuple[str, asyncio.subprocess.Process], worker: Worker, capsys: pytest.CaptureFixture[str]
) -> None:
    url, server = redis
    counters, now_s = worker(url, 4), time.time()
    server.terminate()
    await server.wait()
    assert await spend(counters, 400, 400, now_s) == 100
    told = capsys.readouterr().err
    assert "quotas are not shared" in told
    assert url not in told
