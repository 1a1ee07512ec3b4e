"""Bodies of batches, of every layout in every encoding: taken, or refused whole with a problem, whatever is in them.

By chance (hypothesis) through the reader, and a few of each through HTTP, where nothing may be taken in part.
"""

import gzip
import io
import json
import random
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats import dump
from app.ingest.batch import read_outcomes
from app.ingest.encodings import MEDIA_TYPES
from app.ingest.layouts import LAYOUTS
from app.ingest.layouts.sudrfscraper import SUDRFSCRAPER_CSV_COLUMNS
from app.ingest.record import Covered, IngestError, Record, Refused, Skipped, Warned
from tests.loading import GROZNY, GUIDS, JUDGED, VERDICT, Desk, card, case, outcomes, person
from tests.serving import problem_of
from tests.test_batches import Send, client_fixture, keys_fixture, lines, receipt_of, send_fixture  # noqa: F401
from tests.test_layout_sudrfparser import SITE, found, site
from tests.test_xlsx import SHEET, package, saved, written

CANARY = "Канарейкин"
ONE, TWO = (
    case(f"1-{number}/2023", received_on="2023-03-14", defendants=[person("337:5"), person(ordinal=2)], **VERDICT)
    for number in (1, 2)
)
CELLS = (
    ("court", "instance", "number", "received_on", "decided_on", "disposition"),
    (GROZNY, "first", "1-1/2023", "2023-03-14", "2023-04-21", "verdict"),
    (GROZNY, "first", "1-2/2023", "2023-03-14", "", ""),
)
SCRAPED = {
    "id": "1", "region": "61", "instance": "FIRST", "court_name": "Грозненский гарнизонный военный суд",
    "caseNumber": "1-45/2023", "entryDate": "14.03.2023", "names": f"{CANARY} И.И. - ст.337 ч.5 УК РФ",
}  # fmt: skip
SCRAPED_CELLS = (tuple(SUDRFSCRAPER_CSV_COLUMNS), tuple(SCRAPED.get(name, "-") for name in SUDRFSCRAPER_CSV_COLUMNS))
SCRAPE = card(names=f"{CANARY} И.И. - ст.337 ч.5 УК РФ", **JUDGED)
CARDS = (found(), {**found("1-46/2023"), "case_id_uid": f"case_id=2&case_uid={GUIDS[1]}"})
ONE_SITE = {SITE: site(*CARDS)}
BY_SERVER = {SITE: {f"srv_{number}": site(one) for number, one in enumerate(CARDS, 1)}}


def as_text(rows: tuple[tuple[str, ...], ...], separator: str) -> bytes:
    return "".join(separator.join(row) + "\n" for row in rows).encode()


BODIES = {
    ("house", "ndjson"): lines(ONE, TWO),
    ("house", "json"): dump([ONE, TWO]),
    ("house", "csv"): as_text(CELLS, ","),
    ("house", "xlsx"): written(*CELLS),
    ("sudrfscraper", "ndjson"): lines(SCRAPE, card("1-2/2023")),
    ("sudrfscraper", "json"): dump([SCRAPE, card("1-2/2023")]),
    ("sudrfscraper", "csv"): as_text(SCRAPED_CELLS, ";"),
    ("sudrfscraper", "xlsx"): written(*SCRAPED_CELLS),
    ("sudrfparser", "json"): dump(ONE_SITE),
    ("sudrfparser", "ndjson"): lines(BY_SERVER),
}
EACH = pytest.mark.parametrize(("layout", "encoding"), BODIES)
KINDS = {encoding: kind for kind, encoding in MEDIA_TYPES.items()}
SNIPPETS = (
    b"\0", b"\xff\xfe", b"\xed\xa0\x80", b"\xe2\x80\xae", b"9" * 400, b"1e400", b"-1", b"NaN", b"null", b"{}", b"[[]]",
    b'"', b"\\", b",", b";", b"\n", b"\r", b"'; DROP TABLE versions; --", b"=1+1", b"2023-02-30", b"32.13.2023",
    b"\\ud800", b"\xef\xbb\xbf", b"[" * 3000, b"9999-12-31", b"0001-01-01", b"\xf0\x9f\x92\xa9" * 50,
)  # fmt: skip
edits = st.lists(
    st.tuples(st.integers(0, 10**6), st.integers(0, 12), st.one_of(st.sampled_from(SNIPPETS), st.binary(max_size=8))),
    min_size=1,
    max_size=4,
)


