"""Publishes a revision: notes it, checks what it wrote, and moves the pointer that readers follow."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from app.db.database import Connection
from app.errors import Fault, InvalidParameters


@dataclass(frozen=True, slots=True)
class NewRevision:
    """A revision about to be published; without `published_at` it is now."""

    revision: int
    batch_id: UUID | None
    cause: str
    source: str
    layer: str | None
    layout: str | None
    author: str
    seen_on: date | None
    published_at: datetime | None
    is_synthetic: bool
    counts: dict[str, int]
    rows_written: dict[str, int]
    reference: int
    definition: int
    note: str | None = None


class TornRevision(Exception):
    """A revision did not write the rows that it should have; nothing of it is kept."""


_LAST = "SELECT max(published_at) FROM revisions"
_SOURCE = "INSERT INTO sources VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_REVISION = """
INSERT INTO revisions (revision, batch_id, recorded_at, published_at, cause, source, layer, layout, author, note,
                       seen_on, is_synthetic, is_backdated, counts, rows_written, reference, definition, cases,
                       flat_rows)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
       coalesce(before.cases, 0) + coalesce(sum(moved.n), 0),
       coalesce(before.flat_rows, 0) + coalesce(sum(moved.n * moved.flat_rows), 0)
FROM (SELECT) AS one LEFT JOIN revisions before ON before.revision = $1 - 1
LEFT JOIN (
    SELECT 1 AS n, v.flat_rows FROM versions v
    WHERE v.revision = $1 AND NOT v.is_withdrawn AND v.merged_into IS NULL
    UNION ALL
    SELECT -1, b.flat_rows FROM versions v
    JOIN versions b ON b.court = v.court AND b.case_id = v.case_id AND b.superseded_in = $1
    WHERE v.revision = $1 AND v.version > 1 AND NOT b.is_withdrawn AND b.merged_into IS NULL
) AS moved ON true
GROUP BY before.cases, before.flat_rows
"""
_WRITTEN = "SELECT count(*) FROM ledger WHERE revision = $1"
_POINT = "UPDATE published SET revision = $1"


async def publish(connection: Connection, new: NewRevision) -> datetime:
    """Note a revision and let readers see it; returns when it was published.

    Errors  InvalidParameters for a time of publication in the future or before the last revision's;
            TornRevision where rows are missing
    """
    recorded_at = datetime.now(UTC)
    last: datetime | None = await connection.fetchval(_LAST)
    published_at = _published_at(new, recorded_at, last)
    await connection.execute(_SOURCE, new.source, new.revision, new.is_synthetic)
    await connection.execute(_REVISION, *_row(new, recorded_at, published_at))
    written = await connection.fetchval(_WRITTEN, new.revision)
    if written != new.rows_written["ledger"]:
        raise TornRevision(f"revision {new.revision}: {written} ledger rows, not {new.rows_written['ledger']}")
    await connection.execute(_POINT, new.revision)
    await connection.execute("SELECT pg_notify('sudstat_revision', $1)", str(new.revision))
    return published_at


def _published_at(new: NewRevision, recorded_at: datetime, last: datetime | None) -> datetime:
    if new.published_at is None:
        return max(recorded_at, last) if last else recorded_at
    if new.published_at > recorded_at:
        raise _refused("is in the future")
    if last is not None and new.published_at < last:
        raise _refused(f"is before the last revision's, {last:%Y-%m-%dT%H:%M:%SZ}")
    return new.published_at


def _refused(why: str) -> InvalidParameters:
    detail = f"The time of publication {why}."
    return InvalidParameters(detail, [Fault("bad-published-at", detail, parameter="published-at")])


def _row(new: NewRevision, recorded_at: datetime, published_at: datetime) -> tuple[Any, ...]:
    return (
        new.revision, new.batch_id, recorded_at, published_at, new.cause, new.source, new.layer, new.layout,
        new.author, new.note, new.seen_on, new.is_synthetic, new.published_at is not None, new.counts,
        new.rows_written, new.reference, new.definition,
    )  # fmt: skip
