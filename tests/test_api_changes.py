"""The feed: what each revision did to which case, and that whoever follows it holds the record."""

import csv
import io
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
from hypothesis import given, settings

from app.db.database import Database
from app.ingest.acting import Act
from app.ingest.curation import LEDGER_CAUSES, Wanted, merge_into, restore, withdraw
from app.ingest.undo import undo
from app.records.history import apply, fields_of
from app.records.ids import read_id, show_id
from tests.databases import cloned
from tests.histories import AS_FOUND, Batch, histories, take_all
from tests.serving import CHITA, GROZNY, PUBLISHED, case, client_fixture, client_of, fill, filled_fixture, take  # noqa: F401

Client = httpx.AsyncClient
Json = dict[str, Any]


async def followed(client: Client, path: str, limit: int = 1000, **query: str) -> list[Json]:
    """All results of a list, page after page."""
    results: list[Json] = []
    address: str | None = str(httpx.URL(path).copy_merge_params({**query, "limit": str(limit)}))
    while address:
        answer = await client.get(address)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        results += body["results"]
        address = body["paging"]["next"]
    return results


async def held(client: Client) -> dict[str, Json]:
    """The content of every case, as `/v1/cases` shows it; also of those withdrawn and merged."""
    every = "/v1/cases?is_withdrawn=true,false&is_merged=true,false"
    return {case["id"]: fields_of(case) for case in await followed(client, every, sort="id")}


def replay(changes: list[Json], state: dict[str, Json] | None = None) -> dict[str, Json]:
    """What a consumer of the feed holds."""
    state = dict(state or {})
    for change in changes:
        state[change["id"]] = apply(state.get(change["id"], {}), change["differences"])
    return state


@pytest.fixture
def place(server_url: str, template: str) -> tuple[str, str]:
    """Where each example gets a database of its own."""
    return server_url, template


@settings(max_examples=12, phases=AS_FOUND)
@given(history=histories())
async def test_who_follows_the_feed_from_the_beginning_holds_the_record(
    place: tuple[str, str], history: list[Batch]
) -> None:
    async with cloned(*place) as url:
        await take_all(Database(url), history)
        async with client_of(url) as client:
            if (await client.get("/v1/revisions")).status_code == 404:  # every row was refused
                return
            changes = await followed(client, "/v1/changes", 1)
            assert changes == await followed(client, "/v1/changes")
            assert replay(changes) == await held(client)
            keys = [(change["revision"], change["id"]) for change in changes]
            assert keys == sorted(set(keys))
            by_case = [c for one in sorted({c["id"] for c in changes}) for c in changes if c["id"] == one]
            told = [
                c for id_ in sorted(await held(client)) for c in await followed(client, f"/v1/cases/{id_}/revisions")
            ]
            assert told == by_case
            last = changes[-1]["revision"]
            by_revision = [c for n in range(1, last + 1) for c in await followed(client, f"/v1/revisions/{n}/changes")]
            assert by_revision == changes


async def test_a_change_says_who_why_and_what_moved(client: Client) -> None:
    (change,) = await followed(client, "/v1/revisions/2/changes", court=GROZNY)
    assert {name: change[name] for name in ("revision", "version", "change", "cause", "source", "layer", "author")} == {
        "revision": 2,
        "version": 2,
        "change": "changed",
        "cause": "source",
        "source": "test-cards",
        "layer": "newsroom",
        "author": "test",
    }
    assert change["published_at"] == "2023-07-01T09:00:00Z"
    moved = {d["field"]: (d["before"], d["after"], d["layer"]) for d in change["differences"]}
    assert moved["decided_on"] == (None, "2023-05-02", "newsroom")
    assert moved["disposition"] == ("pending", "verdict", "newsroom")
    assert moved["layers.disposition"] == (None, "newsroom", "newsroom")
    assert moved["defendants.d1.disposition"] == ("pending", "convicted", None)
    assert "received_on" not in moved
    assert change["causes"] == ["corrected", "new"]


async def test_a_revision_lists_what_it_did(client: Client) -> None:
    changes = await followed(client, "/v1/revisions/2/changes")
    assert {(c["court"], c["change"]) for c in changes} == {(GROZNY, "changed"), (CHITA, "created")}
    assert [c["change"] for c in await followed(client, "/v1/revisions/1/changes")] == ["created"] * 5
    assert await followed(client, "/v1/revisions/1/changes", change="changed") == []
    for path in ("/v1/revisions/3/changes", "/v1/revisions/0/changes", "/v1/cases/cs_1/revisions"):
        assert (await client.get(path)).status_code == 404


