"""Table and Column: the one shape in which results leave a room."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

ColumnType = Literal["text", "integer", "number", "boolean", "day", "instant", "json"]
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, type, unit, and the code list its values come from."""

    id: str
    type: ColumnType = "text"
    unit: str | None = None
    codelist: str | None = None
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns that are known before the first row.

    `rows` are tuples as wide as `columns`, either all at hand or streamed in batches by `stream`.
    `total` is how many rows there are, where that is known.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Row] = ()
    stream: AsyncIterator[Sequence[Row]] | None = None
    total: int | None = None
    warnings: tuple[dict[str, Any], ...] = field(default=())

    @property
    def column_ids(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.id for column in self.columns)
