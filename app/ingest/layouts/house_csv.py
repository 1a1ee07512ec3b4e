"""The house record as CSV or XLSX: one row for each charge; consecutive rows of one case make one record.

A column that is missing and a cell that is empty say nothing; the word null takes back. Columns of case and
defendant repeat from row to row: a later row may leave them empty, but not contradict. An export of cases has
further columns, which are passed over, so that it goes back in.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from app.ingest.layouts.fields import FieldError, Shape, at, case_number, hint
from app.ingest.layouts.house_export import DERIVED_COLUMNS, said_in_cells
from app.ingest.layouts.house_record import HouseShapes, identifiers, read_record
from app.ingest.record import Json, Outcome, Read, Record, Refused, Warned

HOUSE_CSV_COLUMNS = (
    "court",
    "instance",
    "number",
    "previous_numbers",
    "uid",
    "card_guid",
    "received_on",
    "arrival",
    "decided_on",
    "disposition",
    "in_force_on",
    "deny",
    "defendant.ordinal",
    "defendant.service_status",
    "defendant.disposition",
    "defendant.decided_on",
    "defendant.deny",
    "charge.offence",
    "charge.role",
    "charge.stage",
    "charge.episodes",
    "charge.principal",
    "sentence.kind",
    "sentence.execution",
    "sentence.term_months",
    "sentence.probation_months",
    "sentence.fine_rub",
    "sentence.regime",
    "sentence.source",
    "source.kind",
    "source.url",
    "source.seen_on",
)
_NEEDED = (("court",), ("instance",), ("number", "card_guid"))
_MOST_ROWS = 10_000  # of one case; its parts have narrower limits

# ── Cells ──────────────────────────────────────────────────────────────────────────────────────

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_TRUTH = {"true": True, "false": False}


def _whole(cell: str) -> Json:
    return int(cell) if _WHOLE.fullmatch(cell) else cell


def _truth(cell: str) -> Json:
    return _TRUTH.get(cell.lower(), cell)


def _numbers(cell: str) -> Json:
    return [number.strip() for number in cell.split("|")]


def _fields(cell: str) -> Json:
    return re.split(r"[\s|;,]+", cell)


_DECODE: dict[str, Callable[[str], Json]] = {
    "previous_numbers": _numbers,
    "deny": _fields,
    "defendant.deny": _fields,
    "defendant.ordinal": _whole,
    "charge.episodes": _whole,
    "charge.principal": _truth,
    "sentence.term_months": _whole,
    "sentence.probation_months": _whole,
    "sentence.fine_rub": _whole,
}


def undefused(cell: str) -> str:
    """The cell as it was before an export kept a spreadsheet from running it."""
    bare = cell.strip()
    return bare[1:] if bare[:1] == "'" and bare[1:2] in ("=", "+", "-", "@") else bare


@dataclass(frozen=True, slots=True)
class _Column:
    """Where a column's values go, and how they are read."""

    id: str
    part: str
    name: str
    decode: Callable[[str], Json]
    shape: Shape

    def read(self, cell: str) -> Json:
        """The cell's value; None for the word null."""
        if cell == "null":
            return None
        value = self.decode(cell)
        try:
            self.shape.fields[self.name](value)
        except FieldError as error:
            raise FieldError(error.code, error.detail, f"/{self.id}") from None
        return value


def _columns(shapes: HouseShapes) -> dict[str, _Column]:
    shape_of = {
        "case": shapes.case,
        "defendant": shapes.person,
        "charge": shapes.charge,
        "sentence": shapes.sentence,
        "source": shapes.source,
    }
    columns = {}
    for column in HOUSE_CSV_COLUMNS:
        part, _, name = column.rpartition(".")
        part = part or "case"
        columns[column] = _Column(column, part, name, _DECODE.get(column, str), shape_of[part])
    return columns


# ── Rows of one case ───────────────────────────────────────────────────────────────────────────

_Said = dict[str, Json]
_Parts = dict[str, _Said]


