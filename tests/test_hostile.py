"""Hostile texts in every place that takes one, and keys and cursors changed by one byte: refused, never believed."""

import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import date
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.access.keys import make_key, read_key_id
from app.access.register import create_key
from app.api.cursor import Cursor, bind, cursor_key, read_cursor, write_cursor
from app.api.openapi import openapi_document
from app.db.database import Database
from app.errors import BadCursor, KeyInvalid
from app.records.cases import CASES
from app.records.listing import Order, Position
from tests.serving import client_fixture, client_of, crowded_fixture, filled_fixture, problem_of  # noqa: F401

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
PLACES = [
    (path, parameter["name"], parameter["in"])
    for path, methods in openapi_document()["paths"].items()
    if "get" in methods and (not methods["get"]["security"] or {} in methods["get"]["security"])
    for parameter in methods["get"]["parameters"]
    if parameter["in"] in ("query", "path")
]


@pytest.mark.parametrize("path", sorted({path for path, _, _ in PLACES}))
async def test_no_hostile_text_is_a_bug_of_ours_or_comes_back_alive(client: Client, path: str) -> None:
    for _, name, place in [each for each in PLACES if each[0] == path]:
        for text in HOSTILE:
            filled = path.replace(f"{{{name}}}", text) if place == "path" else path
            target = re.sub(r"\{[^}]*\}", "1", filled) + (f"?{name}={text}" if place == "query" else "")
            url = httpx.URL("http://sudstat.test").copy_with(raw_path=target.encode())
            answer = await client.get(url)
            assert answer.status_code in (200, 400, 401, 404, 406, 414, 422, 429), (target[:200], answer.text[:300])
            if answer.status_code >= 400 and answer.status_code != 429:
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
        for other in map(chr, (*range(1, 256), 0x430, 0x1F4A9)):
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
