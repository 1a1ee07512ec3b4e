"""Curators' acts over HTTP: who may, on which version, what the answer has, and where a merged case's address leads."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.db.database import Database
from tests.loading import until
from tests.serving import CHITA, PUBLISHED, case, client_of, fill, problem_of, take
from tests.test_access import new_key

Client = httpx.AsyncClient


@pytest.fixture(name="curator")
async def curator_fixture(database: Database) -> AsyncIterator[Client]:
    """A client with a curator's key, over a record of its own."""
    await fill(database.url)
    key = await new_key(database, "curate", "records", "statistics")
    async with client_of(database.url) as client:
        client.headers["authorization"] = f"Bearer {key}"
        yield client


async def found(client: Client, number: str, **asked: str) -> dict[str, Any]:
    """The case of a number, in whatever state it is."""
    everything = {"is_withdrawn": "true,false", "is_merged": "true,false"}
    (case,) = (await client.get("/v1/cases", params={"number": number, **everything, **asked})).json()["results"]
    return dict(case)


async def listed(client: Client, **asked: str) -> set[str]:
    """The current numbers of the cases that a list shows."""
    cases = (await client.get("/v1/cases", params=asked)).json()["results"]
    return {i["value"] for case in cases for i in case["identifiers"] if i["type"] == "case_number" and i["current"]}


async def test_withdrawing_and_restoring_a_case(curator: Client) -> None:
    address = f"/v1/cases/{(await found(curator, '1-46/2023'))['id']}"
    everything = await listed(curator)
    answer = await curator.post(f"{address}/withdrawal", json={"note": "not a case of ours"})
    done = answer.json()
    assert (answer.status_code, done["revision"], done["applied"]) == (200, 3, True)
    assert done["case"]["is_withdrawn"] is True
    now = await curator.get(address)
    assert (now.json(), now.headers["etag"]) == (done["case"], answer.headers["etag"])
    assert await listed(curator) == everything - {"1-46/2023"}
    assert await listed(curator, is_withdrawn="true") == {"1-46/2023"}
    assert await listed(curator, is_withdrawn="true,false") == everything
    assert await listed(curator, revision="2") == everything
    revision = (await curator.get("/v1/revisions/3")).json()
    assert (revision["cause"], revision["layer"]) == ("withdrawn", "newsroom")
    again = (await curator.post(f"{address}/withdrawal", json={})).json()
    assert (again["revision"], again["applied"]) == (None, False)
    assert (await curator.post(f"{address}/restoration", json={})).json()["revision"] == 4
    assert await listed(curator) == everything


async def test_a_merged_case_leads_to_its_survivor_for_ever(curator: Client) -> None:
    a, b = [(await found(curator, number))["id"] for number in ("1-45/2023", "1-46/2023")]
    assert (await curator.post(f"/v1/cases/{a}/merge-into/{b}", json={})).json()["case"]["merged_into"] == b
    moved = await curator.get(f"/v1/cases/{a}?lang=ru&format=json")
    assert (moved.status_code, moved.headers["location"]) == (308, f"/v1/cases/{b}?lang=ru&format=json")
    history = await curator.get(f"/v1/cases/{a}/revisions?limit=2")
    assert (history.status_code, history.headers["location"]) == (308, f"/v1/cases/{b}/revisions?limit=2")
    assert (await curator.get(f"/v1/cases/{a}/revisions?revision=2")).status_code == 200
    assert (await curator.head(f"/v1/cases/{a}")).headers["location"] == f"/v1/cases/{b}"
    assert (await curator.get(f"/v1/cases/{a}?revision=2")).json()["merged_into"] is None
    assert "1-45/2023" not in await listed(curator)
    assert await listed(curator, is_merged="true") == {"1-45/2023"}
    assert problem_of(await curator.post(f"/v1/cases/{a}/withdrawal", json={})) == (409, "case-state")
    assert problem_of(await curator.post(f"/v1/cases/{b}/merge-into/{a}", json={})) == (409, "case-state")
    assert (await curator.post(f"/v1/cases/{a}/restoration", json={})).json()["revision"] == 4
    assert (await curator.get(f"/v1/cases/{a}")).json()["merged_into"] is None
    assert (await curator.get(f"/v1/cases/{a}?revision=3")).status_code == 308


