"""CSV (RFC 4180): a header, then the rows, with no cell that a spreadsheet would run as a formula."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

from app.formats.json import dump
from app.formats.writer import Copying, Format, Options
from app.table import Column, Row

_BOM = b"\xef\xbb\xbf"
# OWASP's list, and the full-width signs that spreadsheets take for the plain ones.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
DEFUSED = "'"


class _CsvWriter:
    def __init__(self, columns: tuple[Column, ...], options: Options) -> None:
        self._columns = columns
        self._options = options
        self._is_within = False  # quotes, while pieces are copied

    def start(self) -> bytes:
        header = [name for column in self._columns for name in self._names(column)]
        return (_BOM if self._options.has_bom else b"") + self._write([header])

    def rows(self, rows: Sequence[Row]) -> bytes:
        return self._write([list(self._cells(row)) for row in rows])

    def copied(self, piece: bytes) -> bytes:
        """Postgres ends a line with LF, RFC 4180 with CRLF; a line end within quotes is part of a cell."""
        if not self._is_within and b'"' not in piece:
            return piece.replace(b"\n", b"\r\n")
        parts = piece.split(b'"')
        for place in range(int(self._is_within), len(parts), 2):
            parts[place] = parts[place].replace(b"\n", b"\r\n")
        self._is_within ^= len(parts) % 2 == 0
        return b'"'.join(parts)

    def end(self) -> bytes:
        return b""

    def _write(self, rows: list[list[str]]) -> bytes:
        buffer = StringIO()
        csv.writer(buffer, delimiter=self._options.delimiter, lineterminator="\r\n").writerows(rows)
        return buffer.getvalue().encode()

    def _names(self, column: Column) -> tuple[str, ...]:
        has_both = column.codelist and self._options.labels == "both"
        return (column.id, f"{column.id}_name") if has_both else (column.id,)

    def _cells(self, row: Row) -> Iterator[str]:
        for column, value in zip(self._columns, row, strict=True):
            if column.codelist is None or self._options.labels == "id":
                yield cell(value)
                continue
            label = None if value is None else self._options.label(column.codelist, str(value))
            if self._options.labels == "both":
                yield cell(value)
            yield cell(label)


def cell(value: Any) -> str:
    """One value as the text of a cell, defused."""
    text = text_of(value)
    return DEFUSED + text if isinstance(value, str) and text.startswith(FORMULA) else text


def text_of(value: Any) -> str:
    """One value as text: nothing for null, true and false, ISO 8601."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return dump(value).decode() if isinstance(value, dict | list | float) else str(value)


CSV = Format(
    "csv",
    "text/csv",
    "text/csv; charset=utf-8; header=present",
    "csv",
    is_flat=True,
    writer=_CsvWriter,
    copying=Copying("cells", _CsvWriter, is_defused=True, has_dialect=True),
)
