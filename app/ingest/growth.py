"""Growth: after the record has doubled, the planner is told so at once.

Autovacuum looks once a minute. Until then the plans of a record that was just loaded are those of an empty one.
"""

from app.db.database import Connection, Database

_HAS_DOUBLED = """
SELECT coalesce(sum((rows_written ->> 'ledger')::bigint), 0) > 2 * greatest(
    (SELECT reltuples FROM pg_class WHERE oid = 'ledger'::regclass), 2500)
FROM revisions
"""
# Where this user does not own the tables, Postgres only warns.
_ANALYZE = """
ANALYZE (SKIP_LOCKED) cases, identifiers, statements, versions, defendants, charges, coverage_windows, sightings,
    uid_links, ledger, tally
"""


async def has_doubled(connection: Connection) -> bool:
    """Whether the ledger has twice the entries that it had when the planner last heard of it, and many."""
    doubled: bool = await connection.fetchval(_HAS_DOUBLED)
    return doubled


async def tell_planner(database: Database) -> None:
    """Gather statistics of the record's tables; readers and writers go on meanwhile."""
    async with database.owner() as connection:
        await connection.execute(_ANALYZE)
