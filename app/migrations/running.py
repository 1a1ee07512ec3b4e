"""Runs migrations, and compares what they make with the tables in code: all that needs Alembic and the tables."""

import asyncio
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import Connection, NullPool
from sqlalchemy.ext.asyncio import create_async_engine
from sqlmodel import SQLModel

import app.access.tables
import app.records.tables
import app.statistics.tables  # noqa: F401 (each adds its tables to SQLModel's)

_MIGRATION_LOCK = 0x5375_646D  # one process migrates at a time


def upgrade(database_url: str) -> None:
    """Bring a database to the newest migration; safe to call from several processes at once.

    Errors  DBAPIError
    """
    asyncio.run(_upgrade(database_url))


def differences(database_url: str) -> list[object]:
    """What the tables in code and a migrated database disagree on; empty when the migrations are complete."""
    return asyncio.run(_differences(database_url))


async def _upgrade(database_url: str) -> None:
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            await connection.run_sync(_run)
    finally:
        await engine.dispose()


async def _differences(database_url: str) -> list[object]:
    engine = create_async_engine(_asyncpg(database_url), poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(_compare)
    finally:
        await engine.dispose()


def _run(connection: Connection) -> None:
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _compare(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection), SQLModel.metadata))


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    return config


def _asyncpg(database_url: str) -> str:
    """SQLAlchemy's name for the same address."""
    return "postgresql+asyncpg://" + database_url.split("://", 1)[1]
