"""CSV (RFC 4180): a header, then the rows, with no cell that a spreadsheet would run as a formula."""

import csv
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from io import StringIO
from typing import Any

from app.formats.json import dump
from app.formats.writer import Format, Options
from app.table import Column, Row

_BOM = b"\xef\xbb\xbf"
# OWASP's list, and the full-width signs that spreadsheets take for the plain ones.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
_DEFUSED = "'"


class _CsvWriter:
    def __init__(self, columns: tuple[Column, ...], options: Options) -> None:
        self._columns = columns
        self._options = options

    def start(self) -> bytes:
        header = [name for column in self._columns for name in self._names(column)]
        return (_BOM if self._options.has_bom else b"") + self._write([header])

    def rows(self, rows: Sequence[Row]) -> bytes:
        return self._write([list(self._cells(row)) for row in rows])

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
    """One value as the text of a cell: nothing for null, true and false, ISO 8601, defused text."""
    if isinstance(value, str):
        return _DEFUSED + value if value.startswith(_FORMULA) else value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return dump(value).decode() if isinstance(value, dict | list | float) else str(value)


CSV = Format("csv", "text/csv", "text/csv; charset=utf-8; header=present", "csv", True, _CsvWriter)
