"""Removal of a person's data: the identifiers are nowhere any more, and no number has moved."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app import migrations
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.db.purge import purge
from app.errors import Problem
from app.ingest.acting import Act
from app.ingest.curation import LEDGER_CAUSES, Wanted, withdraw
from app.ingest.removal import TOUCHED, Removal, remove
from app.ingest.restate import bring_method
from app.records.history import apply, fields_of
from app.records.ids import show_id
from app.records.removals import removal_key, stand_in_for_number
from tests.loading import (
    CHITA,
    GUIDS,
    JUDGED,
    MOSCOW,
    OTHER_UID,
    UID,
    Desk,
    card,
    case,
    outcomes,
    person,
)
from tests.serving import SECRET, client_of

pytestmark = pytest.mark.usefixtures("going_ahead")

Client = httpx.AsyncClient
Json = dict[str, Any]
KEY = removal_key(SECRET)
SOURCE = {"kind": "verdict_text", "url": "https://court.example/act-of-a-person", "seen_on": "2023-05-12"}


@pytest.fixture
def desk(database_url: str, tmp_path: Path) -> Desk:
    return Desk(Database(database_url, removal_key=KEY), tmp_path)


@pytest.fixture
async def client(database_url: str, desk: Desk) -> AsyncIterator[Client]:
    async with desk.database.owner() as connection:
        key = await create_key(connection, "test", scopes=["admin", "curate", "records", "statistics", "export"])
    async with client_of(database_url) as client:
        client.headers["X-API-Key"] = key
        yield client


async def id_of(desk: Desk, number: str) -> Any:
    return (await desk.held())[number]["case_id"]


async def removed(desk: Desk, number: str) -> Removal:
    return await remove(desk.database, await id_of(desk, number), key=KEY, author="test", reason="request")


async def fill(desk: Desk) -> None:
    """A case that was scraped, renumbered, corrected and refused, among others."""
    await desk.scrape(card("1-77/2022", guid=GUIDS[0]), card("1-2/2023", guid=GUIDS[1]), seen_on="2023-05-01")
    await desk.scrape(card("1-66/2023 (1-77/2022)", guid=GUIDS[0], **JUDGED), seen_on="2023-05-08")
    said = {"ordinal": 1, "service_status": "mobilised"}
    await desk.house(case("1-66/2023", uid=UID, defendants=[said], sources=[SOURCE]), layer="newsroom")
    bad = case("1-66/2023", uid=UID, card_guid=GUIDS[0], decided_on="never")
    await desk.house(bad, case("1-3/2023"), skips_refused=True)
    await withdraw(
        desk.database,
        Wanted(await id_of(desk, "1-2/2023")),
        Act("test", LEDGER_CAUSES["withdrawal"], "no case of ours"),
    )


async def every_figure(desk: Desk) -> list[Json]:
    """Every entry of the ledger and every cell of the tally, of all revisions but the last."""
    ledger = await desk.fetch("SELECT to_jsonb(l)::text AS row FROM entries l ORDER BY 1")
    tally = await desk.fetch("SELECT to_jsonb(t)::text AS row FROM tally t WHERE block <= 5 ORDER BY 1")
    return ledger + tally


async def everything(client: Client, last: int) -> str:
    """All that can be read of records, at every revision."""
    paths = ["/v1/cases?is_withdrawn=true,false", "/v1/changes", "/v1/conflicts", "/v1/revisions"]
    texts = []
    for path in paths:
        for revision in range(1, last + 1):
            sign = "&" if "?" in path else "?"
            query = "" if path == "/v1/revisions" else f"{sign}revision={revision}&limit=1000"
            texts.append((await client.get(path + query)).text)
    return "\n".join(texts)


async def test_a_removal_clears_every_revision_and_moves_no_number(desk: Desk, client: Client) -> None:
    await fill(desk)
    case_id = await id_of(desk, "1-66/2023")
    await desk.house(case("1-66/2023"), seen_on="2025-01-01")  # seen again
    assert await desk.value("SELECT count(*) FROM sightings") > 0
    same = {"cause": "correction", "defendants": [{"id": "d1", "service_status": "mobilised"}]}
    keyed = {"If-Match": "*", "Idempotency-Key": "k"}
    kept = await client.patch(f"/v1/cases/{show_id(case_id)}", json=same, headers=keyed)
    assert kept.json()["applied"] is False
    before = await every_figure(desk)
    told = await everything(client, 5)
    for secret in ("1-66/2023", "1-77/2022", UID, GUIDS[0], SOURCE["url"]):
        assert secret in told
    shown_then = (await client.get(f"/v1/cases/{show_id(case_id)}?revision=3")).json()
    answer = await client.post(f"/v1/cases/{show_id(case_id)}/removal", json={"reason": "request"})
    assert (answer.status_code, answer.json()) == (
        200,
        {"id": show_id(case_id), "revision": 6, "applied": True, "identifiers": 4, "related": []},
    )
    assert await desk.value("SELECT count(*) FROM sightings") == 0
    assert await every_figure(desk) == before
    assert await desk.differences() == []
    replayed = (await client.patch(f"/v1/cases/{show_id(case_id)}", json=same, headers=keyed)).json()
    assert replayed == {**kept.json(), "case": {**kept.json()["case"], "identifiers": [], "sources": []}}
    now = await everything(client, 6)
    for secret in ("1-66/2023", "1-77/2022", UID, GUIDS[0], SOURCE["url"]):
        assert secret not in now
    assert "1-3/2023" in now
    assert GUIDS[1] in now
    shown_now = (await client.get(f"/v1/cases/{show_id(case_id)}?revision=3")).json()
    moved = {name for name in shown_then if shown_then[name] != shown_now[name]}
    assert moved == {"identifiers", "sources", "etag"}
    assert [source.get("url") for source in shown_now["sources"]] == [None] * len(shown_then["sources"])
    (tombstone,) = (await client.get("/v1/revisions/6/changes")).json()["results"]
    assert (tombstone["id"], tombstone["change"], tombstone["causes"]) == (show_id(case_id), "removed", [])
    assert tombstone["note"] == "request"
    again = await client.post(f"/v1/cases/{show_id(case_id)}/removal", json={})
    assert (again.json()["revision"], again.json()["applied"]) == (None, False)


async def test_who_follows_the_feed_after_a_removal_holds_the_record(desk: Desk, client: Client) -> None:
    await fill(desk)
    await removed(desk, "1-66/2023")
    state: dict[str, Json] = {}
    for change in (await client.get("/v1/changes?limit=1000")).json()["results"]:
        state[change["id"]] = apply(state.get(change["id"], {}), change["differences"])
    listed = (await client.get("/v1/cases?is_withdrawn=true,false")).json()["results"]
    assert state == {case["id"]: fields_of(case) for case in listed}


async def test_the_person_does_not_come_back_with_the_next_file(desk: Desk) -> None:
    await fill(desk)
    await removed(desk, "1-66/2023")
    rows = (
        card("1-66/2023", **JUDGED),  # by number
        card("1-900/2024 (1-77/2022)"),  # by an earlier number
        card("1-901/2024", guid=GUIDS[0]),  # by card
        card("1-66/2023", CHITA),  # the same number elsewhere is another case
        card("1-2/2023", guid=GUIDS[1], **JUDGED),
    )
    receipt = await desk.scrape(*rows, seen_on="2024-01-10")
    assert outcomes(receipt) == {"suppressed": 3, "created": 1, "changed": 1}
    assert receipt["counts"]["received"] == 5
    elsewhere = await desk.house(case("1-5/2024", MOSCOW, uid=UID), case("1-6/2024", MOSCOW, uid=OTHER_UID))
    assert outcomes(elsewhere) == {"suppressed": 1, "created": 1}
    refused = await desk.house(case("1-66/2023", decided_on="never"), skips_refused=True)
    assert "number" not in refused["refused"][0]
    assert await desk.value("SELECT count(*) FROM refused_rows WHERE identifiers::text LIKE '%1-66%'") == 0
    assert await desk.differences() == []


async def test_no_hash_is_left_of_what_was_said_of_the_case(desk: Desk) -> None:
    await desk.scrape(card("1-1/2023"), card("1-2/2023"), seen_on="2023-05-01")
    await desk.scrape(card("1-1/2023"), card("1-2/2023"), card("1-3/2023"), seen_on="2023-05-08")  # seen again
    of = "SELECT count(*) FROM {0} WHERE case_id = $1"
    case_id = await id_of(desk, "1-1/2023")
    assert await desk.value(of.format("sightings"), case_id) == 1
    hashes = await desk.value("SELECT row_hash FROM statements WHERE case_id = $1", case_id)
    await remove(desk.database, case_id, key=KEY, author="test")
    assert await desk.value(of.format("sightings"), case_id) == 0
    assert await desk.value(of.format("sightings"), await id_of(desk, "1-2/2023")) == 1
    assert await desk.value("SELECT count(*) FROM statements WHERE row_hash = $1", hashes) == 0


async def test_without_the_key_nothing_is_taken_in_after_a_removal(
    desk: Desk, database_url: str, tmp_path: Path
) -> None:
    await desk.house(case("1-1/2023"), case("1-2/2023"))
    await removed(desk, "1-1/2023")
    for key in (None, removal_key(b"another secret of tests, long enough")):
        other = Desk(Database(database_url, removal_key=key), tmp_path)
        with pytest.raises(Problem, match="secret"):
            await other.house(case("1-9/2023"))
    with pytest.raises(Problem, match="secret"):
        await remove(desk.database, await id_of(desk, "1-2/2023"), key=b"x" * 32, author="test")
    assert await desk.revision() == 2


async def test_kin_of_a_removed_case_keep_their_arrivals_at_every_revision(desk: Desk) -> None:
    transferred = {"decided_on": "2023-03-20", "disposition": "transferred_jurisdiction"}
    severed: Json = {"uid": OTHER_UID, "received_on": "2023-03-14", "defendants": [person("337:5")]}
    moved: Json = {"uid": UID, "received_on": "2023-03-14", **transferred}
    await desk.house(case("1-1/2023", **moved), case("1-5/2023", **severed), case("1-3/2023", **severed))
    elsewhere: Json = {"uid": UID, "received_on": "2023-04-01"}
    await desk.house(case("1-9/2023", CHITA, **elsewhere))
    ids = {number: v["case_id"] for number, v in (await desk.held()).items()}
    arrivals = {"1-1/2023": "new", "1-3/2023": "new", "1-5/2023": "severed", "1-9/2023": "transfer"}

    async def told() -> dict[str, str]:
        by_id = {v["case_id"]: v["arrival"] for v in (await desk.held()).values()}
        return {number: by_id[ids[number]] for number in ids}

    assert await told() == arrivals
    for number, kin in (("1-1/2023", "1-9/2023"), ("1-5/2023", "1-3/2023")):
        done = await remove(desk.database, ids[number], key=KEY, author="test")
        assert done.related == (ids[kin],)
        assert await desk.differences() == []
    held = await desk.house(case("1-9/2023", CHITA, **elsewhere, decided_on="2023-05-01", disposition="verdict"))
    assert outcomes(held) == {"changed": 1}  # kin that is held goes on
    later = await desk.house(case("1-3/2023", in_force_on="2023-06-01"))
    assert outcomes(later) == {"changed": 1}
    assert await told() == arrivals
    for number in ("1-3/2023", "1-9/2023"):
        await remove(desk.database, ids[number], key=KEY, author="test")
        assert await desk.differences() == []
        assert await told() == arrivals
    assert await desk.value("SELECT count(*) FROM uid_links") == 0
    assert await desk.value("SELECT count(*) FROM versions WHERE uid = ANY ($1)", [UID, OTHER_UID]) == 0


def test_a_stand_in_sorts_as_the_number_did() -> None:
    others = ["1-1/2023", "1-10/2023", "1-3/2023"]
    for number in ("1-0/2023", "1-1/2024", "1-2/2023", "1-9/2023"):
        stand_in = stand_in_for_number(number, others)
        assert [stand_in < other for other in others] == [number < other for other in others]


async def test_cursors_and_tags_from_before_a_removal_do_not_hold(desk: Desk, client: Client) -> None:
    await desk.house(*(case(f"1-{n}/2023") for n in range(1, 6)))
    address = "/v1/cases?sort=number&limit=2&revision=1"
    first = await client.get(address)
    await removed(desk, "1-2/2023")
    held = await client.get(address, headers={"If-None-Match": first.headers["etag"]})
    assert held.status_code == 200
    assert held.headers["etag"] != first.headers["etag"]
    following = await client.get(first.json()["paging"]["next"])
    assert (following.status_code, following.json()["type"]) == (400, "/problems/bad-cursor")


async def test_after_a_removal_batches_come_in_over_http_and_what_was_removed_stays_out(
    desk: Desk, client: Client
) -> None:
    await desk.house(case("1-1/2023", uid=UID), case("1-2/2023"))
    gone = await id_of(desk, "1-1/2023")
    assert (await client.post(f"/v1/cases/{show_id(gone)}/removal", json={"reason": "request"})).status_code == 200
    asked = {"layout": "house", "layer": "newsroom", "source": "desk"}
    sent = await client.post("/v1/ingest/batches", params=asked, json=[case("1-1/2023", uid=UID), case("1-3/2023")])
    assert sent.status_code == 201, sent.text
    assert (sent.json()["counts"]["created"], sent.json()["counts"]["suppressed"]) == (1, 1)


async def test_only_an_administrator_removes_and_a_case_has_to_be_there(desk: Desk, client: Client) -> None:
    await desk.house(case("1-1/2023"))
    shown = show_id(await id_of(desk, "1-1/2023"))
    missing = await client.post("/v1/cases/cs_01J8Z3V5N2Q4R6T8W0Y2A4C6E8/removal", json={})
    assert missing.status_code == 404
    words = await client.post(f"/v1/cases/{shown}/removal", json={"reason": "Ivan asked"})
    assert words.status_code == 422
    del client.headers["X-API-Key"]
    assert (await client.post(f"/v1/cases/{shown}/removal", json={})).status_code == 401
    assert await desk.revision() == 1


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder with a server of its own, so that all its files may be searched."""
    folder = tmp_path / "data"
    with embedded_postgres(folder) as url:
        migrations.upgrade(url)
        yield folder, url


async def test_no_byte_of_the_files_holds_an_identifier_afterwards(
    own_server: tuple[Path, str], tmp_path: Path
) -> None:
    folder, url = own_server
    database = Database(url, removal_key=KEY)
    await bring_method(database)
    spool = tmp_path / "spool"
    spool.mkdir()
    desk = Desk(database, spool)
    await fill(desk)
    secrets = [text.encode() for text in ("1-66/2023", "1-77/2022", UID, GUIDS[0], "act-of-a-person")]
    async with database.owner() as connection:
        await connection.execute("ANALYZE; CHECKPOINT")
    assert {secret for secret in secrets if found(folder, secret)} == set(secrets)
    case_id = await id_of(desk, "1-66/2023")
    await remove(database, case_id, key=KEY, author="test")
    async with database.owner() as connection:
        assert await purge(connection, TOUCHED)
    assert {(secret, name) for secret in secrets for name in found(folder, secret)} == set()
    assert found(folder, b"1-3/2023")
    assert await desk.differences() == []


def found(folder: Path, secret: bytes) -> list[str]:
    """Files below a folder that hold some bytes."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path.relative_to(folder)) for path in files if secret in path.read_bytes()]
