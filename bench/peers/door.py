"""A side door for the bench: versions written as if they had been taken in, without files, statements and identity.

Ledger and tally are written by the service's own statements, so that what is read is the same; a hundred thousand cases
take seconds. What an ingest costs is measured elsewhere.
"""

from collections.abc import Iterator
from datetime import date
from itertools import islice
from typing import Any

from app.db.database import Connection, Database
from app.records.persons import write_persons
from app.records.publishing import NewRevision, publish
from app.records.resolve import Charge, Person
from app.records.writing import STAGE, write_versions
from app.statistics.definitions import current
from app.statistics.ledger import post
from bench.ingest import cases

_CHUNK = 20_000
_FLAT = """
CREATE TEMPORARY TABLE IF NOT EXISTS flat (place int, version int, court text, number text, received_on date,
    decided_on date, status text, offence text, execution text, term_months int, sentence_class text,
    sentence_kind text, persons text) ON COMMIT DELETE ROWS
"""
# One person with one charge each; $1 is the revision.
_STAGED = """
INSERT INTO new_versions
SELECT court, md5(place::text)::uuid, $1::int, NULL, version, 'first', number, NULL, received_on, 'new', decided_on,
       CASE WHEN decided_on IS NULL THEN 'pending' ELSE 'verdict' END, NULL, offence,
       offence, false, NULL,
       '["court_card"]', '[]', '[]', decode(md5(place::text || version), 'hex'), persons, 1
FROM flat;
"""
_PERSONS = """
INSERT INTO new_defendants
SELECT court, md5(place::text)::uuid, $1::int, 1, 1, status,
       CASE WHEN decided_on IS NULL THEN 'pending' ELSE 'convicted' END, decided_on IS NOT NULL AND term_months IS NULL,
       decided_on, offence, offence, sentence_class, sentence_kind, coalesce(execution, 'unknown'), term_months
FROM flat
"""
_CHARGES = """
INSERT INTO new_charges SELECT court, md5(place::text)::uuid, $1::int, 1, 1, offence, 'filed', 'completed', 1, false
FROM flat
"""
_CASES = """
INSERT INTO cases SELECT court, md5(place::text)::uuid, 'first', $1::int FROM flat WHERE version = 1
"""
_NUMBERS = """
INSERT INTO identifiers SELECT court, md5(place::text)::uuid, 'number', number, $1::int, NULL, 'first', number
FROM flat WHERE version = 1
"""


async def fill_directly(database: Database, size: int, revisions: int, corrected: int) -> None:
    """A record of so many cases in so many revisions; each corrects every so manieth case of the one before."""
    made, before, place = cases(size), list[tuple[tuple[Any, ...], dict[str, Any]]](), 0
    async with database.keeping_writer():
        for number in range(1, revisions + 1):
            count = number * size // revisions - (number - 1) * size // revisions
            came = list(islice(made, count))
            part = [_flat(place + step, case) for step, case in enumerate(came)]
            place += count
            again = [_flat(row[0], case, status="officer") for row, case in before[::corrected]]
            async with database.writer() as connection:
                await _write(connection, number, [*part, *again])
            before = list(zip(part, came, strict=True))
            if number % max(1, revisions // 20) == 0:
                print(f"{place:,} cases", flush=True)


async def _write(connection: Connection, revision: int, rows: list[tuple[Any, ...]]) -> None:
    await connection.execute(f"{STAGE}; {_FLAT}")
    for chunk in _chunks(rows):
        await connection.copy_records_to_table("flat", records=chunk)
    for statement in (_STAGED, _PERSONS, _CHARGES, _CASES, _NUMBERS):
        await connection.execute(statement, revision)
    reference = await connection.fetchval("SELECT max(reference) FROM reference_sets")
    written = await post(connection, revision, reference)
    await write_versions(connection, revision)
    await publish(
        connection,
        NewRevision(
            revision, None, "load", "bench", "court_card", "house", "bench", date(2024, 8, 1), None, False,
            {}, written, reference, current(),
        ),
    )  # fmt: skip


def _chunks(rows: list[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    return (rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK))


def _flat(place: int, case: dict[str, Any], *, status: str | None = None) -> tuple[Any, ...]:
    """A case as a row of `flat`; in a second version, where its person's status is said anew."""
    (said,) = case["defendants"]
    sentence = said.get("sentence", {})
    decided_on = date.fromisoformat(case["decided_on"]) if case.get("decided_on") else None
    offence, execution, term_months = (
        said["charges"][0]["offence"],
        sentence.get("execution"),
        sentence.get("term_months"),
    )
    kind = "unknown" if term_months is None else "imprisonment"
    class_ = {"suspended": "suspended", "immediate": "custodial"}.get(execution, "unknown")
    disposition = "pending" if decided_on is None else "convicted"
    person = Person(
        1, 1, status or said["service_status"], disposition, decided_on is not None and term_months is None, decided_on,
        offence, offence, class_, kind, execution or "unknown", term_months, None, None, None, None,
        (Charge(offence, "filed", "completed", 1, False),),
    )  # fmt: skip
    return (
        place, 2 if status else 1, case["court"], case["number"], date.fromisoformat(case["received_on"]), decided_on,
        person.service_status, offence, execution, term_months, class_, kind, write_persons([person]),
    )  # fmt: skip
