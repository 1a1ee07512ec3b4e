"""Staging: all that can be done for a batch before its turn comes, while another is merged.

Every row is staged under its keys. Rows that seem to be of new cases become statements and versions at once; what
turns out otherwise, when the turn has come, is taken out again and goes the way of the other rows.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from tempfile import TemporaryFile
from typing import IO, Any
from uuid import UUID

import orjson

from app.db.database import Connection, load_statements
from app.records.resolve import Body, Gravity, overlay, resolve
from app.records.writing import STAGE as STAGE_VERSIONS
from app.records.writing import STAGED, Versioned, stage_versions

CHUNK = 5_000
_SAMPLE = 200
_UNNUMBERED = 0  # the revision of what is staged before it is known; the record gets the true one
_SQL = load_statements(__file__, "merge.sql")
_MADE = ("fresh_statements", *STAGED)
STAGE = f"{_SQL['staging']}; {STAGE_VERSIONS}"


@dataclass(frozen=True, slots=True)
class Terms:
    """How the rows of a batch become what is held."""

    layer: str
    is_complete: bool  # a row lists all defendants
    digest: bytes
    reference: int
    gravity: Gravity


@dataclass(slots=True)
class Staged:
    """One row as its layout read it."""

    line: int
    place: str
    court: str
    instance: str
    number: str | None
    number_key: str | None
    card_guid: str | None
    previous: list[str]
    previous_keys: list[str]
    uid: str | None
    seen_on: date
    row_hash: bytes
    is_decided: bool
    received_on: date | None
    decided_on: date | None
    in_force_on: date | None
    candidate_id: UUID  # of its case, if that is new
    body: Body


@dataclass(slots=True)
class New:
    """A new case as the first row about it says."""

    court: str
    case_id: UUID
    instance: str
    seen_on: date
    row_hash: bytes
    said: Body


class Staging:
    """The rows of one batch, and what has been made of them ahead of its turn."""

    def __init__(self, terms: Terms, bodies: "Bodies") -> None:
        self.terms = terms
        self.bodies = bodies
        self.made = 0

    async def take(self, connection: Connection, rows: Sequence[Staged], *, may_make: bool) -> None:
        """Stage the next rows; `may_make` is false where nothing will come of the batch."""
        makes = may_make and await _seem_new(connection, rows[:_SAMPLE])
        self.bodies.add(row.body for row in rows)
        await connection.copy_records_to_table("stage", records=_stage_rows(rows, is_made=makes))
        if makes:
            self.made += len(rows)
            new = [New(r.court, r.candidate_id, r.instance, r.seen_on, r.row_hash, r.body) for r in rows]
            await stage_new(connection, new, self.terms, _UNNUMBERED)

    async def settle(self, connection: Connection, terms: Terms) -> int:
        """Take out what is not as it seemed; returns how many new cases stand. Rows are judged by then."""
        stand = 0
        if self.made and terms.reference == self.terms.reference:
            stand = await connection.fetchval(f"SELECT count(*) FROM ({_SQL['standing']}) s")
        if not stand:
            await self.forget(connection)
        elif stand < self.made:
            for table in _MADE:
                standing = f"SELECT FROM ({_SQL['standing']}) s WHERE s.case_id = t.case_id"
                await connection.execute(f"DELETE FROM {table} t WHERE NOT EXISTS ({standing})")
        self.made = stand
        return stand

    async def forget(self, connection: Connection) -> None:
        """Take out all that was made."""
        if self.made:
            await connection.execute("; ".join(f"DELETE FROM {table}" for table in _MADE))
            await connection.execute("UPDATE stage SET is_made = false")
        self.made = 0


class Bodies:
    """What the rows of a batch say, in a file without a name; lines count from 1."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._next = 0  # the line that is read next; 0 while lines are added

    def add(self, bodies: Iterable[Body]) -> None:
        """Add what the next lines say."""
        self._file.writelines(orjson.dumps(body, option=orjson.OPT_APPEND_NEWLINE) for body in bodies)

    def at(self, line: int) -> Body:
        """What a line says; quick where lines are asked for as they rise."""
        if not 0 < self._next <= line:
            self._file.seek(0)
            self._next = 1
        while self._next < line:
            self._file.readline()
            self._next += 1
        self._next += 1
        body: Body = orjson.loads(self._file.readline())
        return body


@contextmanager
def open_bodies() -> Iterator[Bodies]:
    """Room for what the rows of a batch say, on disk, so that memory stays flat."""
    with TemporaryFile(prefix="sudstat-", buffering=1 << 16) as file:
        yield Bodies(file)


async def stage_new(connection: Connection, new: Sequence[New], terms: Terms, revision: int) -> None:
    """Stage the statements and versions of new cases."""
    is_card = terms.layer == "court_card"
    statements, versions = [], []
    for one in new:
        body = overlay(None, None, one.said, is_complete=terms.is_complete)
        effective = resolve(body, None, terms.gravity) if is_card else resolve(None, body, terms.gravity)
        place = (one.court, one.case_id)
        versions.append(Versioned(*place, revision, 1, one.instance, effective.arrival or "new", effective))
        statements.append((*place, terms.layer, revision, None, one.seen_on, one.row_hash, terms.digest, body, None))
    await connection.copy_records_to_table("fresh_statements", records=statements)
    await stage_versions(connection, versions)


async def _seem_new(connection: Connection, rows: Sequence[Staged]) -> bool:
    """Whether most of these rows are of cases that are not held, by the first key of each."""
    keys = [(r.court, r.instance, "guid" if r.card_guid else "number", r.card_guid or r.number_key) for r in rows]
    held: int = await connection.fetchval(_SQL["held_keys"], *map(list, zip(*keys, strict=True)))
    return 2 * held < len(rows)


def _stage_rows(rows: Iterable[Staged], *, is_made: bool) -> Iterator[tuple[Any, ...]]:
    for r in rows:
        yield (
            r.line, r.place, r.court, r.instance, r.number, r.number_key, r.card_guid, r.previous, r.previous_keys,
            r.uid, r.seen_on, r.row_hash, r.is_decided, r.received_on, r.decided_on, r.in_force_on, r.candidate_id,
            is_made,
        )  # fmt: skip
