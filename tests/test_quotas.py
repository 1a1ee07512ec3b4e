"""Quotas: windows, shares of workers, and whose address is believed; no address is kept."""

import asyncio
import json
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits.aio.storage import MemoryStorage

from app.access import quotas as module
from app.access.addresses import caller_address, read_address, read_networks, stand_in
from app.access.keyring import Keyring
from app.access.quotas import Quotas, rate_limit_headers, shared_counts
from app.db.database import Database
from app.telemetry import make_log
from tests.serving import client_of, problem_of
from tests.test_access import new_key

NOON = 1_700_000_040.0  # the beginning of a minute
SECRET = b"a secret of tests, long enough to be one"
FREE = ("/v1/me", "/v1/config", "/healthz", "/readyz", "/docs", "/openapi.json", "/problems/not-found")


def quotas(**options: Any) -> Quotas:
    """Counters of one worker."""
    return Quotas(log=make_log(), **options)


async def let_through(counters: Quotas, who: str, limits: dict[str, int], times: int, now_s: float = NOON) -> int:
    """How many of some requests are let through."""
    answers = [await counters.spend(who, limits, now_s) for _ in range(times)]
    return sum(all(left.remaining >= 0 for left in lefts) for lefts in answers)


async def test_each_window_is_counted_by_itself_and_begins_anew() -> None:
    counters, limits = quotas(), {"minute": 3, "day": 5}
    assert await let_through(counters, "a", limits, 9) == 3
    assert await let_through(counters, "b", limits, 9) == 3
    assert await let_through(counters, "a", limits, 9, NOON + 59.9) == 0
    # What was refused has not been counted: two of the day's five are left.
    assert await let_through(counters, "a", limits, 9, NOON + 60) == 2
    assert await let_through(counters, "a", limits, 9, NOON + 86_400) == 3
    assert await let_through(counters, "a", {}, 9) == 9


async def test_headers_are_as_the_draft_has_them() -> None:
    left = await quotas().spend("a", {"minute": 3, "day": 5}, NOON + 18)
    assert rate_limit_headers(left) == {
        "RateLimit-Policy": '"minute";q=3;w=60, "day";q=5;w=86400',
        "RateLimit": f'"minute";r=2;t=42, "day";r=4;t={86_400 - int((NOON + 18) % 86_400)}',
    }
    assert rate_limit_headers(()) == {}


async def test_without_a_shared_store_a_worker_lets_through_its_share() -> None:
    assert await let_through(quotas(workers=4), "a", {"minute": 120}, 200) == 30
    assert await let_through(quotas(workers=4), "a", {"minute": 3}, 200) == 1