async def test_a_consumer_goes_on_where_it_stopped(client: Client) -> None:
    first = await followed(client, "/v1/changes", revision="1")
    assert {c["revision"] for c in first} == {1}
    for name, value in (("after_revision", "1"), ("updated_after", "2023-06-01T09:00:00Z")):
        rest = await followed(client, f"/v1/changes?{name}={value}")
        assert {c["revision"] for c in rest} == {2}
        assert replay(rest, replay(first)) == await held(client)
    assert len(await followed(client, "/v1/changes", updated_after="2023-06-01T08:59:59Z")) == 7
    assert await followed(client, "/v1/changes", after_revision="2") == []


async def test_the_feed_as_of_a_revision_ends_there_and_its_pages_stay_there(database_url: str) -> None:
    await fill(database_url)
    async with client_of(database_url) as client:
        body = (await client.get("/v1/changes", params={"limit": "3"})).json()
        later = (case(GROZNY, "1-99/2023"),)
        await take(Database(database_url), later, layer="court_card", published_at=PUBLISHED[1])
        query = dict(parse_qsl(urlsplit(body["paging"]["next"]).query)) | {"limit": "1000"}
        rest = (await client.get("/v1/changes", params=query)).json()
        assert (rest["meta"]["revision"], len(rest["results"])) == (2, 4)
        assert len(await followed(client, "/v1/changes", limit=2)) == 8
        wrong = await client.get("/v1/changes", params={**query, "after_revision": "1"})
        assert (wrong.status_code, wrong.json()["type"]) == (400, "/problems/bad-cursor")


async def test_a_number_learnt_later_is_a_version_and_stands_in_the_feed(database_url: str) -> None:
    database = Database(database_url)
    await take(database, (case(GROZNY, "1-1/2023"),), layer="court_card", published_at=PUBLISHED[0])
    renumbered = (case(GROZNY, "1-1/2023", previous_numbers=["1-9/2022"]),)
    await take(database, renumbered, layer="newsroom", published_at=PUBLISHED[1])
    async with client_of(database_url) as client:
        change = (await followed(client, "/v1/changes", after_revision="1"))[0]
        (difference,) = change["differences"]
        assert difference["field"] == "identifiers"
        assert [i["value"] for i in difference["after"]] == ["1-1/2023", "1-9/2022"]
        assert (change["version"], change["causes"]) == (2, [])
        assert replay(await followed(client, "/v1/changes")) == await held(client)


async def test_what_curators_do_stands_in_the_feed_under_its_own_name(database_url: str) -> None:
    database = Database(database_url)
    await take(
        database, tuple(case(GROZNY, f"1-{n}/2023") for n in (1, 2)), layer="court_card", published_at=PUBLISHED[0]
    )
    async with client_of(database_url) as client:
        one, other = (known for shown in sorted(await held(client)) if (known := read_id(shown)))
        acts = (
            ("withdrawn", "withdrawal", partial(withdraw, database, Wanted(one))),
            ("restored", "restoration", partial(restore, database, Wanted(one))),
            ("merged", "duplicate", partial(merge_into, database, Wanted(one), survivor_id=other)),
            ("restored", "restoration", partial(restore, database, Wanted(one))),
        )
        for number, (change, cause, perform) in enumerate(acts, start=2):
            receipt = await perform(Act("test", LEDGER_CAUSES[cause], "why"))
            (told,) = await followed(client, f"/v1/revisions/{number}/changes")
            assert (told["change"], told["note"], told["id"]) == (change, "why", show_id(one))
            assert replay(await followed(client, "/v1/changes")) == await held(client)
        await undo(database, receipt.batch_id, Act("test", LEDGER_CAUSES["undo"]))
        await take(database, (case(GROZNY, "1-3/2023"),), layer="court_card", published_at=datetime.now(UTC))
        last = await client.get("/v1/revisions?limit=1")
        async with database.owner() as connection:
            batch_id = await connection.fetchval("SELECT batch_id FROM revisions ORDER BY revision DESC LIMIT 1")
        await undo(database, batch_id, Act("test", LEDGER_CAUSES["undo"]))
        assert last.json()["results"][0]["revision"] == 7
        changes = await followed(client, "/v1/changes", after_revision="5")
        assert [c["change"] for c in changes] == ["undone", "created", "undone"]
        assert replay(await followed(client, "/v1/changes")) == await held(client)


async def test_changes_as_csv_have_a_row_each(client: Client) -> None:
    answer = await client.get("/v1/changes", params={"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert len(rows) == int(answer.headers["sudstat-rows"]) == 7
    assert [(row["revision"], row["id"]) for row in rows] == [
        (str(c["revision"]), c["id"]) for c in await followed(client, "/v1/changes")
    ]
