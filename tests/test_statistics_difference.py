"""Why a number changed: the parts of a difference by cause add up, over any history."""

from collections import Counter
from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Connection, Database
from app.errors import InvalidParameters
from app.records.revisions import State, get_state
from app.statistics import find_answer, find_codes, find_difference, read_question
from app.statistics.difference import find_window
from tests.databases import cloned
from tests.histories import AS_FOUND, Batch, histories, published, take_all

MEASURES = ("cases_received", "persons_convicted", "sentences_known", "charges", "persons_charged", "cases_pending")
ROW = {"court": "61GV0012", "instance": "first", "number": "1-1/2023"}
GROUPINGS = ((), ("court",), ("offence",), ("week",), ("month", "service_status"), ("disposition",), ("offence_part",))


YEAR: dict[str, tuple[str, ...]] = {"start_period": ("2023",), "end_period": ("2023",)}
WINDOWS: tuple[dict[str, tuple[str, ...]], ...] = (YEAR, {}, {"start_period": ("2023-02",)})


async def differences(
    connection: Connection,
    group_by: tuple[str, ...],
    before: State,
    after: State,
    window: dict[str, tuple[str, ...]] = YEAR,
) -> dict[Any, tuple[int, int, Counter[str]]]:
    known = await find_codes(connection, after)
    grouping = {"group_by": group_by} if group_by else {}
    question = read_question({"measures": MEASURES, **grouping, **window}, None, known)
    both = await find_window(connection, question, known, after)
    changes = await find_difference(connection, question, known, before, after, window=both)
    return {(c.row, c.measure): (c.before, c.after, Counter(c.causes)) for c in changes}


@settings(max_examples=15, phases=AS_FOUND)
@given(history=histories(4), data=st.data())
async def test_parts_by_cause_add_up_and_differences_join(
    server_url: str, template: str, history: list[Batch], data: st.DataObject
) -> None:
    group_by, window = data.draw(st.sampled_from(GROUPINGS)), data.draw(st.sampled_from(WINDOWS))
    async with cloned(server_url, template) as url:
        database = Database(url)
        await take_all(database, history)
        async with database.owner() as connection:
            last = await published(connection)
            if not last:
                return
            numbers = sorted(data.draw(st.lists(st.integers(1, last), min_size=3, max_size=3)))
            first, middle, end = [await get_state(connection, revision=number) for number in numbers]
            whole = await differences(connection, group_by, first, end, window)
            one = await differences(connection, group_by, first, middle, window)
            other = await differences(connection, group_by, middle, end, window)
            for cell, (before, after, causes) in whole.items():
                assert after - before == causes.total()
                nothing = (0, 0, Counter[str]())
                joined = Counter(one.get(cell, nothing)[2])
                joined.update(other.get(cell, nothing)[2])
                assert {cause: n for cause, n in joined.items() if n} == {c: n for c, n in causes.items() if n}


async def test_a_later_verdict_is_new_and_does_not_touch_what_was_received(database: Database) -> None:
    charged = {**ROW, "received_on": "2023-03-14", "defendants": [{"ordinal": 1, "charges": [{"offence": "338:1"}]}]}
    decided = {**charged, "disposition": "verdict", "decided_on": "2023-04-21"}
    requalified = {**decided, "defendants": [{"ordinal": 1, "charges": [{"offence": "337:5"}]}]}
    rows = (charged, decided, requalified)
    await take_all(database, [Batch("court_card", date(2023, 6, n), (row,)) for n, row in enumerate(rows, start=1)])
    async with database.snapshot() as connection:
        states = [await get_state(connection, revision=number) for number in (1, 2, 3)]
        verdict = await differences(connection, (), states[0], states[1])
        assert verdict[((None,), "persons_convicted")] == (0, 1, Counter({"new": 1}))
        assert verdict[((None,), "cases_received")] == (1, 1, Counter())
        moved = await differences(connection, ("offence",), states[1], states[2])
        assert moved[((None, "337"), "cases_received")] == (0, 1, Counter({"reclassified": 1}))
        assert moved[((None, "338"), "cases_received")] == (1, 0, Counter({"reclassified": -1}))


async def test_revisions_have_an_order(database: Database) -> None:
    await take_all(
        database, [Batch("court_card", date(2023, 6, n), (dict(ROW, received_on=f"2023-03-1{n}"),)) for n in (1, 2)]
    )
    async with database.snapshot() as connection:
        one, two = [await get_state(connection, revision=number) for number in (1, 2)]
        known = await find_codes(connection, two)
        count = read_question({"measures": ("cases_received",)}, None, known)
        with pytest.raises(InvalidParameters, match="earlier one first"):
            await find_difference(connection, count, known, two, one, window=None)
        answer = await find_answer(connection, two, count, known)
        assert tuple(answer.table.rows[0]) == (1,)
