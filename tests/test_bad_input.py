"""Bad input: refused with its place and what would be right, nothing of it taken, no name ever shown or kept."""

import asyncio
import gzip
import json
import sys
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from app.ingest.batch import IngestError
from app.ingest.encodings import Limits
from tests.loading import (
    GROZNY,
    GUIDS,
    JUDGED,
    UID,
    Desk,
    card,
    case,
    outcomes,
    person,
)

CANARY = "Канарейкин"
ROOT = Path(__file__).parents[1]


def lines(*rows: Any) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


HOUSE, SCRAPE = ("house", case(received_on="2023-03-14")), ("sudrfscraper", card())
BOTH = pytest.mark.parametrize(("layout", "row"), [HOUSE, SCRAPE])


async def refused(desk: Desk, layout: str, content: bytes, **options: Any) -> list[tuple[str, str]]:
    """Places and codes of what is refused of a file of which nothing is taken."""
    path = desk.write()
    path.write_bytes(content)
    receipt = await desk.take(path, layout=layout, **options)
    assert (receipt["applied"], await desk.revision()) == (False, 0)
    assert await desk.value("SELECT count(*) FROM statements") == 0
    assert CANARY not in json.dumps(receipt, ensure_ascii=False)
    assert all(refusal["detail"] for refusal in receipt["refused"])
    return [(refusal["pointer"], refusal["code"]) for refusal in receipt["refused"]]


# ── Files ──────────────────────────────────────────────────────────────────────────────────────


@BOTH
async def test_a_file_that_breaks_off_is_not_taken_half(desk: Desk, layout: str, row: dict[str, Any]) -> None:
    content = lines(row, {**row, "names": CANARY}).encode()
    assert await refused(desk, layout, content[:-20]) == [("line 2", "truncated")]


@BOTH
async def test_another_encoding_is_named(desk: Desk, layout: str, row: dict[str, Any]) -> None:
    content = lines({**row, "name": "Суд", "names": CANARY}, {**row, "names": CANARY}).encode("cp1251")
    (place, code), *_ = await refused(desk, layout, content)
    assert (place, code) == ("file", "not-utf8")


@BOTH
@pytest.mark.parametrize("content", [b"", b"\n \n", b"\xef\xbb\xbf"])
async def test_a_file_without_rows_is_refused(desk: Desk, layout: str, row: dict[str, Any], content: bytes) -> None:
    assert await refused(desk, layout, content) == [("file", "empty-file")]


@BOTH
async def test_an_array_where_lines_are_expected_is_told(desk: Desk, layout: str, row: dict[str, Any]) -> None:
    assert await refused(desk, layout, json.dumps([row]).encode()) == [("file", "array-where-lines-expected")]


@BOTH
@pytest.mark.parametrize(
    ("content", "code"),
    [(b"{]", "not-json"), (b'"a"', "not-an-object"), (b"[1]", "not-an-object"), (b"NaN", "not-json")],
)
async def test_a_line_that_is_no_object_is_refused(
    desk: Desk, layout: str, row: dict[str, Any], content: bytes, code: str
) -> None:
    assert await refused(desk, layout, lines(row).encode() + content + b"\n") == [("line 2", code)]


@BOTH
async def test_a_line_over_the_limit_is_refused_and_reading_goes_on(
    desk: Desk, layout: str, row: dict[str, Any]
) -> None:
    long = json.dumps({**row, "judge": CANARY * 1000}, ensure_ascii=False)
    content = f"{long}\n{lines(row)}{long}".encode()
    expected = [("line 1", "line-too-long"), ("line 3", "line-too-long")]
    assert await refused(desk, layout, content, limits=Limits(line_bytes=1024)) == expected


@BOTH
@pytest.mark.parametrize("nul", ["\\u0000", "\0"])
async def test_the_character_nul_is_refused(desk: Desk, layout: str, row: dict[str, Any], nul: str) -> None:
    content = lines({**row, "uid": "@", "names": "@"}).replace("@", nul).encode()
    assert await refused(desk, layout, content) == [("line 1", "nul-character")]


@BOTH
async def test_a_byte_order_mark_and_other_line_ends_do_no_harm(desk: Desk, layout: str, row: dict[str, Any]) -> None:
    path = desk.write()
    path.write_bytes(b"\xef\xbb\xbf" + lines(row).replace("\n", "\r\n").encode() + b"\r\n")
    assert outcomes(await desk.take(path, layout=layout)) == {"created": 1}