def edited(body: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """A body with some stretches of it replaced."""
    for place, length, text in changes:
        at = place % (len(body) + 1)
        body = body[:at] + text + body[at + length :]
    return body


def inside(encoding: str, body: bytes, changes: list[tuple[int, int, bytes]]) -> bytes:
    """The same within a workbook's sheet, so that it is still a workbook."""
    if encoding != "xlsx":
        return edited(body, changes)
    with zipfile.ZipFile(io.BytesIO(body)) as packed:
        parts = {name: packed.read(name) for name in packed.namelist()}
    return package({**parts, SHEET: edited(parts[SHEET], changes)})


def test_there_is_a_body_for_every_layout_and_encoding() -> None:
    ways = {(layout.id, ending[1:]) for layout in LAYOUTS.values() for ending in layout.encodings}
    assert {(layout, encoding) for layout, encoding in ways if encoding in KINDS} == BODIES.keys()


# ── By chance ──────────────────────────────────────────────────────────────────────────────────


@EACH
@settings(max_examples=60)
@given(changes=edits, is_inside=st.booleans(), is_packed=st.booleans())
def test_whatever_stands_in_a_body_it_is_read_or_refused_without_its_text(
    tmp_path: Path,
    layout: str,
    encoding: str,
    changes: list[tuple[int, int, bytes]],
    is_inside: bool,
    is_packed: bool,
) -> None:
    change = inside if is_inside else lambda _, body, changes: edited(body, changes)
    body = change(encoding, BODIES[layout, encoding], changes)
    path = tmp_path / f"body.{encoding}"
    path.write_bytes(gzip.compress(body) if is_packed else body)
    try:
        for outcome in read_outcomes(path, LAYOUTS[layout], encoding=encoding):
            assert isinstance(outcome, Record | Skipped | Refused | Warned | Covered)
            if isinstance(outcome, Refused):
                assert CANARY not in outcome.place + outcome.detail
    except IngestError as error:
        assert CANARY not in error.place + error.detail


@EACH
async def test_whatever_stands_in_a_body_nothing_of_it_is_taken_in_part(
    desk: Desk, send: Send, layout: str, encoding: str
) -> None:
    dice = random.Random(f"{layout} {encoding}")
    changes = [(dice.randrange(10**6), dice.randrange(12), dice.choice(SNIPPETS)) for _ in range(2)]
    body = inside(encoding, BODIES[layout, encoding], changes)
    before = await held(desk)
    answer = await send(content=body, kind=KINDS[encoding], layout=layout, on_refused="skip")
    assert answer.status_code in (200, 201, 400, 413, 422), answer.text
    assert CANARY not in answer.text
    if answer.status_code >= 400:
        assert problem_of(answer)[1] in ("unreadable-body", "body-too-large", "batch-refused")
        assert await held(desk) == before


async def held(desk: Desk) -> Any:
    """What a batch that is refused must leave as it was."""
    return await desk.fetch(
        "SELECT (SELECT count(*) FROM statements) AS statements, (SELECT count(*) FROM versions) AS versions,"
        " (SELECT count(*) FROM ledger) AS ledger, (SELECT max(revision) FROM revisions) AS revision"
    )


@pytest.mark.parametrize("kind", MEDIA_TYPES)
async def test_random_bytes_of_any_kind_are_a_problem(desk: Desk, send: Send, kind: str) -> None:
    dice = random.Random(kind)
    for head in (b"", b"\x1f\x8b", b"PK\x03\x04"):
        answer = await send(content=head + dice.randbytes(3000), kind=kind)
        assert problem_of(answer) in {(400, "unreadable-body"), (422, "batch-refused")}, answer.text
    assert await desk.revision() == 0


# ── One by one, over HTTP ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("content", [ONE_SITE, BY_SERVER], ids=["by site", "by server"])
async def test_both_forms_of_files_by_site_are_taken_plain_and_packed(
    desk: Desk, send: Send, content: dict[str, Any]
) -> None:
    named = {"layout": "sudrfparser", "kind": KINDS["json"]}
    body = json.dumps(content, ensure_ascii=False).encode()
    receipt = receipt_of(await send(content=body, **named), 201)
    assert outcomes(receipt) == {"created": 2}
    packed = await send(content=gzip.compress(body), headers={"Content-Encoding": "gzip"}, **named)
    again = receipt_of(packed, 200)  # packing a file makes it no other
    assert again["applied"] is False
    assert CANARY not in json.dumps([receipt, again], ensure_ascii=False)
    assert await desk.revision() == 1


def bomb_of_gzip() -> tuple[bytes, str]:
    return gzip.compress(b" " * 100_000_000, 1), "json"


def bomb_of_xlsx() -> tuple[bytes, str]:
    return package({SHEET: b"<worksheet><sheetData>" + b" " * 100_000_000}), "xlsx"


@pytest.mark.parametrize("bomb", [bomb_of_gzip, bomb_of_xlsx])
async def test_a_bomb_is_a_problem_and_costs_no_memory(desk: Desk, send: Send, bomb: Any) -> None:
    content, encoding = bomb()
    tracemalloc.start()
    try:
        answer = await send(content=content, kind=KINDS[encoding])
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert (problem_of(answer), answer.json()["errors"][0]["code"]) == ((413, "body-too-large"), "unpacked-too-large")
    assert peak_bytes < 20_000_000  # the body itself, and not what it would become
    assert await desk.revision() == 0


async def test_a_spreadsheet_of_formulas_is_taken_by_their_values_or_refused_by_their_cells(
    desk: Desk, send: Send
) -> None:
    def book(value: str) -> bytes:
        names = "".join(f'<c t="str"><v>{name}</v></c>' for name in CELLS[0][:4])
        cells = "".join(f'<c t="str"><v>{text}</v></c>' for text in (GROZNY, "first"))
        number = f'<c t="str"><f>CONCATENATE("1-1","/2023")</f>{value}</c>'
        day = '<c t="str"><v>2023-03-14</v></c>'
        rows = f'<row r="1">{names}</row><row r="2">{cells}{number}{day}</row>'
        main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
        return package({SHEET: f'<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>'})

    answer = await send(content=book(""), kind=KINDS["xlsx"])
    assert problem_of(answer) == (422, "batch-refused")
    assert answer.json()["errors"][0]["pointer"] == "row 2"
    assert "number" in answer.json()["errors"][0]["detail"]
    assert await desk.revision() == 0
    assert outcomes(receipt_of(await send(content=book("<v>1-1/2023</v>"), kind=KINDS["xlsx"]), 201)) == {"created": 1}
    assert (await desk.one())["number"] == "1-1/2023"


async def test_a_spreadsheet_with_merged_cells_is_refused_whole_whoever_skips_bad_rows(desk: Desk, send: Send) -> None:
    book = openpyxl.Workbook()
    for row in CELLS:
        book.active.append([value or None for value in row])
    book.active.merge_cells("C2:C3")
    for on_refused in ("reject", "skip"):
        answer = await send(content=saved(book), kind=KINDS["xlsx"], on_refused=on_refused)
        assert problem_of(answer)[0] in (400, 422), answer.text
        told = answer.json()["errors"][0]
        assert (told["code"], told["pointer"]) == ("merged-cells", "row 2, column number")
    assert await desk.revision() == 0
