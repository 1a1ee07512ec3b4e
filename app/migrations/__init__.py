"""Migrations: forward only; the tables of all rooms, and who may do what with them.

Every start asks whether a database is at this release's migration. It mostly is, and then nothing heavy is imported.
"""

import asyncio
from functools import cache
from pathlib import Path

import asyncpg

_VERSIONS = Path(__file__).with_name("versions")
_AT = "SELECT version_num FROM alembic_version"


class CannotMigrate(Exception):
    """What Postgres says to a migration."""


@cache
def head() -> str:
    """The newest migration that this release knows: files are named by their numbers, in the order of migrating."""
    return max(path.name[:4] for path in _VERSIONS.glob("[0-9]*.py"))


def upgrade(database_url: str) -> None:
    """Bring a database to the newest migration; safe to call from several processes at once.

    Errors  asyncpg.PostgresError, OSError; CannotMigrate
    """
    if asyncio.run(_at(database_url)) == head():
        return
    from sqlalchemy.exc import DBAPIError  # noqa: PLC0415 (heavy, and seldom needed)

    from app.migrations import running  # noqa: PLC0415

    try:
        running.upgrade(database_url)
    except DBAPIError as error:
        raise CannotMigrate(str(error.orig)) from error


async def _at(database_url: str) -> str | None:
    """The migration that a database is at; None before the first."""
    connection = await asyncpg.connect(database_url)
    try:
        at: str | None = await connection.fetchval(_AT)
    except asyncpg.UndefinedTableError:
        return None
    finally:
        await connection.close()
    return at
