"""Bodies that are sent as they are made, and ended when nobody takes them any more."""

import asyncio
import zlib
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.responses import StreamingResponse
from starlette.types import Send

GZIP_LEVEL = 6
_GZIP_WINDOW = 31  # zlib's way to say: with a gzip header
_LARGE_BYTES = 16 * 1024
"""From so many on, a piece is packed beside the event loop."""


class Streamed(StreamingResponse):
    """A body that comes piece by piece. What makes it is closed at the end, even where the caller has hung up."""

    def __init__(self, body: AsyncGenerator[bytes], *, headers: dict[str, str]) -> None:
        super().__init__(body, headers=headers)
        self._body = body

    async def stream_response(self, send: Send) -> None:
        """Send it."""
        async with aclosing(self._body):
            await super().stream_response(send)


async def nothing() -> AsyncGenerator[bytes]:
    """A body without bytes."""
    return
    yield b""


async def gzipped(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """A body, packed."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)
    async with aclosing(pieces):
        async for piece in pieces:
            is_large = len(piece) >= _LARGE_BYTES
            packed = await asyncio.to_thread(packer.compress, piece) if is_large else packer.compress(piece)
            if packed:
                yield packed
    yield packer.flush()
