"""Replies: formats, languages, codings, tags, what caches may keep, HEAD, CORS."""

import csv
import gzip
import io

import httpx
import pytest

from app.api.caching import IMMUTABLE, LATEST, PRIVATE
from tests.serving import GROZNY, client_fixture, client_of, filled_fixture  # noqa: F401

Client = httpx.AsyncClient
VARY = "Authorization, X-API-Key, Accept, Accept-Encoding, Accept-Language"
READS = (
    "/v1/cases",
    "/v1/cases?format=csv",
    "/v1/cases?format=csv&limit=2",
    "/v1/courts?limit=3",
    "/v1/courts/61GV0012",
    "/v1/offences?article=337",
    "/v1/offences/337:5",
    "/v1/vocabularies",
    "/v1/revisions",
    "/v1/revisions/1",
    "/v1/statistics",
    "/v1/statistics?format=csv&group_by=court",
    "/v1/statistics/weekly",
    "/v1/statistics/sentences",
    "/v1/statistics/catalogue",
    "/openapi.json",
)
OTHERS = ("/", "/docs", "/redoc", "/healthz", "/readyz", "/nowhere", "/v1/cases?limit=x", "/problems/not-found")


@pytest.mark.parametrize("path", READS + OTHERS)
async def test_head_has_the_headers_of_get_and_no_body(client: Client, path: str) -> None:
    headers = {"X-Request-ID": "same"}
    get, head = await client.get(path, headers=headers), await client.head(path, headers=headers)
    for answer in (get, head):
        answer.headers.pop("ratelimit", None)  # each of the two spends
    assert (head.status_code, head.headers, head.content) == (get.status_code, get.headers, b"")
    assert get.headers["vary"] == VARY


@pytest.mark.parametrize("path", READS)
@pytest.mark.parametrize("coding", ["identity", "gzip"])
async def test_who_has_an_answer_is_not_sent_it_again(client: Client, path: str, coding: str) -> None:
    accept = {"Accept-Encoding": coding}
    first = await client.get(path, headers=accept)
    tag = first.headers["etag"]
    assert tag.startswith('"')
    for held in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = await client.get(path, headers={**accept, "If-None-Match": held})
        assert (again.status_code, again.content) == (304, b"")
        assert {name: again.headers[name] for name in ("etag", "cache-control", "vary")} == {
            name: first.headers[name] for name in ("etag", "cache-control", "vary")
        }
    other = await client.get(path, headers={**accept, "If-None-Match": '"another"'})
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("path", READS)
async def test_gzip_changes_the_tag_and_nothing_else(client: Client, path: str) -> None:
    plain = await client.get(path)
    async with client.stream("GET", path, headers={"Accept-Encoding": "br;q=1, gzip;q=0.5"}) as packed:
        raw = b"".join([chunk async for chunk in packed.aiter_raw()])
    assert packed.headers["content-encoding"] == "gzip"
    assert gzip.decompress(raw) == plain.content
    assert packed.headers["etag"] != plain.headers["etag"]
    refused = await client.get(path, headers={"Accept-Encoding": "gzip;q=0, *"})
    assert "content-encoding" not in refused.headers


async def test_another_question_state_format_or_language_has_another_tag(client: Client) -> None:
    paths = [
        "/v1/cases",
        "/v1/cases?limit=2",
        "/v1/cases?sort=id",
        f"/v1/cases?court={GROZNY}",
        "/v1/cases?revision=1",
        "/v1/cases?lang=ru",
        "/v1/cases?format=csv",
        "/v1/cases?format=csv&bom=true",
        "/v1/cases?format=csv&labels=name",
        "/v1/courts",
        "/v1/statistics",
        "/v1/statistics?revision=1",
    ]
    tags = {(await client.get(path)).headers["etag"] for path in paths}
    assert len(tags) == len(paths)


async def test_one_question_has_one_tag_however_it_is_spelt(client: Client) -> None:
    paths = [
        "/v1/cases?court=61GV0012,77GV0003&offence=337",
        "/v1/cases?offence=337&court=77GV0003%2C61GV0012",
        "/v1/cases?court=77GV0003&offence=337&court=61GV0012",
        "/v1/cases?court=77GV0003,77GV0003,61GV0012&&offence=%3337",
    ]
    tags = {(await client.get(path)).headers["etag"] for path in paths}
    assert len(tags) == 1


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/v1/statistics", LATEST),
        ("/v1/statistics?revision=1", IMMUTABLE),
        ("/v1/statistics?as_of=2023-06-15", IMMUTABLE),
        ("/v1/statistics?as_of=2023-07-02", LATEST),
        ("/v1/cases", LATEST),
        ("/v1/cases?revision=1", LATEST),
        ("/v1/courts?revision=1", LATEST),
        ("/v1/vocabularies", LATEST),
        ("/v1/cases?limit=x", PRIVATE),
        ("/nowhere", PRIVATE),
        ("/healthz", PRIVATE),
    ],
)
async def test_only_pinned_statistics_never_change(client: Client, path: str, kept: str) -> None:
    assert (await client.get(path)).headers["cache-control"] == kept


