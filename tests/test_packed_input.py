"""Inputs that are packed: read as if they were not, refused whole where they are damaged, cut or too large."""

import gzip
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.ingest.batch import read_outcomes
from app.ingest.encodings import ENCODINGS, Limits, inputs, open_input, read_rows
from app.ingest.layouts import LAYOUTS
from app.ingest.record import IngestError, Read, Record, Refused, Row
from tests.loading import case

LINES = "".join(f'{{"a": {n}}}\n' for n in range(1, 4)).encode()
ROWS = [Row(f"line {n}", {"a": n}) for n in range(1, 4)]


def read(folder: Path, content: bytes, encoding: str = "ndjson", **options: Any) -> list[Read]:
    path = folder / "input"
    path.write_bytes(content)
    return list(read_rows(open_input(path, **options), encoding))


def fault(folder: Path, content: bytes, **options: Any) -> IngestError:
    """The one error of an input that cannot be unpacked."""
    with pytest.raises(IngestError) as told:
        read(folder, content, **options)
    assert told.value.detail
    return told.value


@pytest.mark.parametrize("is_gzip", [True, None])
def test_gzip_is_read_as_what_is_in_it_whether_or_not_it_is_said(tmp_path: Path, is_gzip: bool | None) -> None:
    assert read(tmp_path, gzip.compress(LINES), is_gzip=is_gzip) == ROWS


@pytest.mark.parametrize("chunk_bytes", [1, 7, 2**18])
def test_members_and_padding_and_the_size_of_chunks_make_no_difference(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(inputs, "_CHUNK_BYTES", chunk_bytes)
    one, two, three = LINES.splitlines(keepends=True)
    packed = gzip.compress(one) + gzip.compress(b"") + gzip.compress(two + three[:3]) + gzip.compress(three[3:])
    assert read(tmp_path, packed + b"\0" * 20) == ROWS


@pytest.mark.parametrize("encoding", sorted(ENCODINGS.keys() - {"xlsx"}))
def test_a_gzip_of_nothing_is_an_empty_file(tmp_path: Path, encoding: str) -> None:
    (refused,) = read(tmp_path, gzip.compress(b""), encoding)
    assert isinstance(refused, Refused)
    assert (refused.place, refused.code) == ("file", "empty-file")


def test_a_gzip_cut_anywhere_is_refused_whole_with_the_byte(tmp_path: Path) -> None:
    packed = gzip.compress(LINES)
    for size in range(2, len(packed)):
        error = fault(tmp_path, packed[:size])
        assert (error.code, error.place) == ("gzip-truncated", f"byte {size}")
    cut_in_the_second = packed + packed[:15]
    assert fault(tmp_path, cut_in_the_second).place == f"byte {len(cut_in_the_second)}"


def test_a_damaged_gzip_is_refused_whole(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(LINES))
    packed[-6] ^= 1  # its checksum
    assert fault(tmp_path, bytes(packed)).code == "gzip-damaged"
    assert fault(tmp_path, gzip.compress(LINES) + b"rest").code == "gzip-damaged"


def test_what_is_said_to_be_gzip_must_be(tmp_path: Path) -> None:
    assert fault(tmp_path, LINES, is_gzip=True).code == "not-gzip"
    (refused,) = read(tmp_path, gzip.compress(LINES), is_gzip=False)
    assert isinstance(refused, Refused)
    assert "gzip" in refused.detail
    (tmp_path / "rows.ndjson.gz").write_bytes(LINES)
    with pytest.raises(IngestError) as told:
        open_input(tmp_path / "rows.ndjson.gz")
    assert told.value.code == "not-gzip"


def test_a_gzip_in_a_gzip_is_not_unpacked_twice(tmp_path: Path) -> None:
    (refused,) = read(tmp_path, gzip.compress(gzip.compress(LINES)))
    assert isinstance(refused, Refused)
    assert refused.code == "not-utf8"


def test_a_gzip_larger_than_the_limit_is_refused_by_its_size_unpacked(tmp_path: Path) -> None:
    packed = gzip.compress(LINES * 1000)
    assert fault(tmp_path, packed, limits=Limits(unpacked_bytes=5000)).code == "unpacked-too-large"
    assert len(read(tmp_path, packed, limits=Limits(unpacked_bytes=len(LINES) * 1000))) == 3000


@pytest.mark.parametrize("encoding", ["ndjson", "csv", "json"])
def test_a_bomb_is_refused_in_flat_memory(tmp_path: Path, encoding: str) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    packed = packer.compress(b"a,b\n")
    zeros = b"x" * 2**20
    for _ in range(300):
        packed += packer.compress(zeros)
    packed += packer.flush()
    tracemalloc.start()
    try:
        error = fault(tmp_path, packed, limits=Limits(line_bytes=2**20), encoding=encoding)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert error.code == "unpacked-too-large"
    assert "200 times" in error.detail
    assert peak < 60_000_000


def test_the_bytes_told_are_those_of_the_file(tmp_path: Path) -> None:
    told: list[int] = []
    packed = gzip.compress(LINES * 100_000, 1)
    read(tmp_path, packed, on_bytes=told.append)
    assert told == sorted(told)
    assert told[-1] == len(packed)


def test_packing_a_file_makes_it_no_other(tmp_path: Path) -> None:
    digests = set()
    for content in (LINES, gzip.compress(LINES, 1), gzip.compress(LINES, 9, mtime=7)):
        (tmp_path / "input").write_bytes(content)
        digests.add(open_input(tmp_path / "input").sha256)
    assert len(digests) == 1


@pytest.mark.parametrize("name", ["rows.ndjson.gz", "rows.NDJSON.GZ", "rows_gzip.json", "body"])
def test_the_ending_before_gz_or_the_caller_tells_the_encoding(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    text = json.dumps(case()) if "json" in name.rsplit(".", maxsplit=1)[-1] else json.dumps(case()) + "\n"
    path.write_bytes(gzip.compress(text.encode()))
    encoding = None if "." in name else "ndjson"
    (record,) = read_outcomes(path, LAYOUTS["house"], encoding=encoding)
    assert isinstance(record, Record)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    content=st.binary(max_size=300),
    flip=st.tuples(st.integers(0, 400), st.integers(0, 255)),
    encoding=st.sampled_from(sorted(ENCODINGS)),
)
def test_no_damage_raises_anything_else(tmp_path: Path, content: bytes, flip: tuple[int, int], encoding: str) -> None:
    packed = bytearray(gzip.compress(content))
    packed[2 + flip[0] % (len(packed) - 2)] ^= flip[1]
    try:
        assert read(tmp_path, bytes(packed), encoding)
    except IngestError as error:
        assert error.place.startswith("byte ") or encoding == "xlsx"
