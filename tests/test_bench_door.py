"""The side door by which a bench fills a large record: versions, ledger and tally as if they had been taken in."""

from app.db.database import Database
from app.ingest.restate import bring_method
from bench.peers.door import fill_directly


async def test_what_came_by_the_side_door_is_counted_once(database_url: str) -> None:
    database = Database(database_url)
    await bring_method(database)
    await fill_directly(database, 400, 4, 5)
    async with database.owner() as connection:
        counted = "SELECT count(*), count(superseded_in), max(revision) FROM versions"
        assert tuple(await connection.fetchrow(counted)) == (460, 60, 4)
        for table in ("defendants", "charges"):
            assert await connection.fetchval(f"SELECT count(*) FROM {table}") == 460
        counted = "SELECT sum(n), max(revision) FROM entries WHERE unit = 'case' AND event = 'received'"
        assert tuple(await connection.fetchrow(counted)) == (400, 4)
        assert await connection.fetchval("SELECT revision FROM published") == 4
