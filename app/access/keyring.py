"""The register of keys in memory: each request is checked without the database, and a change is known at once.

Each process listens for the notice that every change of the register sends when it commits, and reads the register
anew. Should a notice be lost, it is read every few seconds all the same; where that fails too, keys are refused
rather than trusted.
"""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime
from typing import Any

from app.access.keys import Caller, HeldKey, check_key, good_until, read_key_id
from app.access.register import add_use, read_register
from app.db.away import is_database_away
from app.db.database import Connection, Database
from app.errors import KeyInvalid, Unavailable

CHANNEL = "sudstat_keys"
POLL_S = 2.0
"""How old the register may be where a notice was lost."""
TRUSTED_S = 10.0
"""How old it may be where the database does not answer; then no key is believed."""
_WRITE_S = 60.0
_PAUSE_S = 0.05  # between two readings: however many wrong keys are tried, the register is read 20 times a second
_RETRY_S = 0.5
_DAY_S = 86_400


class Keyring:
    """The keys, and what is yet to be written of their use."""

    def __init__(self, database: Database, *, log: Any) -> None:
        self._database = database
        self._log = log
        self.register: Mapping[str, HeldKey] = {}
        """Keys by id; another object as soon as anything in it has changed."""
        self._read_at = float("-inf")
        self._wanted = asyncio.Event()
        self._waiting: list[asyncio.Future[None]] = []
        self._counted: dict[tuple[str, int], list[int]] = {}  # by key and day since 1970: requests and refusals
        self._last: dict[str, float] = {}
        self._written_at = time.monotonic()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Read the register, and keep it fresh from now on."""
        async with self._database.owner() as connection:
            await self._read(connection)
        self._task = asyncio.create_task(self._keep())

    async def close(self) -> None:
        """Stop, and write what is left of the keys' use."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        if self._counted:
            try:
                async with self._database.owner() as connection:
                    await self._write(connection)
            except Exception as error:
                if not is_database_away(error):
                    raise
                self._log.warning("keys_use_lost", problem="the database is away")

    async def find(self, presented: str) -> Caller:
        """Whose key it is; reads the register anew before it says that a key is not known.

        Errors  KeyInvalid for one that is misspelt, unknown or revoked; KeyExpired; Unavailable where nobody knows
        """
        key_id = read_key_id(presented)
        with suppress(KeyInvalid):  # it may have been made a moment ago, by another process
            if self._is_fresh():
                return check_key(presented, self.register.get(key_id))
        await self.refresh()
        return check_key(presented, self.register.get(key_id))

    async def refresh(self) -> None:
        """Return when the register has been read anew.

        Errors  Unavailable
        """
        read = asyncio.get_running_loop().create_future()
        self._waiting.append(read)
        self._wanted.set()
        try:
            async with asyncio.timeout(_RETRY_S):
                await read
        except TimeoutError:
            if not self._is_fresh():
                raise Unavailable(
                    "Keys cannot be checked now. Try again later.", headers={"Retry-After": "5"}
                ) from None

    def good_until_s(self, presented: str) -> float:
        """Until when (seconds since 1970) a key that was just found is good, unless the register changes."""
        held = self.register.get(read_key_id(presented))
        ends_at = good_until(presented, held) if held else datetime.now(UTC)
        return ends_at.timestamp() if ends_at else float("inf")

    def note_use(self, key_id: str, now_s: float, *, is_refused: bool) -> None:
        """Count a request of a key."""
        day = int(now_s // _DAY_S)
        counted = self._counted.get((key_id, day))
        if counted is None:
            counted = self._counted[key_id, day] = [0, 0]
        counted[is_refused] += 1
        self._last[key_id] = now_s

    def unwritten(self, key_id: str) -> Mapping[date, tuple[int, int]]:
        """By day: requests and refusals of a key that only this process knows of as yet."""
        return {_day(day): (asked, refused) for (key, day), (asked, refused) in self._counted.items() if key == key_id}

    @property
    def age_s(self) -> float:
        """Time since the register was read."""
        return time.monotonic() - self._read_at

    @property
    def trusted_until(self) -> float:
        """Until when (`time.monotonic`) keys may be believed: a short while after the register was read."""
        return self._read_at + TRUSTED_S

    def _is_fresh(self) -> bool:
        return time.monotonic() < self.trusted_until

    async def _keep(self) -> None:
        while True:
            try:
                async with self._database.owner() as connection:
                    await connection.add_listener(CHANNEL, lambda *_: self._wanted.set())
                    while True:
                        await self._read(connection)
                        if time.monotonic() - self._written_at >= _WRITE_S:
                            await self._write(connection)
                        await asyncio.sleep(_PAUSE_S)
                        # Not wait_for: in Python 3.11 it may swallow the cancellation that ends us.
                        with suppress(TimeoutError):
                            async with asyncio.timeout(POLL_S):
                                await self._wanted.wait()
            except Exception as error:
                # Whatever it is, keys have to be read again; while they cannot be, none is believed.
                self._log.error("keys cannot be read", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, connection: Connection) -> None:
        self._wanted.clear()
        waiting, self._waiting = self._waiting, []
        begun = time.monotonic()
        try:
            async with asyncio.timeout(POLL_S):
                keys = await read_register(connection)
        except BaseException:
            self._waiting += waiting
            raise
        if keys != self.register:
            self.register = keys
        self._read_at = begun
        for read in waiting:
            if not read.done():
                read.set_result(None)

    async def _write(self, connection: Connection) -> None:
        counted, last = self._counted, self._last
        self._counted, self._last, self._written_at = {}, {}, time.monotonic()
        rows = [(key, _day(day), asked, refused) for (key, day), (asked, refused) in counted.items()]
        try:
            await add_use(connection, rows, [(key, datetime.fromtimestamp(at_s, UTC)) for key, at_s in last.items()])
        except BaseException:
            for place, (asked, refused) in counted.items():
                kept = self._counted.setdefault(place, [0, 0])
                kept[0], kept[1] = kept[0] + asked, kept[1] + refused
            self._last = {**last, **self._last}
            raise


def _day(number: int) -> date:
    return datetime.fromtimestamp(number * _DAY_S, UTC).date()
