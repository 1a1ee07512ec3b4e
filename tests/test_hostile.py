"""Hostile texts in every place that takes one, and keys and cursors changed by one byte: refused, never believed."""

import asyncio
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Iterator
from csv import reader
from datetime import date
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.access.keys import SCOPES, make_key, read_key_id
from app.access.register import create_key
from app.api.cursor import Cursor, bind, cursor_key, read_cursor, write_cursor
from app.api.openapi import openapi_document
from app.db.database import Database
from app.errors import BadCursor, KeyInvalid
from app.records.cases import CASES
from app.records.listing import Order, Position
from app.statistics.verify import verify
from tests.serving import CHITA, PUBLISHED, case, client_of, crowded_fixture, fill, filled_with, problem_of, take  # noqa: F401
from tests.test_access import new_key

Client = httpx.AsyncClient
HOSTILE = (
    "%00",
    "%ED%A0%80",  # a lone surrogate
    quote("\u202e337\u200f"),  # text that reads from right to left
    quote("' OR '1'='1' --"),
    quote("1; DROP TABLE versions"),
    quote('=cmd|"/C calc"!A0'),
    quote("{{7*7}}<script>alert(1)</script>"),
    quote("../../etc/passwd"),
    "%F0%9F%92%A9" * 200,
    "9" * 400,
    "-1e309",
)
MEGABYTE = "a" * 1_000_000
DOCUMENT = openapi_document()
PLACES = [
    (path, parameter["name"], parameter["in"])
    for path, methods in DOCUMENT["paths"].items()
    if "get" in methods
    for parameter in methods["get"]["parameters"]
    if parameter["in"] in ("query", "path")
]


@pytest.fixture(name="opened", scope="module")
def opened_fixture(server_url: str, template: str) -> Iterator[tuple[str, str]]:
    """Address of a database with the small record, and a key that may do everything; to be read only."""
    with filled_with(fill, server_url, template) as url:
        yield url, asyncio.run(new_key(Database(url), *SCOPES))


@pytest.fixture(name="client")
async def client_fixture(opened: tuple[str, str]) -> AsyncIterator[Client]:
    """A client that may do everything."""
    url, key = opened
    async with client_of(url) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        yield client


@pytest.mark.parametrize("path", sorted({path for path, _, _ in PLACES}))
async def test_no_hostile_text_is_a_bug_of_ours_or_comes_back_alive(client: Client, path: str) -> None:
    for _, name, place in [each for each in PLACES if each[0] == path]:
        for text in HOSTILE:
            filled = path.replace(f"{{{name}}}", text) if place == "path" else path
            target = re.sub(r"\{[^}]*\}", "1", filled) + (f"?{name}={text}" if place == "query" else "")
            url = httpx.URL("http://sudstat.test").copy_with(raw_path=target.encode())
            answer = await client.get(url)
            assert answer.status_code in (200, 400, 404, 406, 414, 422), (target[:200], answer.text[:300])
            if answer.status_code >= 400:
                body: Any = answer.json()
                assert answer.headers["content-type"] == "application/problem+json"
                assert not re.search(r"asyncpg|Traceback|SELECT |\.py", answer.text), answer.text[:300]
                assert len(answer.content) < 20_000
                assert body["request_id"]


async def test_a_long_value_is_refused_by_its_length(client: Client) -> None:
    for path in ("/v1/cases?number=", "/v1/statistics?offence=", "/v1/cases/"):
        answer = await client.get(path + "a" * 65_000)  # the client sends no longer one; test_connections has the rest
        assert answer.status_code == 414
    headers = {"X-Request-ID": "a" * 100_000, "Accept": "a" * 100_000, "If-None-Match": '"a",' * 20_000}
    assert (await client.get("/v1/vocabularies", headers=headers)).status_code in (200, 406)


def test_a_key_changed_in_any_one_byte_is_told_as_no_key() -> None:
    _, key = make_key()
    for place in range(len(key)):
        for other in map(chr, (*range(256), 0x430, 0x1F4A9)):
            changed = key[:place] + other + key[place + 1 :]
            if changed != key:
                with pytest.raises(KeyInvalid):
                    read_key_id(changed)
        with pytest.raises(KeyInvalid):
            read_key_id(key[:place] + key[place + 1 :])


