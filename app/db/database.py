"""Postgres: a pool of readers, and one writer at a time."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias, cast

import asyncpg
import orjson

from app.db.turns import Turns, on_behalf_of
from app.errors import Overloaded

Connection: TypeAlias = asyncpg.Connection | asyncpg.pool.PoolConnectionProxy

READER_ROLE = "sudstat_reader"
WRITER_ROLE = "sudstat_writer"
# No question is so large that compiling it pays; a plan without loops only seems so.
_NO_JIT = {"jit": "off"}
# A long question takes its time, not every processor.
_ONE_PROCESSOR = "SET LOCAL max_parallel_workers_per_gather = 0"
# What a batch stages, sorts and hashes stays in memory; by default most of it would be written to disk.
_ROOM_TO_STAGE = {"temp_buffers": "64MB", "work_mem": "32MB"}
WRITER_LOCK = 0x5375_6473  # "Suds"
# Held by a transaction that expects to become the revision of that number.
_EXPECTED = f"{0x5375_6473}, n"
_EXPECT = f"""
SELECT n FROM published p, generate_series(p.revision + 1, p.revision + 1000) AS n
WHERE pg_try_advisory_xact_lock({_EXPECTED}) LIMIT 1
"""
_SEE_OUT = f"SELECT pg_advisory_xact_lock_shared({_EXPECTED}) FROM CAST($1 AS int) AS n"
_SMALL_BYTES = 32 * 1024
EXPORTS = 4
"""How many connections may be exported over at the same time, in each worker."""
_EXPORT_RETRY_S = 30
_CLOSE_S = 5.0


class Database:
    """The database of one process.

    Readers come from a pool and are read-only; writers open a connection of their own. `removal_key` is what it must
    not hold itself: by it, removed identifiers are recognised.
    """

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 8,
        pool_wait_s: float = 2.0,
        statement_timeout_s: float = 20.0,
        removal_key: bytes | None = None,
    ) -> None:
        self.url = url
        self.removal_key = removal_key
        self._pool_size = pool_size
        self._timeout_ms = int(statement_timeout_s * 1000)
        self._turns = Turns(pool_size, wait_s=pool_wait_s)
        self._pool: asyncpg.Pool | None = None
        self._kept: list[Connection] = []
        self._exports: Counter[str] = Counter()

    async def open(self) -> None:
        """Connect the readers."""
        self._pool = await asyncpg.create_pool(
            self.url,
            min_size=1,
            max_size=self._pool_size,
            init=_init_reader,
            reset=_reset_reader,
            max_cacheable_statement_size=0,  # the longest are those that take longest to plan
            server_settings={
                "statement_timeout": str(self._timeout_ms),
                "timezone": "UTC",
                "datestyle": "ISO",  # days that Postgres writes itself
                **_NO_JIT,
            },
        )

    async def close(self) -> None:
        """Disconnect the readers."""
        if self._pool is not None:
            await self._pool.close()

    @property
    def at_once(self) -> int:
        """How many snapshots one caller may have at the same time."""
        return self._turns.each

    @property
    def busy(self) -> tuple[int, int]:
        """How many snapshots are being read, and how many are waited for."""
        return self._turns.busy

    @asynccontextmanager
    async def snapshot(self, *, is_large: bool = False) -> AsyncIterator[Connection]:
        """A reader's connection; everything read in it is one state of the database.

        `is_large`: for a question whose answer is large.

        Errors  Overloaded, where none would come free in time
        """
        assert self._pool is not None, "open() comes first"
        async with (
            self._turns.one(is_large=is_large) as is_long,
            self._pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            if is_long:
                await connection.execute(_ONE_PROCESSOR)
            yield connection

    @asynccontextmanager
    async def reading(self, *, is_large: bool = False) -> AsyncIterator[Connection]:
        """A reader's connection without a snapshot: for what a revision fixes, that is known to be published.

        It saves the two round trips of a transaction. `is_large` as in `snapshot`; any other takes its turn when the
        first statement comes, so that what needs none waits for nobody.

        Errors  Overloaded, where none would come free in time
        """
        if not is_large:
            async with AsyncExitStack() as opened:
                yield cast(Connection, _OnDemand(self, opened))
            return
        async with self._reading(is_large=True) as connection:
            yield connection

    @asynccontextmanager
    async def _reading(self, *, is_large: bool = False) -> AsyncIterator[Connection]:
        assert self._pool is not None, "open() comes first"
        async with self._turns.one(is_large=is_large) as is_long, self._pool.acquire() as connection:
            if not is_long:
                yield connection
                return
            async with connection.transaction(readonly=True):
                await connection.execute(_ONE_PROCESSOR)
                yield connection

    @asynccontextmanager
    async def export(self) -> AsyncIterator[Connection]:
        """A reader's connection of its own, and one state of the database: for what is sent as it is read, so that a
        slow caller holds none of those that others wait for.

        Errors  Overloaded, where there are as many as may be, or the caller has half of them
        """
        who = on_behalf_of.get()
        if self._exports.total() >= EXPORTS or self._exports[who] >= EXPORTS // 2:
            detail = f"Too many exports are running. Try again in {_EXPORT_RETRY_S} s, or let yours end first."
            raise Overloaded(detail, headers={"Retry-After": str(_EXPORT_RETRY_S)})
        self._exports[who] += 1
        try:
            connection = await asyncpg.connect(self.url, server_settings={"timezone": "UTC", **_NO_JIT})
            try:
                await _init_reader(connection)
                async with connection.transaction(isolation="repeatable_read", readonly=True):
                    yield connection
            finally:
                await connection.close(timeout=_CLOSE_S)
        finally:
            self._exports[who] -= 1
            if not self._exports[who]:
                del self._exports[who]

    @property
    def exports(self) -> int:
        """How many exports are running."""
        return self._exports.total()

    @asynccontextmanager
    async def owner(self) -> AsyncIterator[Connection]:
        """A connection of its own with the rights of the service's owner, outside any transaction."""
        settings = {"timezone": "UTC", **_NO_JIT, **_ROOM_TO_STAGE}
        connection = await asyncpg.connect(self.url, server_settings=settings)
        try:
            await use_json(connection)
            yield connection
        finally:
            await connection.close()

    @asynccontextmanager
    async def writer(self) -> AsyncIterator[Connection]:
        """A writer's connection, in a transaction; leaving it without an error commits.

        Writers may stage side by side, but `take_turn` comes before anything is read to be changed.
        """
        if self._kept:
            connection = self._kept.pop()
            try:
                async with connection.transaction():
                    yield connection
            finally:
                self._kept.append(connection)
            return
        async with self.owner() as connection:
            await _take_role(connection, WRITER_ROLE)
            async with connection.transaction():
                yield connection

    @asynccontextmanager
    async def keeping_writer(self) -> AsyncIterator[None]:
        """Let the writers inside, one after another, share a connection: for many small batches in a row.

        One that comes while another has it opens its own.

        Commits are not waited for: if the machine fails, the last batches may be gone, each as a whole.
        """
        async with self.owner() as connection:
            await _take_role(connection, WRITER_ROLE)
            await connection.execute("SET synchronous_commit = off")
            self._kept.append(connection)
            try:
                yield
            finally:
                self._kept.clear()


