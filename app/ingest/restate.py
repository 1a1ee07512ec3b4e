"""Restates the record when the courts and offences shipped with the service change: a revision of cause `method`."""

from app.db.database import Connection, Database, take_turn
from app.records.kin import restate_arrivals
from app.records.publishing import NewRevision, publish
from app.records.reference import gravity_of, is_loaded, load_reference
from app.records.resolve import Gravity, resolve
from app.records.writing import STAGE, Versioned, stage_versions, write_versions
from app.statistics.ledger import DEFINITION, post
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
_PUBLISHED = "SELECT revision FROM published"
_CHUNK = 5_000


async def bring_reference(database: Database) -> int | None:
    """Load the shipped courts and offences; returns the revision that restated the record, where one had to.

    The first load, and any load while the record is empty, is no revision.
    """
    async with database.writer() as connection:
        if await is_loaded(connection):  # every command asks: none should wait for an ingest to hear it
            return None
        await take_turn(connection)
        before, now = await load_reference(connection)
        last: int = await connection.fetchval(_PUBLISHED)
        if before == now or last == 0:
            return None
        return await _restate(connection, last + 1, before, now)


async def _restate(connection: Connection, revision: int, before: int, now: int) -> int:
    await connection.execute(STAGE)
    changed = await _stage_changed(connection, revision, await gravity_of(connection, now))
    if changed:
        await restate_arrivals(connection, revision)
    posted = await post(connection, revision, now, cause=Cause.METHOD, before=before)
    await write_versions(connection)
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
            reference=now,
            definition=DEFINITION,
            note=f"Courts and offences: set {now} instead of {before}.",
        ),
    )
    return revision


async def _stage_changed(connection: Connection, revision: int, gravity: Gravity) -> int:
    """Stage the versions that the same statements now make, where they differ."""
    changed = 0
    cursor = await connection.cursor(_LIVE)
    while rows := await cursor.fetch(_CHUNK):
        versions = []
        for row in rows:
            effective = resolve(row["card"], row["newsroom"], gravity)
            if effective.content_hash != row["content_hash"]:
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
