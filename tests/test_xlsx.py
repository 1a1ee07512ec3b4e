"""Workbooks: cells as text, whatever Excel typed them as; places by row and column; bombs refused before expansion."""

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ingest.batch import read_outcomes
from app.ingest.encodings import Limits, open_input, read_rows
from app.ingest.layouts import LAYOUTS
from app.ingest.layouts.sudrfscraper import SUDRFSCRAPER_CSV_COLUMNS
from app.ingest.record import IngestError, Outcome, Read, Record, Refused, Row, Skipped, Warned
from tests.loading import GROZNY

CANARY = "Канарейкин"
SHEET = "xl/worksheets/sheet1.xml"
_MAIN = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = 'xmlns="http://schemas.openxmlformats.org/package/2006/relationships"'
_PLAIN = {
    "xl/workbook.xml": f'<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets><sheet name="S" r:id="r1"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships {_PACKAGE}><Relationship Id="r1" Type="{_OFFICE}/worksheet"'
    ' Target="worksheets/sheet1.xml"/></Relationships>',
}


def sheet(*rows: str, after: str = "") -> str:
    """A sheet of rows whose cells are written as XML."""
    lines = "".join(f'<row r="{number}">{cells}</row>' for number, cells in enumerate(rows, 1))
    return f"<worksheet {_MAIN}><sheetData>{lines}</sheetData>{after}</worksheet>"


def text(*values: str) -> str:
    """Cells of texts that stand in the sheet itself."""
    return "".join(f'<c t="inlineStr"><is><t>{value}</t></is></c>' for value in values)


def package(parts: Mapping[str, str | bytes]) -> bytes:
    """A workbook of parts; those that every workbook has need not be given."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, part in {**_PLAIN, **parts}.items():
            packed.writestr(name, part)
    return content.getvalue()


def written(*rows: Sequence[Any], **sheets: Sequence[Sequence[Any]]) -> bytes:
    """A workbook as openpyxl writes it; further sheets by their names."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for name, lines in sheets.items():
        further = book.create_sheet(name)
        for row in lines:
            further.append(row)
    return saved(book)


def saved(book: Any) -> bytes:
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def read(folder: Path, content: bytes, **options: Any) -> list[Read]:
    path = folder / "input.xlsx"
    path.write_bytes(content)
    return list(read_rows(open_input(path, **options), "xlsx"))


def values(rows: list[Read]) -> list[dict[str, Any]]:
    assert [row for row in rows if isinstance(row, Refused)] == []
    return [row.value for row in rows if isinstance(row, Row)]


def refusals(rows: list[Read]) -> list[tuple[str, str]]:
    return [(row.place, row.code) for row in rows if isinstance(row, Refused)]


def fault(folder: Path, content: bytes, **options: Any) -> IngestError:
    with pytest.raises(IngestError) as told:
        read(folder, content, **options)
    assert CANARY not in str(told.value)
    return told.value


# ── Cells ──────────────────────────────────────────────────────────────────────────────────────


def test_what_excel_types_is_text_as_a_csv_would_hold_it(tmp_path: Path) -> None:
    rows = read(
        tmp_path,
        written(
            ["text", "whole", "real", "day", "instant", "truth", "nothing"],
            ["Суд «А»", 24, 337.1, date(2023, 3, 14), datetime(2023, 3, 14, 10, 30), True, None],
            ["1-45/2023", -1, 0.1 + 0.2, date(1900, 3, 1), datetime(2023, 12, 31), False, None],
        ),
    )
    names = ("text", "whole", "real", "day", "instant", "truth")
    assert values(rows) == [
        dict(zip(names, ("Суд «А»", "24", "337.1", "2023-03-14", "2023-03-14T10:30:00", "true"), strict=True))
        | {"nothing": ""},
        dict(zip(names, ("1-45/2023", "-1", "0.3", "1900-03-01", "2023-12-31", "false"), strict=True))
        | {"nothing": ""},
    ]
    assert [row.place for row in rows if isinstance(row, Row)] == ["row 2", "row 3"]


@pytest.mark.parametrize(
    "code", ["dd.mm.yyyy", "[$-419]d mmmm yyyy;@", "yyyy-mm-dd", "d/m/yy h:mm", '"day" dd.mm.yyyy']
)
def test_a_number_is_a_day_where_its_format_shows_one(tmp_path: Path, code: str) -> None:
    book = openpyxl.Workbook()
    book.active.append(["a", "b"])
    book.active.append([45_000, 45_000])
    book.active["A2"].number_format = code
    book.active["B2"].number_format = '0.00" days"'
    assert values(read(tmp_path, saved(book))) == [{"a": "2023-03-15", "b": "45000"}]