async def test_an_address_goes_along_a_chain_of_merges(curator: Client, database: Database) -> None:
    await take(database, (case(CHITA, "1-9/2023"),), layer="court_card", published_at=PUBLISHED[1])
    a, b, c = [(await found(curator, number))["id"] for number in ("1-7/2023", "1-8/2023", "1-9/2023")]
    assert (await curator.post(f"/v1/cases/{a}/merge-into/{b}", json={})).json()["revision"] == 4
    assert (await curator.post(f"/v1/cases/{b}/merge-into/{c}", json={})).json()["revision"] == 5
    for merged in (a, b):
        assert (await curator.get(f"/v1/cases/{merged}")).headers["location"] == f"/v1/cases/{c}"
    before = await curator.get(f"/v1/cases/{a}?revision=4")
    assert before.headers["location"] == f"/v1/cases/{b}?revision=4"
    elsewhere = (await found(curator, "1-45/2023"))["id"]
    for other in (elsewhere, c):
        refused = await curator.post(f"/v1/cases/{c}/merge-into/{other}", json={})
        assert problem_of(refused) == (422, "invalid-parameters")


async def test_what_is_wrong_with_a_request_is_said_and_nothing_is_done(curator: Client) -> None:
    case = await found(curator, "1-46/2023")
    address = f"/v1/cases/{case['id']}/withdrawal"
    stale = {"If-Match": '"9-0123456789abcdef0123"'}
    assert problem_of(await curator.post(address, json={}, headers=stale)) == (412, "precondition-failed")
    weak = {"If-Match": f'W/"{case["version"]}-0123456789abcdef0123"'}
    assert problem_of(await curator.post(address, json={}, headers=weak)) == (412, "precondition-failed")
    assert problem_of(await curator.post(address, json={"cause": "correction"})) == (422, "invalid-body")
    assert problem_of(await curator.post(address, json={"why": "?"})) == (422, "invalid-body")
    assert problem_of(await curator.post(address, json={"note": "x" * 2001})) == (422, "invalid-body")
    assert problem_of(await curator.post(f"{address}?dry=1", json={})) == (422, "invalid-parameters")
    for unknown in ("cs_00000000000000000000000000", "nothing"):
        answer = await curator.post(f"/v1/cases/{unknown}/withdrawal", json={})
        assert problem_of(answer) == (404, "not-found")
    assert (await curator.get("/v1/revisions/3")).status_code == 404
    held = {"If-Match": f'"1-x", "{case["version"]}-0123456789abcdef0123-gzip"'}
    assert (await curator.post(address, json={}, headers=held)).json()["applied"] is True


async def test_a_correction_is_held_to_the_version_that_was_read(curator: Client) -> None:
    seen = await found(curator, "1-46/2023")
    address = f"/v1/cases/{seen['id']}"
    etag = (await curator.get(address)).headers["etag"]
    said = {"cause": "correction", "note": "seen in the verdict", "decided_on": "2023-05-03"}
    assert problem_of(await curator.patch(address, json=said)) == (428, "precondition-required")
    first = await curator.patch(address, json=said, headers={"If-Match": etag})
    assert (first.status_code, first.json()["revision"]) == (200, 3)
    assert first.json()["case"]["decided_on"] == "2023-05-03"
    assert first.headers["etag"] == (await curator.get(address)).headers["etag"] != etag
    late = await curator.patch(address, json={**said, "decided_on": "2023-05-04"}, headers={"If-Match": etag})
    assert problem_of(late) == (412, "precondition-failed")
    assert (await curator.get(address)).json()["decided_on"] == "2023-05-03"
    (change,) = (await curator.get("/v1/revisions/3/changes")).json()["results"]
    assert (change["cause"], change["note"]) == ("corrected", "seen in the verdict")
    moved = await curator.get("/v1/compare?from=2&to=3&measures=cases_decided&group_by=month")
    parts = {row["month"]: row["cases_decided"]["causes"]["corrected"] for row in moved.json()["results"]}
    assert sum(parts.values()) == 0


async def test_what_is_wrong_with_a_correction_is_pointed_at(curator: Client) -> None:
    address = f"/v1/cases/{(await found(curator, '1-46/2023'))['id']}"
    held = {"If-Match": "*"}
    for said, pointer in (
        ({"decided_on": "2023-05-03"}, "/cause"),
        ({"cause": "withdrawal", "decided_on": "2023-05-03"}, "/cause"),
        ({"cause": "correction"}, ""),
        ({"cause": "correction", "decided_on": 5}, "/decided_on"),
        ({"cause": "correction", "defendants": [{"id": "d7"}]}, "/defendants/0"),
    ):
        answer = await curator.patch(address, json=said, headers=held)
        assert problem_of(answer) == (422, "invalid-body"), said
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert problem_of(await curator.patch(address, content=b"decided_on: x", headers=held))[0] == 415
    assert (await curator.get("/v1/revisions/3")).status_code == 404


