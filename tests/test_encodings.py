"""Encodings: bytes to rows in flat memory; what is wrong is named by place, never shown."""

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ingest.encodings import ENCODINGS, Limits, inputs, open_input, read_rows
from app.ingest.record import Read, Refused, Row, Warned

CANARY = "Канарейкин"
TEXTS = sorted(ENCODINGS.keys() - {"xlsx"})


def read(folder: Path, content: bytes | str, encoding: str = "ndjson", limit: int = 1000) -> list[Read]:
    path = folder / "input"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return list(read_rows(open_input(path, is_gzip=False, limits=Limits(line_bytes=limit)), encoding))


def places(rows: list[Read]) -> list[tuple[str, str]]:
    return [(row.place, row.code if isinstance(row, Refused) else "row") for row in rows if not isinstance(row, Warned)]


# ── NDJSON ─────────────────────────────────────────────────────────────────────────────────────


def test_each_line_is_a_row_with_its_number_and_blank_lines_count(tmp_path: Path) -> None:
    rows = read(tmp_path, '\ufeff{"a": 1}\r\n\r\n  \n{"a": 2}\n{"a": 1, "a": 3}')
    assert rows == [Row("line 1", {"a": 1}), Row("line 4", {"a": 2}), Row("line 5", {"a": 3})]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{a: 1}", "not-json"),
        (b'{"a": NaN}', "not-json"),
        (b'{"a": -Infinity}', "not-json"),
        (b'{"a": 1e999}', "not-json"),
        (b'{"a": "\\ud800"}', "not-json"),
        (b"[" * 5000, "not-json"),
        (b"[1]", "not-an-object"),
        (b'"text"', "not-an-object"),
        (b"null", "not-an-object"),
        (b'{"a": "\\u0000"}', "nul-character"),
        (b'{"\\u0000": 1}', "nul-character"),
        (b'{"a": [{"b": "x\\u0000"}]}', "nul-character"),
        (b'{"a": "\0"}', "nul-character"),
        (b'{"a": "\xff"}', "not-utf8"),
        (b'{"a": "' + b"x" * 6000 + b'"}', "line-too-long"),
    ],
)
def test_a_bad_line_is_refused_and_reading_goes_on(tmp_path: Path, line: bytes, code: str) -> None:
    rows = read(tmp_path, b'{"a": 1}\n' + line + b'\n{"a": 2}\n', limit=5500)
    assert places(rows) == [("line 1", "row"), ("line 2", code), ("line 3", "row")]


def test_an_escaped_backslash_before_u0000_is_no_nul(tmp_path: Path) -> None:
    assert read(tmp_path, b'{"a": "\\\\u0000"}\n') == [Row("line 1", {"a": "\\u0000"})]


@pytest.mark.parametrize("cut", ['{"a": "x', '{"a": tru', '{"a": {"b": 1}', '{"a": "\\u04', '{"a"'])
def test_a_last_line_that_breaks_off_is_truncated(tmp_path: Path, cut: str) -> None:
    assert places(read(tmp_path, '{"a": 1}\n' + cut)) == [("line 1", "row"), ("line 2", "truncated")]


def test_a_line_cut_within_a_letter_is_truncated_but_a_whole_one_is_not_utf8(tmp_path: Path) -> None:
    assert places(read(tmp_path, b'{"a": "\xd0')) == [("line 1", "truncated")]
    assert places(read(tmp_path, b'{"a": "\xd0"}')) == [("line 1", "not-utf8")]


def test_a_line_in_windows_1251_is_named_with_the_byte_and_the_likely_encoding(tmp_path: Path) -> None:
    bad = '{"a": "Вынесен"}'.encode("cp1251")
    (refused,) = (row for row in read(tmp_path, '{"a": "Суд"}\n'.encode() + bad + b"\n") if isinstance(row, Refused))
    assert (refused.place, refused.code) == ("line 2", "not-utf8")
    assert "Byte 8 " in refused.detail
    assert "looks like windows-1251" in refused.detail