def test_a_workbook_that_counts_days_from_1904_is_read_so(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active.append(["a", "b"])
    book.active.append([date(2023, 3, 14), "x"])
    assert values(read(tmp_path, saved(book))) == [{"a": "2023-03-14", "b": "x"}]


def test_a_time_is_no_day(tmp_path: Path) -> None:
    assert values(read(tmp_path, written(["a", "b"], [time(10, 30), "x"]))) == [{"a": "0.4375", "b": "x"}]


def test_texts_shared_inline_and_of_formulas_are_alike(tmp_path: Path) -> None:
    shared = f"<sst {_MAIN}><si><r><t>Су</t></r><r><t>д</t></r><rPh><t>aloud</t></rPh></si><si><t/></si></sst>"
    parts = {
        "xl/sharedStrings.xml": shared,
        "xl/_rels/workbook.xml.rels": _PLAIN["xl/_rels/workbook.xml.rels"].replace(
            "</R", f'<Relationship Id="r2" Type="{_OFFICE}/sharedStrings" Target="/xl/sharedStrings.xml"/></R'
        ),
        SHEET: sheet(
            text("a", "b", "c"),
            '<c t="s"><v>0</v></c><c t="s"><v>1</v></c><c t="inlineStr"><is><t>x</t><rPh><t>y</t></rPh></is></c>',
            '<c t="str"><f>"x"</f><v>xСуд</v></c><c><f>1+1</f><v>2</v></c><c t="d"><v>2023-03-14T00:00:00</v></c>',
        ),
    }
    rows = read(tmp_path, package(parts))
    assert values(rows) == [{"a": "Суд", "b": "", "c": "x"}, {"a": "xСуд", "b": "2", "c": "2023-03-14"}]
    assert [row.code for row in rows if isinstance(row, Warned)] == ["formula-values"]


def test_names_of_elements_may_have_a_prefix(tmp_path: Path) -> None:
    prefixed = (
        sheet(text("a", "b"), text("1", "2")).replace("<", "<x:").replace("<x:/", "</x:").replace("xmlns=", "xmlns:x=")
    )
    assert values(read(tmp_path, package({SHEET: prefixed}))) == [{"a": "1", "b": "2"}]


def test_a_formula_without_a_value_is_refused_with_row_and_column(tmp_path: Path) -> None:
    rows = read(
        tmp_path, written(["court", "received_on"], ["x", "=TODAY()"], ["y", "z"])
    )  # openpyxl works nothing out
    assert refusals(rows) == [("row 2, column received_on", "formula-without-value")]
    assert [row.value for row in rows if isinstance(row, Row)] == [{"court": "y", "received_on": "z"}]


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ('<c t="e"><v>#REF!</v></c>', "cell-error"),
        ('<c t="s"><v>7</v></c>', "bad-cell"),
        ('<c t="s"><v>-1</v></c>', "bad-cell"),
        ("<c><f>A1</f></c>", "formula-without-value"),
        ("<c><f>A1</f><v/></c>", "formula-without-value"),
    ],
)
def test_a_cell_without_a_value_to_take_refuses_its_row(tmp_path: Path, cell: str, code: str) -> None:
    rows = read(tmp_path, package({SHEET: sheet(text("a", "b"), text("1") + cell, text("3", "4"))}))
    assert refusals(rows) == [("row 2, column b", code)]
    assert len(rows) == (3 if "formula" in code else 2)


def test_an_empty_text_of_a_formula_is_its_value(tmp_path: Path) -> None:
    cells = '<c t="str"><f>IF(1,"")</f><v></v></c>'
    assert values(read(tmp_path, package({SHEET: sheet(text("a", "b"), text("1") + cells)}))) == [{"a": "1", "b": ""}]


@pytest.mark.parametrize(("area", "place"), [("B2:B4", "row 2, column number"), ("F9:G9", "row 9, column 6")])
def test_merged_cells_are_refused_with_their_place(tmp_path: Path, area: str, place: str) -> None:
    book = openpyxl.Workbook()
    for row in (["court", "number"], [GROZNY, CANARY], [GROZNY, None]):
        book.active.append(row)
    book.active.merge_cells(area)
    error = fault(tmp_path, saved(book))
    assert (error.code, error.place) == ("merged-cells", place)