async def test_a_megabyte_in_any_place_is_refused_by_its_length(client: Client) -> None:
    for path, name, place in PLACES:
        target = path.replace(f"{{{name}}}", MEGABYTE) if place == "path" else path
        target = re.sub(r"\{[^}]*\}", "1", target)
        query = f"{name}={MEGABYTE}" if place == "query" else ""
        assert await asked(client, target, query) == (414, "uri-too-long"), (path, name)
    for header in ("Accept", "Accept-Language", "If-None-Match", "X-Request-ID", "Origin", "X-Forwarded-For", "Cookie"):
        status, slug = await asked(client, "/v1/vocabularies", headers={header: MEGABYTE})
        assert (status, slug) in ((200, None), (406, "not-acceptable")), (header, status)
    for header, value in (("Authorization", f"Bearer {MEGABYTE}"), ("X-API-Key", MEGABYTE)):
        assert (await asked(client, "/v1/vocabularies", headers={header: value}))[0] == 401


TEXTS = (
    "a\x00b",
    "a\ud800",
    "\u202e337\u200f",
    "'; DROP TABLE versions; --",
    "x' OR '1'='1",
    '=cmd|"/C calc"!A0',
    "@SUM(1+1)",
    "<script>alert(1)</script>",
    "${7*7}{{7*7}}",
    "../../etc/passwd",
    "\N{PILE OF POO}" * 300,
    "a" * 60_000,
    MEGABYTE,
)
BATCH = {"layout": "house", "layer": "newsroom", "source": "desk", "seen_on": "2023-06-01"}
QUOTA = {"window": "day", "quota": 5, "why": "a test"}
KEY = {"owner": "desk", "scopes": ["statistics"], "quotas": [QUOTA]}
TAKEN = (*BATCH, "on_refused", "max_affected")
ROW = [case(CHITA, "1-9/2023")]
CORRECTION = {"cause": "correction", "note": "a test"}
CORRECTED = ("received_on", "arrival", "decided_on", "disposition", "in_force_on", "number", "uid", "card_guid", "note")
# Method, path, parameters, headers and body, with HERE where a text is put.
HERE = "HERE"
WRITES: tuple[tuple[str, str, dict[str, str], dict[str, str], Any], ...] = (
    *(("POST", "/v1/keys", {}, {}, {**KEY, name: HERE}) for name in ("owner", "note", "expires_at", HERE)),
    ("POST", "/v1/keys", {}, {}, {**KEY, "scopes": [HERE]}),
    *(("POST", "/v1/keys", {}, {}, {**KEY, "quotas": [{**QUOTA, name: HERE}]}) for name in ("window", "why")),
    ("POST", "/v1/keys/{key}/rotation", {}, {}, {"overlap_hours": HERE}),
    *(("PATCH", "/v1/cases/{case}", {}, {}, {**CORRECTION, name: HERE}) for name in (*CORRECTED, "cause", HERE)),
    *(("PATCH", "/v1/cases/{case}", {}, {}, {**CORRECTION, name: [HERE]}) for name in ("deny", "previous_numbers")),
    *(
        ("PATCH", "/v1/cases/{case}", {}, {}, {**CORRECTION, "defendants": [{"ordinal": 1, **said}]})
        for said in (
            {"service_status": HERE},
            {"charges": [{"offence": HERE}]},
            {"sentence": {"kind": HERE}},
            {"deny": [HERE]},
            {"id": HERE},
        )
    ),
    *(
        ("PATCH", "/v1/cases/{case}", {}, {}, {**CORRECTION, "sources": [{"kind": "court_card", **said}]})
        for said in ({"url": HERE}, {"kind": HERE}, {"seen_on": HERE})
    ),
    ("PATCH", "/v1/cases/{case}", {}, {"If-Match": HERE}, CORRECTION),
    *(("POST", f"/v1/cases/{{case}}/{act}", {}, {}, {"note": HERE}) for act in ("withdrawal", "restoration")),
    *(("POST", f"/v1/cases/{{case}}/{act}", {}, {}, {"cause": HERE}) for act in ("withdrawal", "restoration")),
    ("POST", "/v1/cases/{case}/withdrawal", {}, {"Idempotency-Key": HERE}, {}),
    ("POST", "/v1/cases/{case}/merge-into/HERE", {}, {}, {"note": "a test"}),
    ("POST", "/v1/cases/{case}/merge-into/{case}", {}, {}, {"note": HERE}),
    ("POST", "/v1/cases/HERE/removal", {}, {}, {}),
    ("POST", "/v1/cases/{case}/removal", {}, {}, {"reason": HERE}),
    ("POST", "/v1/conflicts/{conflict}/resolution", {}, {}, {"resolution": HERE}),
    ("POST", "/v1/conflicts/{conflict}/resolution", {}, {}, {"resolution": "newsroom", "note": HERE}),
    ("POST", "/v1/ingest/batches/HERE/undo", {}, {}, {}),
    ("POST", "/v1/ingest/batches/{batch}/undo", {}, {}, {"cause": HERE}),
    *(("POST", "/v1/ingest/batches", {**BATCH, name: HERE}, {}, ROW) for name in TAKEN),
    ("POST", "/v1/ingest/batches", BATCH, {"Idempotency-Key": HERE}, ROW),
    ("POST", "/v1/ingest/batches", BATCH, {"Content-Encoding": HERE}, ROW),
    ("DELETE", "/v1/keys/HERE", {}, {}, None),
)  # fmt: skip


