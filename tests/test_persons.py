"""Persons kept as they are shown, and totals kept with revisions: whatever is done, they say what the rows say."""

import importlib
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings

from app.api.schemas import CaseInList
from app.db.database import Connection, Database
from app.formats import dump
from app.records.cases import CASES, WHOLE, count_cases, find_cases
from app.records.export import write_cases
from app.records.flat import flatten_case
from app.records.listing import Condition, Order, Total, Wanted, count_rows
from app.records.persons import read_persons, write_persons
from app.records.resolve import Charge, Person
from app.records.revisions import get_state
from tests.acts import Step, do, steps
from tests.databases import written
from tests.histories import AS_FOUND, COURTS, Batch, published

FIELDS = tuple(CaseInList.model_fields)
PLAIN = tuple(name for name in FIELDS if name not in ("layers", "sources"))  # which have blanks where Postgres writes
ONE = Person(
    2, 1, "contract", "convicted", True, date(2024, 3, 1), "337:5", "unknown", "custodial", "imprisonment", "immediate",
    20, None, 100_000, "general", "court", (Charge("337:5", "filed", "completed", 2, True),),
)  # fmt: skip
HELD = "SELECT court, case_id, revision, persons, flat_rows FROM versions ORDER BY 1, 2, 3"
TOTALS = "SELECT revision, cases, flat_rows FROM revisions ORDER BY 1"
TWO = tuple({"court": COURTS[0], "instance": "first", "number": f"1-{number}/2023"} for number in (1, 2))
SET_ASIDE = [
    Step("ingest", Batch("court_card", date(2023, 6, 1), TWO)),
    Step("merge", place=0, other=1),
    Step("restore", place=0),
    Step("withdraw", place=1),
]


@pytest.fixture
def place(server_url: str, template: str) -> tuple[str, str]:
    """Where each example gets a database of its own."""
    return server_url, template


def test_persons_are_written_without_blanks_and_read_with_what_is_denied_of_each() -> None:
    text = write_persons([ONE])
    assert text == (
        '[{"id":"d2","ordinal":1,"service_status":"contract","disposition":"convicted","is_presumed":true,'
        '"decided_on":"2024-03-01","principal_offence":null,"deny":[],"charges":[{"offence":"337:5","role":"filed",'
        '"stage":"completed","episodes":2,"principal":true}],"sentence":{"class":"custodial","kind":"imprisonment",'
        '"execution":"immediate","term_months":20,"probation_months":null,"fine_rub":100000,"regime":"general",'
        '"source":"court"}}]'
    )
    (read,) = read_persons(text, {2: ["sentence"], 1: ["charges"], None: ["decided_on"]})
    assert read == {**orjson.loads(text)[0], "decided_on": date(2024, 3, 1), "deny": ["sentence"]}
    assert write_persons([]) == "[]"


@settings(max_examples=15, phases=AS_FOUND)
@given(done=steps(5))
async def test_what_is_kept_is_what_the_rows_say_and_what_a_migration_makes_of_them(
    place: tuple[str, str], done: list[Step]
) -> None:
    async with written(*place) as database:
        await _do_all(database, done)
        async with database.owner() as connection:
            kept = [[tuple(row) for row in await connection.fetch(sql)] for sql in (HELD, TOTALS)]
            await connection.execute("UPDATE versions SET persons = '', flat_rows = 0; UPDATE revisions SET cases = -1")
            migration = importlib.import_module("app.migrations.versions.0016_persons_as_shown")
            await connection.execute(f"{migration.FILL}; {migration.TOTALS}")
            assert [[tuple(row) for row in await connection.fetch(sql)] for sql in (HELD, TOTALS)] == kept


@settings(max_examples=15, phases=AS_FOUND)
@example(done=SET_ASIDE)
@given(done=steps(5))
async def test_a_list_has_as_many_cases_and_rows_at_each_revision_as_were_counted_when_it_was_published(
    place: tuple[str, str], done: list[Step]
) -> None:
    async with written(*place) as database:
        await _do_all(database, done)
        async with database.owner() as connection:
            for revision in range(1, await published(connection) + 1):
                state = await get_state(connection, revision=revision)
                for conditions in (tuple(WHOLE), (), (Condition("is_merged", "eq", (True,)),)):
                    shown = (await find_cases(connection, Wanted(conditions, Order("id"), 1000), state)).rows
                    total = Total(len(shown), sum(len(list(flatten_case(one))) for one in shown))
                    assert await count_cases(connection, conditions, state) == total
                    assert await count_rows(connection, CASES, conditions, revision) == total


@settings(max_examples=15, phases=AS_FOUND)
@given(done=steps(4))
async def test_a_written_page_is_the_same_to_the_byte_as_one_put_together_and_as_of_then_as_it_was(
    place: tuple[str, str], done: list[Step]
) -> None:
    async with written(*place) as whole, written(*place) as part:
        await _do_all(whole, done)
        await _do_all(part, done[:-1])
        async with whole.owner() as connection, part.owner() as before:
            last, earlier = await published(connection), await published(before)
            for revision in range(1, last + 1):
                for order in (Order("received_on"), Order("number", is_descending=True)):
                    await _compare(connection, order, revision)
            if earlier:
                assert await _told(connection, earlier) == await _told(before, earlier)


async def _do_all(database: Database, done: list[Step]) -> None:
    for step in done:
        await do(database, step)


async def _compare(connection: Connection, order: Order, revision: int) -> None:
    state = await get_state(connection, revision=revision)
    for limit in (1, 3, 100):
        wanted = Wanted((Condition("is_withdrawn", "eq", (False, True)),), order, limit)
        page = await find_cases(connection, wanted, state)
        for fields in (FIELDS, PLAIN):
            made = await write_cases(connection, wanted, state, fields)
            put_together = dump([{name: row[name] for name in fields} for row in page.rows])
            assert orjson.loads(b"[%b]" % made.text) == orjson.loads(put_together)
            # names of what is denied are a list of Postgres' own, with blanks
            assert fields == FIELDS or b"[%b]" % made.text.replace(b'", "', b'","') == put_together
            assert (made.has_more, made.last) == (page.has_more, page.last)


async def _told(connection: Connection, revision: int) -> list[Any]:
    """Every case as of a revision, but for ids, which each record gives anew."""
    state = await get_state(connection, revision=revision)
    fields = tuple(name for name in FIELDS if name not in ("id", "merged_into"))
    page = await write_cases(connection, Wanted((), Order("number"), 1000), state, fields)
    return sorted(orjson.loads(b"[%b]" % page.text), key=str)