@pytest.mark.parametrize(
    ("headers", "query", "media_type"),
    [
        ({}, "", "application/json"),
        ({"Accept": "text/csv"}, "", "text/csv"),
        ({"Accept": "text/*"}, "", "text/csv"),
        ({"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}, "", "application/json"),
        ({"Accept": "application/json;q=0.2, text/csv;q=0.9"}, "", "text/csv"),
        ({"Accept": "application/json;q=0, */*"}, "", "text/csv"),
        ({"Accept": "text/csv"}, "?format=json", "application/json"),
        ({"Accept": "image/png"}, "?format=csv", "text/csv"),
    ],
    ids=str,
)
async def test_the_format_is_the_one_asked_for(
    client: Client, headers: dict[str, str], query: str, media_type: str
) -> None:
    answer = await client.get(f"/v1/courts{query}", headers=headers)
    assert answer.headers["content-type"].partition(";")[0] == media_type


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/courts?format=xlsx", {}),
        ("/v1/courts", {"Accept": "image/png"}),
        ("/v1/courts", {"Accept": "application/json;q=0"}),
        ("/v1/statistics/catalogue", {"Accept": "text/csv"}),
    ],
)
async def test_a_format_that_is_not_offered_is_refused_with_those_that_are(
    client: Client, path: str, headers: dict[str, str]
) -> None:
    answer = await client.get(path, headers=headers)
    assert (answer.status_code, answer.json()["type"]) == (406, "/problems/not-acceptable")
    assert any("json" in offered for offered in answer.json()["offered"])


async def test_csv_is_written_as_asked(client: Client) -> None:
    path = "/v1/cases?number=1-7/2023&fields=court,disposition,number&format=csv"
    plain = (await client.get(path)).content
    assert plain == b"court,disposition,number\r\n75GV0001,verdict,1-7/2023\r\n"
    assert (await client.get(f"{path}&bom=true")).content == b"\xef\xbb\xbf" + plain
    assert (await client.get(f"{path}&delimiter=semicolon")).content == plain.replace(b",", b";")
    assert (await client.get(f"{path}&delimiter=tab")).content == plain.replace(b",", b"\t")
    names = list(csv.reader(io.StringIO((await client.get(f"{path}&labels=name")).text)))
    assert names[1] == ["Chita Garrison Military Court", "Verdict", "1-7/2023"]
    both = list(csv.reader(io.StringIO((await client.get(f"{path}&labels=both&lang=ru")).text)))
    assert both[0] == ["court", "court_name", "disposition", "disposition_name", "number"]
    assert both[1][1::2] == ["Читинский гарнизонный военный суд", "Приговор"]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [("ru", "Приговор"), ("ru-RU,ru;q=0.9,en;q=0.8", "Приговор"), ("en,ru;q=0.5", "Verdict"), ("de", "Verdict")],
)
async def test_labels_are_in_the_callers_language(client: Client, accept: str, expected: str) -> None:
    path = "/v1/cases?number=1-7/2023&fields=disposition&format=csv&labels=name"
    assert (await client.get(path, headers={"Accept-Language": accept})).text.split()[1] == expected


async def test_any_page_of_the_web_may_read_answers_and_errors(client: Client) -> None:
    for path in ("/v1/cases", "/v1/cases?format=csv", "/v1/cases?limit=x", "/nowhere"):
        answer = await client.get(path, headers={"Origin": "https://news.example"})
        assert answer.headers["access-control-allow-origin"] == "*"
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"ETag", "Link", "RateLimit", "RateLimit-Policy", "Retry-After", "Sudstat-Rows"} <= set(exposed)
    preflight = {"Origin": "https://news.example", "Access-Control-Request-Method": "GET"}
    allowed = await client.options("/v1/cases", headers=preflight)
    assert allowed.status_code == 204
    assert "X-API-Key" in allowed.headers["access-control-allow-headers"]
    assert "GET" in allowed.headers["access-control-allow-methods"]


async def test_behind_a_proxys_path_links_lead_through_it(filled: str) -> None:
    async with client_of(filled, root_path="/api") as client:
        body = (await client.get("/v1/cases?limit=1")).json()
        assert body["paging"]["next"].startswith("/api/v1/cases?limit=1&cursor=")
        assert (await client.get(body["paging"]["next"])).json()["results"] != body["results"]
        assert (await client.get("/openapi.json")).json()["servers"][0]["url"] == "/api"
        assert (await client.get("/")).headers["location"] == "docs"


async def test_an_answer_says_of_which_state_it_is_and_under_which_licence(filled: str) -> None:
    async with client_of(filled, licence="CC0", attribution="Nobody", publisher="The Gazette") as client:
        meta = (await client.get("/v1/cases?as_of=2023-06-15&court=61GV0012&limit=5")).json()["meta"]
    assert meta["cite"].startswith("The Gazette, revision 1 of 2023-06-01, /v1/cases?")
    assert (meta["revision"], meta["published_at"]) == (1, "2023-06-01T09:00:00Z")
    assert meta["as_of"].startswith("2023-06-15T23:59:59")
    assert meta["question"] == "as_of=2023-06-15&court=61GV0012&limit=5"
    assert (meta["licence"], meta["attribution"], meta["backdated"]) == ("CC0", "Nobody", True)
