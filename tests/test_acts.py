"""Files and curators' acts at random: whatever is done, every law of the record holds, now and at every revision.

`SUDSTAT_ROUNDS` says how many rounds of the machine are run: few with all tests, a thousand with `make rounds`.
"""

import asyncio
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack
from hashlib import sha256
from typing import Any, ClassVar

import pytest
from hypothesis import given, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from app.db.database import Connection, Database
from app.statistics.verify import verify
from tests.acts import Step, acts, cause_of, do, ingests, steps
from tests.databases import written
from tests.histories import AS_FOUND, ledger_until, published
from tests.loading import empty, one_for_all

pytestmark = pytest.mark.usefixtures("going_ahead")

ROUNDS = int(os.environ.get("SUDSTAT_ROUNDS", "8"))
_LIVE = "revision <= $1 AND (superseded_in IS NULL OR superseded_in > $1)"
# All that a reader may be shown as of a revision, row by row.
_STATE = (
    f"SELECT to_jsonb(t) - 'superseded_in' FROM versions t WHERE {_LIVE} ORDER BY court, case_id",
    f"SELECT to_jsonb(t) - 'superseded_in' FROM statements t WHERE {_LIVE} ORDER BY court, case_id, layer",
    f"SELECT to_jsonb(t) - 'superseded_in' FROM identifiers t WHERE {_LIVE} ORDER BY court, case_id, kind, key",
    f"SELECT to_jsonb(t) - 'superseded_in' FROM coverage_windows t WHERE {_LIVE} ORDER BY court, revision, starts_on",
    "SELECT to_jsonb(t) FROM entries t WHERE revision <= $1 ORDER BY to_jsonb(t)::text",
    "SELECT to_jsonb(t) FROM revisions t WHERE revision <= $1 ORDER BY revision",
)
# What the record says, whatever the revisions that it is written in; undone cases, of which nothing stands, aside.
_WORD = (
    f"""
    SELECT court, case_id, encode(content_hash, 'hex'), arrival FROM versions v
    WHERE {_LIVE} AND EXISTS (
        SELECT FROM statements s WHERE s.court = v.court AND s.case_id = v.case_id
          AND s.revision <= $1 AND (s.superseded_in IS NULL OR s.superseded_in > $1))
    ORDER BY court, case_id
    """,
    f"SELECT court, case_id, layer, body::text FROM statements WHERE {_LIVE} ORDER BY court, case_id, layer",
    f"SELECT court, case_id, kind, key FROM identifiers WHERE {_LIVE} ORDER BY court, case_id, kind, key",
)


async def state_as_of(connection: Connection, revision: int) -> str:
    """A hash of everything that the record holds as of a revision."""
    rows = [await connection.fetch(statement, revision) for statement in _STATE]
    return sha256(repr(rows).encode()).hexdigest()


async def word_as_of(connection: Connection, revision: int) -> list[list[tuple[Any, ...]]]:
    """What the record says as of a revision."""
    return [[tuple(row) for row in await connection.fetch(statement, revision)] for statement in _WORD]


class Curating(RuleBasedStateMachine):
    """One desk, to which files come and at which curators act."""

    database: ClassVar[Database]
    rounds: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        type(self).rounds += 1
        self.runner = asyncio.Runner()
        self.states: dict[int, str] = {}
        self.kept = AsyncExitStack()
        self.runner.run(empty(self.database))
        self.runner.run(self.kept.enter_async_context(self.database.keeping_writer()))

    def teardown(self) -> None:
        try:
            self.runner.run(self.check_every_revision())
        finally:
            self.runner.run(self.kept.aclose())
            self.runner.close()

    @initialize(step=ingests())
    def first_file(self, step: Step) -> None:
        self.take(step)

    @rule(step=ingests())
    def file(self, step: Step) -> None:
        self.take(step)

    @precondition(lambda self: self.states)
    @rule(step=acts("correct"))
    def correction(self, step: Step) -> None:
        self.take(step)

    @precondition(lambda self: self.states)
    @rule(step=acts("withdraw", "restore"))
    def withdrawal_or_restoration(self, step: Step) -> None:
        self.take(step)

    @precondition(lambda self: self.states)
    @rule(step=acts("merge"))
    def merger(self, step: Step) -> None:
        self.take(step)

    @precondition(lambda self: self.states)
    @rule(step=acts("undo"))
    def undoing(self, step: Step) -> None:
        self.take(step)

    @precondition(lambda self: self.states)
    @rule()
    def undoing_of_the_last(self) -> None:
        self.take(Step("undo"))

    @invariant()
    def the_present_equals_its_recount_and_no_earlier_revision_has_changed(self) -> None:
        self.runner.run(self.check_present())

    def take(self, step: Step) -> None:
        """Do a step and look at the revision that it made."""
        self.runner.run(self.check_step(step))

    async def check_step(self, step: Step) -> None:
        async with self.database.owner() as connection:
            last = await published(connection)
            receipt = await do(self.database, step)
            now = await published(connection)
            assert now == last + (receipt is not None and receipt.applied)
            if now == last:
                return
            causes = await connection.fetch("SELECT DISTINCT cause FROM entries WHERE revision = $1", now)
            if cause_of(step):
                assert {row["cause"] for row in causes} <= {cause_of(step)}
            if step.kind == "undo" and step.place == 0:
                kept = receipt.more["not_undone"]["count"] if receipt else None
                if not kept:  # it was the last revision, and is taken back whole
                    assert await word_as_of(connection, now) == await word_as_of(connection, last - 1)

    async def check_present(self) -> None:
        async with self.database.owner() as connection:
            last = await published(connection)
            async with connection.transaction():
                assert (await verify(connection, last)).differences == ()
            now = {revision: await state_as_of(connection, revision) for revision in range(1, last + 1)}
            assert {revision: now[revision] for revision in self.states} == self.states
            self.states = now

    async def check_every_revision(self) -> None:
        async with self.database.owner() as connection:
            for revision in range(1, await published(connection) + 1):
                async with connection.transaction():
                    assert (await verify(connection, revision)).differences == ()


@pytest.fixture
def database(server_url: str, template: str) -> Iterator[Database]:
    with one_for_all(server_url, template) as database:
        yield database


def test_rounds_of_files_and_acts_keep_every_law(database: Database) -> None:
    Curating.database = database
    how = settings(max_examples=ROUNDS, stateful_step_count=10, phases=AS_FOUND)
    run_state_machine_as_test(Curating, settings=how)
    print(f"{Curating.rounds} rounds were run")


@settings(max_examples=5, phases=AS_FOUND)
@given(history=steps(6))
async def test_as_of_a_revision_equals_replaying_files_and_acts_until_it(
    server_url: str, template: str, history: list[Step]
) -> None:
    place = (server_url, template)
    async with (
        written(*place) as whole,
        written(*place) as part,
        whole.owner() as of_whole,
        part.owner() as of_part,
    ):
        for step in history:
            await do(whole, step)
        for step in history[: len(history) // 2 + 1]:
            await do(part, step)
        revision = await published(of_part)
        assert await ledger_until(of_whole, revision) == await ledger_until(of_part, revision)
