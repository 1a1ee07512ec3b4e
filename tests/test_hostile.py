"""Hostile texts in every place that takes one, and keys and cursors changed by one byte: refused, never believed."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from app.access.keys import make_key, read_key_id
from app.api.openapi import openapi_document
from app.errors import KeyInvalid
from tests.serving import client_fixture, client_of, crowded_fixture, filled_fixture  # noqa: F401

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


async def test_a_cursor_changed_in_any_one_byte_is_refused(crowded: str) -> None:
    async with client_of(crowded, anonymous_quota_minute=0, anonymous_quota_day=0) as client:
        first = await client.get("/v1/cases?limit=7")
        cursor = re.findall(r"cursor=([^&]+)", first.json()["paging"]["next"])[0]
        for place in range(len(cursor)):
            for other in "Aa0-_.~":
                changed = cursor[:place] + other + cursor[place + 1 :]
                if changed != cursor:
                    answer = await client.get(f"/v1/cases?limit=7&cursor={changed}")
                    assert answer.status_code == 400, (place, other, answer.text)
                    assert answer.json()["type"] == "/problems/bad-cursor"
