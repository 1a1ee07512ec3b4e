"""The bytes of an input, unpacked where they are gzip, in flat memory and within limits."""

import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Self

from app.ingest.record import IngestError

if TYPE_CHECKING:  # its import takes longer than all the rest, and a process for each batch pays it
    from app.settings import Settings

GZIP = b"\x1f\x8b"
_CHUNK_BYTES = 256 * 1024
_SMALL_BYTES = 16 * 1024 * 1024  # up to here any ratio is harmless, and a short file of alike rows may have a high one
_GZIP_WINDOW = 31  # zlib's word for gzip with its header and trailer

OnBytes = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """What an input may ask of us; bytes, and for the ratio unpacked bytes to a packed one."""

    line_bytes: int = 8 * 1024 * 1024
    held_bytes: int = 64 * 1024 * 1024  # what must be held whole: a JSON document, a workbook's texts
    unpacked_bytes: int = 16 * 1024**3
    unpacked_ratio: int = 200

    @classmethod
    def of(cls, settings: "Settings") -> Self:
        """The limits that are set."""
        return cls(
            line_bytes=settings.line_limit_bytes,
            unpacked_bytes=settings.unpacked_limit_bytes,
            unpacked_ratio=settings.unpacked_limit_ratio,
        )

    def check(self, packed: int, unpacked: int, place: str) -> None:
        """Errors  IngestError where so many bytes out of so few are too many."""
        if unpacked > self.unpacked_bytes:
            detail = f"Unpacked it is larger than {self.unpacked_bytes:,} bytes; split it."
            raise IngestError(detail, code="unpacked-too-large", place=place)
        if unpacked > _SMALL_BYTES and unpacked > packed * self.unpacked_ratio:
            detail = f"It unpacks to more than {self.unpacked_ratio} times its size, as no records do."
            raise IngestError(detail, code="unpacked-too-large", place=place)


@dataclass(frozen=True, slots=True)
class Input:
    """A file to be read. `on_bytes` is called with the bytes of the file consumed so far."""

    path: Path
    is_gzip: bool
    limits: Limits
    on_bytes: OnBytes

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, unpacked.

        Errors  IngestError for a gzip that is damaged, breaks off or is too large; OSError
        """
        with self.path.open("rb") as file:
            if self.is_gzip:
                yield from self._unpacked(file)
                return
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk
                self.on_bytes(file.tell())

    @property
    def sha256(self) -> bytes:
        """The digest of its bytes, unpacked: packing a file makes it no other.

        Errors  as `chunks`
        """
        digest = hashlib.sha256()
        for chunk in replace(self, on_bytes=_ignore).chunks():
            digest.update(chunk)
        return digest.digest()

    def head(self, size: int) -> bytes:
        """The first bytes, unpacked; fewer where there are no more."""
        head = b""
        for chunk in replace(self, on_bytes=_ignore).chunks():
            head += chunk
            if len(head) >= size:
                break
        return head[:size]

    def _unpacked(self, file: BinaryIO) -> Iterator[bytes]:
        """Members of a gzip one after another; zeros after the last are padding."""
        unpacked = members = 0
        member = zlib.decompressobj(_GZIP_WINDOW)
        is_within = False
        while packed := file.read(_CHUNK_BYTES):
            place = f"byte {file.tell()}"
            while packed := packed if is_within or not members else packed.lstrip(b"\0"):
                is_within = True
                chunk = _inflate(member, packed, place)
                unpacked += len(chunk)
                self.limits.check(file.tell(), unpacked, place)
                if chunk:
                    yield chunk
                packed = member.unconsumed_tail
                if member.eof:
                    members += 1
                    packed, is_within = member.unused_data, False
                    member = zlib.decompressobj(_GZIP_WINDOW)
            self.on_bytes(file.tell())
        if is_within or not members:
            detail = f"The gzip breaks off after {file.tell():,} bytes ({unpacked:,} unpacked); the file is not whole."
            raise IngestError(detail, code="gzip-truncated", place=f"byte {file.tell()}")


def _inflate(member: "zlib._Decompress", packed: bytes, place: str) -> bytes:
    """At most a chunk of what is packed."""
    try:
        return member.decompress(packed, _CHUNK_BYTES)
    except zlib.error:
        detail = "The gzip is damaged here or before, or something that is none follows it."
        raise IngestError(detail, code="gzip-damaged", place=place) from None


def _ignore(_: int) -> None:
    """Nobody watches."""


def begins_as_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does."""
    with path.open("rb") as file:
        return file.read(len(GZIP)) == GZIP


def unpacked_name(path: Path) -> Path:
    """A file's name without the .gz at its end."""
    return path.with_suffix("") if path.suffix.lower() == ".gz" else path
