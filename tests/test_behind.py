"""The records behind a count: as many as the cell says, over any history, at any revision, page by page."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Connection
from app.records.ids import read_id
from app.records.listing import Order, Wanted
from app.records.revisions import State, get_state
from app.statistics import find_answer, find_codes, read_question
from app.statistics.behind import Cell, count_behind, find_behind
from app.statistics.measure import Kind, Unit
from app.statistics.measures import MEASURES
from tests.databases import written
from tests.histories import AS_FOUND, Batch, histories, published, take_all
from tests.serving import client_fixture, client_of, crowded_fixture, filled_fixture  # noqa: F401

COUNTING = tuple(one.id for one in MEASURES.values() if one.kind in (Kind.COUNT, Kind.STOCK, Kind.ANY_CHARGE))
GROUPINGS = (
    (),
    ("court",),
    ("offence_part",),
    ("month",),
    ("week", "service_status"),
    ("disposition", "sentence_class"),
)
FILTERS: tuple[dict[str, tuple[str, ...]], ...] = ({}, {"offence": ("337",)}, {"service_status__ne": ("mobilised",)})


async def behind(connection: Connection, cell: Cell, limit: int = 2) -> list[dict[str, Any]]:
    """All records, put together from small pages."""
    wanted, has_more = Wanted((), Order("case_id"), limit), True
    found: list[dict[str, Any]] = []
    while has_more:
        page = await find_behind(connection, cell, wanted)
        found += page.rows
        wanted, has_more = replace(wanted, after=page.last), page.has_more
    return found


async def cells(connection: Connection, state: State, asked: dict[str, tuple[str, ...]]) -> Iterable[tuple[Cell, int]]:
    """Every cell of an answer, as the question of it alone, and what the answer says."""
    known = await find_codes(connection, state)
    question = read_question(asked, None, known)
    answer = await find_answer(connection, state, question, known)
    found = []
    for row in (dict(zip(answer.table.column_ids, row, strict=True)) for row in answer.table.rows):
        own = {name: values for name, values in asked.items() if name != "group_by"}
        own |= {name: (row[name],) for name in question.dimensions}
        if question.grain:
            window = question.window(known.covered)
            assert window
            first, last = row[f"{question.grain}_start"], row[f"{question.grain}_end"]
            own |= {"start_period": (str(max(first, window.first)),), "end_period": (str(min(last, window.last)),)}
        cell = Cell(read_question(own, None, known), state, known)
        found.append((cell, row[question.measures[0].id]))
    return found


@settings(max_examples=12, phases=AS_FOUND)
@given(history=histories(4), data=st.data())
async def test_as_many_records_as_the_cell_says(
    server_url: str, template: str, history: list[Batch], data: st.DataObject
) -> None:
    async with written(server_url, template) as database:
        await take_all(database, history)
        async with database.owner() as connection:
            last = await published(connection)
            if not last:
                return
            state = await get_state(connection, revision=data.draw(st.integers(1, last)))
            for measure in COUNTING:
                group_by = data.draw(st.sampled_from(GROUPINGS))
                asked = {"measures": (measure,), **data.draw(st.sampled_from(FILTERS))}
                asked |= {"group_by": group_by} if group_by else {}
                for cell, count in await cells(connection, state, asked):
                    records = await behind(connection, cell)
                    assert len(records) == count == await count_behind(connection, cell), asked
                    unit = cell.measure.unit
                    assert all((one["defendant_id"] is None) == (unit is Unit.CASE) for one in records)
                    if unit is not Unit.CHARGE:
                        assert len({(one["case_id"], one["defendant_id"]) for one in records}) == count


async def test_pages_over_http_put_together_are_the_whole(crowded: str) -> None:
    async with client_of(crowded) as client:
        path = "/v1/statistics/records?measures=persons_received&service_status=mobilised"
        whole = (await client.get(f"{path}&limit=1000&include_total=true")).json()
        count = (await client.get("/v1/statistics?measures=persons_received&service_status=mobilised")).json()
        assert whole["paging"]["total"] == len(whole["results"]) == count["results"][0]["persons_received"] > 10
        paged, next_ = [], f"{path}&limit=7"
        while next_:
            body = (await client.get(next_)).json()
            paged += body["results"]
            next_ = body["paging"]["next"]
        assert paged == whole["results"]
        backwards = (await client.get(f"{path}&limit=1000&sort=-case_id")).json()["results"]
        assert backwards == whole["results"][::-1]
        csv = await client.get(f"{path}&format=csv")
        assert csv.headers["sudstat-rows"] == str(len(paged))
        assert len(csv.text.splitlines()) == len(paged) + 1
        assert all(read_id(one["case_id"]) for one in paged)


async def test_each_record_is_there_to_be_read(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/statistics/records?measures=persons_convicted&court=61GV0012")).json()
    assert len(body["results"]) == 2
    for one in body["results"]:
        case = (await client.get(f"/v1/cases/{one['case_id']}")).json()
        assert one["defendant_id"] in [person["id"] for person in case["defendants"]]
        assert case["court"] == one["court"]
    before = (await client.get("/v1/statistics/records?measures=persons_convicted&court=61GV0012&revision=1")).json()
    assert len(before["results"]) == 1


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("measures=suspended_share", "measures"),
        ("measures=term_months_median", "measures"),
        ("measures=cases_received,cases_decided", "measures"),
        ("measures=convictions", "measures"),
        ("group_by=court", "group_by"),
        ("last_n=3", "last_n"),
        ("court=nowhere", "court"),
    ],
)
async def test_what_is_no_count_has_no_records(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/statistics/records?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_a_charge_of_another_article_may_be_asked_for_and_a_slip_not(client: httpx.AsyncClient) -> None:
    held = (await client.get("/v1/statistics?measures=persons_charged&group_by=offence_part")).json()["results"]
    assert "158:3" in [row["offence_part"] for row in held]  # beside a graver one, so that no count by principal has it
    asked = "/v1/statistics/records?measures=persons_charged&offence_part=158:3"
    assert len((await client.get(asked)).json()["results"]) == 1
    for wrong in ("337:9", "999", "158:x"):
        assert (await client.get(f"/v1/statistics?offence_part={wrong}")).status_code == 422, wrong


async def test_a_case_is_pending_from_its_day_of_receipt_and_no_more_on_that_of_its_closing(
    client: httpx.AsyncClient,
) -> None:
    """On 14 March three cases came and one was closed."""
    for day, count in (("2023-03-13", 1), ("2023-03-14", 3)):
        query = f"measures=cases_pending&end_period={day}"
        [row] = (await client.get(f"/v1/statistics?{query}")).json()["results"]
        records = (await client.get(f"/v1/statistics/records?{query}")).json()["results"]
        assert row["cases_pending"] == len(records) == count
