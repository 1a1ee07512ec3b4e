"""A page of cases: one statement, by indexes alone, deep in the list as at its beginning, and never of two states."""

import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import orjson
import pytest

from app.api.schemas import CaseInList
from app.records.export import write_cases
from app.records.listing import Condition, Order, Position, Wanted
from app.records.revisions import State
from tests.databases import cloned
from tests.ledgers import state_of
from tests.serving import FIRST, SECOND, fill, filled_fixture, take  # noqa: F401
from tests.test_answers import counted, worker_of

Client = httpx.AsyncClient
WEEKLY = "/v1/statistics/weekly"
PAGE = "/v1/cases?limit=2&sort=received_on"
SHOWN = (Condition("is_withdrawn", "eq", (False,)), Condition("is_merged", "eq", (False,)))
PAGED = ("id", "court", "received_on", "decided_on", "disposition", "defendants", "identifiers")
CASES = 4000
# A case of one person and one charge each; every hundredth in two versions, the first of which is over.
RECORD = f"""
INSERT INTO versions (court, case_id, revision, superseded_in, version, instance, number, received_on, arrival,
    disposition, offence_received, offence_decided, is_withdrawn, layers, conflicts, sources, content_hash, persons,
    flat_rows)
SELECT '61GV00' || 10 + n % 80, md5(n::text)::uuid, r, CASE WHEN n % 100 = 0 AND r = 1 THEN 2 END, r, 'first',
    '1-' || n, date '2018-01-01' + n / 2, 'new', 'pending', '337', 'unknown', false, '["court_card"]',
    '[]', '[]', '', '[]', 1
FROM generate_series(1, {CASES}) n CROSS JOIN generate_series(1, 2) r WHERE r = 1 OR n % 100 = 0;
INSERT INTO defendants (court, case_id, revision, defendant, ordinal, service_status, disposition, is_presumed,
    offence_received, offence_decided, sentence_class, sentence_kind, sentence_execution)
SELECT court, case_id, revision, 1, 1, 'contract', 'pending', false, '337', 'unknown', 'unknown', 'unknown', 'unknown'
FROM versions;
INSERT INTO charges SELECT court, case_id, revision, 1, 1, '337', 'filed', 'completed', 1, false FROM versions;
INSERT INTO identifiers
SELECT court, case_id, 'number', number, 1, NULL, 'first', number FROM versions WHERE version = 1;
INSERT INTO statements (court, case_id, layer, revision, seen_on, row_hash, digest, body)
SELECT court, case_id, 'newsroom', 1, '2024-01-01', '', '', '{{}}' FROM versions WHERE version = 1;
ANALYZE
"""


@pytest.fixture(name="record")
async def record_fixture(server_url: str, template: str) -> AsyncIterator[Any]:
    """A connection to a record of some thousand cases, of which the planner knows."""
    async with cloned(server_url, template) as url:
        connection = await asyncpg.connect(url, server_settings={"timezone": "UTC", "jit": "off"})
        await connection.execute(RECORD)
        yield connection
        await connection.close()


