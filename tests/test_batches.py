"""Batches over HTTP: one is one revision, all of it or nothing, and its receipt says what became of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any

import httpx
import pytest

from app.access.register import create_key
from app.db.database import Database
from app.formats import dump
from tests.loading import GROZNY, JUDGED, MOSCOW, VERDICT, Desk, card, case, outcomes, person, until
from tests.serving import client_of, problem_of
from tests.test_xlsx import written

Client = httpx.AsyncClient
Json = dict[str, Any]
PATH = "/v1/ingest/batches"
NDJSON = "application/x-ndjson"
CARD = {"layout": "house", "layer": "court_card", "source": "cards", "seen_on": "2023-06-01"}
NEWS = {**CARD, "layer": "newsroom", "source": "desk"}
CANARY = "Канарейкин"


@pytest.fixture(name="keys", scope="module")
def keys_fixture(shared: Database) -> dict[str, str]:
    """A key for each scope that a batch may ask for, and one more for ingest."""

    async def make() -> dict[str, str]:
        async with shared.owner() as connection:
            scopes = {"ingest": "ingest", "other": "ingest", "curate": "curate", "admin": "admin", "records": "records"}
            return {name: await create_key(connection, owner=name, scopes=[scope]) for name, scope in scopes.items()}

    return asyncio.run(make())


@pytest.fixture(name="client")
async def client_fixture(desk: Desk) -> AsyncIterator[Client]:
    """A client over that record."""
    async with client_of(desk.database.url, body_limit_bytes=2_000_000) as client:
        yield client


@pytest.fixture(name="send")
def send_fixture(client: Client, keys: dict[str, str]) -> "Send":
    """Sends batches."""
    return Send(client, keys)


class Send:
    """Sends batches with one key or another."""

    def __init__(self, client: Client, keys: dict[str, str]) -> None:
        self.client = client
        self.keys = keys

    async def __call__(
        self, *rows: Json, content: bytes | None = None, kind: str = NDJSON, key: str | None = None, **more: Any
    ) -> httpx.Response:
        """Send rows, or content as it is; `more` are parameters and, in `headers`, headers."""
        headers = {"Content-Type": kind, **more.pop("headers", {})}
        asked = {**(NEWS if more.get("layer") == "newsroom" else CARD), **more}
        scope = key or ("curate" if asked["layer"] == "newsroom" else "ingest")
        headers |= {"Authorization": f"Bearer {self.keys[scope]}"} if scope != "nobody" else {}
        body = lines(*rows) if content is None else content
        params = {name: value for name, value in asked.items() if value is not None}
        return await self.client.post(PATH, params=params, content=body, headers=headers)

    async def get(self, path: str, key: str = "ingest", **headers: str) -> httpx.Response:
        """Read something."""
        return await self.client.get(path, headers={"Authorization": f"Bearer {self.keys[key]}", **headers})


def lines(*rows: Json) -> bytes:
    return b"".join(dump(row) + b"\n" for row in rows)


def receipt_of(answer: httpx.Response, status: int) -> Json:
    assert answer.status_code == status, answer.text
    receipt: Json = answer.json()
    return receipt


# ── What is taken ──────────────────────────────────────────────────────────────────────────────


async def test_a_batch_becomes_a_revision_and_its_receipt_says_what_moved(desk: Desk, send: Send) -> None:
    filed = person("337:5")
    first = receipt_of(await send(case(received_on="2023-03-14", defendants=[filed])), 201)
    assert list(first) == [
        "batch_id", "revision", "applied", "counts", "skipped", "refused", "warnings", "possible_duplicates",
        "defendants_changed", "effect", "effect_total",
    ]  # fmt: skip
    assert (first["revision"], first["applied"], outcomes(first)) == (1, True, {"created": 1})
    assert first["effect"] == [{"measure": "cases_received", "period": "2023-W11", "before": 0, "after": 1}]

    rows = (case(**VERDICT), case("1-2/2023", MOSCOW, received_on="2023-03-15", **VERDICT))
    second = receipt_of(await send(*rows, layer="newsroom"), 201)
    assert outcomes(second) == {"created": 1, "changed": 1}
    assert second["effect"] == [
        {"measure": "cases_received", "period": "2023-W11", "before": 1, "after": 2},
        {"measure": "cases_decided", "period": "2023-W16", "before": 0, "after": 2},
        {"measure": "persons_convicted", "period": "2023-W16", "before": 0, "after": 1},
    ]
    (revision,) = await desk.fetch("SELECT author, source, layer, seen_on::text FROM revisions WHERE revision = 2")
    assert revision == {
        "author": send.keys["curate"].split("_")[1],
        "source": "desk",
        "layer": "newsroom",
        "seen_on": "2023-06-01",
    }
    assert await desk.differences() == []


async def test_weeks_are_told_whole_whatever_days_of_them_a_batch_moves(desk: Desk, send: Send) -> None:
    days = {"1-1/2023": "2023-03-13", "1-2/2023": "2023-03-14", "1-3/2023": "2023-03-26"}  # a Monday and a Sunday
    await send(*(case(number, received_on=day) for number, day in days.items()))
    inside = {"1-4/2023": "2023-03-15", "1-5/2023": "2023-03-21"}
    second = receipt_of(await send(*(case(number, received_on=day) for number, day in inside.items())), 201)
    assert second["effect"] == [
        {"measure": "cases_received", "period": "2023-W11", "before": 2, "after": 3},
        {"measure": "cases_received", "period": "2023-W12", "before": 1, "after": 2},
    ]


async def test_a_batch_that_changes_nothing_is_200_and_no_revision(desk: Desk, send: Send) -> None:
    await send(case(received_on="2023-03-14"))
    again = receipt_of(await send(case(received_on="2023-03-14")), 200)
    assert (again["revision"], again["applied"], again["effect"]) == (None, False, [])
    assert outcomes(again) == {"unchanged": 1}
    assert await desk.revision() == 1


HOUSE_CSV = b"court,instance,number,received_on\n61GV0012,first,1-1/2023,2023-03-14\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("application/json", dump([case(received_on="2023-03-14")])),
        ("application/json; charset=utf-8", dump(case(received_on="2023-03-14"))),
        (NDJSON, lines(case(received_on="2023-03-14"))),
        ("text/csv", HOUSE_CSV),
        ("Text/CSV; charset=UTF-8; header=present", HOUSE_CSV),
        (
            XLSX,
            written(["court", "instance", "number", "received_on"], [GROZNY, "first", "1-1/2023", date(2023, 3, 14)]),
        ),
    ],
)
async def test_each_encoding_is_taken(desk: Desk, send: Send, kind: str, content: bytes) -> None:
    receipt = receipt_of(await send(kind=kind, content=content), 201)
    assert outcomes(receipt) == {"created": 1}
    assert str((await desk.one())["received_on"]) == "2023-03-14"


@pytest.mark.parametrize("kind", ["application/json", NDJSON])
async def test_a_scrape_is_taken_as_it_is(desk: Desk, send: Send, kind: str) -> None:
    answer = await send(card(**JUDGED, judge=CANARY), layout="sudrfscraper", kind=kind)
    assert outcomes(receipt_of(answer, 201)) == {"created": 1}
    assert CANARY not in answer.text


async def test_validate_only_writes_nothing_and_gives_the_receipt_of_the_batch_itself(desk: Desk, send: Send) -> None:
    rows = (case(received_on="2023-03-14"), case("1-2/2023", **VERDICT))
    tried = receipt_of(await send(*rows, validate_only="true"), 200)
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM batches")) == (0, 0)
    assert (await send.get(f"{PATH}/{tried['batch_id']}")).status_code == 404
    done = receipt_of(await send(*rows), 201)
    assert (tried["applied"], done["applied"]) == (False, True)
    aside = ("batch_id", "revision", "applied")
    assert {k: v for k, v in tried.items() if k not in aside} == {k: v for k, v in done.items() if k not in aside}


async def test_a_batch_that_would_change_more_cases_than_allowed_is_refused_whole(desk: Desk, send: Send) -> None:
    held = [case(f"1-{n}/2023", received_on="2023-03-14") for n in range(1, 4)]
    await send(*held)
    changed = [case(f"1-{n}/2023", received_on="2023-03-15") for n in range(1, 4)]
    answer = await send(*changed, case("1-4/2023"), layer="newsroom", max_affected="2")
    assert problem_of(answer) == (422, "too-many-affected")
    assert (answer.json()["affected"], answer.json()["max_affected"]) == (3, 2)
    assert await desk.revision() == 1
    assert receipt_of(await send(*changed, case("1-4/2023"), layer="newsroom", max_affected="3"), 201)["revision"] == 2


# ── What is refused ────────────────────────────────────────────────────────────────────────────


async def test_a_bad_row_refuses_the_batch_or_is_left_out(desk: Desk, send: Send) -> None:
    rows = (case("1-1/2023"), case("1-2/2023", judge=CANARY), case("1-3/2023", court=CANARY))
    answer = await send(*rows)
    assert problem_of(answer) == (422, "batch-refused")
    told = answer.json()
    assert [(e["pointer"], e["code"]) for e in told["errors"]] == [
        ("line 2 /judge", "unknown-field"),
        ("line 3 /court", "court-unknown"),
    ]
    assert (told["applied"], told["counts"]["refused"], await desk.revision()) == (False, 2, 0)
    tried = receipt_of(await send(*rows, validate_only="true"), 200)
    assert {name: value for name, value in told.items() if name in tried and name != "batch_id"} == {
        name: value for name, value in tried.items() if name != "batch_id"
    }
    done = receipt_of(await send(*rows, on_refused="skip"), 201)
    assert outcomes(done) == {"created": 1, "refused": 2}
    assert CANARY not in answer.text + json.dumps(done, ensure_ascii=False)


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"", NDJSON, "empty-file"),
        (b"{]", "application/json", "not-json"),
        (bytes(range(256)) * 40, NDJSON, None),
        (bytes(range(256)) * 40, "text/csv", None),
        (bytes(range(255, 0, -1)) * 40, "application/json", None),
        (dump([case()]), NDJSON, "array-where-lines-expected"),
        ("court;number\nСуд;1\nСуд;2\n".encode("cp1251"), "text/csv", "not-utf8"),
        ("court,number\n".encode("utf-16"), "text/csv", "not-utf8"),
    ],
)
async def test_a_body_that_cannot_be_read_is_told(
    desk: Desk, send: Send, content: bytes, kind: str, code: str | None
) -> None:
    answer = await send(content=content, kind=kind)
    status, slug = problem_of(answer)
    assert (status, slug) in {(400, "unreadable-body"), (422, "batch-refused")}
    if code:
        assert (status, answer.json()["errors"][0]["code"]) == (400, code)
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM statements")) == (0, 0)


async def test_every_refused_row_is_listed_with_its_batch(desk: Desk, send: Send) -> None:
    bad = [case(f"1-{n}/2023", court="nowhere", judge=CANARY) for n in range(1, 10_001)]
    answer = await send(*bad)
    assert problem_of(answer) == (422, "batch-refused")
    receipt = answer.json()
    assert (receipt["counts"]["refused"], len(receipt["refused"]), len(receipt["errors"])) == (10_000, 100, 100)
    held = await send.get(f"{PATH}/{receipt['batch_id']}")
    assert held.json().items() <= receipt.items()
    listed = await send.get(f"{PATH}/{receipt['batch_id']}/refused")
    rows = listed.json()["results"]
    assert (len(rows), listed.json()["paging"]["total"], listed.json()["warnings"]) == (10_000, 10_000, [])
    assert [row["place"] for row in rows[::3000]] == [f"line {n} /court" for n in (1, 3001, 6001, 9001)]
    assert rows[4]["number"] == "1-5/2023"
    flat = await send.get(f"{PATH}/{receipt['batch_id']}/refused?format=csv")
    assert flat.text.count("\r\n") == 10_001
    assert flat.text.startswith("place,code,detail,court,number,uid,card_guid\r\n")
    assert CANARY not in listed.text + flat.text
    again = await send.get(f"{PATH}/{receipt['batch_id']}/refused", **{"If-None-Match": listed.headers["etag"]})
    assert again.status_code == 304


async def test_a_receipt_is_seen_by_its_sender_and_by_curators(desk: Desk, send: Send) -> None:
    answer = await send(case(received_on="2023-03-14"))
    path = f"{PATH}/{answer.json()['batch_id']}"
    for key, status in (("ingest", 200), ("curate", 200), ("admin", 200), ("other", 404), ("records", 403)):
        for suffix in ("", "/refused"):
            assert (await send.get(path + suffix, key)).status_code == status, key
    assert (await send.get(path)).content == answer.content
    for unknown in ("nonsense", "0199d3f0-8a3c-7b41-9a57-2f6d1c0e4b7a"):
        assert problem_of(await send.get(f"{PATH}/{unknown}")) == (404, "not-found")


async def test_each_layer_asks_for_its_scope(desk: Desk, send: Send) -> None:
    for layer, key, expected in (
        ("court_card", "curate", (403, "scope-missing")),
        ("newsroom", "ingest", (403, "scope-missing")),
        ("court_card", "records", (403, "scope-missing")),
        ("court_card", "nobody", (401, "key-missing")),
        ("newsroom", "nobody", (401, "key-missing")),
    ):
        assert problem_of(await send(case(), layer=layer, key=key)) == expected
    assert await desk.value("SELECT count(*) FROM batches") == 0


@pytest.mark.parametrize(
    ("more", "parameter", "code"),
    [
        ({"layout": None}, "layout", "missing"),
        ({"layer": None}, "layer", "missing"),
        ({"source": None}, "source", "missing"),
        ({"layout": "hous"}, "layout", "unknown-code"),
        ({"layer": "card"}, "layer", "unknown-code"),
        ({"source": "x" * 101}, "source", "bad-value"),
        ({"seen_on": "2999-01-01"}, "seen_on", "in-future"),
        ({"validate_only": "yes"}, "validate_only", "bad-value"),
        ({"max_affected": "-1"}, "max_affected", "bad-value"),
        ({"on_refused": "ignore"}, "on_refused", "unknown-code"),
        ({"dry_run": "true"}, "dry_run", "unknown-parameter"),
    ],
)
async def test_a_wrong_parameter_is_named_before_the_body_is_read(
    send: Send, more: Json, parameter: str, code: str
) -> None:
    answer = await send(case(), key="ingest", **{"layer": "court_card", **more})
    assert problem_of(answer) == (422, "invalid-parameters")
    assert [(error["parameter"], error["code"]) for error in answer.json()["errors"]] == [(parameter, code)]


@pytest.mark.parametrize(
    ("kind", "headers"),
    [
        ("application/xml", {}),
        ("", {}),
        ("text/csv; charset=windows-1251", {}),
        (NDJSON, {"Content-Encoding": "br"}),
    ],
)
async def test_another_kind_of_body_is_told_what_is_taken(send: Send, kind: str, headers: dict[str, str]) -> None:
    answer = await send(case(), kind=kind, headers=headers)
    assert problem_of(answer) == (415, "unsupported-media-type")
    if not headers and "charset" not in kind:
        assert {NDJSON, "text/csv", "application/json"} <= set(answer.json()["offered"])


# ── Idempotency keys ───────────────────────────────────────────────────────────────────────────


async def test_the_same_request_with_the_same_key_gets_the_same_answer(desk: Desk, send: Send) -> None:
    key = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}
    first = await send(case(received_on="2023-03-14"), headers=key)
    again = await send(case(received_on="2023-03-14"), headers=key)
    assert (first.status_code, first.headers.get("idempotent-replayed")) == (201, None)
    assert (again.status_code, again.content, again.headers["idempotent-replayed"]) == (201, first.content, "true")
    quoted = {"Idempotency-Key": f'"{key["Idempotency-Key"]}"'}
    assert (await send(case(received_on="2023-03-14"), headers=quoted)).content == first.content
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM batches")) == (1, 1)

    reused = (422, "idempotency-key-reused")
    assert problem_of(await send(case("1-2/2023"), headers=key)) == reused
    assert problem_of(await send(case(received_on="2023-03-14"), headers=key, source="x")) == reused
    other = await send(case("1-2/2023"), headers=key, key="other")  # the key of another caller is another key
    assert other.status_code == 201
    assert await desk.revision() == 2


async def test_what_changed_nothing_is_answered_the_same_too(desk: Desk, send: Send) -> None:
    await send(case())
    key = {"Idempotency-Key": "k"}
    first, again = [await send(case(), headers=key) for _ in range(2)]
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)


async def test_a_refusal_and_a_trial_leave_the_key_free(desk: Desk, send: Send) -> None:
    key = {"Idempotency-Key": "k"}
    assert (await send(case(court="nowhere"), headers=key)).status_code == 422
    assert (await send(case(), headers=key, validate_only="true")).status_code == 200
    assert (await send(case("1-2/2023"), headers=key, validate_only="true")).status_code == 200
    assert (await send(case("1-3/2023"), headers=key)).status_code == 201
    assert await desk.value("SELECT count(*) FROM idempotent_answers") == 1


async def test_an_answer_is_kept_for_a_day_and_goes_when_it_is_too_old(desk: Desk, send: Send) -> None:
    await send(case(), headers={"Idempotency-Key": "old"})
    await send(case("1-2/2023"), headers={"Idempotency-Key": "young"})
    async with desk.database.owner() as connection:
        age = "UPDATE idempotent_answers SET created_at = now() - $2::interval WHERE idempotency_key = $1"
        await connection.execute(age, "old", timedelta(hours=49))
        await connection.execute(age, "young", timedelta(hours=25))
    await send(case("1-3/2023"), headers={"Idempotency-Key": "new"})
    kept = await desk.fetch("SELECT idempotency_key AS key FROM idempotent_answers ORDER BY 1")
    assert [row["key"] for row in kept] == ["new", "young"]


@pytest.mark.parametrize("key", ["", " ", "x" * 256, '""'])
async def test_a_key_that_is_none_is_told(send: Send, key: str) -> None:
    answer = await send(case(), headers={"Idempotency-Key": key})
    assert problem_of(answer) == (422, "invalid-parameters")
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


async def test_while_a_request_is_answered_its_key_is_in_flight(desk: Desk, send: Send) -> None:
    key = {"Idempotency-Key": "k"}
    async with desk.database.owner() as gate, gate.transaction():
        await gate.execute("LOCK TABLE ledger IN SHARE MODE")  # holds the first up in the middle
        first = asyncio.create_task(send(case(received_on="2023-03-14"), headers=key))
        waiting = "SELECT true FROM pg_locks WHERE NOT granted AND relation = 'ledger'::regclass"
        await until(lambda: desk.value(waiting))
        second = await send(case(received_on="2023-03-14"), headers=key)
        assert problem_of(second) == (409, "idempotency-key-in-flight")
        assert "retry-after" in second.headers
    assert (await first).status_code == 201
    assert (await send(case(received_on="2023-03-14"), headers=key)).content == (await first).content
