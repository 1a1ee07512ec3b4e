"""Growth: after the record has grown fourfold, the planner is told so at once.

Autovacuum looks once a minute. Until then the plans of a record that was just loaded are those of an empty one.
"""

from app.db.database import Connection, Database

_HAS_GROWN = """
SELECT coalesce(sum((rows_written ->> 'ledger')::bigint), 0) > 4 * greatest(
    (SELECT reltuples FROM pg_class WHERE oid = 'ledger'::regclass), 1250)
FROM revisions
"""
# The columns by which rows are joined, filtered and grouped; looking at all takes several times as long. Where this
# user does not own the tables, Postgres only warns.
_ANALYZE = """
ANALYZE (SKIP_LOCKED) cases (court, case_id), identifiers (court, case_id, kind, key, superseded_in),
    statements (court, case_id, layer, revision, superseded_in), sightings (court, case_id),
    versions (court, case_id, revision, superseded_in, uid, received_on, decided_on, disposition),
    defendants (court, case_id, revision), charges (court, case_id, revision), coverage_windows, uid_links,
    ledger (court, case_id, revision, event, day, offence, offence_part, service_status, disposition,
            sentence_class),
    tally
"""


async def has_grown(connection: Connection) -> bool:
    """Whether the ledger has four times the entries that it had when the planner last heard of it, and many."""
    grown: bool = await connection.fetchval(_HAS_GROWN)
    return grown


async def tell_planner(database: Database) -> None:
    """Gather statistics of the record's tables; readers and writers go on meanwhile."""
    async with database.owner() as connection:
        await connection.execute(_ANALYZE)
