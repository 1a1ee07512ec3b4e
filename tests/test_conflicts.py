"""Conflicts: listed while they stand, with what both sides say; each keeps its id until a value moves."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.register import create_key
from app.db.database import Database
from app.records.conflicts import read_conflict_id, show_conflict_id
from app.records.ids import read_id, show_id
from tests.loading import GROZNY, GUIDS, JUDGED, MOSCOW, UID, Desk, card, case, person
from tests.serving import client_of

Client = httpx.AsyncClient
Json = dict[str, Any]


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(Database(database_url), tmp_path)


@pytest.fixture
async def client(database_url: str, desk: Desk) -> AsyncIterator[Client]:
    async with desk.database.owner() as connection:
        key = await create_key(connection, "test", scopes=["curate", "records"])
    async with client_of(database_url) as client:
        client.headers["X-API-Key"] = key
        yield client


async def conflicts(client: Client, **query: str) -> list[Json]:
    answer = await client.get("/v1/conflicts", params=query)
    assert answer.status_code == 200, answer.text
    results: list[Json] = answer.json()["results"]
    return results


async def test_a_disagreement_is_listed_with_both_values_and_where_they_were_seen(desk: Desk, client: Client) -> None:
    await desk.scrape(card(**JUDGED, guid=GUIDS[0]), seen_on="2023-05-10")
    sources = [{"kind": "verdict_text", "url": "https://court.example/act", "seen_on": "2023-05-12"}]
    await desk.house(case(decided_on="2023-04-20", sources=sources), layer="newsroom", seen_on="2023-05-11")
    (conflict,) = await conflicts(client)
    assert (conflict["kind"], conflict["field"], conflict["court"], conflict["since"]) == (
        "values_differ", "decided_on", GROZNY, 2,
    )  # fmt: skip
    card_says, newsroom_says = conflict["court_card"], conflict["newsroom"]
    assert (card_says["value"], card_says["seen_on"], card_says["revision"]) == ("2023-04-21", "2023-05-10", 1)
    assert card_says["sources"][0]["url"].startswith("http://gvs.chn.sudrf.ru")
    assert (newsroom_says["value"], newsroom_says["seen_on"]) == ("2023-04-20", "2023-05-12")
    assert newsroom_says["sources"] == sources
    one = (await client.get(f"/v1/conflicts/{conflict['id']}")).json()
    assert one.pop("meta")["revision"] == 2
    assert one == conflict
    assert await conflicts(client, revision="1") == []


async def test_a_conflict_keeps_its_id_while_it_stands_and_is_another_once_a_value_moves(
    desk: Desk, client: Client
) -> None:
    await desk.scrape(card(**JUDGED))
    await desk.house(case(decided_on="2023-04-20"), layer="newsroom")
    (first,) = await conflicts(client)
    await desk.scrape(card(**JUDGED, endDate="06.05.2023"))  # says nothing else of the day
    (same,) = await conflicts(client)
    assert (same["id"], same["since"]) == (first["id"], 2)
    await desk.house(case(decided_on="2023-04-19"), layer="newsroom")
    (moved,) = await conflicts(client)
    assert (moved["id"] != first["id"], moved["since"]) == (True, 4)
    assert (await client.get(f"/v1/conflicts/{first['id']}")).status_code == 404
    assert (await client.get(f"/v1/conflicts/{first['id']}?revision=3")).status_code == 200
    await desk.house(case(decided_on=None), layer="newsroom")
    assert await conflicts(client) == []
    await desk.house(case(decided_on="2023-04-20", in_force_on="2023-05-06"), layer="newsroom")
    (again,) = await conflicts(client)
    assert (again["id"], again["since"]) == (first["id"], 6)


async def test_every_kind_is_listed_and_can_be_asked_for(desk: Desk, client: Client) -> None:
    await desk.scrape(card(**JUDGED), card("1-2/2023"))
    await desk.house(case(deny=["decided_on"]), layer="newsroom")
    told = {"ordinal": 1, "service_status": "mobilised"}
    await desk.house(case("1-2/2023", defendants=[told]), layer="newsroom")
    two = "Иванов Иван Иванович - ст.338 ч.1 УК РФ Петров П.П. - ст.332 ч.1 УК РФ"
    await desk.scrape(card("1-2/2023", names=two))
    await desk.house(case("1-5/2023", uid=UID, received_on="2023-03-14"))
    await desk.house(case("1-6/2023", uid=UID, received_on="2023-03-14"))
    kinds = {conflict["kind"]: conflict for conflict in await conflicts(client)}
    assert set(kinds) == {"denied", "defendants_changed", "possible_duplicate"}
    assert (kinds["denied"]["court_card"]["value"], kinds["denied"]["newsroom"]["value"]) == ("2023-04-21", None)
    assert kinds["defendants_changed"]["field"] == "defendants"
    for kind, conflict in kinds.items():
        assert [c["kind"] for c in await conflicts(client, kind=kind)] == [kind]
        assert conflict in await conflicts(client, case=conflict["case"], court=GROZNY)
    pair = kinds["possible_duplicate"]
    assert pair["reasons"] == ["same-uid-and-receipt"]
    assert await conflicts(client, case=pair["other"]) == [pair]
    assert await conflicts(client, court=MOSCOW) == []
    answer = await client.get("/v1/conflicts", params={"format": "csv"})
    assert [line.split(",")[1] for line in answer.text.splitlines()[1:]] == [c["kind"] for c in await conflicts(client)]
    paged = [(await client.get("/v1/conflicts?limit=1")).json()]
    while address := paged[-1]["paging"]["next"]:
        paged.append((await client.get(address)).json())
    assert [page["results"][0] for page in paged] == await conflicts(client)


async def test_a_pair_is_kept_once_with_the_revision_that_found_it(desk: Desk, client: Client) -> None:
    await desk.scrape(card("1-1/2023", guid=GUIDS[0]), card("1-2/2023", guid=GUIDS[1]))
    receipt = await desk.scrape(card("1-2/2023", guid=GUIDS[0], **JUDGED))
    (told,) = receipt["possible_duplicates"]
    (pair,) = await conflicts(client)
    assert {pair["case"], pair["other"]} == {told["one"], told["other"]}
    assert (pair["reasons"], pair["since"], pair["court_card"], pair["field"]) == (["two-keys"], 2, None, None)
    await desk.scrape(card("1-2/2023", guid=GUIDS[0], **JUDGED, endDate="06.05.2023"))
    assert await conflicts(client) == [pair]
    assert (await client.get(f"/v1/conflicts/{pair['id']}")).json()["other"] == pair["other"]


async def test_a_settled_conflict_is_open_no_more_but_was(desk: Desk, client: Client) -> None:
    await desk.scrape(card(**JUDGED))
    await desk.house(case(decided_on="2023-04-20"), layer="newsroom")
    (conflict,) = await conflicts(client)
    known = read_conflict_id(conflict["id"])
    assert known
    await desk.house(case("1-9/2023"))
    async with desk.database.owner() as connection:
        await connection.execute(
            "INSERT INTO conflict_resolutions VALUES ($1, $2, $3, 3, NULL, 'newsroom')", GROZNY, *known
        )
    assert await conflicts(client) == []
    assert await conflicts(client, revision="2") == [conflict]
    await desk.scrape(card(**{**JUDGED, "resultDate": "22.04.2023"}))
    (reopened,) = await conflicts(client)
    assert reopened["court_card"]["value"] == "2023-04-22"


async def test_the_id_of_a_conflict_is_read_back_and_no_other_text_is(desk: Desk, client: Client) -> None:
    case_id = read_id("cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E8")
    assert case_id
    shown = show_conflict_id(case_id, "5d0c2f6b8e9a")
    assert read_conflict_id(shown) == (case_id, "5d0c2f6b8e9a")
    for wrong in (shown[:-1], shown.lower(), shown[3:], show_id(case_id), "cf_", shown + "0", shown[:-1] + "G"):
        assert read_conflict_id(wrong) is None
    await desk.house(case(defendants=[person("337")]))
    for path in (shown, "nonsense"):
        assert (await client.get(f"/v1/conflicts/{path}")).status_code == 404
