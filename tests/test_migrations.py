"""The tables in code and the migrations agree; roles let nobody rewrite what was written."""

import asyncio

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from app import migrations
from app.db.database import READER_ROLE, WRITER_ROLE, Database
from app.migrations import running

LARGE = (
    "cases",
    "identifiers",
    "statements",
    "versions",
    "defendants",
    "charges",
    "ledger",
    "tally",
    "coverage_windows",
    "sightings",
)


async def test_the_migrations_make_the_tables_that_the_code_has(database_url: str) -> None:
    assert await asyncio.to_thread(running.differences, database_url) == []


async def test_migrating_again_changes_nothing(database_url: str) -> None:
    await asyncio.to_thread(running.upgrade, database_url)
    assert await asyncio.to_thread(running.differences, database_url) == []


def test_the_newest_migration_is_the_last_in_alembics_order_too() -> None:
    assert migrations.head() == ScriptDirectory.from_config(running._config()).get_current_head()


async def test_every_unique_key_of_a_large_table_begins_with_the_court(database: Database) -> None:
    async with database.snapshot() as connection:
        keys = await connection.fetch(
            """
            SELECT i.indrelid::regclass::text AS table, a.attname AS first
            FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
            WHERE i.indisunique AND i.indrelid::regclass::text = ANY($1::text[])""",
            list(LARGE),
        )
        assert {key["table"] for key in keys} == set(LARGE) - {"ledger", "tally"}
        assert {key["first"] for key in keys} == {"court"}
        triggers = (
            "SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal AND tgrelid::regclass::text = ANY($1::text[])"
        )
        assert await connection.fetchval(triggers, list(LARGE)) == 0


@pytest.mark.parametrize("table", ["ledger", "tally", "statements", "versions", "revisions"])
async def test_what_is_written_can_be_neither_changed_nor_deleted_by_the_writer(database: Database, table: str) -> None:
    async with database.owner() as connection:
        if not await connection.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", WRITER_ROLE):
            pytest.skip("this server does not let us make roles")
        for role, statement in (
            (WRITER_ROLE, f"DELETE FROM {table}"),
            (WRITER_ROLE, f"TRUNCATE {table}"),
            (WRITER_ROLE, f"UPDATE {table} SET revision = 1" if table != "tally" else "UPDATE tally SET n = 1"),
            (READER_ROLE, f"INSERT INTO {table} DEFAULT VALUES"),
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL ROLE {role}")
                    await connection.execute(statement)