# ── Sheets and headers ─────────────────────────────────────────────────────────────────────────


def test_blank_rows_and_columns_are_passed_over(tmp_path: Path) -> None:
    rows = read(tmp_path, written([None], ["a", "b", None], [None, None], [None, 2, None]))
    assert rows == [Row("row 4", {"a": "", "b": "2"})]


@pytest.mark.parametrize("rows", [[], [["a", "b"]], [[None, None]]])
def test_a_sheet_without_rows_is_one_refusal(tmp_path: Path, rows: list[list[Any]]) -> None:
    assert refusals(read(tmp_path, written(*rows))) == [("file", "empty-file")]


def test_of_several_sheets_the_first_is_read_or_the_one_named_cases_and_a_warning_says_so(tmp_path: Path) -> None:
    first: list[list[Any]] = [["a", "b"], [1, 2]]
    second: list[list[Any]] = [["a", "b"], [3, 4]]
    rows = read(tmp_path, written(*first, other=second))
    assert ([row.code for row in rows if isinstance(row, Warned)], values(rows)) == (
        ["further-sheets"],
        [{"a": "1", "b": "2"}],
    )
    assert values(read(tmp_path, written(*first, Cases=second))) == [{"a": "3", "b": "4"}]


def test_a_hidden_sheet_is_none_of_them(tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(written(["x", "y"], [1, 2], seen=[["a", "b"], [3, 4]])))
    book.worksheets[0].sheet_state = "hidden"
    book.active = 1
    assert read(tmp_path, saved(book)) == [Row("row 2", {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    "header", [["a", "b", "a"], ["a", None, "b"], ["a"], ["court", CANARY], [1, 2], [True, date(2023, 1, 1)]]
)
def test_a_header_that_names_no_columns_refuses_the_file(tmp_path: Path, header: list[Any]) -> None:
    rows = read(tmp_path, written(header, [1, 2, 3]))
    assert refusals(rows) == [("file", "xlsx-header")]
    assert CANARY not in repr(rows)


def test_a_value_under_no_name_refuses_its_row(tmp_path: Path) -> None:
    rows = read(tmp_path, written(["a", "b"], [1, 2, CANARY], [3, 4]))
    assert refusals(rows) == [("row 2, column 3", "xlsx-columns")]
    assert CANARY not in repr(rows)


# ── Faults and bombs ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "xlsx-damaged"),
        (b"a,b\n1,2\n", "xlsx-damaged"),
        (b"PK\x03\x04" + b"\0" * 200, "xlsx-damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "not-xlsx"),
        (package({SHEET: "<worksheet>"}), "xlsx-damaged"),
        (package({SHEET: CANARY}), "xlsx-damaged"),
        (package({SHEET: sheet('<c r="7"/>')}), "xlsx-damaged"),
        (package({SHEET: sheet('<c r="B1"/><c r="A1"/>')}), "xlsx-damaged"),
        (package({SHEET: sheet('<c r="ZZZ1"/>')}), "xlsx-damaged"),
        (package({SHEET: sheet("<c><v>1e</v></c>")}), "xlsx-damaged"),
        (package({SHEET: sheet(), "xl/workbook.xml": f"<workbook {_MAIN}/>"}), "no-sheet"),
        (package({}), "xlsx-damaged"),
        (package({SHEET: f'<!DOCTYPE x [<!ENTITY a "{"z" * 99}">]><worksheet>&a;</worksheet>'}), "xlsx-damaged"),
    ],
)
def test_what_is_no_workbook_is_told(tmp_path: Path, content: bytes, code: str) -> None:
    assert fault(tmp_path, content).code == code


def test_a_damaged_part_is_told_and_its_rows_are_not_all_there(tmp_path: Path) -> None:
    content = bytearray(package({SHEET: sheet(text("a", "b"), *(text(str(n), str(n * 7)) for n in range(9000)))}))
    content[content.index(b"sheet1.xml") + 400] ^= 0xFF
    assert fault(tmp_path, bytes(content)).place == "sheet"


def test_a_bomb_is_refused_before_it_is_expanded(tmp_path: Path) -> None:
    bomb = package({SHEET: b"<worksheet><sheetData>" + b" " * 100_000_000})
    tracemalloc.start()
    try:
        error = fault(tmp_path, bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (error.code, error.place) == ("unpacked-too-large", "file")
    assert peak < 2_000_000


def test_a_part_larger_than_it_says_is_not_expanded_beyond_that(tmp_path: Path) -> None:
    content = bytearray(package({SHEET: sheet(text("a", "b")) + " " * 90_000}))
    size = len(sheet(text("a", "b")) + " " * 90_000).to_bytes(4, "little")
    lie = (100).to_bytes(4, "little")
    assert content.count(size) == 2
    assert fault(tmp_path, bytes(content.replace(size, lie))).code == "xlsx-damaged"


@pytest.mark.parametrize("part", ["xl/workbook.xml", "xl/_rels/workbook.xml.rels"])
def test_what_must_be_held_whole_is_bounded(tmp_path: Path, part: str) -> None:
    content = package({SHEET: sheet(text("a", "b"), text("1", "2")), part: _PLAIN[part] + " " * 2000})
    assert fault(tmp_path, content, limits=Limits(held_bytes=2000)).code == "unpacked-too-large"
    assert len(read(tmp_path, content, limits=Limits(held_bytes=3000))) == 1


def test_too_many_parts_are_refused(tmp_path: Path) -> None:
    assert fault(tmp_path, package({f"x{n}": "" for n in range(10_001)})).code == "unpacked-too-large"


@pytest.mark.parametrize("cell", [text("x" * 200_000), f'<c x="{"y" * 200_000}"><v>1</v></c>'])
def test_a_cell_that_is_too_long_is_refused_without_being_held(tmp_path: Path, cell: str) -> None:
    content = package({SHEET: sheet(text("a", "b"), cell)})
    assert fault(tmp_path, content, limits=Limits(line_bytes=70_000)).code in ("line-too-long", "xlsx-damaged")


def test_two_cells_at_the_ends_of_the_sheet_cost_two_cells(tmp_path: Path) -> None:
    far = '<row r="1048576"><c r="A1048576"><v>1</v></c><c r="XFD1048576"><v>1</v></c></row>'
    content = package({SHEET: sheet(text("a", "b")).replace("</sheetData>", far + "</sheetData>")})
    assert refusals(read(tmp_path, content)) == [("row 1048576, column 16384", "xlsx-columns")]


def test_a_large_sheet_is_read_in_flat_memory_and_its_bytes_are_told(tmp_path: Path) -> None:
    rows = (text(str(n), str(n * 7919 % 99_991), "x") for n in range(20_000))
    path = tmp_path / "input.xlsx"
    path.write_bytes(package({SHEET: sheet(text("a", "b", "c"), *rows)}))
    told: list[int] = []
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_rows(open_input(path, on_bytes=told.append), "xlsx"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 5_000_000
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


def test_a_packed_workbook_is_a_workbook(tmp_path: Path) -> None:
    content = gzip.compress(written(["a", "b"], [1, 2]))
    assert values(read(tmp_path, content)) == [{"a": "1", "b": "2"}]
    assert fault(tmp_path, content[:-9]).code == "gzip-truncated"


relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
SMALL = written(["a", "b"], ["x", date(2023, 3, 14)], other=[["c", "d"]])


@relaxed
@given(position=st.integers(0, len(SMALL) - 1), flip=st.integers(1, 255), cut=st.integers(0, len(SMALL)))
def test_no_damage_raises_anything_else(tmp_path: Path, position: int, flip: int, cut: int) -> None:
    damaged = bytearray(SMALL)
    damaged[position] ^= flip
    for content in (bytes(damaged), SMALL[:cut]):
        try:
            assert read(tmp_path, content)
        except IngestError as error:
            assert error.place


pieces = st.sampled_from(
    [
        *("<row>", '<row r="x">', "</row>", "<c>", '<c r="B2" t="s">', '<c t="inlineStr">', '<c s="9" t="b">', "</c>"),
        *("<v>", "</v>", "<f>", "</f>", "<is>", "</is>", "<t>", "</t>", "<rPh>", "</rPh>", "<mergeCell/>"),
        *('<mergeCell ref="a"/>', "1", "-1e400", "nan", CANARY, "&#1;", "&x;", "<!--", "-->", "<![CDATA[", "]]>"),
    ]
)


@relaxed
@given(content=st.lists(pieces, max_size=30).map("".join))
def test_no_sheet_raises_anything_else_nor_shows_its_text(tmp_path: Path, content: str) -> None:
    for middle in (content, sheet(text("a", "b"), content)):
        try:
            rows = read(tmp_path, package({SHEET: middle}))
            assert CANARY not in repr([row for row in rows if not isinstance(row, Row)])
        except IngestError as error:
            assert error.place
            assert CANARY not in f"{error} {error.place}"


@relaxed
@given(
    rows=st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"], exclude_characters="=_\ufeff"), max_size=12),
            st.integers(-(10**14), 10**14),
            st.dates(date(1900, 3, 1), date(2999, 12, 31)),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_what_openpyxl_writes_is_read_again(tmp_path: Path, rows: list[tuple[str, int, date]]) -> None:
    found = values(read(tmp_path, written(["a", "b", "c"], *map(list, rows))))
    assert found == [{"a": a, "b": str(b), "c": c.isoformat()} for a, b, c in rows]


# ── Layouts ────────────────────────────────────────────────────────────────────────────────────


def outcomes(folder: Path, content: bytes, layout: str = "house") -> list[Outcome]:
    path = folder / "records.xlsx"
    path.write_bytes(content)
    return list(read_outcomes(path, LAYOUTS[layout]))


HOUSE = ["court", "instance", "number", "received_on", "defendant.ordinal", "charge.offence", "sentence.term_months"]


def test_a_house_workbook_is_as_its_csv(tmp_path: Path) -> None:
    lines: list[list[Any]] = [
        [GROZNY, "first", "1-45/2023", date(2023, 3, 14), 1, "337:5", 30],
        [GROZNY, "first", "1-45/2023", None, 2, "337:3.1", None],
        [GROZNY, "first", "1-46/2023", date(2023, 3, 15), 1, 337.1, "null"],
    ]
    text = "\n".join(",".join("" if cell is None else str(cell) for cell in line) for line in [HOUSE, *lines])
    (tmp_path / "records.csv").write_text(text)
    by_csv = list(read_outcomes(tmp_path / "records.csv", LAYOUTS["house"]))
    found = outcomes(tmp_path, written(list(HOUSE), *lines))
    assert [(r.row_hash, r.said) for r in found if isinstance(r, Record)] == [
        (r.row_hash, r.said) for r in by_csv if isinstance(r, Record)
    ]
    assert len(found) == len(by_csv) == 2


@pytest.mark.parametrize(
    ("cells", "place", "code"),
    [
        ({"received_on": datetime(2023, 3, 14, 10)}, "row 2, column received_on", "bad-date"),
        ({"number": date(2023, 1, 5)}, "row 2, column number", "number-is-a-day"),  # Excel's reading of 1-5/2023
        ({"charge.offence": time(10, 5)}, "row 2, column charge.offence", "bad-offence"),
        ({"defendant.ordinal": 1.5}, "row 2, column defendant.ordinal", "bad-type"),
        ({"court": CANARY}, "row 2, column court", "court-unknown"),
    ],
)
def test_a_wrong_cell_is_refused_by_row_and_column(
    tmp_path: Path, cells: dict[str, Any], place: str, code: str
) -> None:
    row = dict(zip(HOUSE, [GROZNY, "first", "1-45/2023", date(2023, 3, 14), 1, "337:5", 30], strict=True)) | cells
    (refused,) = outcomes(tmp_path, written(HOUSE, list(row.values())))
    assert isinstance(refused, Refused)
    assert (refused.place, refused.code) == (place, code)
    assert CANARY not in repr(refused)


def test_a_scrape_that_went_through_a_spreadsheet_is_read_as_its_csv(tmp_path: Path) -> None:
    columns = SUDRFSCRAPER_CSV_COLUMNS
    said = {
        "id": 1, "region": 61, "instance": "FIRST", "court_name": "Грозненский гарнизонный военный суд",
        "caseNumber": "1-45/2023", "entryDate": date(2023, 3, 14), "names": "Фамилия - ст.337 ч.5 УК РФ",
        "resultDate": "21.04.2023", "decision": "Вынесен ПРИГОВОР",
    }  # fmt: skip
    lost = {**said, "caseNumber": date(2023, 1, 5)}
    lines = [[row.get(column, "-") for column in columns] for row in (said, lost)]
    warned, record, refused = outcomes(tmp_path, written(list(columns), *lines), "sudrfscraper")
    assert isinstance(warned, Warned)
    assert isinstance(record, Record)
    assert (record.said["received_on"], record.said["decided_on"]) == ("2023-03-14", "2023-04-21")
    assert isinstance(refused, Refused)
    assert (refused.place, refused.code) == ("row 3, column caseNumber", "number-is-a-day")
    assert not any(isinstance(outcome, Skipped) for outcome in (warned, record, refused))
