"""Text as lines, each with its number, none longer than the limit; UTF-8 and what is not."""

import codecs
from collections.abc import Iterator

from app.ingest.encodings.inputs import Input
from app.ingest.record import Refused

BLANK = b" \t\r\n\v\f"
_LOOKED_AT_BYTES = 64 * 1024

Line = tuple[int, bytes | None, bool]
"""Number; text, or None where over the limit; whether it has an end."""


def read_lines(file: Input) -> Iterator[Line]:
    """Lines without their ends. One over the limit is passed over without being held."""
    limit = file.limits.line_bytes
    number, kept, is_over = 0, b"", False
    for chunk in file.chunks():
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            number += 1
            text = kept + line
            kept = b""
            yield number, None if is_over or len(text) > limit else _trimmed(text, number), True
            is_over = False
        kept = b"" if is_over else kept + rest
        if len(kept) > limit:
            kept, is_over = b"", True
    if is_over or kept:
        yield number + 1, None if is_over else _trimmed(kept, number + 1), False


def _trimmed(text: bytes, number: int) -> bytes:
    return (without_mark(text) if number == 1 else text).removesuffix(b"\r")


def without_mark(text: bytes) -> bytes:
    """Text without a byte order mark before it."""
    return text.removeprefix(codecs.BOM_UTF8)


def too_long(place: str, limit: int) -> Refused:
    """The refusal of a line over the limit."""
    return Refused(place, "line-too-long", f"The line is longer than {limit} bytes. A record is one line.")


def nul(place: str) -> Refused:
    """The refusal of a record with NUL in it, which Postgres cannot hold."""
    return Refused(place, "nul-character", "The record holds the character NUL (U+0000); leave it out.")


def utf8_error(text: bytes) -> UnicodeDecodeError | None:
    """What keeps a text from being UTF-8."""
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error
    return None


def utf8_detail(error: UnicodeDecodeError) -> str:
    """Where a line stops being UTF-8, and what it may be."""
    hint = " It looks like windows-1251." if _is_cyrillic_1251(error.object) else ""
    return f"Byte {error.start + 1} of the line is not UTF-8.{hint} Files are UTF-8."


def _is_cyrillic_1251(text: bytes) -> bool:
    """Whether most bytes beyond ASCII would be Russian letters in windows-1251."""
    beyond = [byte for byte in text[:_LOOKED_AT_BYTES] if byte >= 0x80]
    return sum(byte >= 0xC0 or byte in {0xA8, 0xB8} for byte in beyond) * 2 > len(beyond)
