"""XLSX: the cells of one sheet under a row of names, read in one pass in flat memory.

A day is written as ISO text, a number as it is shown in full. Of a formula the value that was kept beside it is taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.ingest.encodings.csv import refused_header
from app.ingest.encodings.inputs import Input
from app.ingest.encodings.workbook import Attributes, Handler, Workbook, feed, opened
from app.ingest.record import IngestError, Read, Refused, Row, Warned

_FIRST_SERIAL, _LAST_SERIAL = 61, 2_958_465  # before it the calendar of workbooks has a 29 February 1900
_DAY_ZERO = datetime(1899, 12, 30)
_DAYS_TO_1904 = 1462
_LAST_COLUMN = 16_384
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{0,7})")
_DIGITS = "0123456789"
_MIDNIGHT = re.compile(r"T00:00(:00(\.0+)?)?Z?$")


def read_xlsx(file: Input) -> Iterator[Read]:
    """Rows of the sheet named `cases`, else of the first one; rows without any cell are blank."""
    size = file.path.stat().st_size
    with opened(file) as book:
        if book.further_sheets:
            detail = f"The sheet named cases, else the first, was read; {book.further_sheets} more were not."
            yield Warned("further-sheets", detail)
        part_bytes = max(book.package.getinfo(book.sheet).file_size, 1)
        cells = _Cells(book)
        header: list[str] | None = None
        for read in feed(book.package, book.sheet, cells, book.limits, "sheet"):
            for number, row in cells.taken():
                if header is None:
                    header = _names(row)
                    if (refused := refused_header(header, "xlsx-header")) is not None:
                        yield refused
                        return
                else:
                    yield _row(number, row, header)
            if cells.merged:
                raise _merged(cells.merged, header or [])
            file.on_bytes(size * min(read, part_bytes) // part_bytes)
        if cells.formulas:
            detail = f"{cells.formulas} cells hold formulas; the values kept beside them were taken."
            yield Warned("formula-values", detail)


@dataclass(frozen=True, slots=True)
class _Bad:
    """A cell that has no value to take."""

    code: str
    detail: str


_NO_VALUE = _Bad("formula-without-value", "The formula has no value kept beside it; open the file, save it again.")
_ERROR = _Bad("cell-error", "The cell holds an error such as #N/A; correct it or leave it empty.")
_NO_TEXT = _Bad("bad-cell", "The cell points to a text that is not there; save the workbook again.")

_Value = str | _Bad
_Sheet = dict[int, _Value]  # by column, from 1


def _names(row: _Sheet) -> list[str]:
    """The header; names of columns between others that have none are empty."""
    cells = (row.get(column, "") for column in range(1, max(row) + 1))
    return [cell.strip() if isinstance(cell, str) else "" for cell in cells]


def _row(number: int, row: _Sheet, header: list[str]) -> Row | Refused:
    for column, value in row.items():
        if column > len(header):
            detail = f"Column {column} has a value, but no name in the first row."
            return Refused(f"row {number}, column {column}", "xlsx-columns", detail)
        if isinstance(value, _Bad):
            return Refused(f"row {number}, column {header[column - 1]}", value.code, value.detail)
    return Row(f"row {number}", {name: row.get(column, "") for column, name in enumerate(header, 1)})


class _Cells(Handler):
    """Gathers the cells of rows that have any."""

    def __init__(self, book: Workbook) -> None:
        self.merged: str | None = None  # where the first merged cells are
        self.formulas = 0
        self._book = book
        self._rows: list[tuple[int, _Sheet]] = []
        self._columns: dict[str, int] = {}
        self._row: _Sheet = {}
        self._number = self._column = self._bytes = 0
        self._type = "n"
        self._is_day = self._has_formula = self._is_value = False
        self._text: list[str] = []

    def taken(self) -> list[tuple[int, _Sheet]]:
        """The rows gathered since this was last called, with their numbers."""
        rows, self._rows = self._rows, []
        return rows

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "c":
            self._begin(attributes)
        elif name in ("v", "t"):
            self._is_value = name == "v" or self._type == "inlineStr"
        elif name == "f":
            self._has_formula = True
            self.formulas += 1
        elif name == "row":
            self._number = int(attributes["r"]) if "r" in attributes else self._number + 1
            self._row, self._column, self._bytes = {}, 0, 0
        elif name == "mergeCell":
            self.merged = self.merged or attributes.get("ref", "?")
        elif name == "rPh":
            self._type = "aloud"

    def end(self, name: str) -> None:
        if name == "c":
            value = self._value("".join(self._text))
            if value != "":
                self._row[self._column] = value
        elif name == "row":
            if self._row:
                self._rows.append((self._number, self._row))
        elif name == "rPh":
            self._type = "inlineStr"
        self._is_value = False

    def text(self, text: str) -> None:
        if self._is_value:
            self._bytes += len(text)
            if self._bytes > self._book.limits.line_bytes:
                detail = f"The row is longer than {self._book.limits.line_bytes} characters."
                raise IngestError(detail, code="line-too-long", place=f"row {self._number}")
            self._text.append(text)

    def _begin(self, attributes: Attributes) -> None:
        reference = attributes.get("r")
        if reference is None:
            column = self._column + 1
        else:
            letters = reference.rstrip(_DIGITS)
            column = self._columns.get(letters) or self._learn(letters)
        if not self._column < column <= _LAST_COLUMN:
            raise ValueError("cells out of order")
        self._column = column
        self._type = attributes.get("t", "n")
        style = attributes.get("s")
        self._is_day = style is not None and int(style) in self._book.day_styles
        self._has_formula = False
        self._text = []

    def _learn(self, letters: str) -> int:
        self._columns[letters] = column = _column(letters)
        return column

    def _value(self, text: str) -> _Value:
        if self._has_formula and not text and self._type != "str":
            return _NO_VALUE
        match self._type:
            case "s":
                return self._shared(text)
            case "n":
                return self._number_text(text)
            case "e":
                return _ERROR
            case "b":
                return "true" if text == "1" else "false" if text else ""
            case "d":
                return _MIDNIGHT.sub("", text)
        return text

    def _shared(self, text: str) -> _Value:
        texts = self._book.texts
        return texts[int(text)] if text.isdecimal() and int(text) < len(texts) else _NO_TEXT if text else ""

    def _number_text(self, text: str) -> str:
        if text.isdecimal() and not self._is_day:
            return text
        number = float(text) if text else None
        if number is None:
            return ""
        serial = number + _DAYS_TO_1904 if self._book.is_from_1904 else number
        if self._is_day and _FIRST_SERIAL <= serial < _LAST_SERIAL + 1:
            return _day(serial)
        return format(number, ".15g")


def _day(serial: float) -> str:
    """A day, or an instant to the second where it has a time."""
    at = _DAY_ZERO + timedelta(seconds=round(serial * 86_400))
    return at.date().isoformat() if at.time() == datetime.min.time() else at.isoformat()


def _column(reference: str) -> int:
    """The column of a reference such as AB12, from 1.

    Errors  ValueError
    """
    found = _REFERENCE.match(reference)
    if not found:
        raise ValueError("no reference")
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - ord("A") + 1
    return column


def _merged(reference: str, header: list[str]) -> IngestError:
    """Merged cells leave all but one of theirs empty; for which rows the one is meant, nobody says."""
    detail = "Cells are merged here; unmerge them and fill each."
    found = _REFERENCE.match(reference)
    if not found:
        return IngestError(detail, code="merged-cells", place="sheet")
    column = _column(reference)
    name = header[column - 1] if column <= len(header) else str(column)
    return IngestError(detail, code="merged-cells", place=f"row {found[2]}, column {name}")
