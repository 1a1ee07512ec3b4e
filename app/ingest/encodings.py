"""Encodings: the shape of a file's bytes, read as rows in flat memory.

A refusal names the place and what would be right, never the text: a broken line may hold a name.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson

from app.ingest.record import Json, Refused, Row

JSON_LIMIT_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 256 * 1024
_HEAD_BYTES = 64 * 1024
_BLANK = b" \t\r\n\v\f"

OnBytes = Callable[[int], None]
_Line = tuple[int, bytes | None, bool]  # number; text, or None where over the limit; has an end
_Rows = Iterator[Row | Refused]


def read_rows(
    path: Path, encoding: str, *, line_limit_bytes: int, on_bytes: OnBytes | None = None
) -> Iterator[Row | Refused]:
    """Rows of a file in an encoding of `ENCODINGS`, in order; a bad line is refused and reading goes on.

    on_bytes  is called with the bytes consumed so far
    Shape     at least one row or refusal; a fault of the whole file is one refusal with place `file`
    Errors    KeyError for an unknown encoding, OSError of the file; none of the content
    """
    read = ENCODINGS[encoding]
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
    refused = _refused_head(head, encoding)
    if refused is not None:
        yield refused
        return
    is_empty = True
    for row in read(path, line_limit_bytes, on_bytes or _ignore):
        is_empty = False
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
    (b"\x1f\x8b", "It looks like gzip; unpack it"),
    (b"PK\x03\x04", "It looks like a ZIP archive or an .xlsx workbook; unpack it, or save it as CSV UTF-8"),
)


def _refused_head(head: bytes, encoding: str) -> Refused | None:
    """What is wrong with the file as a whole, as far as its beginning tells."""
    for signature, what in _SIGNATURES:
        if head.startswith(signature):
            return Refused("file", "not-utf8", f"The file is not UTF-8 text. {what}. Files are UTF-8.")
    text = _without_mark(head).lstrip(_BLANK)
    if encoding == "ndjson" and text.startswith(b"["):
        return Refused(
            "file",
            "array-where-lines-expected",
            "The file is one JSON array where NDJSON (one object on each line) was expected. "
            "Give an array as .json with layout house, or convert it to NDJSON.",
        )
    if encoding == "ndjson" and text.partition(b"\n")[0].strip(_BLANK) == b"{":
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
    errors = [error for error in map(_utf8_error, lines) if error is not None]
    if len(lines) < 2 or len(errors) < len(lines):
        return None
    detail = f"No line with letters beyond ASCII is UTF-8. {_utf8_detail(errors[0])}"
    return Refused("file", "not-utf8", detail)


def _without_mark(text: bytes) -> bytes:
    return text.removeprefix(codecs.BOM_UTF8)


# ── Lines ──────────────────────────────────────────────────────────────────────────────────────


def _lines(path: Path, limit: int, on_bytes: OnBytes) -> Iterator[_Line]:
    """Lines without their ends. One over the limit is passed over without being held."""
    number, consumed, kept, is_over = 0, 0, b"", False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            consumed += len(chunk)
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
            on_bytes(consumed)
    if is_over or kept:
        yield number + 1, None if is_over else _trimmed(kept, number + 1), False


def _trimmed(text: bytes, number: int) -> bytes:
    return (_without_mark(text) if number == 1 else text).removesuffix(b"\r")


def _too_long(place: str, limit: int) -> Refused:
    return Refused(place, "line-too-long", f"The line is longer than {limit} bytes. A record is one line.")


def _utf8_error(text: bytes) -> UnicodeDecodeError | None:
    try:
        text.decode()
    except UnicodeDecodeError as error:
        return error
    return None


def _utf8_detail(error: UnicodeDecodeError) -> str:
    """Where a line stops being UTF-8, and what it may be."""
    hint = " It looks like windows-1251." if _is_cyrillic_1251(error.object) else ""
    return f"Byte {error.start + 1} of the line is not UTF-8.{hint} Files are UTF-8."


def _is_cyrillic_1251(text: bytes) -> bool:
    """Whether most bytes beyond ASCII would be Russian letters in windows-1251."""
    beyond = [byte for byte in text[:_HEAD_BYTES] if byte >= 0x80]
    return sum(byte >= 0xC0 or byte in {0xA8, 0xB8} for byte in beyond) * 2 > len(beyond)


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────


def _read_ndjson(path: Path, limit: int, on_bytes: OnBytes) -> _Rows:
    for number, line, has_end in _lines(path, limit, on_bytes):
        if line is None:
            yield _too_long(f"line {number}", limit)
        elif line and not line.isspace():
            yield _json_line(f"line {number}", line, can_be_cut=not has_end)


def _json_line(place: str, line: bytes, *, can_be_cut: bool) -> Row | Refused:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _refused_json(place, line, error, can_be_cut=can_be_cut)
    return _object_row(place, value, line)


def _refused_json(place: str, text: bytes, error: orjson.JSONDecodeError, *, can_be_cut: bool) -> Refused:
    fault = _utf8_error(text)
    if can_be_cut and _is_cut(text, error, fault):
        return Refused(place, "truncated", "The JSON breaks off before its end; the file is not whole.")
    if fault is not None:
        return Refused(place, "not-utf8", _utf8_detail(fault))
    if b"\0" in text:
        return _nul(place)
    detail = f"Not JSON at column {error.colno}. One JSON object was expected; NaN and Infinity are no JSON."
    return Refused(place, "not-json", detail)


def _is_cut(text: bytes, error: orjson.JSONDecodeError, fault: UnicodeDecodeError | None) -> bool:
    if fault is not None:
        return fault.reason == "unexpected end of data"
    return error.pos >= len(error.doc) or not text.endswith((b"}", b"]"))


def _object_row(place: str, value: Json, source: bytes) -> Row | Refused:
    if not isinstance(value, dict):
        return Refused(place, "not-an-object", "A record is a JSON object, `{…}`.")
    if b"\\u0000" in source and _has_nul(value):
        return _nul(place)
    return Row(place, value)


def _nul(place: str) -> Refused:
    return Refused(place, "nul-character", "The record holds the character NUL (U+0000); leave it out.")


def _has_nul(value: Json) -> bool:
    """Whether any text in a JSON value holds NUL. The parser has bounded the depth."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def _read_json(path: Path, limit: int, on_bytes: OnBytes) -> _Rows:
    if path.stat().st_size > JSON_LIMIT_BYTES:
        detail = f"A .json file is read whole, up to {JSON_LIMIT_BYTES} bytes; NDJSON takes any size."
        yield Refused("file", "file-too-large", detail)
        return
    text = _without_mark(path.read_bytes()).strip(_BLANK)
    if text:
        yield from _json_rows(text)
    on_bytes(path.stat().st_size)


