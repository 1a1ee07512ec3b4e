"""Overwrites what was deleted: Postgres only frees the place of a row, and its log remembers what was written."""

from collections.abc import Sequence

import asyncpg

from app.db.database import Connection

_ROUNDS = 300  # more than the log has files

_MAY_ROTATE = "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"
_LOG = "SELECT name FROM pg_ls_waldir() ORDER BY name"
_CURRENT = "SELECT pg_walfile_name(pg_current_wal_lsn())"


async def purge(connection: Connection, tables: Sequence[str]) -> bool:
    """Rewrite some tables, all statistics, and the log's files; returns whether the log was rewritten.

    Readers and writers of a table wait while it is rewritten. The log is rewritten only with the rights of the
    server's owner, as of the embedded server. `connection` is the owner's, in no transaction.
    """
    for table in tables:
        await connection.execute(f"VACUUM (FULL, ANALYZE) {table}")
    await connection.execute("VACUUM FULL pg_catalog.pg_statistic")  # it holds frequent values
    may_rotate: bool = await connection.fetchval(_MAY_ROTATE)
    if may_rotate:
        await _rotate(connection)
    return may_rotate


async def _rotate(connection: Connection) -> None:
    """Go on to files of the log that did not exist before, and let the others be deleted instead of used again.

    Twice: the checkpointer may hear of the setting after its first checkpoint, and have renamed an old file until then.
    """
    await _set(connection, "ALTER SYSTEM SET wal_recycle = off")
    try:
        for _ in range(2):
            await _leave(connection, {row["name"] for row in await connection.fetch(_LOG)})
    finally:
        await _set(connection, "ALTER SYSTEM RESET wal_recycle")


async def _leave(connection: Connection, files: set[str]) -> None:
    """Go on in the log until none of these files is left."""
    for _ in range(_ROUNDS):
        await connection.execute("SELECT pg_logical_emit_message(false, 'sudstat', 'purge'), pg_switch_wal()")
        await connection.execute("CHECKPOINT")
        left = {row["name"] for row in await connection.fetch(_LOG)} & files
        if not left and await connection.fetchval(_CURRENT) not in files:
            return


async def _set(connection: asyncpg.Connection, statement: str) -> None:
    await connection.execute(statement)
    await connection.execute("SELECT pg_reload_conf()")
