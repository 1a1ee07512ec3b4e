"""What every format is made of: a beginning, batches of rows, an end."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
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


class CopyWriter(Writer, Protocol):
    """Writes one table, whose rows may come from COPY."""

    def copied(self, piece: bytes) -> bytes:
        """Whole rows as COPY wrote them, in the way that the format's `copying` asks for."""


@dataclass(frozen=True, slots=True)
class Copying:
    """How Postgres is to write rows for a format: CSV cells without a header, or one JSON object on each line.

    `is_defused`: no cell may begin as a formula does; `has_dialect`: the delimiter asked for stands between cells.
    """

    shape: Literal["cells", "objects"]
    writer: Callable[[tuple[Column, ...], Options], CopyWriter]
    is_defused: bool = False
    has_dialect: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """A shape of bytes: its name, media type, file ending, and the maker of its writer.

    `is_flat`: rows of a table, and nothing around them; `nests`: of a list, its results as they are.
    `copying`: how COPY can write its rows, where it can.
    """

    id: str
    media_type: str
    content_type: str
    extension: str
    is_flat: bool
    writer: Callable[[tuple[Column, ...], Options], Writer]
    nests: bool = False
    copying: Copying | None = None


_ROW_BYTES = 100  # of what COPY wrote, on the average
Beside = Callable[[int, Callable[[], bytes]], Awaitable[bytes]]


async def _here(rows: int, work: Callable[[], bytes]) -> bytes:
    del rows
    return work()


def render(format_: Format, table: Table, options: Options) -> bytes:
    """The bytes of a table whose rows are at hand."""
    writer = format_.writer(table.columns, options)
    return writer.start() + writer.rows(table.rows) + writer.end()


async def stream(format_: Format, table: Table, options: Options, *, beside: Beside = _here) -> AsyncGenerator[bytes]:
    """The bytes of a table, batch by batch as its rows come; `beside` does the work of so many rows elsewhere."""
    writer = format_.writer(table.columns, options)
    yield writer.start()
    if table.stream is None:
        yield await beside(len(table.rows), partial(writer.rows, table.rows))
    else:
        async for batch in table.stream:
            yield await beside(len(batch), partial(writer.rows, batch))
    yield await beside(table.total or 0, writer.end)


async def copied(
    copying: Copying,
    columns: tuple[Column, ...],
    pieces: AsyncGenerator[bytes],
    options: Options,
    *,
    beside: Beside = _here,
) -> AsyncGenerator[bytes]:
    """The bytes of a table whose rows COPY writes, piece by piece as they come; each piece is whole rows.

    `beside` as in `stream`.
    """
    writer, held = copying.writer(columns, options), 0
    yield writer.start()
    async with aclosing(pieces):
        async for piece in pieces:
            rows = len(piece) // _ROW_BYTES
            if made := await beside(rows, partial(writer.copied, piece)):
                yield made
            held = held * (not made) + rows
    yield await beside(held, writer.end)
