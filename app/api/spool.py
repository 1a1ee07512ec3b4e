"""Bodies on their way in: counted, hashed and laid on disk as they come, so that memory stays flat."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from fastapi import Request
from starlette.requests import ClientDisconnect

from app.errors import BadRequest, BodyTooLarge, RequestTimeout

_PIECE_BYTES = 1024 * 1024
_CLOSE = {"Connection": "close"}  # what is still to come of the body is not read


@dataclass(slots=True)
class Spool:
    """A body on disk, in a file without a name: however we end, nothing of it stays."""

    file: BinaryIO
    size: int = 0
    digest: Any = field(default_factory=sha256)

    def add(self, piece: bytes) -> None:
        """Lay a piece down."""
        self.file.write(piece)
        self.digest.update(piece)


@asynccontextmanager
async def spooled(request: Request, *, limit_bytes: int, pause_s: float, folder: Path | None) -> AsyncIterator[Spool]:
    """The body of a request, whole, on disk as long as the context lasts.

    Errors  BodyTooLarge, before anything is read where the headers tell; RequestTimeout for a pause in the body;
            BadRequest where the connection ends before the body
    """
    announced = request.headers.get("content-length", "")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise _too_large(limit_bytes)
    with TemporaryFile(dir=folder, prefix="sudstat-") as file:
        spool = Spool(file)
        kept = bytearray()
        async for chunk in _chunks(request, pause_s):
            spool.size += len(chunk)
            if spool.size > limit_bytes:
                raise _too_large(limit_bytes)
            kept += chunk
            if len(kept) >= _PIECE_BYTES:
                await asyncio.to_thread(spool.add, bytes(kept))  # a slow disk keeps no reader waiting
                kept.clear()
        await asyncio.to_thread(spool.add, bytes(kept))
        await asyncio.to_thread(file.flush)
        yield spool


async def _chunks(request: Request, pause_s: float) -> AsyncIterator[bytes]:
    stream = request.stream()
    while True:
        try:
            async with asyncio.timeout(pause_s):
                chunk = await anext(stream, None)
        except TimeoutError:
            detail = f"Nothing of the body came for {pause_s:g} seconds; send it again without such a pause."
            raise RequestTimeout(detail, headers=dict(_CLOSE)) from None
        except ClientDisconnect:
            raise BadRequest("The connection ended before the body.") from None
        if chunk is None:
            return
        yield chunk


def _too_large(limit_bytes: int) -> BodyTooLarge:
    detail = f"The body is larger than {limit_bytes} bytes; split it into several batches, or send it as gzip."
    return BodyTooLarge(detail, headers=dict(_CLOSE), limit_bytes=limit_bytes)
