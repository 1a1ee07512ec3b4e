"""Keeps a removed person from coming back with the next file: rows that match are counted and dropped."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.db.database import Connection
from app.errors import Unavailable
from app.ingest.receipt import Tallied
from app.ingest.record import Outcome, Record, Refused
from app.ingest.removal import keys_of_refused
from app.records.removals import Known, Removed, uid_of

_COUNT = "SELECT count(*) FROM removals"
_NEW = """
SELECT s.line FROM stage s JOIN assigned a ON a.line = s.line WHERE s.place = ANY ($1::text[]) AND a.is_new
"""


class Suppression:
    """What was removed, held against the rows of one batch."""

    def __init__(self, removed: Removed, tallied: Tallied) -> None:
        self.removed = removed
        self.tallied = tallied
        self.by_uid: list[str] = []  # places of rows that have only a removed UID: they may be kin that is held

    def sift(self, outcomes: Iterable[Outcome]) -> Iterable[Outcome]:
        """The outcomes without rows about removed cases, and without what those were known by."""
        return self._sift(outcomes) if self.removed else outcomes

    async def settle(self, connection: Connection) -> int:
        """Drop rows of cases that would be new and have a removed UID; returns how many. Rows are assigned by then.

        Errors  Unavailable where a removal came between the reading and the turn
        """
        if await connection.fetchval(_COUNT) != len(self.removed.digests):
            detail = "Personal data was removed while this batch was read; send it again."
            raise Unavailable(detail, headers={"Retry-After": "1"})
        lines = [row["line"] for row in await connection.fetch(_NEW, self.by_uid)] if self.by_uid else []
        for table in ("stage", "assigned", "stage_keys") if lines else ():
            await connection.execute(f"DELETE FROM {table} WHERE line = ANY ($1::int[])", lines)
        self.tallied.counts["suppressed"] += len(lines)
        return len(lines)

    def _sift(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        for outcome in outcomes:
            match outcome:
                case Record() if self._has_any(_own_keys(outcome)):
                    self.tallied.received += 1
                    self.tallied.counts["suppressed"] += 1
                case Refused() if self._has_any(keys_of_refused(outcome.identifiers)):
                    yield replace(outcome, identifiers={})
                case _:
                    if isinstance(outcome, Record) and outcome.uid and uid_of(outcome.uid) in self.removed:
                        self.by_uid.append(outcome.place)
                    yield outcome

    def _has_any(self, keys: Iterable[Known]) -> bool:
        return any(known in self.removed for known in keys)


def _own_keys(record: Record) -> Iterator[Known]:
    """What a row says its case is known by at its court."""
    place = (record.court, record.instance)
    if record.card_guid:
        yield Known(*place, "guid", record.card_guid)
    for key in (record.number_key, *(key for _, key in record.previous)):
        if key:
            yield Known(*place, "number", key)