def put(text: str, into: Any) -> Any:
    """The same with a text wherever HERE stands."""
    if isinstance(into, dict):
        return {put(text, name): put(text, value) for name, value in into.items()}
    if isinstance(into, list):
        return [put(text, value) for value in into]
    return into.replace(HERE, text) if isinstance(into, str) else into


def fitting(texts: tuple[str, ...], place: dict[str, str]) -> Iterator[str]:
    """Those of some texts that a client can send in a header, or in a URL."""
    for text in texts:
        if place and HERE in place.values():
            text = text.encode(errors="replace").decode("latin-1").replace("\x00", "")[:8000]  # noqa: PLW2901
        yield text


async def test_no_hostile_text_in_what_is_written_is_a_bug_of_ours_or_moves_the_record(database_url: str) -> None:
    """Every place of a body, a parameter or a header of each operation that writes; the record stands afterwards."""
    database = Database(database_url)
    await fill(database_url)
    await take(
        database, (case(CHITA, "1-7/2023", decided_on="2023-04-20"),), layer="newsroom", published_at=PUBLISHED[1]
    )
    key = await new_key(database, *SCOPES)
    assert {(method.lower(), re.sub(r"HERE|\{\w+\}", "{}", path)) for method, path, *_ in WRITES} == {
        (method, re.sub(r"\{\w+\}", "{}", path))
        for path, methods in DOCUMENT["paths"].items()
        for method in methods
        if method != "get"
    }
    async with client_of(database_url) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        batch = await client.post("/v1/ingest/batches", params=BATCH, json=ROW)
        ids = {
            "case": (await client.get("/v1/cases?number=1-46/2023")).json()["results"][0]["id"],
            "conflict": (await client.get("/v1/conflicts")).json()["results"][0]["id"],
            "batch": batch.json()["batch_id"],
            "key": (await client.post("/v1/keys", json=KEY)).json()["id"],
        }
        for method, path, params, headers, body in WRITES:
            for text in fitting(TEXTS, headers):
                target = path.format(**ids).replace(
                    HERE, quote(text[:7000].replace("\x00", "\x01"), safe="", errors="replace")
                )
                given = {
                    name: value[:7000].encode(errors="replace").decode() for name, value in put(text, params).items()
                }
                sent = {name: value.encode("latin-1") for name, value in put(text, headers).items()}
                content = None if body is None else json.dumps(put(text, body)).encode()
                sent["Content-Type"] = b"application/json"
                answer = await client.request(method, target, params=given, headers=sent, content=content)
                documented = DOCUMENT["paths"][template_of(method, path)][method.lower()]["responses"]
                told = (method, path, text[:40], answer.status_code, answer.text[:300])
                assert str(answer.status_code) in documented, told
                assert answer.status_code < 500, told
                if answer.status_code >= 400:
                    assert answer.headers["content-type"] == "application/problem+json", told
                    assert not re.search(r"asyncpg|Traceback|SELECT |\.py", answer.text), told
                    assert len(answer.content) < 20_000, told
        shown = await client.get("/v1/changes?format=csv")
        assert not [cell for row in reader(shown.text.splitlines()) for cell in row if cell.startswith(("=", "@"))]
    async with database.writer() as connection:
        assert (await verify(connection)).is_clean


