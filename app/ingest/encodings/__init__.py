"""Encodings: the shape of a file's bytes, read as rows in flat memory.

A refusal names the place and what would be right, never the text: a broken line may hold a name.
"""

import codecs
from collections.abc import Callable, Iterator
from pathlib import Path

from app.ingest.encodings.csv import read_csv, read_csv_raw
from app.ingest.encodings.inputs import GZIP, Input, Limits, OnBytes, begins_as_gzip, unpacked_name
from app.ingest.encodings.json import read_json, read_ndjson
from app.ingest.encodings.lines import BLANK, utf8_detail, utf8_error, without_mark
from app.ingest.encodings.xlsx import read_xlsx
from app.ingest.record import IngestError, Read, Refused, Warned

__all__ = ["ENCODINGS", "MEDIA_TYPES", "Input", "Limits", "OnBytes", "open_input", "read_rows", "unpacked_name"]

_HEAD_BYTES = 64 * 1024

ENCODINGS: dict[str, Callable[[Input], Iterator[Read]]] = {
    "ndjson": read_ndjson,
    "json": read_json,
    "csv": read_csv,
    "csv-raw": read_csv_raw,
    "xlsx": read_xlsx,
}
MEDIA_TYPES = {
    "application/json": "json",
    "application/x-ndjson": "ndjson",
    "text/csv": "csv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
}
"""What a body says that it is, and the ending of such a file, without its dot."""


def open_input(
    path: Path, *, is_gzip: bool | None = None, limits: Limits | None = None, on_bytes: OnBytes | None = None
) -> Input:
    """A file to read rows from.

    is_gzip    whether it is gzip; None where nobody said: then its first bytes tell, and its name must not belie them
    on_bytes   is called with the bytes of the file consumed so far
    Errors     IngestError for a file that is not what it is said to be; OSError
    """
    is_one = begins_as_gzip(path)
    if is_gzip is None and unpacked_name(path) != path and not is_one:
        raise IngestError("Its name ends in .gz, but it is no gzip.", code="not-gzip")
    if is_gzip and not is_one:
        raise IngestError("It is said to be gzip, but it is none.", code="not-gzip")
    return Input(path, is_one if is_gzip is None else is_gzip, limits or Limits(), on_bytes or _ignore)


def read_rows(file: Input, encoding: str) -> Iterator[Read]:
    """Rows of a file in an encoding of `ENCODINGS`, in order; a bad line is refused and reading goes on.

    Shape     at least one row or refusal; a fault of the whole text is one refusal with place `file`
    Errors    KeyError for an unknown encoding, IngestError for a file that cannot be unpacked or has merged cells,
              OSError
    """
    read = ENCODINGS[encoding]
    refused = None if encoding == "xlsx" else _refused_head(file.head(_HEAD_BYTES), encoding)
    if refused is not None:
        yield refused
        return
    is_empty = True
    for row in read(file):
        is_empty = is_empty and isinstance(row, Warned)
        yield row
    if is_empty:
        yield Refused("file", "empty-file", "The file holds no rows; a file of records was expected.")


def _ignore(_: int) -> None:
    """Nobody watches."""


# ── The whole file ─────────────────────────────────────────────────────────────────────────────

_SIGNATURES = (
    (codecs.BOM_UTF32_LE, "It looks like UTF-32"),
    (codecs.BOM_UTF32_BE, "It looks like UTF-32"),
    (codecs.BOM_UTF16_LE, "It looks like UTF-16"),
    (codecs.BOM_UTF16_BE, "It looks like UTF-16"),
    (GZIP, "It looks like gzip; say so, or unpack it"),
    (b"PK\x03\x04", "It looks like a ZIP archive or an .xlsx workbook; unpack it, or say that it is .xlsx"),
)


def _refused_head(head: bytes, encoding: str) -> Refused | None:
    """What is wrong with the file as a whole, as far as its beginning tells."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return Refused("file", "not-utf8", f"The file is not UTF-8 text. {what}. Files are UTF-8.")
    text = without_mark(head).lstrip(BLANK)
    if encoding == "ndjson" and text.startswith(b"["):
        return Refused(
            "file",
            "array-where-lines-expected",
            "The file is one JSON array where NDJSON (one object on each line) was expected. "
            "Give an array as .json with layout house, or convert it to NDJSON.",
        )
    if encoding == "ndjson" and text.partition(b"\n")[0].strip(BLANK) == b"{":
        return Refused(
            "file",
            "not-json",
            "The file is JSON spread over several lines where NDJSON (one object on each line) was expected.",
        )
    return _refused_throughout(head)


def _refused_throughout(head: bytes) -> Refused | None:
    """A file whose lines with letters beyond ASCII are none of them UTF-8; one such line is refused alone."""
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    if len(head) == _HEAD_BYTES:
        lines = lines[:-1]
    errors = [error for error in map(utf8_error, lines) if error is not None]
    if len(lines) < 2 or len(errors) < len(lines):
        return None
    detail = f"No line with letters beyond ASCII is UTF-8. {utf8_detail(errors[0])}"
    return Refused("file", "not-utf8", detail)
