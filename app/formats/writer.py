"""What every format is made of: a beginning, batches of rows, an end."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from app.table import Column, Row, Table

LabelStyle = Literal["id", "name", "both"]


def _unlabelled(codelist: str, code: str) -> str:
    return code


@dataclass(frozen=True, slots=True)
class Options:
    """How a flat format writes; `label` gives the name of a code of a code list."""

    delimiter: str = ","
    has_bom: bool = False
    labels: LabelStyle = "id"
    label: Callable[[str, str], str] = _unlabelled


class Writer(Protocol):
    """Writes one table."""

    def start(self) -> bytes:
        """What stands before the first row."""

    def rows(self, rows: Sequence[Row]) -> bytes:
        """A batch of rows."""

    def end(self) -> bytes:
        """What stands after the last row."""


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of bytes: its name, media type, file ending, and the maker of its writer."""

    id: str
    media_type: str
    content_type: str
    extension: str
    is_flat: bool
    writer: Callable[[tuple[Column, ...], Options], Writer]


def render(format_: Format, table: Table, options: Options) -> bytes:
    """The bytes of a table whose rows are at hand."""
    writer = format_.writer(table.columns, options)
    return writer.start() + writer.rows(table.rows) + writer.end()


async def stream(format_: Format, table: Table, options: Options) -> AsyncIterator[bytes]:
    """The bytes of a table, batch by batch as its rows come."""
    writer = format_.writer(table.columns, options)
    yield writer.start()
    if table.stream is None:
        yield writer.rows(table.rows)
    else:
        async for batch in table.stream:
            yield writer.rows(batch)
    yield writer.end()