@given(
    workers=st.integers(1, 6), quota=st.integers(1, 60), order=st.lists(st.integers(0, 5), min_size=200, max_size=200)
)
async def test_with_a_shared_store_workers_exceed_a_quota_by_a_lease_each_at_most(
    workers: int, quota: int, order: list[int]
) -> None:
    store = MemoryStorage()
    each = [quotas(workers=workers, shared=store) for _ in range(workers)]
    passed = 0
    for place in order:
        passed += await let_through(each[place % workers], "a", {"minute": quota}, 1)
    lease = max(1, quota // 10)
    assert passed <= quota + (workers - 1) * lease
    assert passed >= min(quota, len(order))  # nobody is refused before the quota is used up


async def test_requests_that_come_at_once_wait_for_one_lease() -> None:
    class Slow(MemoryStorage):
        asked = 0

        async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
            Slow.asked += 1
            await asyncio.sleep(0.02)
            return await super().incr(key, expiry, amount)

    counters = quotas(workers=2, shared=Slow())
    answers = await asyncio.gather(*(counters.spend("a", {"minute": 20}, NOON) for _ in range(60)))
    assert sum(lefts[0].remaining >= 0 for lefts in answers) <= 20 + 2 * 2
    assert Slow.asked <= 12


async def test_where_the_shared_store_fails_a_worker_goes_on_with_its_share(capsys: pytest.CaptureFixture[str]) -> None:
    class Gone(MemoryStorage):
        async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
            raise ConnectionError("secret address")

    counters = quotas(workers=4, shared=Gone())
    now_s = time.time()
    assert await let_through(counters, "a", {"day": 120}, 200, now_s) == 30
    assert "quotas are not shared" in capsys.readouterr().err
    with pytest.raises(ValueError, match="SUDSTAT_REDIS_URL"):
        shared_counts("no-such-scheme://secret")
    assert shared_counts(None) is None


async def test_counters_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_CALLERS", 10)
    counters = quotas()
    for number in range(50):
        await counters.spend(f"a{number}", {"day": 5}, NOON)
    assert len(counters._counts["day"][1]) == 10


@pytest.mark.parametrize(
    ("peer", "forwarded", "told"),
    [
        ("203.0.113.9", ["198.51.100.1"], "203.0.113.9"),  # not a proxy of ours: hearsay
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),  # what the caller wrote is not believed
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.0.0.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.0.0.3"], "10.0.0.3"),
        ("10.0.0.1", ["nonsense"], "10.0.0.1"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("::ffff:10.0.0.1", ["[2001:db8::1]"], "2001:db8::1"),
        (None, ["198.51.100.1"], "None"),
        ("not an address", ["198.51.100.1"], "None"),
    ],
)
def test_only_a_proxy_of_ours_is_believed(peer: str | None, forwarded: list[str], told: str) -> None:
    assert str(caller_address(peer, forwarded, read_networks("10.0.0.0/24"))) == told


def test_an_address_is_counted_by_a_digest_of_the_day_and_a_house_by_its_64_bits() -> None:
    def shown(text: str, now_s: float = NOON, secret: bytes = SECRET) -> str:
        return stand_in(read_address(text), secret, now_s)

    assert shown("2001:db8::1") == shown("2001:db8::ffff:ffff:ffff:ffff") != shown("2001:db8:0:1::1")
    assert shown("192.0.2.1") == shown("::ffff:192.0.2.1") != shown("192.0.2.2")
    assert shown("192.0.2.1") != shown("192.0.2.1", NOON + 86_400)
    assert shown("192.0.2.1") != shown("192.0.2.1", secret=b"another secret of thirty-two bytes")
    assert re.fullmatch(r"a:[0-9a-f]{24}", shown("192.0.2.1"))


async def test_each_address_and_each_key_has_its_own_quota(database_url: str) -> None:
    keys = [await new_key(Database(database_url), *scopes) for scopes in (("statistics",), ("statistics", "admin"))]
    settings = {"anonymous_quota_minute": 3, "key_quota_minute": 5, "trusted_proxies": "127.0.0.1"}

    async with client_of(database_url, **settings) as client:

        async def passed(**headers: str) -> int:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            answers = [await client.get("/v1/vocabularies", headers=named) for _ in range(8)]
            return sum(answer.status_code != 429 for answer in answers)

        assert await passed(x_forwarded_for="192.0.2.1") == 3
        assert await passed(x_forwarded_for="192.0.2.2") == 3
        assert await passed(x_forwarded_for="2001:db8::1") == 3
        assert await passed(x_forwarded_for="2001:db8::ffff:0:1") == 0  # of the same house
        assert await passed(x_forwarded_for="2001:db8:0:1::1") == 3
        assert await passed(x_api_key=keys[0], x_forwarded_for="192.0.2.1") == 5
        assert await passed(x_api_key=keys[1]) == 8  # an administrator has none
        assert await passed(x_api_key="sud_guessed", x_forwarded_for="192.0.2.3") == 3  # a bad key counts as an address
        refused = await client.get("/v1/vocabularies", headers={"X-Forwarded-For": "192.0.2.1"})
        assert problem_of(refused) == (429, "quota-exceeded")
        assert refused.json()["violated-policies"] == ["minute"]
        assert 0 < int(refused.headers["retry-after"]) <= 60
        assert refused.headers["ratelimit"].startswith('"minute";r=0;t=')
        assert refused.headers["access-control-allow-origin"] == "*"
        for path in FREE:
            free = await client.get(path, headers={"X-Forwarded-For": "192.0.2.1"})
            assert (free.status_code, "ratelimit" in free.headers) == (200, False), path


async def test_what_is_answered_304_or_by_head_is_counted_and_no_header_of_it_is_kept(database_url: str) -> None:
    async with client_of(database_url) as client:
        first = await client.get("/v1/vocabularies")
        again = await client.get("/v1/vocabularies", headers={"If-None-Match": first.headers["etag"]})
        head = await client.head("/v1/vocabularies")
        left = [re.findall(r"r=(\d+)", answer.headers["ratelimit"])[0] for answer in (first, again, head)]
        assert (again.status_code, left) == (304, ["119", "118", "117"])


async def test_no_address_is_stored_or_logged(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with client_of(database_url, trusted_proxies="127.0.0.1") as client:
        answer = await client.get("/v1/vocabularies", headers={"X-Forwarded-For": "198.51.100.77"})
        await client.get("/v1/me", headers={"X-Forwarded-For": "198.51.100.77"})
        told = json.dumps(dict(answer.headers)) + answer.text
    assert "198.51.100.77" not in capsys.readouterr().err + told


async def test_a_key_in_memory_costs_no_query(database: Database, database_url: str) -> None:
    key = await new_key(database, "statistics")
    ring = Keyring(Database(database_url), log=make_log())
    await ring.open()
    ring._database = None  # type: ignore[assignment]
    for _ in range(3):
        assert (await ring.find(key)).may("statistics")
    assert ring._task is not None
    ring._task.cancel()
    await asyncio.gather(ring._task, return_exceptions=True)
