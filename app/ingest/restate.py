"""Restates the record where this release counts otherwise: by other courts, offences, or another definition.

What that does to the numbers is a revision of cause `method`.
"""

from app.db.database import Connection, Database, take_turn
from app.errors import Unavailable
from app.records.kin import restate_arrivals
from app.records.publishing import NewRevision, publish
from app.records.reference import gravity_of, is_loaded, load_reference
from app.records.resolve import Gravity
from app.records.writing import STAGE, Versioned, stage_versions, write_versions
from app.statistics.definitions import DEFINITIONS, Method, current
from app.statistics.ledger import post
from app.vocabulary import Cause

_LIVE = """
SELECT v.court, v.case_id, v.version, v.instance, v.arrival, v.content_hash, card.body AS card, news.body AS newsroom
FROM versions v
LEFT JOIN statements card ON card.court = v.court AND card.case_id = v.case_id AND card.layer = 'court_card'
                         AND card.superseded_in IS NULL
LEFT JOIN statements news ON news.court = v.court AND news.case_id = v.case_id AND news.layer = 'newsroom'
                         AND news.superseded_in IS NULL
WHERE v.superseded_in IS NULL
"""
_IN_FORCE = "SELECT r.revision, r.reference, r.definition FROM published p JOIN revisions r ON r.revision = p.revision"
_CHUNK = 5_000


async def bring_method(database: Database) -> int | None:
    """Load the shipped courts and offences; returns the revision that restated the record, where one had to.

    The first load, and any load while the record is empty, is no revision.

    Errors  Unavailable where a later release has counted the record by a definition that this one does not know
    """
    async with database.writer() as connection:
        # every command asks: none should wait for an ingest to hear it
        if await is_loaded(connection) and await _definition_in_force(connection) == current():
            return None
        await take_turn(connection)
        _, reference = await load_reference(connection)
        held = await connection.fetchrow(_IN_FORCE)
        if held is None:
            return None
        before, now = Method(held["reference"], held["definition"]), Method(reference, current())
        return None if before == now else await _restate(connection, held["revision"] + 1, before, now)


async def _definition_in_force(connection: Connection) -> int:
    held = await connection.fetchrow(_IN_FORCE)
    if held is None:
        return current()
    if held["definition"] not in DEFINITIONS:
        raise Unavailable(
            f"A later release has counted this record, by definition {held['definition']}; this one knows"
            f" {current()}. Use that release."
        )
    return int(held["definition"])


async def _restate(connection: Connection, revision: int, before: Method, now: Method) -> int:
    await connection.execute(STAGE)
    changed = await _stage_changed(connection, revision, now, await gravity_of(connection, now.reference))
    if changed:
        await restate_arrivals(connection, revision)
    posted = await post(connection, revision, now.reference, cause=Cause.METHOD, before=before)
    await write_versions(connection, revision)
    await publish(
        connection,
        NewRevision(
            revision=revision,
            batch_id=None,
            cause="method",
            source="sudstat",
            layer=None,
            layout=None,
            author="sudstat",
            seen_on=None,
            published_at=None,
            is_synthetic=False,
            counts={"changed": changed},
            rows_written=posted,
            reference=now.reference,
            definition=now.definition,
            note=_note(before, now),
        ),
    )
    return revision


def _note(before: Method, now: Method) -> str:
    """What of the method changed, in words."""
    changes = {
        "Courts and offences: set": (before.reference, now.reference),
        "What counts: definition": (before.definition, now.definition),
    }
    return " ".join(f"{what} {new} instead of {old}." for what, (old, new) in changes.items() if old != new)


async def _stage_changed(connection: Connection, revision: int, now: Method, gravity: Gravity) -> int:
    """Stage the versions that the same statements now make, where they differ."""
    resolve = DEFINITIONS[now.definition].resolve
    changed = 0
    cursor = await connection.cursor(_LIVE)
    while rows := await cursor.fetch(_CHUNK):
        versions = []
        for row in rows:
            effective = resolve(row["card"], row["newsroom"], gravity)
            if effective.content_hash() != row["content_hash"]:
                arrival = effective.arrival or ("new" if effective.is_set_aside else row["arrival"])
                versions.append(
                    Versioned(
                        row["court"],
                        row["case_id"],
                        revision,
                        row["version"] + 1,
                        row["instance"],
                        arrival,
                        effective,
                    )
                )
        await stage_versions(connection, versions)
        changed += len(versions)
    return changed
