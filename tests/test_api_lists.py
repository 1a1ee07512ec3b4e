"""Lists: pages put together are the list, at one revision, in every order and format."""

import csv
import io
import string
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.access.register import create_key
from app.db.database import Database
from app.records.cases import CASES
from tests.serving import (
    CHITA,
    GROZNY,
    PUBLISHED,
    REUTOV,
    STATUSES,
    case,
    client_fixture,  # noqa: F401
    client_of,
    crowd,
    crowded_fixture,  # noqa: F401
    filled_fixture,  # noqa: F401
    take,
)

Client = httpx.AsyncClient
ORDERS = tuple(sign + column for column in CASES.columns for sign in ("", "-"))
FILTERS = st.fixed_dictionaries(
    {},
    optional={
        "court": st.lists(st.sampled_from((GROZNY, REUTOV, CHITA)), min_size=1, max_size=2).map(",".join),
        "received_on__isnull": st.sampled_from(("true", "false")),
        "service_status": st.sampled_from(STATUSES),
        "offence__ne": st.just("337"),
    },
)
COUNTED = settings(max_examples=12)


@pytest.fixture(name="crowd_client")
async def crowd_client_fixture(crowded: str) -> AsyncIterator[Client]:
    async with client_of(crowded, anonymous_quota_minute=0) as client:
        yield client


