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

LARGE_ROWS = 250
"""From so many rows on, work is done beside the event loop; with fewer it is done sooner than handed over."""
LONG_S = 1.0
"""Turns of a caller that lately took longer than this are long ones."""
_SWITCH_S = 0.0005
_WEIGHT = 0.1  # of the latest turn in the mean length of turns
_OWN_WEIGHT = 0.3  # in the mean of one caller
_FIRST_GUESS_S = 0.01
_RETRY_S = 30  # told at most
_MOST_CALLERS = 10_000  # whose mean is known; those not seen for longest are forgotten


@dataclass(slots=True)
class _Lane:
    """Turns of one kind, and how long they take."""

    mean_s: float = _FIRST_GUESS_S
    running: int = 0
    promised: float = 0.0  # until when (monotonic) turns are promised to those who were told to come again


class Turns:
    """At most `size` turns at a time, at most half of them one caller's, in the order of coming.

    Callers whose turns have lately been long have together at most half, so that whoever asks little never waits for
    all of theirs; a turn that turns out to be long becomes one of these, or ends. Whoever could not have a turn within
    `wait_s`, judged by how long turns take now, is told so at once; whoever was misjudged, after `wait_s`. They are
    told different times, so that they do not come all at once.
    """

    def __init__(self, size: int, *, wait_s: float) -> None:
        self.each = max(1, size // 2)
        self._size = size
        self._wait_s = wait_s
        self._lanes = {False: _Lane(), True: _Lane(LONG_S)}
        self._callers: OrderedDict[str, float] = OrderedDict()
        self._running: Counter[str] = Counter()
        self._waiting: list[tuple[str, bool, asyncio.Future[None]]] = []

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A turn.

        Errors  Overloaded, with when to come again
        """
        who = on_behalf_of.get()
        turn = _Turn(self, who, self._callers.get(who, 0) > LONG_S)
        await self._take(who, turn.is_long)
        _turn.set(turn)
        begun = time.monotonic()
        try:
            yield
        finally:
            _turn.set(None)
            self._learn(turn, time.monotonic() - begun)
            self._give_back(who, turn.is_long)

    def lengthen(self, turn: "_Turn") -> None:
        """Make a turn a long one.

        Errors  Overloaded where there are as many as may be
        """
        if turn.is_long:
            return
        self._callers[turn.who] = 2 * LONG_S
        if self._lanes[True].running >= self.each:
            raise self._overloaded(True, self._expected_s(turn.who, True))
        self._lanes[False].running -= 1
        self._lanes[True].running += 1
        turn.is_long = True

    async def _take(self, who: str, is_long: bool) -> None:
        if self._may_run(who, is_long):
            self._begin(who, is_long)
            return
        expected_s = self._expected_s(who, is_long)
        if expected_s > self._wait_s:
            raise self._overloaded(is_long, expected_s)
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
                raise self._overloaded(is_long, self._expected_s(who, is_long)) from None
            raise

    @property
    def busy(self) -> tuple[int, int]:
        """How many run, and how many wait."""
        return self._running.total(), len(self._waiting)

    def _may_run(self, who: str, is_long: bool) -> bool:
        if is_long and self._lanes[True].running >= self.each:
            return False
        return self._running.total() < self._size and self._running[who] < self.each

    def _expected_s(self, who: str, is_long: bool) -> float:
        """How long a caller would wait: for their own turns, and for everybody's of the same kind."""
        own = sum(other == who for other, _, _ in self._waiting) + 1
        alike = sum(kind == is_long for _, kind, _ in self._waiting) + 1
        return self._lanes[is_long].mean_s * max(own / self.each, alike / self._at_once(is_long))

    def _at_once(self, is_long: bool) -> int:
        return self.each if is_long else max(1, self._size - self._lanes[True].running)

    def _overloaded(self, is_long: bool, expected_s: float) -> Overloaded:
        """The refusal; whoever is refused after another is told a turn later."""
        lane, now = self._lanes[is_long], time.monotonic()
        lane.promised = max(lane.promised + lane.mean_s / self._at_once(is_long), now + expected_s)
        lane.promised = min(lane.promised, now + _RETRY_S)
        retry_after_s = max(1, math.ceil(lane.promised - now))
        detail = f"Too many questions are being answered. Try again in {retry_after_s} s, or ask fewer at once."
        return Overloaded(detail, headers={"Retry-After": str(retry_after_s)})

    def _begin(self, who: str, is_long: bool) -> None:
        self._running[who] += 1
        self._lanes[is_long].running += 1

    def _learn(self, turn: "_Turn", took_s: float) -> None:
        lane = self._lanes[turn.is_long]
        lane.mean_s += _WEIGHT * (took_s - lane.mean_s)
        mean_s = self._callers.pop(turn.who, took_s)
        self._callers[turn.who] = mean_s + _OWN_WEIGHT * (took_s - mean_s)
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


@dataclass(slots=True)
class _Turn:
    turns: Turns
    who: str
    is_long: bool


_turn: ContextVar[_Turn | None] = ContextVar("_turn", default=None)


async def aside(rows: int, work: Callable[[], T]) -> T:
    """What `work` returns: it makes or reads so many rows, and touches nothing that changes meanwhile.

    Where they are many, the turn becomes a long one, and the work is done in a thread beside the event loop, so that
    nobody waits for another's large answer; one piece at a time, because all share one interpreter.

    Errors  Overloaded where there are as many long turns as may be
    """
    if rows < LARGE_ROWS:
        return work()
    turn = _turn.get()
    if turn is not None:
        turn.turns.lengthen(turn)
    return await asyncio.get_running_loop().run_in_executor(_thread(), work)


@cache
def _thread() -> ThreadPoolExecutor:
    # The loop gets the interpreter back after so long; the default of 5 ms would be felt at each of its steps.
    sys.setswitchinterval(_SWITCH_S)
    return ThreadPoolExecutor(1, thread_name_prefix="aside")