def test_a_file_wholly_in_windows_1251_is_one_refusal(tmp_path: Path) -> None:
    rows = read(tmp_path, '{"a": "Вынесен"}\n{"a": "Приговор"}\n{"a": 1}\n'.encode("cp1251"))
    assert places(rows) == [("file", "not-utf8")]
    assert isinstance(rows[0], Refused)
    assert "windows-1251" in rows[0].detail


def test_a_head_cut_within_a_letter_is_no_fault_of_the_file(tmp_path: Path) -> None:
    line = '{"a": "' + "ж" * 20_000 + '"}\n'
    assert places(read(tmp_path, "{}\n" + line * 4, limit=50_000)) == [(f"line {n}", "row") for n in range(1, 6)]


def test_a_letter_cut_by_the_heads_end_does_not_make_one_bad_line_a_bad_file(tmp_path: Path) -> None:
    bad = '{"a": "Суд"}\n'.encode("cp1251")
    for blanks in (0, 1):
        long = b'{"a": "' + b" " * blanks + ("ж" * 40_000).encode() + b'"}\n'
        assert places(read(tmp_path, bad + long, limit=100_000)) == [("line 1", "not-utf8"), ("line 2", "row")]


@pytest.mark.parametrize("codec", ["utf-16", "utf-32", "utf-16-be"])
def test_other_unicode_encodings_are_named(tmp_path: Path, codec: str) -> None:
    content = ("\ufeff" if codec == "utf-16-be" else "") + '{"a": 1}\n'
    rows = read(tmp_path, content.encode(codec))
    assert places(rows) == [("file", "not-utf8")]
    assert isinstance(rows[0], Refused)
    assert "UTF-16" in rows[0].detail or "UTF-32" in rows[0].detail


@pytest.mark.parametrize("content", [b"", b"\n \r\n\t\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf \n"])
@pytest.mark.parametrize("encoding", TEXTS)
def test_a_file_without_rows_is_one_refusal_in_every_encoding(tmp_path: Path, content: bytes, encoding: str) -> None:
    assert places(read(tmp_path, content, encoding)) == [("file", "empty-file")]


def test_an_array_where_lines_were_expected_is_one_refusal(tmp_path: Path) -> None:
    rows = read(tmp_path, b'\xef\xbb\xbf\n [{"a": 1},\n{"a": 2}]\n')
    assert places(rows) == [("file", "array-where-lines-expected")]
    assert isinstance(rows[0], Refused)
    assert "NDJSON" in rows[0].detail
    assert ".json" in rows[0].detail


def test_an_object_spread_over_lines_is_one_refusal(tmp_path: Path) -> None:
    assert places(read(tmp_path, '{\n "a": 1\n}\n')) == [("file", "not-json")]


def test_a_line_of_any_length_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = tmp_path / "input"
    with path.open("wb") as file:
        file.write(b'{"a": 1}\n')
        for _ in range(64):
            file.write(b"x" * 1_000_000)
        file.write(b'\n{"a": 2}\n')
        for _ in range(8):
            file.write(b"y" * 1_000_000)
    tracemalloc.start()
    try:
        rows = list(read_rows(open_input(path, limits=Limits(line_bytes=100_000)), "ndjson"))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert places(rows) == [
        ("line 1", "row"),
        ("line 2", "line-too-long"),
        ("line 3", "row"),
        ("line 4", "line-too-long"),
    ]
    assert peak < 5_000_000


def test_the_limit_is_exact_across_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "_CHUNK_BYTES", 7)
    line = b'{"a": "xxxxxxxxxxxx"}'
    assert places(read(tmp_path, line + b"\n" + line, limit=len(line))) == [("line 1", "row"), ("line 2", "row")]
    assert places(read(tmp_path, line + b"\n{}", limit=len(line) - 1)) == [
        ("line 1", "line-too-long"),
        ("line 2", "row"),
    ]


