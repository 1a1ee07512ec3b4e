"""NDJSON: one JSON object on each line."""

from collections.abc import Sequence

from app.formats.json import dump
from app.formats.writer import Copying, Format, Options
from app.table import Column, Row


class _NdjsonWriter:
    def __init__(self, columns: tuple[Column, ...], options: Options) -> None:
        del options  # JSON has one way
        self._names = tuple(column.id for column in columns)

    def start(self) -> bytes:
        return b""

    def rows(self, rows: Sequence[Row]) -> bytes:
        return b"".join(dump(dict(zip(self._names, row, strict=True))) + b"\n" for row in rows)

    def copied(self, piece: bytes) -> bytes:
        return piece

    def end(self) -> bytes:
        return b""


NDJSON = Format(
    "ndjson",
    "application/x-ndjson",
    "application/x-ndjson",
    "ndjson",
    is_flat=True,
    writer=_NdjsonWriter,
    nests=True,
    copying=Copying("objects", _NdjsonWriter),
)
