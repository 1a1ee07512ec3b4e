"""Steps of a history in which files are taken in and curators act, at random: what strategies draw, and how to do one.

A step names a case or a batch by its place among all there are, so that a replay does the same.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from app.db.database import Connection, Database
from app.errors import BatchState, CaseState, InvalidBody, InvalidParameters
from app.ingest.acting import Act
from app.ingest.correction import correct
from app.ingest.curation import LEDGER_CAUSES, Wanted, merge_into, restore, withdraw
from app.ingest.receipt import Receipt
from app.ingest.undo import undo
from app.vocabulary import Cause
from tests.histories import Batch, batches, days, people, take

_DAYS_SEEN = (date(2023, 6, 1), date(2023, 6, 3), datetime.now(UTC).date())
_REFUSALS = (BatchState, CaseState, InvalidBody, InvalidParameters)
# In an order that a replay has too: ids are random.
_CASES = """
SELECT case_id FROM cases c
ORDER BY revision, court, (SELECT min(key) FROM identifiers i WHERE i.court = c.court AND i.case_id = c.case_id)
"""
_BATCHES = "SELECT batch_id FROM batches WHERE revision IS NOT NULL ORDER BY revision"


@dataclass(frozen=True)
class Step:
    """One thing that is done. `place` and `other` count among the cases, or the batches, that there are."""

    kind: str
    batch: Batch | None = None
    place: int = 0
    other: int = 0
    said: tuple[tuple[str, Any], ...] = ()
    cause: str = "correction"


def corrections() -> st.SearchStrategy[tuple[tuple[str, Any], ...]]:
    """Fields that a curator may state, take back or deny."""
    said = st.fixed_dictionaries(
        {},
        optional={
            "received_on": st.none() | days(),
            "decided_on": st.none() | days(61, 90),
            "disposition": st.sampled_from((None, "verdict", "terminated", "transferred_jurisdiction", "pending")),
            "arrival": st.sampled_from((None, "new", "transfer")),
            "uid": st.sampled_from((None, "61GV0012-01-2023-000123-60")),
            "previous_numbers": st.lists(st.integers(4, 6).map(lambda n: f"1-{n}/2022"), max_size=1),
            "deny": st.sampled_from(([], ["decided_on"], ["disposition", "received_on"])),
            "defendants": people(),
        },
    )
    return said.map(lambda fields: tuple(fields.items()))


def ingests() -> st.SearchStrategy[Step]:
    """A file of either layer, seen long ago or today."""
    return st.builds(
        lambda batch, seen_on: Step("ingest", Batch(batch.layer, seen_on, batch.records)),
        batches(),
        st.sampled_from(_DAYS_SEEN),
    )


def acts(*kinds: str) -> st.SearchStrategy[Step]:
    """An act of one of some kinds."""
    return st.builds(
        Step,
        st.sampled_from(kinds),
        place=st.integers(0, 5),
        other=st.integers(0, 5),
        said=corrections(),
        cause=st.sampled_from(("correction", "reclassification", "late_report")),
    )


def steps(max_size: int) -> st.SearchStrategy[list[Step]]:
    """Files and acts by turns; the first is a file."""
    more = st.lists(
        st.one_of(ingests(), acts("correct"), acts("withdraw", "restore", "merge"), acts("undo")),
        min_size=1,
        max_size=max_size,
    )
    return st.tuples(ingests(), more).map(lambda drawn: [drawn[0], *drawn[1]])


async def do(database: Database, step: Step) -> Receipt | None:
    """Do a step; None where there was nothing to do it to, or it was refused."""
    if step.kind == "ingest":
        assert step.batch is not None
        return await take(database, step.batch, published_at=None)
    async with database.owner() as connection:
        found = await _ids(connection, _BATCHES if step.kind == "undo" else _CASES)
    if not found:
        return None
    try:
        if step.kind == "undo":
            # From the last: what has just been done is what is mostly undone.
            return await undo(database, found[-1 - step.place % len(found)], act("undo"))
        return await _act_on_case(database, step, found)
    except _REFUSALS:
        return None


def cause_of(step: Step) -> Cause | None:
    """The cause of every entry of a step's revision; None where each event has its own."""
    stated = {"withdraw": "withdrawal", "restore": "restoration", "merge": "duplicate", "undo": "undo"}
    return None if step.kind == "ingest" else LEDGER_CAUSES[stated.get(step.kind, step.cause)]


def act(cause: str) -> Act:
    return Act(author="test", cause=LEDGER_CAUSES[cause])


async def _act_on_case(database: Database, step: Step, found: list[UUID]) -> Receipt:
    wanted = Wanted(found[step.place % len(found)])
    if step.kind == "withdraw":
        return await withdraw(database, wanted, act("withdrawal"))
    if step.kind == "restore":
        return await restore(database, wanted, act("restoration"))
    if step.kind == "merge":
        survivor_id = found[step.other % len(found)]
        return await merge_into(database, wanted, act("duplicate"), survivor_id=survivor_id)
    return await correct(database, wanted, act(step.cause), said=dict(step.said))


async def _ids(connection: Connection, statement: str) -> list[UUID]:
    return [row[0] for row in await connection.fetch(statement)]
