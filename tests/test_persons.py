"""Persons kept as they are shown: they say what the rows of defendants and charges say, and nobody else's words."""

import importlib
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings

from app.api.schemas import CaseInList
from app.db.database import Connection
from app.formats import dump
from app.records.cases import find_cases
from app.records.export import write_cases
from app.records.listing import Condition, Order, Wanted
from app.records.persons import read_persons, write_persons
from app.records.resolve import Charge, Person
from app.records.revisions import get_state
from tests.databases import written
from tests.histories import AS_FOUND, Batch, histories, published, take_all

FIELDS = tuple(CaseInList.model_fields)
PLAIN = tuple(name for name in FIELDS if name not in ("layers", "sources"))  # which have blanks where Postgres writes
ONE = Person(
    2, 1, "contract", "convicted", True, date(2024, 3, 1), "337:5", "unknown", "custodial", "imprisonment", "immediate",
    20, None, 100_000, "general", "court", (Charge("337:5", "filed", "completed", 2, True),),
)  # fmt: skip
HELD = "SELECT court, case_id, revision, persons FROM versions ORDER BY 1, 2, 3"


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
@given(history=histories())
async def test_what_is_kept_is_what_defendants_and_charges_say_and_what_a_migration_makes_of_them(
    place: tuple[str, str], history: list[Batch]
) -> None:
    async with written(*place) as database:
        await take_all(database, history)
        async with database.owner() as connection:
            kept = [tuple(row) for row in await connection.fetch(HELD)]
            await connection.execute("UPDATE versions SET persons = ''")
            await connection.execute(importlib.import_module("app.migrations.versions.0016_persons_as_shown").FILL)
            assert [tuple(row) for row in await connection.fetch(HELD)] == kept


@settings(max_examples=15, phases=AS_FOUND)
@given(history=histories(4))
async def test_a_written_page_is_the_same_to_the_byte_as_one_put_together_and_as_of_then_as_it_was(
    place: tuple[str, str], history: list[Batch]
) -> None:
    async with written(*place) as whole, written(*place) as part:
        await take_all(whole, history)
        await take_all(part, history[:-1])
        async with whole.owner() as connection, part.owner() as before:
            last, earlier = await published(connection), await published(before)
            for revision in range(1, last + 1):
                for order in (Order("received_on"), Order("number", is_descending=True)):
                    await _compare(connection, order, revision)
            if earlier:
                assert await _told(connection, earlier) == await _told(before, earlier)


async def _compare(connection: Connection, order: Order, revision: int) -> None:
    state = await get_state(connection, revision=revision)
    for limit in (1, 3, 100):
        wanted = Wanted((Condition("is_withdrawn", "eq", (False, True)),), order, limit)
        page = await find_cases(connection, wanted, state)
        for fields in (FIELDS, PLAIN):
            made = await write_cases(connection, wanted, state, fields)
            put_together = dump([{name: row[name] for name in fields} for row in page.rows])
            assert orjson.loads(b"[%b]" % made.text) == orjson.loads(put_together)
            assert fields == FIELDS or b"[%b]" % made.text == put_together
            assert (made.count, made.has_more, made.last) == (len(page.rows), page.has_more, page.last)


async def _told(connection: Connection, revision: int) -> list[Any]:
    """Every case as of a revision, but for its id, which each record gives anew."""
    state = await get_state(connection, revision=revision)
    fields = tuple(name for name in FIELDS if name not in ("id", "merged_into"))
    text = await write_cases(connection, Wanted((), Order("number"), 1000), state, fields)
    return sorted(orjson.loads(b"[%b]" % text.text), key=str)
