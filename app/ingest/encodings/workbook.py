"""An .xlsx workbook: which sheet to read, its texts and styles. Nothing is expanded that has not been measured.

Source  ECMA-376, parts 1 (SpreadsheetML) and 2 (packages)
"""

import re
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import IO
from xml.parsers import expat

from app.ingest.encodings.inputs import Input, Limits
from app.ingest.record import IngestError

_CHUNK_BYTES = 64 * 1024
_MOST_PARTS = 10_000
_OLD_OFFICE = b"\xd0\xcf\x11\xe0"
_PREFERRED = "cases"
_DAMAGED = (
    zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, LookupError, struct.error,
    OverflowError, OSError,
)  # fmt: skip
# Formats of days and instants that are built in; those of times alone (18 to 21, 45 to 47) are none.
_DAY_FORMATS = frozenset((14, 15, 16, 17, 22, *range(27, 32), 36, *range(50, 59)))
_LITERAL = re.compile(r'"[^"]*"|\\.|_.|\*.|\[[^\]]*\]')

Attributes = dict[str, str]


@dataclass(frozen=True, slots=True)
class Workbook:
    """A workbook whose sheet may be read. `texts` are the shared ones; `day_styles` are those that show days."""

    package: zipfile.ZipFile
    sheet: str  # its part
    further_sheets: int
    texts: list[str]
    day_styles: frozenset[int]
    is_from_1904: bool
    limits: Limits


@contextmanager
def opened(file: Input) -> Iterator[Workbook]:
    """The workbook in a file.

    Errors  IngestError for what is no .xlsx, is damaged or would be too large
    """
    with file.path.open("rb") as plain, TemporaryFile() as unpacked:
        stream: IO[bytes] = plain
        if file.is_gzip:
            for chunk in file.chunks():
                unpacked.write(chunk)
            stream = unpacked
        with _as_damaged("file"):
            package = _package(stream, file.limits)
        with package:
            yield _workbook(package, file.limits)


def _package(stream: IO[bytes], limits: Limits) -> zipfile.ZipFile:
    """The parts, once their number and sizes have been looked at."""
    stream.seek(0)
    if stream.read(len(_OLD_OFFICE)) == _OLD_OFFICE:
        detail = "It is an old .xls, or has a password; save it as .xlsx without one."
        raise IngestError(detail, code="not-xlsx")
    package = zipfile.ZipFile(stream)
    parts = package.infolist()
    if len(parts) > _MOST_PARTS:
        raise IngestError(f"It has more than {_MOST_PARTS} parts.", code="unpacked-too-large")
    limits.check(stream.seek(0, 2), sum(part.file_size for part in parts), "file")
    return package


@contextmanager
def _as_damaged(place: str) -> Iterator[None]:
    """Whatever a broken package may raise, as one error."""
    try:
        yield
    except _DAMAGED as error:
        detail = "It is no .xlsx workbook, or it is damaged; save it again as .xlsx."
        raise IngestError(detail, code="xlsx-damaged", place=place) from error


class Handler:
    """What a part's elements are told to, by their names without prefix."""

    def start(self, name: str, attributes: Attributes) -> None:
        """An element begins."""

    def end(self, name: str) -> None:
        """An element ends."""

    def text(self, text: str) -> None:
        """Text stands in the element that began last."""