async def whole(client: Client, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """All results on one page."""
    body = (await client.get(path, params={**query, "limit": "1000"})).json()
    assert body["paging"]["has_more"] is False
    results: list[dict[str, Any]] = body["results"]
    return results


async def paged(client: Client, path: str, query: dict[str, str]) -> list[dict[str, Any]]:
    """All results, page after page; `next` and the Link header agree."""
    results, address = [], str(httpx.URL(path, params=query))
    while True:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        results += body["results"]
        if not body["paging"]["has_more"]:
            assert "link" not in answer.headers
            return results
        assert len(body["results"]) == int(query["limit"])
        address = body["paging"]["next"]
        assert answer.headers["link"] == f'<{address}>; rel="next"'


def sort_value(shown: dict[str, Any], column: str) -> Any:
    """What a case is sorted by."""
    return shown["identifiers"][0]["value"] if column == "number" else shown[column]


@pytest.mark.parametrize("order", ORDERS)
@given(limit=st.integers(1, 15), filters=FILTERS)
@COUNTED
async def test_pages_joined_are_the_list_in_every_order_with_ties_and_gaps(
    crowd_client: Client, order: str, limit: int, filters: dict[str, str]
) -> None:
    query = {**filters, "sort": order}
    listed = await whole(crowd_client, "/v1/cases", query)
    assert await paged(crowd_client, "/v1/cases", {**query, "limit": str(limit)}) == listed
    column, backwards = order.lstrip("-"), order.startswith("-")
    valued = [case for case in listed if sort_value(case, column) is not None]
    gaps = [case for case in listed if sort_value(case, column) is None]
    assert listed == valued + gaps
    assert valued == sorted(valued, key=lambda c: (sort_value(c, column), c["id"]), reverse=backwards)
    assert gaps == sorted(gaps, key=lambda c: c["id"], reverse=backwards)


@pytest.mark.parametrize(
    ("path", "order"), [("/v1/courts", "-region"), ("/v1/offences", "max_months"), ("/v1/revisions", "published_at")]
)
@pytest.mark.parametrize("limit", ["1", "37"])
async def test_pages_of_the_other_lists_joined_are_the_list(client: Client, path: str, order: str, limit: str) -> None:
    listed = await whole(client, path, {"sort": order})
    assert len(listed) > 1
    assert await paged(client, path, {"sort": order, "limit": limit}) == listed


@given(filters=FILTERS, order=st.sampled_from(ORDERS))
@COUNTED
async def test_csv_has_the_rows_of_json_one_for_each_charge(
    crowd_client: Client, filters: dict[str, str], order: str
) -> None:
    query = {**filters, "sort": order}
    answer = await crowd_client.get("/v1/cases", params={**query, "format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert int(answer.headers["sudstat-rows"]) == len(rows)
    assert answer.headers["sudstat-revision"] == "1"
    expected = [
        (case["id"], case["received_on"] or "", person.get("id", ""), person.get("service_status", ""), offence)
        for case in await whole(crowd_client, "/v1/cases", query)
        for person in case["defendants"] or [{}]
        for offence in [charge["offence"] for charge in person.get("charges", ())] or [""]
    ]
    names = ("id", "received_on", "defendant.id", "defendant.service_status", "charge.offence")
    assert [tuple(row[name] for name in names) for row in rows] == expected
    limited = await crowd_client.get("/v1/cases", params={**query, "format": "csv", "limit": "1000"})
    assert limited.text == answer.text


@given(data=st.data())
@settings(max_examples=40)
async def test_a_cursor_changed_in_one_byte_is_refused(crowd_client: Client, data: st.DataObject) -> None:
    body = (await crowd_client.get("/v1/cases", params={"limit": "3"})).json()
    query = dict(parse_qsl(urlsplit(body["paging"]["next"]).query))
    cursor = query["cursor"]
    place = data.draw(st.integers(0, len(cursor) - 1))
    letter = data.draw(st.sampled_from([c for c in string.printable.strip() if c != cursor[place]]))
    query["cursor"] = cursor[:place] + letter + cursor[place + 1 :]
    answer = await crowd_client.get("/v1/cases", params=query)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-cursor")


@pytest.mark.parametrize(
    ("path", "changed"),
    [
        ("/v1/cases", {"court": GROZNY}),
        ("/v1/cases", {"sort": "id"}),
        ("/v1/cases", {"sort": "received_on"}),
        ("/v1/cases", {"revision": "1"}),
        ("/v1/courts", {}),
    ],
)
async def test_a_cursor_of_another_question_is_refused(client: Client, path: str, changed: dict[str, str]) -> None:
    body = (await client.get("/v1/cases", params={"limit": "2"})).json()
    query = dict(parse_qsl(urlsplit(body["paging"]["next"]).query)) | changed
    answer = await client.get(path, params=query)
    assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-cursor")
    assert "another question" in answer.json()["detail"]


async def test_the_page_size_may_change_between_pages(client: Client) -> None:
    first = (await client.get("/v1/cases", params={"limit": "2"})).json()
    query = dict(parse_qsl(urlsplit(first["paging"]["next"]).query)) | {"limit": "4"}
    rest = (await client.get("/v1/cases", params=query)).json()
    assert first["results"] + rest["results"] == await whole(client, "/v1/cases", {})


async def test_later_pages_are_of_the_first_pages_revision(database_url: str) -> None:
    await crowd(database_url)
    async with client_of(database_url) as client:
        first = (await client.get("/v1/cases", params={"limit": "5", "sort": "id"})).json()
        before = await whole(client, "/v1/cases", {"sort": "id"})
        later = datetime(2023, 9, 1, tzinfo=UTC)
        assert later > PUBLISHED[0]
        await take(Database(database_url), (case(GROZNY, "1-99/2023"),), layer="court_card", published_at=later)
        body = (await client.get(first["paging"]["next"])).json()
        assert body["meta"]["revision"] == 1
        rest = await paged(client, "/v1/cases", {"sort": "id", "limit": "5", "revision": "1"})
        assert rest == before
        assert body["results"] == before[5:10]
        assert len(await whole(client, "/v1/cases", {})) == len(before) + 1


async def test_a_limit_of_nothing_tells_whether_there_is_something(client: Client) -> None:
    body = (await client.get("/v1/cases", params={"limit": "0", "include_total": "true"})).json()
    assert body["results"] == []
    assert body["paging"] == {"limit": 0, "has_more": True, "next": None, "total": 6}


async def test_many_results_as_a_whole_need_the_scope_export(database_url: str) -> None:
    database = Database(database_url)
    records = tuple(case(GROZNY, f"1-{number}/2023") for number in range(1, 1002))
    await take(database, records, layer="court_card", published_at=PUBLISHED[0])
    async with database.owner() as connection:
        scopes = {"records": ["records"], "export": ["records", "export"]}
        keys = {name: await create_key(connection, "test", scopes=of) for name, of in scopes.items()}
    async with client_of(database_url) as client:
        for status, headers in ((401, {}), (403, {"X-API-Key": keys["records"]})):
            refused = await client.get("/v1/cases?format=csv", headers=headers)
            assert (refused.status_code, refused.json()["scope"]) == (status, "export")
            assert "limit" in refused.json()["detail"]
        allowed = await client.get("/v1/cases?format=csv&sort=number", headers={"X-API-Key": keys["export"]})
        assert allowed.headers["cache-control"] == "private, no-cache"
        assert int(allowed.headers["sudstat-rows"]) == allowed.text.count("\r\n") - 1 == 1001
        held = {"If-None-Match": allowed.headers["etag"]}
        assert (await client.get("/v1/cases?format=csv&sort=number", headers=held)).status_code == 401
        narrowed = await client.get("/v1/cases?format=csv&number=1-5/2023")
        assert narrowed.status_code == 200