class _OnDemand:
    """A connection that is taken when the first statement comes, and given back with what is `opened`."""

    def __init__(self, database: Database, opened: AsyncExitStack) -> None:
        self._database = database
        self._opened = opened
        self._connection: Any = None

    async def fetch(self, statement: str, *args: Any) -> Any:
        """As of asyncpg."""
        return await (await self._taken()).fetch(statement, *args)

    async def fetchrow(self, statement: str, *args: Any) -> Any:
        """As of asyncpg."""
        return await (await self._taken()).fetchrow(statement, *args)

    async def fetchval(self, statement: str, *args: Any) -> Any:
        """As of asyncpg."""
        return await (await self._taken()).fetchval(statement, *args)

    async def _taken(self) -> Any:
        if self._connection is None:
            self._connection = await self._opened.enter_async_context(self._database._reading())
        return self._connection


async def take_turn(connection: Connection, *, wait_s: float = 30.0) -> None:
    """Become the one writer until the transaction ends.

    Errors  asyncpg.LockNotAvailableError when another writer did not end within `wait_s`
    """
    await _wait(connection, "SELECT pg_advisory_xact_lock($1)", WRITER_LOCK, wait_s=wait_s)


async def expect_revision(connection: Connection) -> int:
    """The next revision that no other transaction expects to become; it is ours until we end.

    Nothing holds the others to it: another writer may take its turn before us, or one that we counted on give up.
    """
    revision: int = await connection.fetchval(_EXPECT)
    return revision