@pytest.mark.parametrize("encoding", ["ndjson", "json", "csv"])
def test_bytes_consumed_rise_to_the_size_of_the_file(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "input"
    rows = ["a,b"] * 100_000 if encoding == "csv" else ['{"a": 1}'] * (1 if encoding == "json" else 100_000)
    path.write_text("\n".join(rows))
    told: list[int] = []
    list(read_rows(open_input(path, on_bytes=told.append), encoding))
    assert told == sorted(told)
    assert told[-1] == path.stat().st_size


# ── JSON ───────────────────────────────────────────────────────────────────────────────────────


def test_a_json_file_is_an_array_or_records_or_one_object(tmp_path: Path) -> None:
    assert read(tmp_path, '[{"a": 1}, 2, {"a": 3}]', "json") == [
        Row("/0", {"a": 1}),
        Refused("/1", "not-an-object", "A record is a JSON object, `{…}`."),
        Row("/2", {"a": 3}),
    ]
    assert read(tmp_path, '{"records": [{"a": 1}]}', "json") == [Row("/records/0", {"a": 1})]
    assert read(tmp_path, '\ufeff\n{"a":\n 1}\n', "json") == [Row("/", {"a": 1})]
    assert read(tmp_path, '{"records": 1}', "json") == [Row("/", {"records": 1})]
    assert places(read(tmp_path, "7", "json")) == [("/", "not-an-object")]
    assert places(read(tmp_path, "[]", "json")) == [("file", "empty-file")]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'[{"a": 1}, {"a"', "truncated"),
        (b'[{"a": 1}', "truncated"),
        (b'[{"a": NaN}]', "not-json"),
        (b'{"a": 1}\n{"a": 2}\n', "not-json"),
        (b'[{"a": "\xc2\xfb\xed"}]', "not-utf8"),
    ],
)
def test_a_json_file_that_cannot_be_parsed_is_one_refusal(tmp_path: Path, content: bytes, code: str) -> None:
    assert places(read(tmp_path, content, "json")) == [("file", code)]


def test_a_json_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_text('[{"a": 1}, {"a": 2}]')
    rows = list(read_rows(open_input(path, limits=Limits(held_bytes=10)), "json"))
    assert places(rows) == [("file", "file-too-large")]
    assert isinstance(rows[0], Refused)
    assert "NDJSON takes any size" in rows[0].detail


def test_nul_in_one_item_of_an_array_refuses_that_item(tmp_path: Path) -> None:
    assert places(read(tmp_path, '[{"a": "\\u0000"}, {"a": 1}]', "json")) == [("/0", "nul-character"), ("/1", "row")]


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_csv_takes_its_delimiter_from_the_header(tmp_path: Path, delimiter: str, mark: str) -> None:
    lines = (mark + "a|b|c", '1|"x ""y"" |"|', "2||")
    rows = read(tmp_path, "\r\n".join(lines).replace("|", delimiter) + "\r\n", "csv")
    assert rows == [
        Row("line 2", {"a": "1", "b": f'x "y" {delimiter}', "c": ""}),
        Row("line 3", {"a": "2", "b": "", "c": ""}),
    ]


def test_rows_without_any_cell_are_blank(tmp_path: Path) -> None:
    assert places(read(tmp_path, "\na,b\n1,2\n,\n\n3,4\n", "csv")) == [("line 3", "row"), ("line 6", "row")]


@pytest.mark.parametrize("encoding", ["csv", "csv-raw"])
def test_a_row_of_another_width_is_refused_with_both_widths(tmp_path: Path, encoding: str) -> None:
    rows = read(tmp_path, "a;b\n1;2;3\n1\n1;2\n1", encoding)
    assert places(rows) == [
        ("line 2", "csv-columns"),
        ("line 3", "csv-columns"),
        ("line 4", "row"),
        ("line 5", "truncated"),
    ]
    assert isinstance(rows[0], Refused)
    assert "3 fields where the header has 2" in rows[0].detail


def test_an_open_quote_spoils_its_own_line_only(tmp_path: Path) -> None:
    rows = read(tmp_path, 'a,b\n1,"2\n3,4\n5,"6"x\n7,8\n', "csv")
    assert places(rows) == [
        ("line 2", "csv-columns"),
        ("line 3", "row"),
        ("line 4", "csv-columns"),
        ("line 5", "row"),
    ]


