"""The tables in code and the migrations agree; roles let nobody rewrite what was written."""

import asyncio
import importlib

import asyncpg
import orjson
import pytest
from alembic.script import ScriptDirectory

from app import migrations
from app.db.database import READER_ROLE, WRITER_ROLE, Database
from app.migrations import running
from app.statistics.sums import SUMS
from tests.loading import CHITA, GROZNY, VERDICT, Desk, case, person

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


async def test_the_tally_of_a_database_that_is_there_is_made_anew_as_it_would_have_been_written(desk: Desk) -> None:
    for number in range(1, 10):  # the eighth block swallows seven
        said = {"received_on": f"202{number % 4}-0{number}-14", "defendants": [person("337:5"), person("338:1")]}
        await desk.house(
            *(case(f"1-{n}/2023", court, **said) for n in (number, number + 1) for court in (GROZNY, CHITA))
        )
    judged = {"kind": "imprisonment", "execution": "suspended", "term_months": 24}
    sentenced = [person("337:5", service_status="mobilised", sentence=judged)]
    await desk.house(case("1-1/2023", received_on="2022-12-31", **VERDICT, defendants=sentenced))
    await desk.house(case("1-2/2023", disposition="verdict", defendants=[person("337:5")]))
    held = "SELECT to_jsonb(t)::text AS row FROM tally t ORDER BY 1"
    written = await desk.fetch(held)
    refill = importlib.import_module("app.migrations.versions.0015_series").refill
    async with desk.database.owner() as connection, connection.transaction():
        await connection.execute("TRUNCATE tally")
        for statement in refill():
            await connection.execute(statement.replace("JOIN ledger l", "JOIN entries l"))  # as it was then
        made = [dict(row) for row in await connection.fetch(held)]
    assert made == written
    assert len({orjson.loads(row["row"])["sum"] for row in made}) == len(SUMS)


async def test_a_ledger_that_is_there_is_taken_over_entry_by_entry(desk: Desk) -> None:
    judged = {"kind": "imprisonment", "execution": "suspended", "term_months": 24}
    await desk.house(
        case("1-1/2023", received_on="2023-03-14", **VERDICT, defendants=[person("337:5", sentence=judged)]),
        case("1-2/2023", received_on="2023-03-14", defendants=[person("337:5", "338:1"), person("338:1")]),
    )
    await desk.house(case("1-1/2023", decided_on="2023-04-22"))
    entries = "SELECT to_jsonb(e)::text AS row FROM entries e ORDER BY 1"
    posted = await desk.fetch(entries)
    take_over = importlib.import_module("app.migrations.versions.0017_entries_that_go_together").TAKE_OVER
    async with desk.database.owner() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute("CREATE TABLE ledger_by_unit AS SELECT * FROM entries; TRUNCATE ledger")
        await connection.execute(take_over)
        assert [dict(row) for row in await connection.fetch(entries)] == posted
        alone = "SELECT DISTINCT abs(cases) + abs(persons) + abs(charges) AS held FROM ledger"
        assert [row["held"] for row in await connection.fetch(alone)] == [1]
        await transaction.rollback()
