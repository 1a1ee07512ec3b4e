"""Turns at the readers' connections: no caller holds them all, and nobody waits without end."""

import asyncio
import math
import sys
import time
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from app.errors import Overloaded

T = TypeVar("T")
on_behalf_of: ContextVar[str] = ContextVar("on_behalf_of", default="")
"""Who asked for what is being read; set where a request comes in."""

LARGE_ROWS = 600
"""From so many rows on, work is done beside the event loop; with fewer it is done sooner than handed over."""
RESULT_ROWS = 10
"""One result of a list, with all that it holds, is as much work as so many rows of a statistic."""
LONG_CELLS = 10_000
"""A question whose answer may have so many cells is given a long turn."""
LONG_S = 1.0
"""So are those of a caller whose turns lately took longer than this."""
_LONG_OF = 8  # one turn of so many may be a long one
_THREADS = 2  # beside the event loop: one for the long turn, so that a smaller answer need not wait for it
_SWITCH_S = 0.0005
_WORSE = 2  # a long turn may take so many times what the longest of late took
_WORST_FADES = 0.1  # with each turn, by how much the longest of late nears the latest
_WEIGHT = 0.1  # of the latest turn in the mean length of turns
_OWN_WEIGHT = 0.3  # in the mean of one caller
_FIRST_GUESS_S = 0.01
_RETRY_S = 30  # told at most
_MOST_CALLERS = 10_000  # whose mean is known; those not seen for longest are forgotten


@dataclass(slots=True)
class _Lane:
    """Turns of one kind, and how long they take: on the average, and at worst of late."""

    mean_s: float = _FIRST_GUESS_S
    worst_s: float = _FIRST_GUESS_S
    running: int = 0
    promised: float = 0.0  # until when (monotonic) turns are promised to those who were told to come again

    def learn(self, took_s: float) -> None:
        """Take note of how long a turn took."""
        self.mean_s += _WEIGHT * (took_s - self.mean_s)
        self.worst_s = max(took_s, self.worst_s - _WORST_FADES * (self.worst_s - took_s))


class Turns:
    """At most `size` turns at a time, at most half of them one caller's, in the order of coming.

    Long turns are one of eight: large questions, and those of callers whose other turns have lately been long. What
    they need of processors is bounded by that, and who asks little never waits for them. Whoever might not have a turn
    within `wait_s`, judged by how long turns of late took, is told so at once; whoever was misjudged, after
    `wait_s`. They are told different times, so that they do not come all at once.
    """

    def __init__(self, size: int, *, wait_s: float) -> None:
        self.each = max(1, size // 2)
        self._size = size
        self._most_long = max(1, size // _LONG_OF)
        self._wait_s = wait_s
        self._lanes = {False: _Lane(), True: _Lane(LONG_S, LONG_S)}
        self._callers: OrderedDict[str, float] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, bool, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one(self, *, is_large: bool = False) -> AsyncIterator[bool]:
        """A turn, for a question that is known to be large or not; whether it is a long one.

        Errors  Overloaded, with when to come again
        """
        who = on_behalf_of.get()
        is_long = is_large or self._callers.get(who, 0) > LONG_S
        await self._take(who, is_long)
        begun = time.monotonic()
        try:
            yield is_long
        finally:
            took_s = time.monotonic() - begun
            self._lanes[is_long].learn(took_s)
            if not is_large:  # of a large question the caller is not to blame: each is judged by itself
                self._learn(who, took_s)
            self._give_back(who, is_long)

    async def _take(self, who: str, is_long: bool) -> None:
        if self._may_run(who, is_long):
            self._begin(who, is_long)
            return
        lane = self._lanes[is_long]
        # Of many short turns the mean tells; of a few long ones the worst: who is let wait is not refused afterwards.
        each_s = _WORSE * lane.worst_s if is_long else lane.mean_s
        if each_s * self._turns_ahead(who, is_long) >= self._wait_s:
            raise self._overloaded(who, is_long)
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((who, is_long, turn))
        try:
            async with asyncio.timeout(self._wait_s):
                await asyncio.shield(turn)
        except BaseException as error:
            if turn.done():
                self._give_back(who, is_long)
            else:
                self._waiting.remove((who, is_long, turn))
            if isinstance(error, TimeoutError):
                raise self._overloaded(who, is_long) from None
            raise

    @property
    def busy(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        return self._running.total(), len(self._waiting)

    def _may_run(self, who: str, is_long: bool) -> bool:
        if is_long and self._lanes[True].running >= self._most_long:
            return False
        return self._running.total() < self._size and self._running[who] < self.each

    def _turns_ahead(self, who: str, is_long: bool) -> float:
        """For how many turns a caller would wait: their own, or everybody's of the same kind."""
        own = sum(other == who for other, _, _ in self._waiting) + 1
        alike = sum(kind == is_long for _, kind, _ in self._waiting) + 1
        return max(own / self.each, alike / self._at_once(is_long))

    def _at_once(self, is_long: bool) -> int:
        return self._most_long if is_long else max(1, self._size - self._lanes[True].running)

    def _overloaded(self, who: str, is_long: bool) -> Overloaded:
        """The refusal; whoever is refused after another is told a turn later."""
        lane, now = self._lanes[is_long], time.monotonic()
        expected_s = lane.mean_s * self._turns_ahead(who, is_long)
        lane.promised = max(lane.promised + lane.mean_s / self._at_once(is_long), now + expected_s)
        lane.promised = min(lane.promised, now + _RETRY_S)
        retry_after_s = max(1, math.ceil(lane.promised - now))
        detail = f"Too many questions are being answered. Try again in {retry_after_s} s, or ask fewer at once."
        return Overloaded(detail, headers={"Retry-After": str(retry_after_s)})

    def _begin(self, who: str, is_long: bool) -> None:
        self._running[who] += 1
        self._lanes[is_long].running += 1

    def _learn(self, who: str, took_s: float) -> None:
        mean_s = self._callers.pop(who, took_s)
        self._callers[who] = mean_s + _OWN_WEIGHT * (took_s - mean_s)
        if len(self._callers) > _MOST_CALLERS:
            self._callers.popitem(last=False)

    def _give_back(self, who: str, is_long: bool) -> None:
        self._lanes[is_long].running -= 1
        self._running[who] -= 1
        if not self._running[who]:
            del self._running[who]
        for place, (next_, kind, turn) in enumerate(self._waiting):
            if self._may_run(next_, kind):
                del self._waiting[place]
                self._begin(next_, kind)
                turn.set_result(None)
                return


async def aside(rows: int, work: Callable[[], T]) -> T:
    """What `work` returns: it makes or reads so many rows, and touches nothing that changes meanwhile.

    Where they are many, the work is done in a thread beside the event loop, so that nobody waits for another's large
    answer; few pieces at a time, because all share one interpreter.
    """
    if rows < LARGE_ROWS:
        return work()
    return await asyncio.get_running_loop().run_in_executor(_threads(), work)


@cache
def _threads() -> ThreadPoolExecutor:
    # The loop gets the interpreter back after so long; the default of 5 ms would be felt at each of its steps.
    sys.setswitchinterval(_SWITCH_S)
    return ThreadPoolExecutor(_THREADS, thread_name_prefix="aside")
