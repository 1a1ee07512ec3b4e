"""Merges staged rows into the record: statements, versions, arrivals. One batch, one transaction."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from app.db.database import Connection, analyze, load_statements
from app.ingest.ahead import Ahead
from app.ingest.receipt import SHOWN, Tallied
from app.ingest.record import Refused
from app.ingest.staging import CHUNK, Staging, Terms, stage_new
from app.records.ids import show_id
from app.records.kin import restate_arrivals
from app.records.resolve import Body, keys_of, overlay, resolve
from app.records.writing import Versioned, stage_versions, write_versions

_SQL = load_statements(__file__, "merge.sql")
_ALIKE = _SQL["alike"].format(fresh=_SQL["fresh"])


@dataclass(frozen=True, slots=True)
class Merging:
    """A batch being merged, as a revision."""

    revision: int
    terms: Terms
    staging: Staging
    ahead: Ahead

    def sql(self, name: str) -> str:
        """A statement with the layer and the revision in it; both are ours, not a caller's."""
        return _SQL[name].format(layer=self.terms.layer, revision=self.revision, alike=_ALIKE)


async def refuse_repeated(connection: Connection, tallied: Tallied) -> None:
    """Refuse every row that claims a case which another row of the file claims too, and unstage it."""
    rows = await connection.fetch(_SQL["repeated"])
    for row in rows:
        detail = "Another record of this file is about the same case; give each case once."
        identifiers = {"court": row["court"], "number": row["number"] or ""}
        tallied.refuse(Refused(row["place"], "duplicate_in_file", detail, identifiers))
    lines = [row["line"] for row in rows]
    for table in ("stage", "assigned", "stage_keys"):
        await connection.execute(f"DELETE FROM {table} WHERE line = ANY($1::int[])", lines)


async def stage_changes(connection: Connection, merging: Merging, tallied: Tallied) -> int:
    """Work out what the staged rows change, into staged statements and versions.

    Returns how many statements would be new; 0 where the record stays as it is.
    """
    await connection.execute(merging.sql("judge"), merging.terms.digest)
    await connection.execute(analyze("judged"))
    outcomes = "SELECT outcome, count(*) FROM judged WHERE outcome <> 'candidate' GROUP BY outcome"
    for outcome, count in await connection.fetch(outcomes):
        tallied.counts[outcome] += count
    await _suspect(connection, merging, tallied)
    written = await _stage_fresh(connection, merging, tallied) + await _stage_changed(connection, merging, tallied)
    await connection.execute(merging.sql("note_sightings"))
    if written:
        await merging.ahead.check_kin(connection)
        await restate_arrivals(connection, merging.revision)
    return written


async def write_changes(connection: Connection, merging: Merging) -> None:
    """Write the staged statements and versions to the record."""
    identifiers = ("write_fresh_identifiers", "write_identifiers")
    names = ("write_cases", *identifiers, "supersede_statements", "write_statements")
    await connection.execute("; ".join((analyze("new_statements (court, case_id)"), *map(merging.sql, names))))
    await write_versions(connection, merging.revision)


async def _stage_fresh(connection: Connection, merging: Merging, tallied: Tallied) -> int:
    """Write the statements of new cases and stage their versions; returns how many there are with those gone ahead."""
    written = merging.ahead.cases
    cursor = await connection.cursor(merging.sql("fresh_cases"))
    while rows := await cursor.fetch(CHUNK):
        written += len(rows)
        await stage_new(connection, merging.staging.new(rows), merging.terms, merging.revision)
    tallied.counts["created"] += written
    return written


async def _stage_changed(connection: Connection, merging: Merging, tallied: Tallied) -> int:
    """Stage the statements and versions of cases that are held and change."""
    written = 0
    cursor = await connection.cursor(merging.sql("candidates"))
    while rows := await cursor.fetch(CHUNK):
        said = [merging.staging.bodies.at(row["line"]) for row in rows]
        merged = [_merge(row, body, merging) for row, body in zip(rows, said, strict=True)]
        for row, body, change in zip(rows, said, merged, strict=True):
            tallied.counts["changed" if change.is_one else "unchanged"] += 1
            if body.get("defendants") and change.body.get("defendants_changed"):
                tallied.confuse(row["place"], change.court, show_id(change.case_id))
        changes = [change for change in merged if change.is_one]
        written += len(changes)
        await connection.copy_records_to_table("new_statements", records=_statement_rows(changes, merging))
        await stage_versions(connection, [change.version for change in changes if change.version is not None])
    return written


async def keep_suspected(connection: Connection, merging: Merging) -> None:
    """Keep the pairs of cases that may be one, with the revision that found them, until somebody settles them."""
    await connection.execute(merging.sql("keep_suspected"))


async def _suspect(connection: Connection, merging: Merging, tallied: Tallied) -> None:
    for name in ("two_keys", "same_receipt"):
        for pair in (dict(row) for row in await connection.fetch(merging.sql(name))):
            if len(tallied.possible_duplicates) < SHOWN:
                ids = {side: show_id(UUID(pair[side])) for side in ("one", "other")}
                tallied.possible_duplicates.append({**pair, **ids})


@dataclass(slots=True)
class _Change:
    court: str
    case_id: UUID
    is_one: bool  # whether the layer says anything else than before
    seen_on: date
    row_hash: bytes
    body: Body
    version: Versioned | None


def _merge(row: Any, said: Body, merging: Merging) -> _Change:
    """What one row makes of its case, with the version where it is another."""
    own, other, terms = row["own"], row["other"], merging.terms
    is_card = terms.layer == "court_card"
    body = overlay(own, other, said, is_complete=terms.is_complete)
    is_change = body != own
    version = None
    if is_change:
        effective = resolve(body, other, terms.gravity) if is_card else resolve(other, body, terms.gravity)
        has_kin = effective.uid and not effective.is_set_aside
        derived = row["arrival"] if has_kin else None  # of kin, until they are looked at anew
        arrival = effective.arrival or derived or "new"
        is_same = arrival == row["arrival"] and effective.content_hash() == row["content_hash"]
        if not is_same or keys_of(body) != keys_of(own):
            number = (row["version"] or 0) + 1
            version = Versioned(
                row["court"], row["case_id"], merging.revision, number, row["instance"], arrival, effective
            )
    return _Change(row["court"], row["case_id"], is_change, row["seen_on"], row["row_hash"], body, version)


def _statement_rows(changes: list[_Change], merging: Merging) -> Iterator[tuple[Any, ...]]:
    for change in changes:
        yield (
            change.court,
            change.case_id,
            merging.terms.layer,
            merging.revision,
            None,
            change.seen_on,
            change.row_hash,
            merging.terms.digest,
            change.body,
            None,
        )