async def test_a_packed_file_that_breaks_off_is_not_taken_in_part_even_where_bad_rows_are_skipped(desk: Desk) -> None:
    path = desk.folder / "rows.ndjson.gz"
    rows = lines(*(case(f"1-{n}/2023", received_on="2023-03-14") for n in range(1, 20_000)))
    whole = gzip.compress(rows.encode())
    path.write_bytes(whole[:-9])
    with pytest.raises(IngestError) as told:
        await desk.take(path, skips_refused=True)
    assert told.value.code == "gzip-truncated"
    assert await desk.value("SELECT count(*) FROM statements") == 0
    assert await desk.value("SELECT count(*) FROM batches") == 0
    path.write_bytes(whole)
    assert outcomes(await desk.take(path)) == {"created": 19_999}


async def test_a_workbook_with_merged_cells_is_not_taken_in_part(desk: Desk) -> None:
    book = openpyxl.Workbook()
    for row in (["court", "instance", "number"], [GROZNY, "first", "1-1/2023"], [GROZNY, "first", "1-2/2023"]):
        book.active.append(row)
    path = desk.folder / "rows.xlsx"
    book.save(path)
    assert outcomes(await desk.take(path)) == {"created": 2}
    book.active.append([GROZNY, "first", "1-3/2023"])
    book.active.merge_cells("A4:A5")
    book.save(path)
    with pytest.raises(IngestError) as told:
        await desk.take(path, skips_refused=True)
    assert (told.value.code, told.value.place) == ("merged-cells", "row 4, column court")
    assert len(await desk.held()) == 2


@pytest.mark.parametrize("name", ["no-such-file.ndjson", "folder.ndjson", "rows.xml"])
async def test_what_is_no_file_of_rows_is_told_in_one_line(desk: Desk, name: str) -> None:
    (desk.folder / "folder.ndjson").mkdir()
    (desk.folder / "rows.xml").write_text("<a/>")
    with pytest.raises(IngestError) as told:
        await desk.take(desk.folder / name)
    assert name in str(told.value)
    assert "\n" not in str(told.value)


_LONG_LINE = """
import asyncio, sys
from pathlib import Path
from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
options = Options(layout="sudrfscraper", layer="court_card", source="long", author="test")
receipt = asyncio.run(ingest_file(Database(sys.argv[1]), Path(sys.argv[2]), options))
# VmHWM is this program's own peak; ru_maxrss would be that of the tests that started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(receipt.tallied.refused[0].code, peak.split()[1])
"""


async def test_a_line_of_200_mb_is_passed_over_in_flat_memory(desk: Desk) -> None:
    path = desk.write()
    with path.open("wb") as file:
        file.write(b'{"judge": "')
        for _ in range(200):
            file.write(b"a" * 2**20)
    run = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _LONG_LINE, desk.database.url, str(path), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await run.communicate()
    path.unlink()
    code, peak = said.decode().split()
    assert code == "line-too-long"
    assert int(peak) // 1024 < 400


# ── Rows ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "place", "code"),
    [
        ({"received_on": "2023-02-31"}, "/received_on", "bad-date"),
        ({"received_on": "14.03.2023"}, "/received_on", "bad-date"),
        ({"received_on": "2999-01-01"}, "/received_on", "date-in-future"),
        ({"received_on": "2023-03-14", "decided_on": "2023-03-13"}, "/decided_on", "decided-before-received"),
        ({"court": "77RS0001"}, "/court", "court-unknown"),
        ({"court": None}, "/court", "missing-field"),
        ({"instance": "second"}, "/instance", "unknown-code"),
        ({"number": 5}, "/number", "bad-type"),
        ({"number": None}, "", "no-identity"),
        ({"judge": CANARY}, "/judge", "unknown-field"),
        ({CANARY: 1}, "", "unknown-field"),
        ({"disposition": CANARY}, "/disposition", "unknown-code"),
        ({"deny": ["decided_on"], "decided_on": "2023-04-01"}, "/deny/0", "denied-and-said"),
        ({"defendants": [person("337:5", name=CANARY)]}, "/defendants/0/name", "unknown-field"),
        ({"defendants": [person("ст.337 ч.5")]}, "/defendants/0/charges/0/offence", "bad-offence"),
        ({"defendants": [person("337:5")] * 1001}, "/defendants", "bad-value"),
        ({"defendants": [{"ordinal": 10**6}]}, "/defendants/0/ordinal", "bad-value"),
        ({"defendants": [{"sentence": {"term_months": 601}}]}, "/defendants/0/sentence/term_months", "bad-value"),
        ({"defendants": [{"sentence": {"term_months": 2.5}}]}, "/defendants/0/sentence/term_months", "bad-type"),
        ({"defendants": [{"sentence": {"fine_rub": 10**13}}]}, "/defendants/0/sentence/fine_rub", "bad-value"),
    ],
)
async def test_a_house_record_is_refused_at_the_field_that_is_wrong(
    desk: Desk, said: dict[str, Any], place: str, code: str
) -> None:
    content = lines(case("1-9/2023"), case(**said)).encode()
    assert await refused(desk, "house", content) == [(f"line 2 {place}".strip(), code)]


