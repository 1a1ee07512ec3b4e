"""Receipts and refused rows that are kept with their batch, and how they are read again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.database import Connection, Database
from app.ingest.receipt import in_order
from app.ingest.record import Refused
from app.table import Column, Row, Table

REFUSED_COLUMNS = tuple(map(Column, ("place", "code", "detail", "court", "number", "uid", "card_guid")))
_IDENTIFIERS = tuple(column.id for column in REFUSED_COLUMNS[3:])
_PAGE = 2_000

_BATCH = "SELECT author, receipt FROM batches WHERE batch_id = $1"
_COUNT = """
SELECT count(*), coalesce(sum(hashtextextended(r::text, 0)), 0)::text FROM refused_rows r WHERE batch_id = $1
"""
_REFUSED = f"""
SELECT position, place, code, detail, {", ".join(f"identifiers ->> '{name}' AS {name}" for name in _IDENTIFIERS)}
FROM refused_rows WHERE batch_id = $1 AND position > $2 ORDER BY position LIMIT {_PAGE}
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """A batch as it was kept: who sent it, and its receipt."""

    author: str
    receipt: dict[str, Any]


@dataclass(frozen=True, slots=True)
class RefusedRows:
    """Every refused row kept of a batch, in the order of the file, streamed; and what tells them from others."""

    table: Table
    fingerprint: str


async def keep_refused(connection: Connection, batch_id: UUID, refused: Sequence[Refused]) -> None:
    """Keep the refused rows of a batch: place, code, what would be right, identifiers; never a row's text."""
    rows = ((batch_id, n, row.place, row.code, row.detail, row.identifiers) for n, row in enumerate(refused, start=1))
    await connection.copy_records_to_table("refused_rows", records=rows)


async def get_batch(connection: Connection, batch_id: UUID) -> Kept | None:
    """A batch that was kept; None where there is none of that id."""
    row = await connection.fetchrow(_BATCH, batch_id)
    return Kept(row["author"], in_order(row["receipt"])) if row else None


async def find_refused(database: Database, batch_id: UUID) -> RefusedRows:
    """The refused rows of a batch; none where there is no such batch."""
    async with database.snapshot() as connection:
        total, fingerprint = await connection.fetchrow(_COUNT, batch_id)
    return RefusedRows(Table(REFUSED_COLUMNS, stream=_pages(database, batch_id), total=total), fingerprint)


async def _pages(database: Database, batch_id: UUID) -> AsyncIterator[list[Row]]:
    """Pages read each by itself, so that a slow caller keeps no connection; the rows never change."""
    position, is_more = 0, True
    while is_more:
        async with database.snapshot() as connection:
            rows = await connection.fetch(_REFUSED, batch_id, position)
        if rows:
            yield [tuple(row)[1:] for row in rows]
            position = rows[-1]["position"]
        is_more = len(rows) == _PAGE
