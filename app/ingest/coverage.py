"""Coverage: which days of which courts a batch's source looked at, noted with the revision that it makes.

The order in which files come does not matter for what is held, but it does for what is new: an event of a day that a
source had looked at before is late, one of a day that nobody had looked at is newly found.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from app.db.database import Connection, load_statements
from app.ingest.record import Covered

_SQL = load_statements(__file__, "coverage.sql")


@dataclass(frozen=True, slots=True)
class Window:
    """Days that a source looked at, both ends included, in all courts of which it has rows."""

    starts_on: date
    ends_on: date
    is_whole: bool = True


async def stage_coverage(
    connection: Connection, window: Window | None, covered: Iterable[Covered], *, seen_on: date
) -> int:
    """Stage what the source looked at: a window for all courts of its rows, or one for each court that it names.

    Nothing can have been looked at after the day of seeing. Returns how many windows tell something new.
    """
    await connection.execute(_SQL["stage"])
    if window and window.starts_on <= seen_on:
        await connection.execute(_SQL["of_staged"], window.starts_on, min(window.ends_on, seen_on), window.is_whole)
    rows = [
        (one.court, one.starts_on, min(one.ends_on, seen_on), one.promised, one.received, one.is_whole)
        for one in covered
        if one.starts_on <= seen_on
    ]
    await connection.copy_records_to_table("looked_at", records=rows)
    await connection.execute(_SQL["drop_known"])
    count: int = await connection.fetchval("SELECT count(*) FROM looked_at")
    return count


async def write_coverage(connection: Connection, revision: int, *, source: str, seen_on: date) -> None:
    """Note the staged windows."""
    await connection.execute(_SQL["write"], revision, source, seen_on)