@pytest.mark.parametrize(
    ("fields", "place", "code"),
    [
        ({"entryDate": "31.02.2023"}, "/entryDate", "bad-date"),
        ({"resultDate": "13.03.2023"}, "/resultDate", "decided-before-received"),
        ({"name": CANARY}, "/name", "court-unknown"),
        ({"caseNumber": "б/н"}, "", "no-identity"),
        ({"instance": "SECOND"}, "/instance", "instance-unknown"),
        ({"names": f"{CANARY} - ст.99999 УК РФ"}, "/names", "article-unreadable"),
    ],
)
async def test_a_scraped_row_is_refused_at_the_field_that_is_wrong(
    desk: Desk, fields: dict[str, Any], place: str, code: str
) -> None:
    content = lines(card("1-9/2023"), card(**fields)).encode()
    assert await refused(desk, "sudrfscraper", content) == [(f"line 2 {place}".strip(), code)]


async def test_a_refused_row_is_known_by_its_identifiers(desk: Desk) -> None:
    receipt = await desk.scrape(card(guid=GUIDS[0], cui=UID, entryDate="31.02.2023"))
    (refusal,) = receipt["refused"]
    shown = {name: refusal[name] for name in ("court", "number", "uid", "card_guid")}
    assert shown == {"court": GROZNY, "number": "1-1/2023", "uid": UID, "card_guid": GUIDS[0]}


async def test_a_receipt_shows_the_first_hundred_refusals_and_counts_all(desk: Desk) -> None:
    receipt = await desk.house(*(case(f"1-{n}/2023", court="nowhere") for n in range(1, 251)))
    assert (receipt["counts"]["refused"], len(receipt["refused"])) == (250, 100)


# ── Names ──────────────────────────────────────────────────────────────────────────────────────

_TABLES = "SELECT table_name AS name FROM information_schema.tables WHERE table_schema = 'public'"


async def _take_in(desk: Desk) -> list[dict[str, Any]]:
    """Take in, and refuse, rows with a name wherever one can stand; returns the receipts."""
    bird: dict[str, Any] = {
        "names": f"{CANARY} Кенарь Желтович - ст.337 ч.5 УК РФ",
        "judge": f"{CANARY} И.О.",
        "sides": [{"sideType": "Прокурор", "sideName": CANARY, "inn": "7700000000"}],
        "steps": [{"eventName": "Заседание", "additionalInfo": CANARY, "notParsed": {CANARY: CANARY}}],
        "text": f"ПРИГОВОР {CANARY}",
        "connectedLinks": {"CASE_NUMBER_LOWER": CANARY},
        CANARY: CANARY,
    }
    rows = (
        card("1-1/2023", guid=GUIDS[0], **bird, **JUDGED),
        card("1-2/2023", **{**bird, "decision": CANARY, "resultDate": "21.04.2023"}),
        card(f"1-3/2023 ({CANARY})", **bird),
        card("1-4/2023", **bird, cui=CANARY, region=CANARY, id=CANARY),
        card(CANARY, **bird),
        card("1-5/2023", **{**bird, "name": CANARY}),
        card("1-6/2023", **{**bird, "entryDate": CANARY}),
        card("1-7/2023", **{**bird, "entryDate": f"{CANARY} 31.02.2023"}),
        card("1-8/2023", **{**bird, "links": {"META": f"http://gvs.chn.sudrf.ru/?name={CANARY}"}}),
        card("1-9/2023", **{**bird, "names": f"{CANARY} - {CANARY}"}),
    )
    return [
        await desk.scrape(*rows, skips_refused=True),
        await desk.house(
            case("1-1/2023", judge=CANARY),
            case("1-2/2023", arrival=CANARY),
            case("1-3/2023", uid=CANARY),
            case(CANARY),
            case("1-4/2023", previous_numbers=[CANARY]),
            case("1-5/2023", defendants=[{"ordinal": 1, "name": CANARY}]),
            case("1-6/2023", arrival="new"),
            layer="newsroom",
            skips_refused=True,
        ),
    ]


async def test_no_name_is_in_a_receipt_nor_anywhere_in_the_database(desk: Desk) -> None:
    receipts = await _take_in(desk)
    assert [receipt["applied"] for receipt in receipts] == [True, True]
    assert all(receipt["counts"]["refused"] >= 3 for receipt in receipts)
    for word in (CANARY, "Кенарь", "Желтович", "7700000000"):
        assert word.casefold() not in json.dumps(receipts, ensure_ascii=False).casefold()
        for table in await desk.fetch(_TABLES):
            found = await desk.value(f'SELECT count(*) FROM "{table["name"]}" t WHERE t::text ILIKE $1', f"%{word}%")
            assert found == 0, table
    assert await desk.differences() == []