def template_of(method: str, path: str) -> str:
    """The path of the document that one of `WRITES` is of."""
    shape = re.sub(r"HERE|\{\w+\}", "{}", path)
    (found,) = [
        each
        for each, methods in DOCUMENT["paths"].items()
        if method.lower() in methods and re.sub(r"\{\w+\}", "{}", each) == shape
    ]
    return str(found)


@pytest.mark.parametrize("name", ["owner", "note"])
async def test_a_megabyte_in_a_body_is_refused_by_its_length(database_url: str, name: str) -> None:
    database = Database(database_url)
    async with database.owner() as connection:
        key = await create_key(connection, "test", scopes=["admin"])
    body = {"owner": "test", "scopes": ["statistics"], name: MEGABYTE}
    async with client_of(database_url) as client:
        client.headers["Authorization"] = f"Bearer {key}"
        answer = await client.post("/v1/keys", json=body)
        assert problem_of(answer) == (413, "body-too-large")
        answer = await client.post("/v1/keys", json={**body, name: "a" * 60_000})
        assert problem_of(answer) == (422, "invalid-body")


async def asked(client: Client, path: str, query: str = "", headers: dict[str, str] | None = None) -> Any:
    """Status and kind of problem, asked of the application itself: the client sends no longer URL than 64 KiB."""
    app = client._transport.app  # type: ignore[attr-defined]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": path, "raw_path": path.encode(), "query_string": query.encode(), "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1), "server": ("sudstat.test", 80), "state": {},
    }  # fmt: skip
    await app(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent)
    status = sent[0]["status"]
    return status, json.loads(body)["type"].removeprefix("/problems/") if status >= 400 else None


def test_a_cursor_with_any_byte_at_any_place_is_refused() -> None:
    key, bound, order = cursor_key(b"a secret"), bind("/v1/cases", "limit=7"), Order("received_on")
    position = Position(date(2023, 2, 1), "0193b5a0-0000-7000-8000-000000000001")
    text = write_cursor(key, Cursor(7, 0, position), bound)
    assert read_cursor(key, text, bound, CASES, order).revision == 7
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    changed = {text[:place] + chr(byte) + text[place + 1 :] for place in range(len(text)) for byte in range(256)}
    for place in range(len(raw)):
        for byte in range(256):
            bytes_ = raw[:place] + bytes([byte]) + raw[place + 1 :]
            changed.add(urlsafe_b64encode(bytes_).rstrip(b"=").decode())
    changed |= {text[:place] for place in range(len(text))} | {text + chr(byte) for byte in range(256)}
    changed.remove(text)
    assert len(changed) > 255 * len(text)
    for other in changed:
        with pytest.raises(BadCursor):
            read_cursor(key, other, bound, CASES, order)


async def test_a_cursor_changed_in_any_one_byte_is_refused(crowded: str) -> None:
    async with client_of(crowded, anonymous_quota_minute=0, anonymous_quota_day=0) as client:
        first = await client.get("/v1/cases?limit=7")
        cursor = re.findall(r"cursor=([^&]+)", first.json()["paging"]["next"])[0]
        for place in range(0, len(cursor), 5):  # every place and byte: the test above
            for other in "A_.":
                changed = cursor[:place] + other + cursor[place + 1 :]
                if changed != cursor:
                    answer = await client.get(f"/v1/cases?limit=7&cursor={changed}")
                    assert answer.status_code == 400, (place, other, answer.text)
                    assert answer.json()["type"] == "/problems/bad-cursor"