def _json_rows(text: bytes) -> _Rows:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        yield _refused_json("file", text, error, can_be_cut=True)
        return
    if isinstance(value, dict) and value.keys() == {"records"} and isinstance(value["records"], list):
        yield from _array_rows("/records", value["records"], text)
    elif isinstance(value, list):
        yield from _array_rows("", value, text)
    else:
        yield _object_row("/", value, text)


def _array_rows(pointer: str, values: list[Json], source: bytes) -> _Rows:
    return (_object_row(f"{pointer}/{index}", value, source) for index, value in enumerate(values))


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────

_Split = Callable[[str], list[str] | None]  # None where quotes are not closed
_DELIMITERS = ",;\t"
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


def _read_csv(path: Path, limit: int, on_bytes: OnBytes) -> _Rows:
    return _read_delimited(path, limit, on_bytes, choose=_quoted_split)


def _read_csv_raw(path: Path, limit: int, on_bytes: OnBytes) -> _Rows:
    return _read_delimited(path, limit, on_bytes, choose=lambda _: _raw_split)


def _raw_split(line: str) -> list[str]:
    return line.split(";")


def _quoted_split(header: str) -> _Split:
    """How to split lines under a header, by the delimiter that stands in it most often."""
    delimiter = max(_DELIMITERS, key=header.count)

    def split(line: str) -> list[str] | None:
        if '"' not in line:
            return line.split(delimiter)
        try:
            return next(csv.reader((line,), delimiter=delimiter, strict=True))
        except csv.Error:
            return None

    return split


def _read_delimited(path: Path, limit: int, on_bytes: OnBytes, *, choose: Callable[[str], _Split]) -> _Rows:
    """Rows under the first line that is not blank. A line is a row: no cell spans lines."""
    lines = (line for line in _lines(path, limit, on_bytes) if line[1] is None or line[1].strip(_BLANK))
    _, first, _ = next(lines, (0, b"", True))
    text = _csv_text("file", first, limit)
    if not text:
        return
    if isinstance(text, Refused):
        yield text
        return
    split = choose(text)
    header = [name.strip() for name in split(text) or []]
    if (refused := _refused_header(header)) is not None:
        yield refused
        return
    for number, line, has_end in lines:
        place = f"line {number}"
        text = _csv_text(place, line, limit)
        yield from (text,) if isinstance(text, Refused) else _csv_row(place, header, split(text), has_end)


def _csv_text(place: str, line: bytes | None, limit: int) -> str | Refused:
    if line is None:
        return _too_long(place, limit)
    if (error := _utf8_error(line)) is not None:
        return Refused(place, "not-utf8", _utf8_detail(error))
    return _nul(place) if b"\0" in line else line.decode()


def _refused_header(header: list[str]) -> Refused | None:
    """A header that names a column twice or not at all; names that are none are not shown."""
    for position, name in enumerate(header, 1):
        if not _COLUMN_NAME.fullmatch(name):
            detail = f"Column {position} has no plain name; the first line names the columns."
            return Refused("file", "csv-header", detail)
    doubled = sorted(name for name, times in Counter(header).items() if times > 1)
    if doubled:
        return Refused("file", "csv-header", f"The header names a column twice: {', '.join(doubled[:5])}.")
    if len(header) < 2:
        return Refused("file", "csv-header", "The first line names the columns; fewer than two were found.")
    return None


def _csv_row(place: str, header: list[str], cells: list[str] | None, has_end: bool) -> _Rows:
    if cells is not None and len(cells) == len(header):
        if any(cells):
            yield Row(place, dict(zip(header, cells, strict=True)))
    elif not has_end and len(cells or ()) < len(header):
        yield Refused(place, "truncated", "The last line breaks off; the file is not whole.")
    elif cells is None:
        detail = "Quotes are not closed, or stand inside a cell; no cell may span lines."
        yield Refused(place, "csv-columns", detail)
    else:
        detail = f"The row has {len(cells)} fields where the header has {len(header)}."
        yield Refused(place, "csv-columns", detail)


ENCODINGS: dict[str, Callable[[Path, int, OnBytes], _Rows]] = {
    "ndjson": _read_ndjson,
    "json": _read_json,
    "csv": _read_csv,
    "csv-raw": _read_csv_raw,
}