async def test_undoing_a_batch_over_http(curator: Client) -> None:
    seen = await found(curator, "1-46/2023")
    address = f"/v1/cases/{seen['id']}"
    assert seen["decided_on"] == "2023-05-02"
    corrected = await curator.patch(
        address, json={"cause": "correction", "decided_on": "2023-05-09"}, headers={"If-Match": "*"}
    )
    moved = {(m["period"], m["measure"]): (m["before"], m["after"]) for m in corrected.json()["effect"]}
    assert moved["2023-W18", "cases_decided"] == (1, 0)
    assert moved["2023-W19", "cases_decided"] == (0, 1)
    batch = f"/v1/ingest/batches/{corrected.json()['batch_id']}"
    answer = await curator.post(f"{batch}/undo", json={"note": "the other case was meant"})
    undone = answer.json()
    assert (answer.status_code, undone["revision"], undone["not_undone"]["count"]) == (201, 4, 0)
    back = {(m["period"], m["measure"]): (m["after"], m["before"]) for m in undone["effect"]}
    assert back == moved
    assert (await curator.get(f"/v1/ingest/batches/{undone['batch_id']}")).json() == undone
    now = (await curator.get(address)).json()
    assert (now["decided_on"], now["version"]) == ("2023-05-02", seen["version"] + 2)
    (change,) = (await curator.get("/v1/revisions/4/changes")).json()["results"]
    assert (change["change"], change["cause"], change["note"]) == ("undone", "undone", "the other case was meant")
    assert problem_of(await curator.post(f"{batch}/undo", json={})) == (409, "batch-state")
    for unknown in ("00000000-0000-4000-8000-000000000000", "1"):
        assert problem_of(await curator.post(f"/v1/ingest/batches/{unknown}/undo", json={})) == (404, "not-found")
    assert problem_of(await curator.post(f"{batch}/undo", json={"cause": "withdrawal"})) == (422, "invalid-body")


async def test_what_an_undone_batch_brought_stays_at_its_address_and_in_no_list(
    curator: Client, database: Database
) -> None:
    async with database.owner() as connection:
        batch = await connection.fetchval("SELECT batch_id FROM revisions WHERE revision = 2")
    case_ = await found(curator, "1-8/2023")
    answer = await curator.post(f"/v1/ingest/batches/{batch}/undo", json={})
    assert answer.status_code == 201
    gone = (await curator.get(f"/v1/cases/{case_['id']}")).json()
    assert (gone["is_withdrawn"], gone["identifiers"], gone["defendants"]) == (True, [], [])
    before = (await curator.get(f"/v1/cases/{case_['id']}?revision=2")).json()
    assert {name: before[name] for name in case_} == case_
    assert "1-8/2023" not in await listed(curator)
    assert "1-8/2023" in await listed(curator, revision="2")
    for act in ("withdrawal", "restoration"):
        refused = await curator.post(f"/v1/cases/{case_['id']}/{act}", json={})
        assert problem_of(refused) == (409, "case-state")


async def conflicts(client: Client, **asked: str) -> dict[str, dict[str, Any]]:
    """The open conflicts by field, or by kind where they are of no field."""
    found_ = (await client.get("/v1/conflicts", params=asked)).json()["results"]
    return {conflict["field"] or conflict["kind"]: conflict for conflict in found_}


async def test_a_conflict_is_settled_by_the_cards_word_or_by_the_newsrooms(curator: Client) -> None:
    address = f"/v1/cases/{(await found(curator, '1-45/2023'))['id']}"
    sentence = {"kind": "imprisonment", "execution": "immediate", "term_months": 36}
    said = {
        "cause": "correction",
        "decided_on": "2023-04-20",
        "deny": ["received_on"],
        "defendants": [{"id": "d1", "service_status": "contract", "sentence": sentence}],
    }
    assert (await curator.patch(address, json=said, headers={"If-Match": "*"})).status_code == 200
    open_ = await conflicts(curator)
    assert set(open_) == {"decided_on", "received_on", "defendants.d1.service_status", "defendants.d1.sentence"}
    for field, way in (
        ("decided_on", "court_card"),
        ("received_on", "court_card"),
        ("defendants.d1.sentence", "court_card"),
        ("defendants.d1.service_status", "newsroom"),
    ):
        answer = await curator.post(f"/v1/conflicts/{open_[field]['id']}/resolution", json={"resolution": way})
        assert (answer.status_code, answer.json()["applied"]) == (200, True), answer.text
    assert await conflicts(curator) == {}
    assert set(await conflicts(curator, revision="3")) == set(open_)
    now = (await curator.get(address)).json()
    (person, _) = now["defendants"]
    assert (now["decided_on"], now["received_on"]) == ("2023-04-21", "2023-03-14")
    assert (person["service_status"], person["sentence"]["term_months"]) == ("contract", 30)
    again = await curator.post(f"/v1/conflicts/{open_['decided_on']['id']}/resolution", json={"resolution": "newsroom"})
    assert problem_of(again) == (404, "not-found")
    # The last word, that the newsroom's stands, is taken back: the conflict is open again.
    undone = await curator.post(f"/v1/ingest/batches/{answer.json()['batch_id']}/undo", json={})
    assert (undone.status_code, set(await conflicts(curator))) == (201, {"defendants.d1.service_status"})


