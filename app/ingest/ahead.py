"""Ahead: what of a large batch goes to the record before its turn comes, while another is merged.

A row whose keys nobody has is of a new case, whoever is merged first, unless the one before brings the same case. Such
cases are written in the batch's transaction, where nobody else sees them, under the revision that it expects to become.
When its turn has come all of that stands; or the batch is rolled back, and taken again without.
"""

from dataclasses import dataclass

from app.db.database import (
    Connection,
    expect_revision,
    load_statements,
    rows_of,
    see_out,
    take_turn,
    without_loops,
)
from app.ingest.identity import Groups, find_cases
from app.ingest.staging import CHUNK, Staging, stage_new
from app.records.writing import unstage_versions, write_versions
from app.statistics.ledger import post_new

WORTHWHILE = 2_000
"""With fewer new cases there is little to win, and being rolled back costs as much."""
_AT_ONCE = 5 * CHUNK  # cases that are posted together: as many as temporary tables hold in memory
_SQL = load_statements(__file__, "ahead.sql")
STAGE = _SQL["staging"]


class Overtaken(Exception):
    """What was written ahead does not stand."""


@dataclass(slots=True)
class Ahead:
    """What has gone ahead of a batch: so many cases, with so many rows of the ledger; often none."""

    looked_into: int | None = None  # the revision in whose record the keys of all rows were looked up, if they were
    revision: int = 0  # that the cases are written under
    reference: int = 0
    cases: int = 0
    rows: int = 0

    async def take_turn(self, connection: Connection, *, wait_s: float) -> None:
        """Become the one writer; of those who go ahead, after all that expect to become an earlier revision.

        Errors  asyncpg.LockNotAvailableError where one of them takes longer than `wait_s`
        """
        if self.cases and self.looked_into is not None:
            for earlier in range(self.looked_into + 1, self.revision):
                await see_out(connection, earlier, wait_s=wait_s)
        await take_turn(connection, wait_s=wait_s)

    async def check(self, connection: Connection, revision: int, reference: int) -> None:
        """Hold what was written against what others have published since, and make it whole; once the turn is ours.

        Errors  Overtaken
        """
        if not self.cases:
            return
        if (revision, reference) != (self.revision, self.reference):
            raise Overtaken
        if self.looked_into != revision - 1:
            async with without_loops(connection):
                if await connection.fetchval(_SQL["overtaken"], self.looked_into, revision):
                    raise Overtaken
        await connection.execute(_SQL["write_identifiers"].format(revision=revision))

    async def check_kin(self, connection: Connection) -> None:
        """Hold what was written against what is made of the batch's other rows.

        Errors  Overtaken
        """
        if self.cases and await connection.fetchval(_SQL["has_kin"]):
            raise Overtaken


async def write_ahead(connection: Connection, staging: Staging, groups: Groups) -> Ahead:
    """Unstage those rows that can go ahead, and write them to the record, where that is worthwhile.

    `groups` are the lines that share keys with others.
    """
    if staging.rows < WORTHWHILE:
        return Ahead()
    looked_into = await find_cases(connection)
    linked = [line for group in groups for line in group]
    cases = rows_of(await connection.execute(_SQL["choose"], linked))
    if cases < WORTHWHILE:
        await connection.execute("TRUNCATE ahead")
        return Ahead(looked_into)
    async with without_loops(connection):
        await connection.execute(_SQL["unstage"])
    ahead = Ahead(looked_into, await expect_revision(connection), staging.terms.reference, cases)
    await connection.execute(_SQL["write_cases"].format(revision=ahead.revision))
    cursor = await connection.cursor(_SQL["rows"])
    for done in range(0, cases, CHUNK):
        await stage_new(connection, staging.new(await cursor.fetch(CHUNK)), staging.terms, ahead.revision)
        if done % _AT_ONCE == _AT_ONCE - CHUNK or done + CHUNK >= cases:
            ahead.rows += await post_new(connection, ahead.revision, ahead.reference)
            await write_versions(connection, ahead.revision)
            await unstage_versions(connection)
    return ahead
