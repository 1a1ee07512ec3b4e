"""Whole lists: what Postgres copies is what pages show, in every format, and it goes back in with its denials."""

import asyncio
import csv
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime
from itertools import product
from pathlib import Path
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from app.access.register import create_key
from app.api import lists
from app.db import copying
from app.db import database as database_of_exports
from app.db.copying import Copy, begun, copy_out
from app.db.database import EXPORTS, Database
from app.db.turns import on_behalf_of
from app.errors import Overloaded
from app.formats import FORMATS, Options, copied
from app.formats.csv import text_of
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options as BatchOptions
from app.records.flat import CASE_COLUMNS, flatten_case
from app.table import Column
from tests.loading import until
from tests.serving import (
    CHITA,
    FIRST,
    GROZNY,
    PUBLISHED,
    REUTOV,
    SECOND,
    UID,
    case,
    client_of,
    filled_with,
    person,
    take,
)

Client = httpx.AsyncClient
GUIDS = ("0c6e2a9c-3a0b-4b7e-9d2f-1a2b3c4d5e6f", "1c6e2a9c-3a0b-4b7e-9d2f-1a2b3c4d5e6f")
CARDS = tuple(
    case(
        court,
        f"1-{number}/2024",
        received_on="2024-02-01",
        arrival="transfer",
        decided_on="2024-03-01",
        disposition="verdict",
        in_force_on="2024-03-20",
        defendants=[
            person(
                sentence={"kind": "imprisonment", "execution": "immediate", "term_months": 20}, disposition="convicted"
            ),
            person("338:1", ordinal=2, service_status="contract", decided_on="2024-03-02"),
        ],
    )
    for court, number in product((GROZNY, REUTOV), (1, 2, 3))
)
DENIALS = (
    case(GROZNY, "1-1/2024", deny=["decided_on", "arrival"]),
    case(GROZNY, "1-2/2024", deny=["disposition", "received_on", "in_force_on"]),
    case(GROZNY, "1-3/2024", defendants=[{"ordinal": 1, "deny": ["sentence", "disposition"]}]),
    case(REUTOV, "1-1/2024", defendants=[{"ordinal": 2, "deny": ["charges", "decided_on", "service_status"]}]),
    case(REUTOV, "1-2/2024", deny=["decided_on"], defendants=[{"ordinal": 1, "deny": ["sentence"]}]),
    case(REUTOV, "1-3/2024", deny=["disposition"]),
    case(CHITA, "1-9/2024 (1-88/2023; 1-77/2022)", uid=UID, card_guid=GUIDS[0]),
)
# The newsroom first denies, then says: what it says counts, and the denial is of no effect.
LATER = (
    case(REUTOV, "1-3/2024", disposition="terminated"),
    case(CHITA, "1-9/2024", card_guid=GUIDS[1]),
)
ODD = '=1+1;\t"кавычки",\r\nстрока\nещё'


async def fill(url: str) -> None:
    """Four revisions with all that a case may have; some of it no layout lets in."""
    later = datetime(2024, 7, 1, tzinfo=UTC)
    batches = ((FIRST, "court_card"), (CARDS, "court_card"), (SECOND + DENIALS, "newsroom"), (LATER, "newsroom"))
    for records, layer in batches:
        await take(Database(url), records, layer=layer, published_at=PUBLISHED[0] if records is FIRST else later)
    async with Database(url).owner() as connection:
        await connection.execute("UPDATE versions SET number = $1 WHERE number = '1-46/2023'", ODD)
        await connection.execute("UPDATE identifiers SET value = '＝' || value WHERE value = '1-201/2022'")
        await connection.execute("DELETE FROM identifiers WHERE value = '1-2/2023'")
        await connection.execute("UPDATE versions SET number = '1-2/2023-', uid = 'token-' WHERE number = '1-2/2023'")


@pytest.fixture(name="record", scope="module")
def record_fixture(server_url: str, template: str) -> Iterator[str]:
    with filled_with(fill, server_url, template) as url:
        yield url


@pytest.fixture(autouse=True)
def copied_however_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lists, "COPIED_RESULTS", -1)


@pytest.fixture(name="client")
async def client_fixture(record: str) -> AsyncIterator[Client]:
    async with client_of(record, anonymous_quota_minute=0) as client:
        yield client


