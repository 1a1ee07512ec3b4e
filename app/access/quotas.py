"""How often each caller may ask: counted in memory, in several windows, and shared among workers where there is Redis.

Without Redis a worker lets through its share: the quota divided by the number of workers. With it each worker counts
by itself and tells the others whenever it has let through a tenth of the window's quota, and every second; so workers
together let through at most a tenth of the quota each beyond it.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from app.access.windows import WINDOWS, Window

MOST_CALLERS = 100_000
"""Callers counted in one window; beyond it those first seen are forgotten and begin anew."""
_LEASES = 10
_TELL_EVERY_S = 1.0
_ALONE_S = 5.0  # after a failure of Redis, workers count by their share for so long
_TIMEOUT_S = 0.25
Limits = Mapping[str, int]
"""Quotas by window; a window that is missing is not limited."""


class SharedCounts(Protocol):
    """Where workers add up what each has counted."""

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add to a count that ends after `expiry` seconds, and return it."""
        ...


@dataclass(slots=True)
class _Count:
    own: int = 0  # let through by this worker
    told: int = 0  # of these, what the others know of
    all: int = 0  # what all workers together had let through when last told
    telling: asyncio.Task[None] | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """What one window holds for a caller: its quota, what is left of it, and seconds until it begins anew."""

    window: Window
    quota: int
    remaining: int
    resets_in_s: int


class Meter:
    """The counters of one caller until the next window begins, for whoever asks often: counts without waiting."""

    __slots__ = ("_form", "_held", "_quotas", "policy")

    def __init__(self, quotas: "Quotas", who: str, limits: Limits, now_s: float) -> None:
        self._quotas = quotas
        self._held = [
            (quotas.count(window, who, now_s), quota, quotas.share(quota), _end_of(window, now_s))
            for window, quota in _limited(limits)
        ]
        lefts = [Left(window, quota, 0, 0) for window, quota in _limited(limits)]
        self.policy = rate_limit_headers(lefts).get("RateLimit-Policy", "").encode()
        self._form = ", ".join(f'"{left.window.id}";r=%d;t=%d' for left in lefts).encode()

    def spend(self, now_s: float) -> bytes | None:
        """Count one request and tell what is left, as `RateLimit` says it; empty where nothing is limited.

        None, and nothing is counted, where a quota is used up or others have to be told first: `Quotas.spend` does it.
        """
        told = self.look(now_s)
        if told is not None:
            for held in self._held:
                held[0].own += 1
        return told

    def look(self, now_s: float) -> bytes | None:
        """What `spend` would tell; nothing is counted."""
        told: list[int] = []
        quotas, whole_s = self._quotas, int(now_s)
        for count, quota, share, ends_s in self._held:
            if quotas.is_alone:
                left = share - count.own
            elif quotas.must_tell(quota, count, now_s):
                return None
            else:
                left = quotas.allowed(quota, count, now_s)
            if left <= 0:
                return None
            told += (left - 1, ends_s - whole_s)
        return self._form % tuple(told)


