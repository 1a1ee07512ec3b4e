"""Tells a database that cannot answer now from a bug of ours."""

import asyncpg

# SQLSTATE classes of a database that is away, closed to us, full or stopping, and of a statement that took too long.
_AWAY = ("08", "28", "3D", "53", "55", "57")


def is_database_away(error: BaseException) -> bool:
    """Whether an error says that the database cannot answer now, rather than that we have a bug."""
    if isinstance(error, asyncpg.PostgresError):
        return (error.sqlstate or "").startswith(_AWAY)
    return isinstance(error, ConnectionError | FileNotFoundError | TimeoutError | asyncpg.InterfaceError)