def feed(package: zipfile.ZipFile, part: str, handler: Handler, limits: Limits, place: str) -> Iterator[int]:
    """Tell a part to a handler, piece by piece; yields the bytes of the part read so far.

    Errors  IngestError; declarations of entities, which may expand without end, are refused
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: _listen(parser, handler, name, attributes)
    parser.StartDoctypeDeclHandler = _refuse_doctype
    read = 0
    try:
        with _as_damaged(place), package.open(part) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                read += len(chunk)
                parser.Parse(chunk, False)
                if read - parser.CurrentByteIndex > limits.line_bytes:
                    raise IngestError("It holds an element that is too long.", code="xlsx-damaged", place=place)
                yield read
            parser.Parse(b"", True)
            yield read
    except expat.ExpatError as error:
        detail = f"It is no XML at byte {parser.ErrorByteIndex}; save the workbook again as .xlsx."
        raise IngestError(detail, code="xlsx-damaged", place=place) from error


def _listen(parser: expat.XMLParserType, handler: Handler, root: str, attributes: Attributes) -> None:
    """Tell the elements by their bare names; most workbooks write no others, which saves a third of the time."""
    start, end = handler.start, handler.end
    if ":" in root:
        parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    else:
        parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = handler.text
    parser.StartElementHandler(root, attributes)


def _refuse_doctype(*_: object) -> None:
    raise IngestError("It declares a document type, as no workbook does.", code="xlsx-damaged")


def _read_whole(package: zipfile.ZipFile, part: str, handler: Handler, limits: Limits, place: str) -> None:
    if package.getinfo(part).file_size > limits.held_bytes:
        detail = f"Its {place} are larger than {limits.held_bytes:,} bytes; save it as CSV UTF-8, or split it."
        raise IngestError(detail, code="unpacked-too-large", place=place)
    for _ in feed(package, part, handler, limits, place):
        pass


# ── Parts that are read whole ──────────────────────────────────────────────────────────────────


def _workbook(package: zipfile.ZipFile, limits: Limits) -> Workbook:
    with _as_damaged("workbook"):
        book, links = _Book(), _Links()
        _read_whole(package, "xl/workbook.xml", book, limits, "workbook")
        _read_whole(package, "xl/_rels/workbook.xml.rels", links, limits, "workbook")
        sheets = [(name, links.parts[link]) for name, link in book.visible if links.kinds.get(link) == "worksheet"]
        if not sheets:
            raise IngestError("The workbook has no sheet of cells.", code="no-sheet", place="workbook")
        named = [part for name, part in sheets if name.strip().casefold() == _PREFERRED]
        texts, styles = _Texts(), _Styles()
        for kind, handler, place in (("sharedStrings", texts, "texts"), ("styles", styles, "styles")):
            part = links.part_of(kind)
            if part is not None and part in package.namelist():
                _read_whole(package, part, handler, limits, place)
        sheet = (named or [part for _, part in sheets])[0]
        package.getinfo(sheet)
    return Workbook(package, sheet, len(sheets) - 1, texts.texts, styles.days(), book.is_from_1904, limits)


class _Book(Handler):
    """The sheets in order, and where days are counted from."""

    def __init__(self) -> None:
        self.sheets: list[tuple[str, str, bool]] = []
        self.is_from_1904 = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "sheet":
            link = next((value for key, value in attributes.items() if key.rpartition(":")[2] == "id"), "")
            self.sheets.append((attributes.get("name", ""), link, attributes.get("state", "visible") == "visible"))
        elif name == "workbookPr":
            self.is_from_1904 = attributes.get("date1904", "0") in ("1", "true")

    @property
    def visible(self) -> list[tuple[str, str]]:
        """Names and links of the sheets that are shown; of all where none is."""
        shown = [(name, link) for name, link, is_visible in self.sheets if is_visible]
        return shown or [(name, link) for name, link, _ in self.sheets]


class _Links(Handler):
    """Which part stands behind each link of the workbook."""

    def __init__(self) -> None:
        self.parts: dict[str, str] = {}
        self.kinds: dict[str, str] = {}

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "Relationship":
            target = attributes.get("Target", "")
            link = attributes.get("Id", "")
            self.parts[link] = target[1:] if target.startswith("/") else f"xl/{target.removeprefix('./')}"
            self.kinds[link] = attributes.get("Type", "").rpartition("/")[2]

    def part_of(self, kind: str) -> str | None:
        """The part of a kind of which there is one."""
        return next((self.parts[link] for link, own in self.kinds.items() if own == kind), None)


class _Texts(Handler):
    """The texts that cells share; how they are read aloud is left out."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self._runs: list[str] = []
        self._is_text = False
        self._is_aloud = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "si":
            self._runs = []
        elif name == "rPh":
            self._is_aloud = True
        self._is_text = name == "t" and not self._is_aloud

    def end(self, name: str) -> None:
        self._is_text = False
        if name == "si":
            self.texts.append("".join(self._runs))
        elif name == "rPh":
            self._is_aloud = False

    def text(self, text: str) -> None:
        if self._is_text:
            self._runs.append(text)


class _Styles(Handler):
    """The number formats of the cells' styles."""

    def __init__(self) -> None:
        self._codes: dict[int, str] = {}
        self._formats: list[int] = []
        self._is_of_cells = False

    def start(self, name: str, attributes: Attributes) -> None:
        if name == "cellXfs":
            self._is_of_cells = True
        elif name == "numFmt":
            self._codes[int(attributes.get("numFmtId", "0"))] = attributes.get("formatCode", "")
        elif name == "xf" and self._is_of_cells:
            self._formats.append(int(attributes.get("numFmtId", "0")))

    def end(self, name: str) -> None:
        if name == "cellXfs":
            self._is_of_cells = False

    def days(self) -> frozenset[int]:
        """The styles whose numbers are days."""
        return frozenset(style for style, number in enumerate(self._formats) if self._shows_days(number))

    def _shows_days(self, number: int) -> bool:
        code = self._codes.get(number)
        if code is None:
            return number in _DAY_FORMATS
        bare = _LITERAL.sub("", code.partition(";")[0]).casefold()
        return "y" in bare or "d" in bare  # in any language a stored format is in these letters
