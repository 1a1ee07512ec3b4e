"""What a tally question reads: by its index, of the tally alone, never a whole table."""

import random
from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any

import asyncpg
import orjson
import pytest

from app.db.database import Database
from app.statistics import find_codes, read_question
from app.statistics.answer import plan_of
from app.statistics.measures import MEASURES
from app.statistics.periods import Grain
from app.statistics.plan import Plan
from app.statistics.select import Statement
from app.statistics.sums import SUMS
from tests.databases import cloned
from tests.ledgers import random_entry, state_of, write, write_reference
from tests.recount import LAST_REVISION

KEPT = ("cases_received", "cases_decided", "persons_received", "persons_convicted", "suspended_share")
LARGE = {"ledger", "versions", "defendants", "charges", "statements"}


@pytest.fixture
async def record(server_url: str, template: str) -> AsyncIterator[Any]:
    """A connection to a record of a few thousand entries, of which the planner knows."""
    async with cloned(server_url, template) as url:
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        pick = random.Random(6)
        await write_reference(connection)
        await write(connection, [(pick.randint(1, LAST_REVISION), random_entry(pick), 1) for _ in range(3000)])
        await connection.execute("ANALYZE")
        yield connection
        await connection.close()


ALONE = (
    *(grain.value for grain in Grain),
    *("service_status", "offence", "offence_part", "offence_group", "is_wartime"),
    *("court", "court_level", "region", "district", "sentence_class"),
)
QUESTIONS: list[dict[str, tuple[str, ...]]] = [
    {},
    {"group_by": ("service_status", "sentence_class", "year")},
    {"group_by": ("week",), "court": ("61GV0001",), "start_period": ("2020-12",), "end_period": ("2021-01",)},
    {"group_by": ("month",), "offence": ("337",)},
    {"service_status": ("mobilised",), "bounds": ("true",)},
    {"start_period": ("2020-12-20",), "end_period": ("2021-02-03",), "group_by": ("offence",)},
]
OF_TERMS = ("term_months_median", "term_months_mean")


async def statements(connection: Any, revision: int, given: Any, measures: tuple[str, ...]) -> list[Statement]:
    state = state_of(revision)
    known = await find_codes(connection, state)
    plan = plan_of(read_question({**given, "measures": measures}, None, known), state, known)
    return list(_of(plan))


def _of(plan: Plan) -> Iterator[Statement]:
    yield from (reading.rows(50_000) for reading in plan.readings())
    yield from (reading.all() for reading in plan.left_out())
    if plan.has_own_base:
        yield plan.base([tuple("unknown" for _ in plan.plain_dimensions)])
    if plan.question.has_bounds:
        yield from (reading.all() for reading in plan.bounds())


async def scans(connection: Any, statement: Statement) -> list[tuple[str, str]]:
    """Each scan of a table in the plan: how, and of which."""
    found = await connection.fetchval(f"EXPLAIN (FORMAT json) {statement.sql}", *statement.args)
    (top,) = orjson.loads(found) if isinstance(found, str) else found
    return list(_scans(top["Plan"]))


def _scans(node: Any) -> Iterator[tuple[str, str]]:
    if "Relation Name" in node:
        yield node["Node Type"], node["Relation Name"]
    for child in node.get("Plans", ()):
        yield from _scans(child)


async def test_a_tally_question_reads_neither_ledger_nor_versions_and_no_table_whole(record: Any) -> None:
    by_one: list[dict[str, tuple[str, ...]]] = [{"group_by": (name,)} for name in ALONE]
    asked = [*QUESTIONS, *by_one]
    for revision, given in product((LAST_REVISION, LAST_REVISION // 2), asked):
        measures: tuple[str, ...] = KEPT[:4] if "bounds" in given else KEPT
        if given.get("group_by", ("offence",)) == ("offence",) and "bounds" not in given:
            measures += OF_TERMS
        for statement in await statements(record, revision, given, measures):
            read = await scans(record, statement)
            assert {table for _, table in read} == {"tally"}, (given, read)
            assert not [kind for kind, _ in read if kind == "Seq Scan"], (given, statement.sql)


async def test_what_no_sum_keeps_is_read_from_the_ledger_and_never_from_versions(record: Any) -> None:
    for name in ("days_to_decision_median", "decided_within_90_days_share"):
        assert name in MEASURES
        read = [
            scan for one in await statements(record, LAST_REVISION, {}, (name,)) for scan in await scans(record, one)
        ]
        assert "ledger" in {table for _, table in read}
        assert not {table for _, table in read} & (LARGE - {"ledger"})


async def test_one_units_events_are_found_by_the_index_alone(record: Any) -> None:
    """Of a sum over all courts four fifths are other units and events: no row of theirs is fetched."""
    (statement, *_) = await statements(record, LAST_REVISION, {"group_by": ("week",)}, ("cases_received",))
    (top,) = orjson.loads(await record.fetchval(f"EXPLAIN (ANALYZE, FORMAT json) {statement.sql}", *statement.args))
    removed = [node.get("Rows Removed by Filter", 0) for node in _nodes(top["Plan"]) if "Relation Name" in node]
    assert set(removed) == {0}
    assert f"sum = {next(iter(SUMS.values())).number} " in statement.sql


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node.get("Plans", ()):
        yield from _nodes(child)


async def test_a_reader_goes_back_to_the_pool_without_another_word_to_the_server(database: Database) -> None:
    said: list[str] = []
    async with database.snapshot() as connection:
        await connection.fetch("SELECT 1")
        connection.add_query_logger(lambda record: said.append(record.query))
    assert said == ["COMMIT;"]


async def test_a_reader_that_was_left_in_a_transaction_is_cleared(database: Database) -> None:
    assert database._pool is not None
    async with database._pool.acquire() as connection:
        await connection.execute("BEGIN")
    async with database.snapshot() as connection:
        assert await connection.fetchval("SHOW transaction_isolation") == "repeatable read"