async def asked(client: Client, format_id: str, **query: str) -> httpx.Response:
    answer = await client.get("/v1/cases", params={"format": format_id, **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == FORMATS[format_id].content_type
    return answer


def objects_of(answer: httpx.Response) -> list[dict[str, Any]]:
    return [json.loads(line) for line in answer.text.split("\n")[:-1]]


def table_of(answer: httpx.Response) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = parquet.read_table(io.BytesIO(answer.content)).to_pylist()
    return rows


QUERIES: tuple[dict[str, str], ...] = (
    {},
    {"sort": "number"},
    {"sort": "decided_on", "revision": "1"},
    {"sort": "-id", "court": GROZNY, "offence": "337"},
    {"sort": "-court", "is_withdrawn": "true,false", "service_status__ne": "contract"},
    {"revision": "3", "received_on__isnull": "true"},
)


@pytest.mark.parametrize("query", QUERIES)
async def test_copied_rows_are_those_of_pages_in_every_format(client: Client, query: dict[str, str]) -> None:
    page = (await client.get("/v1/cases", params={**query, "limit": "1000"})).json()["results"]
    whole = {name: await asked(client, name, **query) for name in ("csv", "ndjson", "parquet")}
    paged = {name: await asked(client, name, **query, limit="1000") for name in ("csv", "ndjson", "parquet")}
    assert page
    assert objects_of(whole["ndjson"]) == objects_of(paged["ndjson"]) == page
    assert list(objects_of(whole["ndjson"])[0]) == list(page[0])
    assert whole["csv"].content == paged["csv"].content
    assert table_of(whole["parquet"]) == table_of(paged["parquet"])
    # one set of rows and columns: NDJSON flattened, Parquet, and CSV, its defusing aside
    names = [column.id for column in CASE_COLUMNS]
    flat = [dict(zip(names, row, strict=True)) for shown in page for row in flatten_case(shown)]
    days = {column.id for column in CASE_COLUMNS if column.type == "day"}
    typed = [{k: date.fromisoformat(v) if k in days and v else v for k, v in row.items()} for row in flat]
    assert table_of(whole["parquet"]) == typed
    written = list(csv.DictReader(io.StringIO(whole["csv"].text, newline="")))
    plain = [{k: v[1:] if v[:2] in ("'=", "'＝") else v for k, v in row.items()} for row in written]
    assert plain == [{k: text_of(v) for k, v in row.items()} for row in flat]
    for name, rows in (("csv", flat), ("ndjson", page), ("parquet", flat)):
        assert whole[name].headers["sudstat-rows"] == str(len(rows)), name
        assert whole[name].headers["sudstat-revision"] == query.get("revision", "4")


@pytest.mark.parametrize(
    "how",
    [
        {"delimiter": "semicolon", "bom": "true"},
        {"delimiter": "tab"},
        {"labels": "both", "lang": "ru"},
        {"fields": "number,uid"},
        {"fields": "previous_numbers"},
        {"fields": "charge.offence,id"},
    ],
)
async def test_copied_csv_has_the_bytes_that_the_writer_makes(client: Client, how: dict[str, str]) -> None:
    whole, paged = await asked(client, "csv", **how), await asked(client, "csv", **how, limit="1000")
    assert whole.content == paged.content
    if "number" in how.get("fields", "number").split(","):
        assert "'=1+1;" in whole.text and '""кавычки""' in whole.text and "1-2/2023" not in whole.text


async def test_chosen_fields_of_ndjson_are_those_of_json(client: Client) -> None:
    query = {"fields": "deny,id,identifiers", "court": CHITA}
    page = (await client.get("/v1/cases", params=query)).json()["results"]
    assert objects_of(await asked(client, "ndjson", **query)) == page
    both = next(shown["identifiers"] for shown in page if len(shown["identifiers"]) > 4)
    assert [one["value"] for one in both if one["current"]] == ["1-9/2024", UID, GUIDS[1]]
    refused = await client.get("/v1/cases", params={"format": "ndjson", "fields": "charge.offence"})
    assert refused.status_code == 422


async def test_whatever_stands_in_cells_is_written_as_the_writer_does(database: Database) -> None:
    texts = ("", "a,b", 'say "so"', "two\nlines", "\r", "\r\n", '"', '\n"\n', "Ёж;\t", None, "NULL", "\\.", "\\N")
    rows = list(product(texts, texts[1:]))
    columns = (Column("one"), Column("two"))
    await database.open()
    try:
        sql = "SELECT nullif(one, ''), nullif(two, '') FROM unnest($1::text[], $2::text[]) AS r (one, two)"
        arguments = ([row[0] for row in rows], [row[1] for row in rows])
        for delimiter in (",", ";", "\t"):
            how = Options(delimiter=delimiter)
            pieces = copy_out(database, [Copy(sql, arguments, {"format": "csv", "delimiter": delimiter})])
            copying_ = FORMATS["csv"].copying
            assert copying_ is not None
            made = b"".join([piece async for piece in copied(copying_, columns, pieces, how)])
            writer = FORMATS["csv"].writer(columns, Options(delimiter=delimiter))
            assert made.split(b"\r\n") == (writer.start() + b"".join(map(_row_of(writer), rows))).split(b"\r\n")
    finally:
        await database.close()


def _row_of(writer: Any) -> Any:
    # defusing is no part of this: the statement above does none
    return lambda row: writer._write([[text_of(cell) for cell in row]])


@pytest.mark.parametrize(("format_id", "suffix"), [("csv", ".csv"), ("ndjson", ".ndjson")])
async def test_an_export_goes_back_in_without_loss_denials_included(
    record: str, database: Database, database_url: str, tmp_path: Path, format_id: str, suffix: str
) -> None:
    numbers = ",".join(sorted({shown["number"].partition(" ")[0] for shown in CARDS + DENIALS}))
    query = {"number": numbers, "sort": "number"}
    async with client_of(record) as client:
        out = await asked(client, format_id, **query)
        before = objects_of(await asked(client, "ndjson", **query))
    path = tmp_path / f"cases{suffix}"
    path.write_bytes(out.content)
    options = BatchOptions(layout="house", layer="newsroom", source="export", author="test", published_at=PUBLISHED[1])
    receipt = await ingest_file(database, path, options)
    assert receipt.tallied.refused == []
    async with client_of(database_url) as client:
        after = objects_of(await asked(client, "ndjson", **query))
        assert held(after) == held(before)
    denied = [(shown["deny"], [one["deny"] for one in shown["defendants"]]) for shown in after]
    assert sorted(denied) == sorted(
        [
            ([], []),
            (["decided_on", "arrival"], [[], []]),
            (["disposition", "received_on", "in_force_on"], [[], []]),
            ([], [["sentence", "disposition"], []]),
            ([], [[], ["charges", "decided_on", "service_status"]]),
            (["decided_on"], [["sentence"], []]),
            ([], [[], []]),  # denied, then said
        ]
    )
    # and they hold: the cards that were denied say the same as before, and are denied again
    await take(database, CARDS, layer="court_card", published_at=datetime(2024, 8, 1, tzinfo=UTC))
    async with client_of(database_url) as client:
        again = objects_of(await asked(client, "ndjson", **query))
    assert held(again) == held(before)
    assert sum(shown["conflicts"] for shown in again) > 0


def held(exported: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(map(facts, exported), key=lambda shown: (shown["court"], shown["identifiers"][0]["value"]))


def facts(shown: dict[str, Any]) -> dict[str, Any]:
    """What is held of a case, without how it came to be held; of several cards CSV has the current one."""
    own = ("id", "version", "revision", "layers", "conflicts", "sources")
    known = [one for one in shown["identifiers"] if one["current"] or one["type"] == "case_number"]
    return {name: value for name, value in shown.items() if name not in own} | {"identifiers": known}


async def test_a_caller_who_hangs_up_ends_the_copy(database: Database) -> None:
    await database.open()
    try:
        pieces = copy_out(database, [Copy("SELECT n, repeat('x', 100) FROM generate_series(1, 50000000) AS n")])
        assert await anext(pieces)
        assert database.exports == 1
        await pieces.aclose()
        assert database.exports == 0
        await until(lambda: _is_quiet(database))
    finally:
        await database.close()


async def test_no_caller_has_more_than_half_of_the_exports(database: Database) -> None:
    endless = [Copy("SELECT n, repeat('x', 100) FROM generate_series(1, 50000000) AS n")]
    running = [copy_out(database, endless) for _ in range(EXPORTS // 2)]
    for pieces in running:
        assert await anext(pieces)
    with pytest.raises(Overloaded):
        await begun(copy_out(database, endless))
    on_behalf_of.set("another")
    other = await begun(copy_out(database, endless))
    assert await anext(other)
    for pieces in (*running, other):
        await pieces.aclose()
    assert database.exports == 0


async def test_an_export_too_many_is_refused_before_it_begins(record: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_of_exports, "EXPORTS", 0)
    async with client_of(record) as client:
        refused = await client.get("/v1/cases?format=ndjson")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "30")


async def test_a_copy_that_nobody_takes_gives_its_connection_back(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "_PATIENCE_S", 0.05)
    await database.open()
    try:
        pieces = copy_out(database, [Copy("SELECT n, repeat('x', 100) FROM generate_series(1, 50000000) AS n")])
        assert await anext(pieces)
        await until(lambda: _is_idle(database))
        with pytest.raises(TimeoutError):
            [piece async for piece in pieces]
    finally:
        await database.close()


async def _is_idle(database: Database) -> bool:
    await asyncio.sleep(0)
    return database.exports == 0


async def _is_quiet(database: Database) -> bool:
    async with database.snapshot() as connection:
        active = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
        return not await connection.fetch(f"{active} AND query LIKE 'COPY%'")


async def test_a_whole_list_in_any_format_needs_the_scope_export_and_may_be_packed(database_url: str) -> None:
    database = Database(database_url)
    records = tuple(case(GROZNY, f"1-{number}/2023") for number in range(1, 1002))
    await take(database, records, layer="court_card", published_at=PUBLISHED[0])
    async with database.owner() as connection:
        key = {"X-API-Key": await create_key(connection, "test", scopes=["records", "export"])}
    async with client_of(database_url) as client:
        for format_id in ("csv", "ndjson", "parquet"):
            path = f"/v1/cases?format={format_id}&sort=number"
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["scope"]) == (401, "export")
            plain = await client.get(path, headers=key)
            packed = await client.get(path, headers={**key, "Accept-Encoding": "gzip"})
            assert packed.headers["content-encoding"] == "gzip"
            assert packed.content == plain.content
            head = await client.head(path, headers=key)
            assert (head.content, head.headers["sudstat-rows"]) == (b"", "1001")


@pytest.mark.parametrize(
    "path",
    [
        "/v1/courts?sort=code",
        "/v1/offences?sort=code",
        "/v1/revisions",
        "/v1/changes",
        "/v1/vocabularies",
        "/v1/statistics?measures=cases_received,custodial_share,days_to_decision_median&group_by=court,month",
        "/v1/statistics/weekly?last_n=4",
        "/v1/compare?from=1&to=4&group_by=court",
    ],
)
async def test_other_lists_and_statistics_have_the_rows_of_csv_as_parquet(client: Client, path: str) -> None:
    sign = "&" if "?" in path else "?"
    answers = {name: await client.get(f"{path}{sign}format={name}") for name in ("csv", "parquet", "ndjson", "json")}
    assert [answer.status_code for answer in answers.values()] == [200] * 4, answers["parquet"].text
    header, *rows = csv.reader(io.StringIO(answers["csv"].text, newline=""))
    table = table_of(answers["parquet"])
    assert rows and parquet.read_schema(io.BytesIO(answers["parquet"].content)).names == header
    assert len(table) == len(rows)
    for typed, row in zip(table, rows, strict=True):
        for value, cell in zip(typed.values(), row, strict=True):
            bare = cell[1:] if cell.startswith("'") else cell
            assert float(bare) == value if isinstance(value, float) else text_of(value) == bare
    if path.startswith(("/v1/statistics", "/v1/compare", "/v1/vocabularies")):
        assert [list(one) for one in objects_of(answers["ndjson"])] == [header] * len(rows)
    else:
        assert objects_of(answers["ndjson"])[:100] == answers["json"].json()["results"]


@pytest.mark.parametrize("heavy", ["pyarrow", "sqlalchemy", "alembic"])
def test_what_the_service_seldom_needs_is_imported_when_it_is_first_needed(heavy: str) -> None:
    said = f"import app.main, sys; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0
