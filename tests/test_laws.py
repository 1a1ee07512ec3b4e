"""The laws of the record, over any history of batches."""

import random
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Connection
from app.records.ids import show_id
from app.records.listing import Order, Wanted
from app.records.revisions import get_state
from app.statistics import find_answer, find_codes, find_comparison, read_question
from app.statistics.behind import Cell, find_behind
from app.statistics.verify import verify
from app.statistics.vintages import find_all, find_first
from tests.databases import written
from tests.histories import AS_FOUND, Batch, batches, histories, ledger_until, published, take, take_all

pytestmark = pytest.mark.usefixtures("going_ahead")


@pytest.fixture
def place(server_url: str, template: str) -> tuple[str, str]:
    """Where each example gets a database of its own."""
    return server_url, template


@settings(max_examples=40, phases=AS_FOUND)
@given(history=histories())
async def test_ledger_and_tally_equal_a_recount_from_the_statements_at_every_revision(
    place: tuple[str, str], history: list[Batch]
) -> None:
    async with written(*place) as database:
        await take_all(database, history)
        async with database.owner() as connection:
            last = await published(connection)
            for revision in range(1, last + 1):
                async with connection.transaction():
                    assert (await verify(connection, revision)).differences == ()


@settings(max_examples=15, phases=AS_FOUND)
@given(history=histories(4).filter(lambda history: len(history) > 1), data=st.data())
async def test_as_of_a_revision_equals_replaying_the_batches_until_it(
    place: tuple[str, str], history: list[Batch], data: st.DataObject
) -> None:
    until = data.draw(st.integers(1, len(history) - 1))
    async with written(*place) as whole, written(*place) as part:
        await take_all(whole, history)
        await take_all(part, history[:until])
        async with whole.owner() as of_whole, part.owner() as of_part:
            revision = await published(of_part)
            assert await ledger_until(of_whole, revision) == await ledger_until(of_part, revision)
            if revision:
                since = data.draw(st.integers(1, revision))
                assert await told_at(of_whole, revision, since) == await told_at(of_part, revision, since)


QUESTIONS: tuple[dict[str, tuple[str, ...]], ...] = (
    {"measures": ("cases_received", "persons_convicted", "suspended_share"), "group_by": ("month", "court")},
    {"measures": ("cases_pending", "persons_charged", "term_months_median"), "group_by": ("week", "offence")},
    {"measures": ("charges", "decided_within_30_days_share"), "service_status": ("mobilised",)},
)
"""Those with vintages of every kind come first."""


async def told_at(connection: Connection, revision: int, since: int) -> dict[str, object]:
    """What is answered about a revision: figures, why they changed, what they were, and the records behind them."""
    states = [await get_state(connection, revision=number) for number in (since, revision)]
    known = [await find_codes(connection, state) for state in states]
    told: dict[str, object] = {}
    for number, asked in enumerate(QUESTIONS):
        question = read_question(asked, None, known[1])
        answer = await find_answer(connection, states[1], question, known[1])
        compared = await find_comparison(connection, question, (known[0], known[1]), (states[0], states[1]))
        told[f"answer {number}"] = (answer.table.rows, answer.warnings, answer.coverage)
        told[f"compare {number}"] = (compared.rows, compared.warnings)
        cell = Cell(replace(question, measures=question.measures[:1], grain=None, dimensions=()), states[1], known[1])
        told[f"records {number}"] = await records_behind(connection, cell)
    first = read_question(QUESTIONS[0], None, known[1])
    told["vintage=all"] = (await find_all(connection, states[1], first, known[1])).table.rows
    told["vintage=first"] = (await find_first(connection, states[1], first, known[1], lag_weeks=2)).table.rows
    return told


async def records_behind(connection: Connection, cell: Cell) -> list[tuple[object, ...]]:
    """The records behind a count, with a case's numbers for its id, which every database gives by itself."""
    page = await find_behind(connection, cell, Wanted((), Order("case_id"), 10_000))
    keys = await connection.fetch(
        "SELECT case_id, array_agg(key ORDER BY key)::text AS keys FROM identifiers WHERE revision <= $1 GROUP BY 1",
        cell.state.revision,
    )
    named = {show_id(row["case_id"]): row["keys"] for row in keys}
    return sorted((named[row["case_id"]], *map(str, list(row.values())[1:])) for row in page.rows)


@settings(max_examples=20, phases=AS_FOUND)
@given(history=histories(3))
async def test_loading_any_of_the_same_files_again_changes_nothing(
    place: tuple[str, str], history: list[Batch]
) -> None:
    async with written(*place) as database:
        receipts = await take_all(database, history)
        async with database.owner() as connection:
            last = await published(connection)
            for minute, (batch, first) in enumerate(zip(history, receipts, strict=True), start=len(history)):
                if first.tallied.refused:
                    continue  # what was refused then may be clear by now
                receipt = await take(database, batch, minute=minute)
                assert receipt.revision is None
            assert await published(connection) == last


@settings(max_examples=20, phases=AS_FOUND)
@given(history=histories(3), seed=st.integers(0, 2**32))
async def test_the_order_of_rows_in_a_file_does_not_matter(
    place: tuple[str, str], history: list[Batch], seed: int
) -> None:
    turned = []
    for batch in history:
        shuffle = random.Random(f"{seed} {batch.records}")  # a file that comes again comes again in the same order
        records = tuple(shuffle.sample(batch.records, len(batch.records)))
        turned.append(Batch(batch.layer, batch.seen_on, records))
    async with written(*place) as one, written(*place) as other:
        await take_all(one, history)
        await take_all(other, turned)
        async with one.owner() as of_one, other.owner() as of_other:
            last = await published(of_one)
            assert last == await published(of_other)
            assert await ledger_until(of_one, last) == await ledger_until(of_other, last)


@settings(max_examples=20, phases=AS_FOUND)
@given(history=histories(3), again=st.integers(0, 2), old=batches())
async def test_an_older_file_changes_no_case_that_its_layer_has_seen_since_changed_or_not(
    place: tuple[str, str], history: list[Batch], again: int, old: Batch
) -> None:
    one_layer = [Batch(old.layer, batch.seen_on, batch.records) for batch in history]
    last_day = max(batch.seen_on for batch in one_layer) + timedelta(days=3)
    one_layer.append(Batch(old.layer, last_day, one_layer[again % len(one_layer)].records))  # the same, seen later
    async with written(*place) as database:
        receipts = await take_all(database, one_layer)
        last_seen: dict[str, date] = {}
        for batch, receipt in zip(one_layer, receipts, strict=True):
            if not receipt.tallied.refused:
                for record in batch.records:
                    key = record["court"] + record["number"]
                    last_seen[key] = max(batch.seen_on, last_seen.get(key, batch.seen_on))
        seen = [r for r in old.records if r["court"] + r["number"] in last_seen and not r.get("previous_numbers")]
        for minute, record in enumerate(seen, start=100):
            day_before = last_seen[record["court"] + record["number"]] - timedelta(days=1)
            receipt = await take(database, Batch(old.layer, day_before, (record,)), minute=minute)
            assert receipt.revision is None