class Quotas:
    """The counters of one process."""

    def __init__(self, *, workers: int = 1, shared: SharedCounts | None = None, log: Any) -> None:
        self._workers = workers
        self._shared = shared
        self.is_alone = shared is None
        self._log = log
        self._alone_until = float("-inf")
        self._counts: dict[str, tuple[int, dict[str, _Count]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def spend(self, who: str, limits: Limits, now_s: float) -> tuple[Left, ...]:
        """Count one request, unless a window is used up, and tell what is left; waits only for a lease.

        Returns the windows as they are afterwards; where `remaining` of one is below 0, the request is refused
        and counted in none.
        """
        for window, quota in _limited(limits):
            count = self.count(window, who, now_s)
            if self.must_tell(quota, count, now_s):
                await self._tell(window, who, count, int(now_s // window.length_s))
        lefts = self.look(who, limits, now_s)
        if any(left.remaining <= 0 for left in lefts):
            return tuple(_less(left) if left.remaining <= 0 else left for left in lefts)
        for left in lefts:
            self.count(left.window, who, now_s).own += 1
        return tuple(map(_less, lefts))

    def look(self, who: str, limits: Limits, now_s: float) -> tuple[Left, ...]:
        """What is left, without counting."""
        return tuple(
            Left(
                window,
                quota,
                max(0, self.allowed(quota, self.count(window, who, now_s), now_s)),
                _end_of(window, now_s) - int(now_s),
            )
            for window, quota in _limited(limits)
        )

    async def open(self) -> None:
        """Begin to tell the other workers."""
        if self._shared is not None:
            self._task = asyncio.create_task(self._tell_all_the_time())

    async def close(self) -> None:
        """Stop telling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def share(self, quota: int) -> int:
        """What one worker lets through where workers do not share their counts."""
        return max(1, quota // self._workers)

    def must_tell(self, quota: int, count: _Count, now_s: float) -> bool:
        """Whether the other workers have to be told before more is let through."""
        if self._shared is None or now_s < self._alone_until:
            return False
        return count.own - count.told >= max(1, quota // _LEASES)

    def allowed(self, quota: int, count: _Count, now_s: float) -> int:
        """How many more requests are let through."""
        if self._shared is None or now_s < self._alone_until:
            return self.share(quota) - count.own
        return quota - count.all - (count.own - count.told)

    def count(self, window: Window, who: str, now_s: float) -> _Count:
        """The counter of a caller in the window that is now."""
        number = int(now_s // window.length_s)
        held = self._counts.get(window.id)
        if held is None or held[0] != number:
            held = self._counts[window.id] = (number, {})
        counts = held[1]
        if who not in counts:
            if len(counts) >= MOST_CALLERS:
                del counts[next(iter(counts))]
            counts[who] = _Count()
        return counts[who]

    async def _tell(self, window: Window, who: str, count: _Count, number: int) -> None:
        """Tell the others what they do not know; whoever comes meanwhile waits for the same answer."""
        if count.telling is None:
            key = f"sudstat/{window.id}/{number}/{who}"
            count.telling = asyncio.create_task(self._send(key, window.length_s, count))
        await asyncio.shield(count.telling)

    async def _send(self, key: str, length_s: int, count: _Count) -> None:
        assert self._shared is not None
        amount = count.own - count.told
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                count.all = max(count.all, await self._shared.incr(key, 2 * length_s, amount))
            count.told += amount
        except Exception as error:
            # Whatever ails Redis: callers are served by this worker's own count meanwhile.
            self._alone_until = time.time() + _ALONE_S
            self._log.error("quotas are not shared", error=type(error).__name__)
        finally:
            count.telling = None

    async def _tell_all_the_time(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            for id_, (number, counts) in list(self._counts.items()):
                window = WINDOWS[id_]
                for who, count in [(who, count) for who, count in counts.items() if count.own > count.told]:
                    await self._tell(window, who, count, number)


def shared_counts(url: str | None) -> SharedCounts | None:
    """The counts that workers share at a `redis://` address; None without one.

    Errors  ValueError where the address or the library for it is missing
    """
    if url is None:
        return None
    try:
        from limits.aio.storage import RedisStorage  # noqa: PLC0415 (heavy, and an extra)

        return RedisStorage(f"async+{url}", implementation="redispy")
    except Exception as error:
        raise ValueError(f"SUDSTAT_REDIS_URL cannot be used ({type(error).__name__}); see the extra redis") from None


def rate_limit_headers(lefts: Sequence[Left]) -> dict[str, str]:
    """RateLimit-Policy and RateLimit; none where nothing is limited.

    Source   draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4
    """
    if not lefts:
        return {}
    policy = ", ".join(f'"{left.window.id}";q={left.quota};w={left.window.length_s}' for left in lefts)
    state = ", ".join(f'"{left.window.id}";r={max(0, left.remaining)};t={left.resets_in_s}' for left in lefts)
    return {"RateLimit-Policy": policy, "RateLimit": state}


def _limited(limits: Limits) -> Iterable[tuple[Window, int]]:
    return ((window, limits[id_]) for id_, window in WINDOWS.items() if id_ in limits)


def _end_of(window: Window, now_s: float) -> int:
    return (int(now_s // window.length_s) + 1) * window.length_s


def _less(left: Left) -> Left:
    return Left(left.window, left.quota, left.remaining - 1, left.resets_in_s)