async def test_two_cases_that_look_alike_are_said_to_be_two(curator: Client, database: Database) -> None:
    record = case(CHITA, "1-20/2023", uid="61GV0012-01-2023-000124-57", received_on="2023-03-14")
    await take(database, (record, {**record, "number": "1-21/2023"}), layer="court_card", published_at=PUBLISHED[1])
    pair = (await conflicts(curator))["possible_duplicate"]
    address = f"/v1/conflicts/{pair['id']}/resolution"
    wrong = await curator.post(address, json={"resolution": "newsroom"})
    assert problem_of(wrong) == (422, "invalid-body")
    assert (await curator.post(address, json={"resolution": "not_duplicates"})).json()["applied"] is True
    assert await conflicts(curator) == {}
    assert problem_of(await curator.post("/v1/conflicts/x/resolution", json={"resolution": "newsroom"}))[0] == 404


async def test_an_act_that_is_sent_again_with_its_key_is_done_once_and_answered_the_same(curator: Client) -> None:
    one, other = [(await found(curator, number)) for number in ("1-45/2023", "1-46/2023")]
    address = f"/v1/cases/{one['id']}"
    etag = (await curator.get(address)).headers["etag"]
    said = {"cause": "correction", "decided_on": "2023-04-20", "in_force_on": "2023-05-06"}
    corrected = await curator.patch(address, json=said, headers={"If-Match": etag, "Idempotency-Key": "patch"})
    (conflict,) = (await curator.get("/v1/conflicts")).json()["results"]
    batch = f"/v1/ingest/batches/{corrected.json()['batch_id']}"
    asked: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("PATCH", address, said),
        ("POST", f"/v1/conflicts/{conflict['id']}/resolution", {"resolution": "newsroom"}),
        ("POST", f"/v1/cases/{other['id']}/withdrawal", {"note": "no case"}),
        ("POST", f"/v1/cases/{other['id']}/restoration", {}),
        ("POST", f"/v1/cases/{other['id']}/merge-into/{one['id']}", {}),
        ("POST", f"{batch}/undo", {"note": "the other one"}),
    )
    for revision, (method, path, body) in enumerate(asked, start=3):
        key = {"If-Match": etag, "Idempotency-Key": "patch"} if method == "PATCH" else {"Idempotency-Key": path}
        first = corrected if method == "PATCH" else await curator.request(method, path, json=body, headers=key)
        assert (first.json()["revision"], first.headers.get("idempotent-replayed")) == (revision, None), first.text
        again = await curator.request(method, path, json=body, headers=key)
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert (again.headers["idempotent-replayed"], again.headers.get("etag")) == ("true", first.headers.get("etag"))
        changed = await curator.request(method, path, json={**body, "note": "another"}, headers=key)
        assert problem_of(changed) == (422, "idempotency-key-reused")
    elsewhere = await curator.post(f"{address}/withdrawal", json={}, headers={"Idempotency-Key": "patch"})
    assert problem_of(elsewhere) == (422, "idempotency-key-reused")
    assert (await curator.get("/v1/revisions/9")).status_code == 404


async def test_a_refused_act_leaves_its_key_free(curator: Client) -> None:
    address = f"/v1/cases/{(await found(curator, '1-46/2023'))['id']}/withdrawal"
    key = {"Idempotency-Key": "k"}
    assert problem_of(await curator.post(address, json={}, headers={**key, "If-Match": '"9-0"'}))[0] == 412
    assert (await curator.post(address, json={}, headers=key)).json()["revision"] == 3
    wrong = await curator.post(address, json={}, headers={"Idempotency-Key": "x" * 256})
    assert problem_of(wrong) == (422, "invalid-parameters")


async def test_while_an_act_is_done_its_key_is_in_flight(curator: Client, database: Database) -> None:
    address = f"/v1/cases/{(await found(curator, '1-46/2023'))['id']}/withdrawal"
    key = {"Idempotency-Key": "k"}
    waiting = "SELECT true FROM pg_locks WHERE NOT granted AND relation = 'ledger'::regclass"
    async with database.owner() as gate, gate.transaction():
        await gate.execute("LOCK TABLE ledger IN SHARE MODE")  # holds the first up in the middle
        first = asyncio.create_task(curator.post(address, json={}, headers=key))
        await until(lambda: gate.fetchval(waiting))
        second = await curator.post(address, json={}, headers=key)
        assert problem_of(second) == (409, "idempotency-key-in-flight")
    assert (await first).json()["revision"] == 3
    assert (await curator.post(address, json={}, headers=key)).content == (await first).content