@dataclass(slots=True)
class _Case:
    """One case while its rows are gathered; the first fault among them refuses it."""

    key: tuple[str, ...]
    place: str
    said: _Said = field(default_factory=dict)
    persons: dict[Json, _Said] = field(default_factory=dict)
    sources: list[_Said] = field(default_factory=list)
    rows: int = 0
    refused: Refused | None = None

    def add(self, place: str, parts: _Parts) -> None:
        """Add a row's parts.

        Errors  FieldError where they contradict what earlier rows say
        """
        self.rows += 1
        if self.rows > _MOST_ROWS:
            raise FieldError("bad-value", f"A case has at most {_MOST_ROWS} rows.")
        _join(self.said, parts.get("case", {}), "")
        if source := parts.get("source"):
            self.sources += [source] if source not in self.sources else []
        if parts.keys() & {"defendant", "charge", "sentence"}:
            self._add_person(parts)

    def _add_person(self, parts: _Parts) -> None:
        said = parts.get("defendant", {})
        ordinal = said.get("ordinal")
        if ordinal is None:
            detail = "A row about a defendant needs the defendant's ordinal."
            raise FieldError("missing-field", detail, "/defendant.ordinal")
        person = self.persons.setdefault(ordinal, {})
        _join(person, said, "defendant.")
        if "sentence" in parts:
            _join(person.setdefault("sentence", {}), parts["sentence"], "sentence.")
        if "charge" in parts:
            _add_charge(person, parts["charge"])

    def outcome(self, shapes: HouseShapes) -> Record | Refused:
        """The case as a record, or refused."""
        if self.refused is not None:
            return self.refused
        value = dict(self.said)
        if self.persons:
            value["defendants"] = list(self.persons.values())
        if self.sources:
            value["sources"] = self.sources
        return read_record(self.place, value, shapes)


def _join(said: _Said, further: _Said, prefix: str) -> None:
    for name, value in further.items():
        if said.setdefault(name, value) != value:
            detail = "Rows of one case contradict each other here; repeat the value or leave it empty."
            raise FieldError("contradicting-rows", detail, f"/{prefix}{name}")


def _add_charge(person: _Said, charge: _Said) -> None:
    if "offence" not in charge:
        raise FieldError("missing-field", "A charge needs its offence.", "/charge.offence")
    is_taken_back = charge["offence"] is None
    charges = person.setdefault("charges", None if is_taken_back else [])
    if is_taken_back is not (charges is None):
        detail = "The charges of one defendant are either listed or taken back with null."
        raise FieldError("contradicting-rows", detail, "/charge.offence")
    if charges is not None:
        charges.append(charge)


# ── The file ───────────────────────────────────────────────────────────────────────────────────


def read_csv(rows: Iterable[Read], shapes: HouseShapes) -> Iterator[Outcome]:
    """Records of consecutive rows. A refused row ends its case: what follows of it is then a duplicate."""
    columns = _columns(shapes)
    case: _Case | None = None
    is_first = True
    for row in rows:
        if isinstance(row, Warned):
            yield row
            continue
        if isinstance(row, Refused):
            if case is not None:
                yield case.outcome(shapes)
            case = None
            yield row
            continue
        if is_first and (refused := _refused_header(row.value)):
            yield refused
            return
        is_first = False
        cells = _said(row.value)
        key = _key(cells, row.place)
        if case is not None and case.key != key:
            yield case.outcome(shapes)
            case = None
        case = case or _Case(key, row.place)
        _add(case, row.place, cells, columns)
    if case is not None:
        yield case.outcome(shapes)


def _said(row: dict[str, Json]) -> dict[str, str]:
    """The cells that say something: not empty, and not worked out by the service that exported them."""
    return said_in_cells({name: plain for name, cell in row.items() if (plain := undefused(cell))})


def _refused_header(row: dict[str, Json]) -> Refused | None:
    for name in row:
        if name not in HOUSE_CSV_COLUMNS and name not in DERIVED_COLUMNS:
            detail = f"A column is none of the house record's.{hint(name, HOUSE_CSV_COLUMNS)}"
            position = list(row).index(name) + 1
            return Refused("file", "csv-header", f"Column {position}: {detail}")
    for names in _NEEDED:
        if not any(name in row for name in names):
            return Refused("file", "csv-header", f"A column {' or '.join(names)} is needed.")
    return None


def _key(cells: dict[str, str], place: str) -> tuple[str, ...]:
    """What tells the rows of one case: court, instance, and the number, or the card where it has none."""
    number = case_number(cells.get("number"))
    own = number.key if number else cells.get("card_guid", "").lower() or place
    return cells.get("court", ""), cells.get("instance", ""), own


def _add(case: _Case, place: str, cells: dict[str, str], columns: dict[str, _Column]) -> None:
    if case.refused is not None:
        return
    try:
        case.add(place, _parts(cells, columns))
    except FieldError as error:
        case.refused = Refused(at(place, error.pointer), error.code, error.detail, identifiers(dict(cells)))


def _parts(cells: dict[str, str], columns: dict[str, _Column]) -> _Parts:
    parts: _Parts = {}
    for name, cell in cells.items():
        column = columns[name]
        parts.setdefault(column.part, {})[column.name] = column.read(cell)
    return parts
