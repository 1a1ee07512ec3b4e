"""Which revision is published, as every worker comes to know it: by the notice of its publication, and by asking."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.db.database import Connection, Database

CHANNEL = "sudstat_revision"
POLL_S = 0.5
"""How long a revision may go unseen where its notice was lost."""
_LONGEST_READ_S = 2.0
_RETRY_S = 0.2
_POINTER = """
SELECT p.revision, (SELECT coalesce(max(x.revision), 0) FROM removals x) AS removed_in FROM published p
"""


@dataclass(frozen=True, slots=True)
class Pointer:
    """The published revision (None: none yet), and the last that removed personal data from every state; 0: none."""

    revision: int | None
    removed_in: int


async def read_pointer(connection: Connection) -> Pointer:
    """What is published in a connection's snapshot."""
    row = await connection.fetchrow(_POINTER)
    return Pointer(row["revision"], row["removed_in"]) if row else Pointer(None, 0)


class RevisionWatch:
    """Tells `heed` of the pointer whenever it was read, with the time (`time.monotonic`) before it was read.

    It listens on a connection of its own, and reads the pointer every `POLL_S` all the same; a connection that breaks
    is made anew.
    """

    def __init__(self, database: Database, heed: Callable[[Pointer, float], None], *, log: Any) -> None:
        self._database = database
        self._heed = heed
        self._log = log
        self._noticed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begin to watch."""
        self._task = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _watch(self) -> None:
        while True:
            try:
                async with self._database.owner() as connection:
                    await connection.add_listener(CHANNEL, lambda *_: self._noticed.set())
                    connection.add_termination_listener(lambda _: self._noticed.set())
                    while True:
                        await self._read(connection)
                        with suppress(TimeoutError):
                            async with asyncio.timeout(POLL_S):
                                await self._noticed.wait()
            except Exception as error:
                # Whatever it is, the pointer has to be read again; answers of a revision too long unread are not used.
                self._log.error("the pointer cannot be read", error=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _read(self, connection: Connection) -> None:
        self._noticed.clear()
        begun = time.monotonic()
        async with asyncio.timeout(_LONGEST_READ_S):
            self._heed(await read_pointer(connection), begun)