class Explained:
    """A connection that explains what it is asked."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.plans: list[Any] = []

    async def fetch(self, sql: str, *arguments: Any) -> Any:
        """The rows, as ever."""
        told = await self._connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT json) {sql}", *arguments)
        self.plans.append(orjson.loads(told)[0]["Plan"])
        return await self._connection.fetch(sql, *arguments)

    @property
    def blocks(self) -> int:
        """How many blocks were read."""
        return sum(int(plan["Shared Hit Blocks"]) + int(plan["Shared Read Blocks"]) for plan in self.plans)

    def scans(self) -> set[tuple[str, str]]:
        """Each scan of a table: how, and of which."""
        return {scan for plan in self.plans for scan in _scans(plan)}


def _scans(node: Any) -> set[tuple[str, str]]:
    own = {(node["Node Type"], node["Relation Name"])} if "Relation Name" in node else set()
    return own.union(*(_scans(child) for child in node.get("Plans", ())))


async def page(record: Any, state: State, order: Order, after: Position | None = None) -> Explained:
    explained = Explained(record)
    wanted = Wanted(SHOWN, order, 100, after)
    written = await write_cases(explained, wanted, state, tuple(CaseInList.model_fields))
    assert len(orjson.loads(b"[%b]" % written.text)) == 100
    assert written.has_more
    assert len(explained.plans) == 1
    return explained


@pytest.mark.parametrize("is_descending", [False, True])
async def test_a_page_reads_no_table_whole_and_a_deep_one_no_more_than_the_first(
    record: Any, is_descending: bool
) -> None:
    order, state = Order("received_on", is_descending=is_descending), state_of(2)
    first = await page(record, state, order)
    deep = await page(record, state, order, Position(date(2018, 1, 1) + timedelta(days=1000), UUID(int=0)))
    for one in (first, deep):
        assert not [scan for scan in one.scans() if scan[0] == "Seq Scan" and scan[1] != "removals"]
    assert deep.blocks <= first.blocks * 1.2


@pytest.mark.parametrize(("how", "least"), [("default", 0.6), ("from", 0.2), ("after", 0.2)])
async def test_a_page_is_planned_once_and_not_for_each_set_of_values(record: Any, how: str, least: float) -> None:
    since = (Condition("received_on", "gte", (date(2018, 1, 1),)),)
    for _ in range(10):
        after = Position(date(2018, 6, 1), UUID(int=0)) if how == "after" else None
        wanted = Wanted(SHOWN + since * (how != "default"), Order("received_on", how == "default"), 100, after)
        await write_cases(record, wanted, state_of(2), PAGED)
    planned = (
        "SELECT name, generic_plans, custom_plans, cardinality(parameter_types) AS places FROM pg_prepared_statements"
        " WHERE starts_with(statement, 'SELECT convert_to(')"
    )
    (kept,) = await record.fetch(planned)
    assert (kept["generic_plans"], kept["custom_plans"]) == (5, 5)  # the first five are always planned for their values
    # and in a larger record too: without values it is taken that a good part of the versions is in the list
    await record.execute("SET plan_cache_mode = force_generic_plan")
    plan = await record.fetch(f"EXPLAIN EXECUTE {kept['name']} ({', '.join(['NULL'] * kept['places'])})")
    taken = re.search(r"versions_by_receipt on versions v .*rows=(\d+)", "\n".join(row[0] for row in plan))
    assert taken
    assert int(taken[1]) > CASES * least


@pytest.mark.parametrize("is_descending", [False, True])
@pytest.mark.parametrize("operator", ["gte", "gt", "lte", "lt"])
async def test_pages_of_a_window_joined_are_the_window(record: Any, operator: Any, is_descending: bool) -> None:
    day = date(2018, 1, 1) + timedelta(days=1000)
    conditions = (*SHOWN, Condition("received_on", operator, (day,)))
    order, shown, after = Order("received_on", is_descending=is_descending), [], None
    for _ in range(CASES // 700 + 1):
        page = await write_cases(record, Wanted(conditions, order, 700, after), state_of(2), ("id", "received_on"))
        shown += orjson.loads(b"[%b]" % page.text)
        after = page.last
        if not page.has_more:
            break
    assert not page.has_more
    passes = {"gte": day.__le__, "gt": day.__lt__, "lte": day.__ge__, "lt": day.__gt__}[operator]
    days = [date(2018, 1, 1) + timedelta(days=n // 2) for n in range(1, CASES + 1)]
    assert [one["received_on"] for one in shown] == sorted(map(str, filter(passes, days)), reverse=is_descending)
    assert len({one["id"] for one in shown}) == len(shown)


async def test_a_page_of_a_known_revision_is_one_statement_without_a_transaction(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, _):
        await client.get(WEEKLY)
        with counted() as asked:
            first = await client.get(PAGE)
        following = first.json()["paging"]["next"]
        assert len(asked) == 1
        with counted() as asked:
            second = await client.get(following)
        assert len(asked) == 1
        assert {one["id"] for one in first.json()["results"]}.isdisjoint({o["id"] for o in second.json()["results"]})


async def test_a_page_that_a_removal_overtook_is_read_again_and_an_older_cursor_refused(database_url: str) -> None:
    await fill(database_url)
    async with worker_of(database_url, cache_mb=0) as (client, app):
        await client.get(WEEKLY)
        following = (await client.get(PAGE)).json()["paging"]["next"]
        etag = (await client.get(PAGE)).headers["etag"]
        pointer = app.state.service.answers.published()
        connection = await asyncpg.connect(database_url)
        await connection.execute(
            "INSERT INTO removals (court, digest, revision) VALUES ('*', '', $1)", pointer.revision
        )
        await connection.close()
        with counted() as asked:
            again = await client.get(PAGE)
        if app.state.service.answers.published() == pointer:
            assert len(asked) > 2  # in a snapshot, once the one statement had told
        assert again.headers["etag"] != etag
        assert (await client.get(following)).status_code == 400
