"""An act of a curator: a batch of a few statements, from the writer's turn to the revision and its receipt."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from app.db.database import Connection, Database, load_statements, take_turn
from app.errors import Unavailable
from app.ingest.idempotency import Answered, Claim
from app.ingest.receipt import Receipt, Tallied
from app.records.kin import restate_arrivals
from app.records.publishing import NewRevision, publish
from app.records.reference import gravity_of
from app.records.resolve import Gravity, resolve
from app.records.writing import STAGE, Versioned, stage_versions, write_versions
from app.statistics.definitions import current
from app.statistics.effect import find_effect
from app.statistics.ledger import post
from app.vocabulary import Cause

_SQL = load_statements(__file__, "acting.sql")
_CHUNK = 5_000
SOURCE = "curators"  # as whose word the revision of an act is listed


Answering = Callable[[Connection, Receipt], Awaitable[Answered]]


@dataclass(frozen=True, slots=True)
class Act:
    """Who does it, under which cause of the ledger, and in whose words.

    `claim` holds it to an idempotency key, under which is kept what `answering` makes of the receipt.
    """

    author: str
    cause: Cause
    note: str | None = None
    claim: tuple[Claim, Answering] | None = None


@dataclass(slots=True)
class Acting:
    """The one writer, about to do one act. What is said goes through `say`; `conclude` makes the revision of it."""

    connection: Connection
    act: Act
    batch_id: UUID
    revision: int
    reference: int
    gravity: Gravity
    tallied: Tallied
    receipt: Receipt | None = None  # once it is kept
    more: dict[str, Any] = field(default_factory=dict)  # what the receipt says beside what every receipt says

    @property
    def today(self) -> date:
        """The day of the act."""
        return datetime.now(UTC).date()

    async def execute(self, name: str, *values: Any) -> int:
        """Run one of the statements beside this file; returns how many rows it wrote."""
        tag: str = await self.connection.execute(_SQL[name].format(revision=self.revision), *values)
        return int(tag.rsplit(" ", 1)[-1])

    async def fetch(self, name: str, *values: Any) -> list[asyncpg.Record]:
        """Rows of one of the statements beside this file."""
        return list(await self.connection.fetch(_SQL[name].format(revision=self.revision), *values))

    async def say(self, court: str, case_id: UUID, layer: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Let a layer say something else of a case from now on: one row of `statements`, or none for nothing."""
        await self.connection.execute("INSERT INTO spoken VALUES ($1, $2, $3)", court, case_id, layer)
        await self.connection.copy_records_to_table("new_statements", records=rows)

    async def write_statements(self) -> None:
        """Write what was said in the place of what stood."""
        await self.execute("supersede_statements")
        await self.execute("write_statements")

    async def conclude(self, *, is_synthetic: bool, layer: str | None = None, undoes: UUID | None = None) -> Receipt:
        """Work out what follows from the statements as they now are, post it, and publish the revision."""
        connection = self.connection
        await self._stage_versions()
        await restate_arrivals(connection, self.revision)
        posted = await post(connection, self.revision, self.reference, cause=self.act.cause)
        effect = await find_effect(connection, self.revision)
        await write_versions(connection, self.revision)
        await publish(
            connection,
            NewRevision(
                revision=self.revision,
                batch_id=self.batch_id,
                cause=self.act.cause,
                source=SOURCE,
                layer=layer,
                layout=None,
                author=self.act.author,
                seen_on=None,
                published_at=None,
                is_synthetic=is_synthetic,
                counts=dict(self.tallied.counts),
                rows_written=posted,
                reference=self.reference,
                definition=current(),
                note=self.act.note,
            ),
        )
        return await self.keep(
            Receipt(self.batch_id, self.revision, True, self.tallied, effect, more=self.more), undoes
        )

    async def keep(self, receipt: Receipt, undoes: UUID | None = None) -> Receipt:
        """Keep the receipt, also of an act that changed nothing."""
        digest = self.batch_id.bytes  # of no file: each act is its own
        values = (self.batch_id, receipt.revision, digest, self.act.author, self.today, datetime.now(UTC))
        await self.connection.execute(_SQL["keep"], *values, receipt.as_json(), undoes)
        self.receipt = receipt
        return receipt

    def unchanged(self) -> Receipt:
        """The receipt where nothing had to be written."""
        return Receipt(self.batch_id, None, False, self.tallied, more=self.more)

    async def _stage_versions(self) -> None:
        """Stage the version that each case's statements now make; what it is known by may be all that is new in it."""
        cursor = await self.connection.cursor(_SQL["restated"])
        while rows := await cursor.fetch(_CHUNK):
            versions = []
            for row in rows:
                effective = resolve(row["card"], row["newsroom"], self.gravity)
                arrival = effective.arrival or "new"  # until the kin are looked at
                place = (row["court"], row["case_id"], self.revision, row["version"] + 1, row["instance"])
                versions.append(Versioned(*place, arrival, effective))
            await stage_versions(self.connection, versions)


@asynccontextmanager
async def acting(database: Database, act: Act, *, writer_wait_s: float = 30.0) -> AsyncIterator[Acting]:
    """Take the writer's turn for an act; leaving without an error commits it, else nothing of it is kept.

    Errors  Unavailable while another writer does not end within `writer_wait_s`; what the claim of `act` raises
    """
    async with database.writer() as connection:
        if act.claim:
            await act.claim[0].make(connection)
        try:
            await take_turn(connection, wait_s=writer_wait_s)
        except asyncpg.LockNotAvailableError as error:
            detail = "Another change of the record is running; try again in a minute."
            raise Unavailable(detail, headers={"Retry-After": "60"}) from error
        revision, reference = tuple(await connection.fetchrow(_SQL["next"]))
        await connection.execute(STAGE)
        await connection.execute(_SQL["stage"])
        gravity = await gravity_of(connection, reference)
        now = Acting(connection, act, uuid4(), revision, reference, gravity, Tallied())
        yield now
        if act.claim and now.receipt:
            claim, answering = act.claim
            await claim.settle(connection, now.batch_id, await answering(connection, now.receipt))
