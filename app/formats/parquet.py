"""Parquet: typed columns, in row groups as the rows come. pyarrow is imported when it is first written."""

from collections.abc import Sequence
from datetime import UTC, datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from app.formats.csv import text_of
from app.formats.writer import Copying, Format, Options
from app.table import Column, ColumnType, Row

if TYPE_CHECKING:
    import pyarrow

_GROUP_ROWS = 50_000
_GROUP_BYTES = 8 * 1024 * 1024  # of what COPY wrote: about as many rows of cases


class _ParquetWriter:
    """Writes into a buffer that is emptied after each row group; in it, places are counted from the first byte."""

    def __init__(self, columns: tuple[Column, ...], options: Options) -> None:
        del options  # codes are codes; a name is a look-up away
        import pyarrow  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415

        self._arrow = pyarrow
        self._columns = columns
        self._schema = pyarrow.schema([_field(pyarrow, column) for column in columns])
        self._sink = _Sink()
        self._writer = pyarrow.parquet.ParquetWriter(
            pyarrow.PythonFile(self._sink, "w"), self._schema, compression="zstd"
        )
        self._rows: list[Row] = []
        self._pieces: list[bytes] = []
        self._bytes = 0

    def start(self) -> bytes:
        return self._sink.taken()

    def rows(self, rows: Sequence[Row]) -> bytes:
        self._rows.extend(rows)
        return self._write_rows() if len(self._rows) >= _GROUP_ROWS else b""

    def copied(self, piece: bytes) -> bytes:
        self._pieces.append(piece)
        self._bytes += len(piece)
        return self._write_pieces() if self._bytes >= _GROUP_BYTES else b""

    def end(self) -> bytes:
        last = (self._write_rows() if self._rows else b"") + (self._write_pieces() if self._pieces else b"")
        self._writer.close()
        return last + self._sink.taken()

    def _write_rows(self) -> bytes:
        rows, self._rows = self._rows, []
        arrays = [
            self._arrow.array([_value(column.type, row[place]) for row in rows], self._schema.field(place).type)
            for place, column in enumerate(self._columns)
        ]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))
        return self._sink.taken()

    def _write_pieces(self) -> bytes:
        """A row group of what COPY wrote: whole lines of plain CSV, without a header."""
        from pyarrow import csv  # noqa: PLC0415

        whole, self._pieces, self._bytes = b"".join(self._pieces), [], 0
        table = csv.read_csv(
            self._arrow.BufferReader(whole),
            read_options=csv.ReadOptions(column_names=self._schema.names, use_threads=False),
            parse_options=csv.ParseOptions(newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=self._schema, null_values=[""], strings_can_be_null=True, quoted_strings_can_be_null=False
            ),
        )
        self._writer.write_table(table.combine_chunks())
        self._arrow.default_memory_pool().release_unused()
        return self._sink.taken()


class _Sink(BytesIO):
    """What was written since it was last taken."""

    _gone = 0

    def tell(self) -> int:
        return self._gone + super().tell()

    def taken(self) -> bytes:
        piece = self.getvalue()
        self._gone += len(piece)
        self.seek(0)
        self.truncate()
        return piece

    def close(self) -> None:
        """Stay readable: what was written last is still to be taken."""


def _field(arrow: Any, column: Column) -> "pyarrow.Field":
    types: dict[ColumnType, Any] = {
        "integer": arrow.int64(),
        "number": arrow.float64(),
        "boolean": arrow.bool_(),
        "day": arrow.date32(),
        "instant": arrow.timestamp("us", "UTC"),
    }
    said = {"unit": column.unit, "codelist": column.codelist}
    return arrow.field(
        column.id, types.get(column.type, arrow.string()), metadata={name: one for name, one in said.items() if one}
    )


def _value(type_: ColumnType, value: Any) -> Any:
    if value is None:
        return None
    if type_ == "number":
        return float(value)
    if type_ in ("text", "json"):
        return value if isinstance(value, str) else text_of(value)
    if type_ == "instant" and isinstance(value, str):
        return datetime.fromisoformat(value).astimezone(UTC)
    return value


PARQUET = Format(
    "parquet",
    "application/vnd.apache.parquet",
    "application/vnd.apache.parquet",
    "parquet",
    is_flat=True,
    writer=_ParquetWriter,
    copying=Copying("cells", _ParquetWriter),
)
