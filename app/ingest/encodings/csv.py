"""CSV: lines of cells under a line of names."""

import csv
import re
from collections import Counter, deque
from collections.abc import Callable, Iterator

from app.ingest.encodings.inputs import Input
from app.ingest.encodings.lines import BLANK, Line, nul, read_lines, too_long, utf8_detail, utf8_error
from app.ingest.record import Refused, Row

Rows = Iterator[Row | Refused]
_Split = Callable[[str], list[str] | None]  # None where quotes are not closed
_DELIMITERS = ",;\t"
_MOST_LINES = 20  # of one row
_COLUMN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.]{0,63}")


def read_csv(file: Input) -> Rows:
    """Cells that may stand in quotes, between commas, semicolons or tabs."""
    return _read_delimited(file, choose=_quoted_split)


def read_csv_raw(file: Input) -> Rows:
    """Cells between semicolons, which know no quotes."""
    return _read_delimited(file, choose=lambda _: _raw_split)


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


def _read_delimited(file: Input, *, choose: Callable[[str], _Split]) -> Rows:
    """Rows under the first line that is not blank."""
    limit = file.limits.line_bytes
    lines = (line for line in read_lines(file) if line[1] is None or line[1].strip(BLANK))
    _, first, _ = next(lines, (0, b"", True))
    text = _csv_text("file", first, limit)
    if not text:
        return
    if isinstance(text, Refused):
        yield text
        return
    split = choose(text)
    header = [name.strip() for name in split(text) or []]
    if (refused := refused_header(header, "csv-header")) is not None:
        yield refused
        return
    ahead: deque[Line] = deque()
    while (line := ahead.popleft() if ahead else next(lines, None)) is not None:
        number, content, has_end = line
        place = f"line {number}"
        text = _csv_text(place, content, limit)
        if isinstance(text, Refused):
            yield text
            continue
        cells = split(text)
        if cells is None and '"' in text:
            cells = _spanning(text, len(header), split, ahead, lines)
        yield from _csv_row(place, header, cells, has_end)


def _spanning(text: str, width: int, split: _Split, ahead: deque[Line], lines: Iterator[Line]) -> list[str] | None:
    """A row with a quoted cell that goes on in the next lines; None where none ends soon: then they are rows.

    Without that bound one quote too many would swallow the rest of a file.
    """
    taken: list[Line] = []
    while len(taken) < _MOST_LINES and (line := ahead.popleft() if ahead else next(lines, None)) is not None:
        taken.append(line)
        further = _csv_text("", line[1], len(text))
        if isinstance(further, Refused):
            break
        text = f"{text}\n{further}"
        if (cells := split(text)) is not None:
            if len(cells) == width:
                return cells
            break
    ahead.extendleft(reversed(taken))
    return None


def _csv_text(place: str, line: bytes | None, limit: int) -> str | Refused:
    if line is None:
        return too_long(place, limit)
    if (error := utf8_error(line)) is not None:
        return Refused(place, "not-utf8", utf8_detail(error))
    return nul(place) if b"\0" in line else line.decode()


def refused_header(header: list[str], code: str) -> Refused | None:
    """A header that names a column twice or not at all; names that are none are not shown."""
    for position, name in enumerate(header, 1):
        if not _COLUMN_NAME.fullmatch(name):
            detail = f"Column {position} has no plain name; the first line names the columns."
            return Refused("file", code, detail)
    doubled = sorted(name for name, times in Counter(header).items() if times > 1)
    if doubled:
        return Refused("file", code, f"The header names a column twice: {', '.join(doubled[:5])}.")
    if len(header) < 2:
        return Refused("file", code, "The first line names the columns; fewer than two were found.")
    return None


def _csv_row(place: str, header: list[str], cells: list[str] | None, has_end: bool) -> Rows:
    if cells is not None and len(cells) == len(header):
        if any(cells):
            yield Row(place, dict(zip(header, cells, strict=True)))
    elif not has_end and len(cells or ()) < len(header):
        yield Refused(place, "truncated", "The last line breaks off; the file is not whole.")
    elif cells is None:
        detail = f"Quotes are not closed within {_MOST_LINES} lines, or stand inside a cell."
        yield Refused(place, "csv-columns", detail)
    else:
        detail = f"The row has {len(cells)} fields where the header has {len(header)}."
        yield Refused(place, "csv-columns", detail)
