"""JSON: one object for each row."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import orjson

from app.formats.writer import Format, Options
from app.table import Column, Row, Table


def dump(value: object) -> bytes:
    """A value as JSON: days and instants as ISO 8601, instants in UTC with Z."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_UTC_Z)


def json_list(written: bytes) -> orjson.Fragment:
    """A list, as a value, of what is JSON already, with commas between."""
    return orjson.Fragment(b"[%b]" % written)


def objects(table: Table) -> list[dict[str, Any]]:
    """The rows of a table as objects."""
    names = table.column_ids
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def _plain(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"no JSON for {type(value).__name__}")


class _JsonWriter:
    def __init__(self, columns: tuple[Column, ...], options: Options) -> None:
        del options  # JSON has one way
        self._names = tuple(column.id for column in columns)
        self._is_first = True

    def start(self) -> bytes:
        return b"["

    def rows(self, rows: Sequence[Row]) -> bytes:
        if not rows:
            return b""
        text = dump([dict(zip(self._names, row, strict=True)) for row in rows])[1:-1]
        before, self._is_first = (b"" if self._is_first else b","), False
        return before + text

    def end(self) -> bytes:
        return b"]"


JSON = Format("json", "application/json", "application/json", "json", is_flat=False, writer=_JsonWriter)
