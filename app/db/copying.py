"""COPY … TO STDOUT, passed on as it comes: no faster than it is taken, and ended when nobody takes it."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from app.db.database import Database

_PIECES = 8
"""How many may wait to be taken."""
_PIECE_BYTES = 128 * 1024
"""Postgres sends 8 kB at a time: to hand on each by itself takes longer than to read it."""
_HELD_S = 0.1
"""What was read is handed on after so long, however little it is."""
_PATIENCE_S = 60.0
"""Whoever takes nothing for so long is left: their connection is wanted."""
SETTINGS = (
    # However long the caller takes; days are ISO, whatever the server prefers.
    "SET LOCAL statement_timeout = 0; SET LOCAL datestyle = 'ISO'; SET LOCAL extra_float_digits = 1;"
    # In the order of an index row by row, so that the first comes at once and nothing is held: other plans would be
    # chosen for the time of the last row.
    " SET LOCAL enable_sort = off; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;"
    " SET LOCAL enable_memoize = off; SET LOCAL enable_material = off"
)


@dataclass(frozen=True, slots=True)
class Copy:
    """One query to be copied, its arguments, and options of COPY as asyncpg names them."""

    sql: str
    arguments: Sequence[Any] = ()
    options: Mapping[str, Any] = field(default_factory=dict)


async def copy_out(database: Database, copies: Sequence[Copy]) -> AsyncGenerator[bytes]:
    """What some queries write, one after another in one snapshot, in pieces of whole rows.

    Errors  Overloaded, where too many exports are running; TimeoutError, where nobody took the pieces
    """
    pieces: asyncio.Queue[bytes | None] = asyncio.Queue()
    room = asyncio.Semaphore(_PIECES)

    held, last = bytearray(), float("-inf")  # so that the first goes at once

    async def put(piece: bytearray) -> None:
        nonlocal held
        held += piece
        if len(held) >= _PIECE_BYTES or time.monotonic() - last >= _HELD_S:
            await hand_on()

    async def hand_on() -> None:
        nonlocal held, last
        async with asyncio.timeout(_PATIENCE_S):
            await room.acquire()
        pieces.put_nowait(bytes(held))
        held, last = bytearray(), time.monotonic()

    async def run() -> None:
        async with database.export() as connection:
            await connection.execute(SETTINGS)
            for copy in copies:
                await connection.copy_from_query(copy.sql, *copy.arguments, output=put, **copy.options)
            if held:
                await hand_on()

    running = asyncio.create_task(run())
    running.add_done_callback(lambda _: pieces.put_nowait(None))
    try:
        while (piece := await pieces.get()) is not None:
            room.release()
            yield piece
        await running
    finally:
        running.cancel()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # told above, or nobody is there to be told


async def begun(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """The same pieces, of which the first is there: what is wrong by then is raised here."""
    first = await anext(pieces, b"")

    async def whole() -> AsyncGenerator[bytes]:
        async with aclosing(pieces):
            yield first
            async for piece in pieces:
                yield piece

    return whole()
