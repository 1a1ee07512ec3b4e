"""Turns at the readers' connections: no caller holds them all, and nobody waits without end."""

import asyncio
import math
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

from app.errors import Overloaded

on_behalf_of: ContextVar[str] = ContextVar("on_behalf_of", default="")
"""Who asked for what is being read; set where a request comes in."""

_WEIGHT = 0.1  # of the latest turn in the mean length of turns
_FIRST_GUESS_S = 0.01


class Turns:
    """At most `size` turns at a time, at most half of them one caller's, in the order of coming.

    Whoever could not have a turn within `wait_s`, judged by how long turns take now, is told so at once; whoever was
    misjudged, after `wait_s`.
    """

    def __init__(self, size: int, *, wait_s: float) -> None:
        self.each = max(1, size // 2)
        self._size = size
        self._wait_s = wait_s
        self._mean_s = _FIRST_GUESS_S
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn.

        Errors  Overloaded, with when to come again
        """
        who = on_behalf_of.get()
        await self._take(who)
        begun = time.monotonic()
        try:
            yield
        finally:
            self._mean_s += _WEIGHT * (time.monotonic() - begun - self._mean_s)
            self._give_back(who)

    async def _take(self, who: str) -> None:
        if self._may_run(who):
            self._running[who] += 1
            return
        expected_s = self._expected_s(who)
        if expected_s > self._wait_s:
            raise _overloaded(expected_s)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((who, turn))
        try:
            async with asyncio.timeout(self._wait_s):
                await asyncio.shield(turn)
        except BaseException as error:
            if turn.done():
                self._give_back(who)
            else:
                self._waiting.remove((who, turn))
            if isinstance(error, TimeoutError):
                raise _overloaded(self._expected_s(who)) from None
            raise

    @property
    def busy(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        return self._running.total(), len(self._waiting)

    def _may_run(self, who: str) -> bool:
        return self._running.total() < self._size and self._running[who] < self.each

    def _expected_s(self, who: str) -> float:
        """How long a caller would wait: for their own turns, and for everybody's."""
        own = sum(other == who for other, _ in self._waiting) + 1
        return self._mean_s * max(own / self.each, (len(self._waiting) + 1) / self._size)

    def _give_back(self, who: str) -> None:
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        for place, (next_, turn) in enumerate(self._waiting):
            if self._may_run(next_):
                del self._waiting[place]
                self._running[next_] += 1
                turn.set_result(None)
                return


def _overloaded(expected_s: float) -> Overloaded:
    retry_after_s = max(1, math.ceil(expected_s))
    detail = f"Too many questions are being answered. Try again in {retry_after_s} s, or ask fewer at once."
    return Overloaded(detail, headers={"Retry-After": str(retry_after_s)})