async def see_out(connection: Connection, revision: int, *, wait_s: float) -> None:
    """Wait until whoever expects to become a revision has ended.

    Errors  asyncpg.LockNotAvailableError where that takes longer than `wait_s`
    """
    await _wait(connection, _SEE_OUT, revision, wait_s=wait_s)


async def _wait(connection: Connection, lock: str, number: int, *, wait_s: float) -> None:
    await connection.execute(f"SET LOCAL lock_timeout = {int(wait_s * 1000)}")
    await connection.execute(lock, number)
    await connection.execute("SET LOCAL lock_timeout = 0")


async def use_json(connection: Connection) -> None:
    """Let jsonb columns go in and out as Python values."""
    await connection.set_type_codec(
        "jsonb",
        schema="pg_catalog",
        format="binary",
        encoder=lambda value: b"\x01" + orjson.dumps(value),
        decoder=lambda data: orjson.loads(data[1:]),
    )


async def _init_reader(connection: Connection) -> None:
    await use_json(connection)
    await _take_role(connection, READER_ROLE)


async def _reset_reader(connection: Connection) -> None:
    """Readers set nothing that outlasts their transaction; asyncpg's own reset costs a round trip."""
    if connection.is_in_transaction():
        await connection.reset()


async def _take_role(connection: Connection, role: str) -> None:
    """Drop to a role with few rights, where this server has it and lets us."""
    may: Any = await connection.fetchval(
        "SELECT pg_has_role(current_user, oid, 'MEMBER') FROM pg_roles WHERE rolname = $1", role
    )
    if may:
        await connection.execute(f"SET ROLE {role}")


@asynccontextmanager
async def without_loops(connection: Connection) -> AsyncIterator[None]:
    """Have the statements inside join by hash: of temporary tables, and of tables that have just grown, the planner
    knows nothing and would take them for small: loops in loops over many rows.
    """
    await connection.execute("SET LOCAL enable_nestloop = off")
    yield
    await connection.execute("SET LOCAL enable_nestloop = on")


def analyze(*tables: str) -> str:
    """A statement that gathers statistics of those temporary tables that are large enough to mislead the planner.

    `tables` may name columns, `"stage (line)"`: what nothing is joined or filtered by need not be looked at.
    """
    names = ", ".join(f"'{table}'" for table in tables)
    return (
        f"DO $$ DECLARE name text; BEGIN FOREACH name IN ARRAY ARRAY[{names}] LOOP"
        f" IF pg_relation_size(split_part(name, ' ', 1)::regclass) > {_SMALL_BYTES} THEN EXECUTE 'ANALYZE ' || name;"
        " END IF; END LOOP; END $$"
    )


def rows_of(tag: str) -> int:
    """The count in a command tag such as `INSERT 0 12`."""
    return int(tag.rsplit(" ", 1)[1])


def load_sql(beside: str, name: str) -> str:
    """The text of a statement kept in a `.sql` file beside its caller (`__file__`)."""
    return Path(beside).with_name(name).read_text(encoding="utf-8")


def load_statements(beside: str, name: str) -> dict[str, str]:
    """The statements of a `.sql` file by their names; each begins with a line `-- name: …`."""
    parts = load_sql(beside, name).split("-- name: ")[1:]
    return {part.split("\n", 1)[0].strip(): part.split("\n", 1)[1] for part in parts}