def test_a_quoted_cell_may_span_lines(tmp_path: Path) -> None:
    rows = read(tmp_path, 'a,b\r\n1,"x\r\n3,4\r\ny"\r\n"5\n6",7\n8,9\n', "csv")
    assert rows == [
        Row("line 2", {"a": "1", "b": "x\n3,4\ny"}),
        Row("line 5", {"a": "5\n6", "b": "7"}),
        Row("line 7", {"a": "8", "b": "9"}),
    ]


def test_one_quote_too_many_does_not_swallow_the_file(tmp_path: Path) -> None:
    rows = read(tmp_path, 'a,b\n1,"2\n' + "3,4\n" * 50 + '5,"6\n', "csv")
    assert places(rows)[0] == ("line 2", "csv-columns")
    assert places(rows)[-1] == ("line 53", "csv-columns")
    assert [code for _, code in places(rows)[1:-1]] == ["row"] * 50


def test_the_raw_csv_knows_no_quotes(tmp_path: Path) -> None:
    assert read(tmp_path, 'a;b\n"x;y"\n', "csv-raw") == [Row("line 2", {"a": '"x', "b": 'y"'})]
    assert read(tmp_path, "a;b\n1;2\r3\r\n", "csv-raw") == [Row("line 2", {"a": "1", "b": "2\r3"})]


@pytest.mark.parametrize("header", ["a,b,a", "a,,b", "a", "court,Иванов", ",", '"a,b', "1,2"])
def test_a_header_that_names_no_columns_refuses_the_file(tmp_path: Path, header: str) -> None:
    rows = read(tmp_path, f"{header}\n1,2,3\n", "csv")
    assert places(rows) == [("file", "csv-header")]
    assert "Иванов" not in repr(rows)


def test_a_bad_line_of_csv_is_refused_and_reading_goes_on(tmp_path: Path) -> None:
    content = b"a,b\n" + "суд,1\n".encode() + "суд,2\n".encode("cp1251") + b"x\0,1\n" + b"y" * 50 + b",1\n1,2\n"
    assert places(read(tmp_path, content, "csv", limit=40)) == [
        ("line 2", "row"),
        ("line 3", "not-utf8"),
        ("line 4", "nul-character"),
        ("line 5", "line-too-long"),
        ("line 6", "row"),
    ]


def test_a_header_alone_is_an_empty_file(tmp_path: Path) -> None:
    assert places(read(tmp_path, "a,b\n", "csv")) == [("file", "empty-file")]


# ── Laws ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", TEXTS)
def test_no_refusal_shows_the_text(tmp_path: Path, encoding: str) -> None:
    broken = [
        f'{{"a": "{CANARY}", }}',
        f'{{"{CANARY}": "x\\u0000"}}',
        f'["{CANARY}"]',
        f"{CANARY};{CANARY};{CANARY}",
        CANARY * 200,
    ]
    for content in ("\n".join(broken), *broken, "a,b\n" + "\n".join(broken), f"a;b\n{CANARY}"):
        for raw in (content.encode(), content.encode("cp1251"), content.encode("utf-16")):
            rows = read(tmp_path, raw, encoding, limit=500)
            refused = [row for row in rows if isinstance(row, Refused)]
            assert refused
            assert CANARY not in repr(refused)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs", "Cc"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", max_size=3), inner, max_size=3),
    max_leaves=6,
)
relaxed = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)


@relaxed
@given(objects=st.lists(st.dictionaries(st.text("abc", max_size=3), json_values, max_size=3), min_size=1, max_size=5))
def test_what_is_written_as_lines_or_as_an_array_is_read_again(tmp_path: Path, objects: list[dict[str, Any]]) -> None:
    lines = "\n".join(json.dumps(value, ensure_ascii=False) for value in objects)
    assert [row.value for row in rows_of(read(tmp_path, lines, limit=10**6))] == objects
    array = json.dumps(objects)
    assert [row.value for row in rows_of(read(tmp_path, array, "json"))] == objects


def rows_of(rows: list[Read]) -> Iterator[Row]:
    for row in rows:
        assert isinstance(row, Row)
        yield row


@relaxed
@given(content=st.binary(max_size=400), encoding=st.sampled_from(TEXTS))
def test_no_bytes_raise(tmp_path: Path, content: bytes, encoding: str) -> None:
    assert read(tmp_path, content, encoding, limit=60)
