"""Formats: what is written is read back, rows come in batches, and no cell runs as a formula."""

import csv
import io
import json
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from app.formats import FORMATS, Options, render, stream
from app.table import Column, Row, Table

COLUMNS = (
    Column("name"),
    Column("n", "integer"),
    Column("share", "number"),
    Column("is_so", "boolean"),
    Column("on", "day"),
    Column("at", "instant"),
)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**53), 2**53),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
        st.none() | st.booleans(),
        st.none() | st.dates(),
        st.none() | st.datetimes(timezones=st.just(UTC)),
    ),
    max_size=6,
)
DELIMITERS = st.sampled_from((",", ";", "\t"))
RISKY = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def as_json(value: Any) -> Any:
    """A value as JSON holds it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


def as_cell(value: Any) -> str:
    """A value as a cell of CSV holds it."""
    if isinstance(value, str) and value.startswith(RISKY):
        return f"'{value}"
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(as_json(value))


@given(ROWS)
def test_json_is_read_back_as_it_was(rows: list[Row]) -> None:
    read = json.loads(render(FORMATS["json"], Table(COLUMNS, rows), Options()))
    names = [column.id for column in COLUMNS]
    assert read == [dict(zip(names, map(as_json, row), strict=True)) for row in rows]


@given(ROWS, DELIMITERS, st.booleans())
def test_csv_is_read_back_as_it_was(rows: list[Row], delimiter: str, has_bom: bool) -> None:
    written = render(FORMATS["csv"], Table(COLUMNS, rows), Options(delimiter=delimiter, has_bom=has_bom))
    text = written.decode("utf-8-sig")
    assert written.startswith(b"\xef\xbb\xbf") is has_bom
    header, *read = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    assert header == [column.id for column in COLUMNS]
    for row, cells in zip(rows, read, strict=True):
        for value, cell in zip(row, cells, strict=True):
            assert float(cell) == value if isinstance(value, float) else cell == as_cell(value)


@given(ROWS, st.integers(1, 4), st.sampled_from(tuple(FORMATS)))
async def test_a_stream_in_batches_is_the_whole(rows: list[Row], size: int, format_id: str) -> None:
    async def batches() -> AsyncIterator[Sequence[Row]]:
        for start in range(0, len(rows), size):
            yield rows[start : start + size]
        yield []

    format_ = FORMATS[format_id]
    chunks = [chunk async for chunk in stream(format_, Table(COLUMNS, stream=batches()), Options())]
    at_hand = [chunk async for chunk in stream(format_, Table(COLUMNS, rows), Options())]
    assert b"".join(chunks) == b"".join(at_hand) == render(format_, Table(COLUMNS, rows), Options())


@pytest.mark.parametrize("sign", RISKY)
def test_text_that_a_spreadsheet_would_run_is_defused(sign: str) -> None:
    table = Table((Column("note"), Column("n", "integer")), [(f"{sign}1+1", -1), ("1=1", 2)])
    read = list(csv.reader(io.StringIO(render(FORMATS["csv"], table, Options()).decode(), newline="")))
    assert read[1:] == [[f"'{sign}1+1", "-1"], ["1=1", "2"]]


def test_codes_are_labelled_beside_or_instead() -> None:
    table = Table((Column("court", codelist="court"), Column("n", "integer")), [("A", 1), (None, 2)])

    def written(labels: Any) -> str:
        return render(FORMATS["csv"], table, Options(labels=labels, label=lambda of, code: f"{of} {code}")).decode()

    assert written("id") == "court,n\r\nA,1\r\n,2\r\n"
    assert written("name") == "court,n\r\ncourt A,1\r\n,2\r\n"
    assert written("both") == "court,court_name,n\r\nA,court A,1\r\n,,2\r\n"


@given(ROWS)
def test_ndjson_is_a_line_of_json_for_each_row(rows: list[Row]) -> None:
    lines = render(FORMATS["ndjson"], Table(COLUMNS, rows), Options()).split(b"\n")
    assert lines.pop() == b""
    assert [json.loads(line) for line in lines] == json.loads(render(FORMATS["json"], Table(COLUMNS, rows), Options()))


@given(ROWS)
def test_parquet_is_read_back_as_it_was_with_its_types(rows: list[Row]) -> None:
    written = render(FORMATS["parquet"], Table(COLUMNS, rows), Options())
    read = parquet.read_table(io.BytesIO(written))
    assert [tuple(row.values()) for row in read.to_pylist()] == [tuple(row) for row in rows]
    types = ["string", "int64", "double", "bool", "date32[day]", "timestamp[us, tz=UTC]"]
    assert [str(field.type) for field in read.schema] == types


@pytest.mark.parametrize("format_id", [name for name in FORMATS if name != "parquet"])
def test_exact_numbers_and_structures_are_written(format_id: str) -> None:
    table = Table((Column("share", "number"), Column("counts", "json")), [(Decimal("0.25"), {"new": 1})])
    assert render(FORMATS[format_id], table, Options()).decode() in (
        '[{"share":0.25,"counts":{"new":1}}]',
        'share,counts\r\n0.25,"{""new"":1}"\r\n',
        '{"share":0.25,"counts":{"new":1}}\n',
    )


@pytest.mark.parametrize(("format_id", "nothing"), [("json", b"[]"), ("csv", b"n\r\n"), ("ndjson", b"")])
def test_an_empty_table_has_its_columns(format_id: str, nothing: bytes) -> None:
    assert render(FORMATS[format_id], Table((Column("n"),)), Options()) == nothing
