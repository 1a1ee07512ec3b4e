"""Staging: the rows of a batch as they are read, and what is made of those about new cases."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
from tempfile import TemporaryFile
from typing import IO, Any, NamedTuple
from uuid import UUID

import orjson

from app.db.database import Connection, load_statements
from app.records.resolve import Body, Gravity, overlay, resolve
from app.records.writing import STAGE as STAGE_VERSIONS
from app.records.writing import Versioned, stage_versions

CHUNK = 5_000
_COURT = attrgetter("court")
_SQL = load_statements(__file__, "merge.sql")
STAGE = f"{_SQL['staging']}; {STAGE_VERSIONS}"


@dataclass(frozen=True, slots=True)
class Terms:
    """How the rows of a batch become what is held."""

    layer: str
    is_complete: bool  # a row lists all defendants
    digest: bytes
    reference: int
    gravity: Gravity


class Staged(NamedTuple):
    """One row as its layout read it: the columns of `stage`, and then what it says."""

    line: int
    place: str
    court: str
    instance: str
    number: str | None
    number_key: str | None
    card_guid: str | None
    previous: list[str] | None  # none, rather than an empty list
    previous_keys: list[str] | None
    uid: str | None
    seen_on: date
    row_hash: bytes
    is_decided: bool
    received_on: date | None
    decided_on: date | None
    in_force_on: date | None
    candidate_id: str  # of its case, if that is new: a UUID
    body: Body


class New(NamedTuple):
    """A new case as the first row about it says."""

    court: str
    case_id: UUID
    instance: str
    seen_on: date
    row_hash: bytes
    said: Body


class Staging:
    """The rows of one batch: under their keys in temporary tables, and what they say in a file."""

    def __init__(self, terms: Terms, bodies: "Bodies") -> None:
        self.terms = terms
        self.rows = 0
        self.bodies = bodies

    async def take(self, connection: Connection, rows: Sequence[Staged]) -> None:
        """Stage the next rows."""
        self.rows += len(rows)
        self.bodies.add(row.body for row in rows)
        await connection.copy_records_to_table("stage", records=rows)  # which looks no further than its columns

    def new(self, rows: Iterable[Sequence[Any]]) -> list[New]:
        """New cases: of each the line, and then the fields of `New` that come before what was said.

        They come court by court, so that one place of an index after another is written to.
        """
        new = [New(*known, self.bodies.at(line)) for line, *known in rows]  # type: ignore[call-arg]
        return sorted(new, key=_COURT)


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
    """Write the statements of new cases, and stage their versions."""
    is_card = terms.layer == "court_card"
    statements, versions = [], []
    for one in new:
        body = overlay(None, None, one.said, is_complete=terms.is_complete)
        effective = resolve(body, None, terms.gravity) if is_card else resolve(None, body, terms.gravity)
        place = (one.court, one.case_id)
        versions.append(Versioned(*place, revision, 1, one.instance, effective.arrival or "new", effective))
        statements.append((*place, terms.layer, revision, None, one.seen_on, one.row_hash, terms.digest, body, None))
    await connection.copy_records_to_table("statements", records=statements)
    await stage_versions(connection, versions)
