"""Writes versions: stages them in temporary tables, then adds them to the record.

Temporary `new_versions`, `new_defendants`, `new_charges` have the columns of the tables they go to, so that what
reads versions (the ledger's entries above all) reads either.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.database import Connection
from app.records.flat import flat_rows_of
from app.records.persons import write_persons
from app.records.resolve import Effective, Person

STAGE = """
CREATE TEMPORARY TABLE IF NOT EXISTS new_versions (LIKE versions) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS new_defendants (LIKE defendants) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS new_charges (LIKE charges) ON COMMIT DELETE ROWS;
CREATE TEMPORARY TABLE IF NOT EXISTS moved (court text, case_id uuid, arrival text) ON COMMIT DELETE ROWS
"""
STAGED = ("new_versions", "new_defendants", "new_charges", "moved")

_SUPERSEDE = """
UPDATE versions v SET superseded_in = {revision} FROM new_versions n
WHERE n.version > 1 AND v.court = n.court AND v.case_id = n.case_id AND v.superseded_in IS NULL
"""
_COLUMNS = {
    "versions": "superseded_in, version, instance, number, uid, received_on, arrival, decided_on, disposition,"
    " in_force_on, offence_received, offence_decided, is_withdrawn, merged_into, layers, conflicts, sources,"
    " content_hash, persons, flat_rows",
    "defendants": "defendant, ordinal, service_status, disposition, is_presumed, decided_on, offence_received,"
    " offence_decided, sentence_class, sentence_kind, sentence_execution, term_months, probation_months, fine_rub,"
    " regime, sentence_source",
    "charges": "defendant, position, offence, role, stage, episodes, is_principal",
}
"""Beside court, case and revision; written out, as the models of the tables are slow to import."""


@dataclass(slots=True)
class Versioned:
    """A version about to be written."""

    court: str
    case_id: UUID
    revision: int
    version: int
    instance: str
    arrival: str
    effective: Effective


async def stage_versions(connection: Connection, versions: Sequence[Versioned]) -> None:
    """COPY versions with their defendants and charges into the staging tables."""
    defendants: list[tuple[Any, ...]] = []
    charges: list[tuple[Any, ...]] = []
    rows = []
    for version in versions:
        for person in version.effective.persons:
            key = (version.court, version.case_id, version.revision, person.id)
            defendants.append(key + _defendant(person))
            charges += _charges(key, person)
        rows.append(_version_row(version))
    await connection.copy_records_to_table("new_versions", records=rows)
    await connection.copy_records_to_table("new_defendants", records=defendants)
    await connection.copy_records_to_table("new_charges", records=charges)


async def write_versions(connection: Connection, revision: int) -> None:
    """Supersede what the staged versions replace, and add them as those of the revision."""
    steps = [_SUPERSEDE.format(revision=revision)]
    for table, columns in _COLUMNS.items():
        to, values = f"court, case_id, revision, {columns}", f"court, case_id, {revision}, {columns}"
        steps.append(f"INSERT INTO {table} ({to}) SELECT {values} FROM new_{table}")
    await connection.execute("; ".join(steps))


async def unstage_versions(connection: Connection) -> None:
    """Leave nothing in the staging tables, where what is written goes on being staged."""
    await connection.execute(f"TRUNCATE {', '.join(STAGED)}")


def _version_row(v: Versioned) -> tuple[Any, ...]:
    e = v.effective
    merged_into = UUID(e.merged_into) if e.merged_into else None
    persons = write_persons(e.persons)
    return (
        v.court, v.case_id, v.revision, None, v.version, v.instance, e.number, e.uid, e.received_on, v.arrival,
        e.decided_on, e.disposition, e.in_force_on, e.offence_received, e.offence_decided, e.is_withdrawn,
        merged_into, e.layers, e.conflicts, e.sources, e.content_hash(), persons, flat_rows_of(e.persons),
    )  # fmt: skip


def _defendant(p: Person) -> tuple[Any, ...]:
    return (
        p.ordinal, p.service_status, p.disposition, p.is_presumed, p.decided_on, p.offence_received, p.offence_decided,
        p.sentence_class, p.sentence_kind, p.sentence_execution, p.term_months, p.probation_months, p.fine_rub,
        p.regime, p.sentence_source,
    )  # fmt: skip


def _charges(key: tuple[Any, ...], person: Person) -> Iterator[tuple[Any, ...]]:
    for position, c in enumerate(person.charges, start=1):
        yield (*key, position, c.offence, c.role, c.stage, c.episodes, c.is_principal)
