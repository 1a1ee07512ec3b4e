"""Problems over HTTP: whatever is wrong is told in one shape, all of it at once, and nothing of our insides."""

import asyncio
import json
from html import escape
from typing import Any
from urllib.parse import quote, urlsplit

import asyncpg
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import Problem, TooManyCells, all_problems
from app.main import create_app
from app.settings import Settings
from tests.databases import at
from tests.serving import SECRET, client_fixture, client_of, filled_fixture  # noqa: F401

Client = httpx.AsyncClient
MEMBERS = {"type", "title", "status", "detail", "instance", "request_id", "errors"}


def problem_in(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem that an answer tells of."""
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json"), answer.text
    body: dict[str, Any] = answer.json()
    assert set(body) >= MEMBERS
    assert (body["type"], body["status"]) == (f"/problems/{slug}", status)
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    ("query", "parameter", "code", "meant"),
    [
        ("cuort=61GV0012", "cuort", "unknown-parameter", "court"),
        ("court__in=61GV0012", "court__in", "unknown-parameter", "court__ne"),
        ("number__gte=1-1/2023", "number__gte", "unknown-parameter", None),
        ("court=61GV012", "court", "unknown-code", "61GV0012"),
        ("service_status=mobilized", "service_status", "unknown-code", "mobilised"),
        ("service_status=MOBILISED", "service_status", "unknown-code", "mobilised"),
        ("service_status__ne=mobilized", "service_status__ne", "unknown-code", "mobilised"),
        ("offence=337:99", "offence", "unknown-code", None),
        ("offence=999", "offence", "unknown-code", None),
        ("sort=-recieved_on", "sort", "unknown-code", "-received_on"),
        ("fields=curt", "fields", "unknown-code", "court"),
        ("lang=fr", "lang", "unknown-code", None),
        ("received_on=2023-02-30", "received_on", "bad-value", None),
        ("received_on=20230201", "received_on", "bad-value", None),
        ("received_on__isnull=yes", "received_on__isnull", "bad-value", None),
        ("as_of=2023-06-15T12:00:00", "as_of", "bad-value", None),
        ("number=Иванов", "number", "bad-value", None),
        ("limit=-1", "limit", "bad-value", None),
        ("limit=١٠", "limit", "bad-value", None),
        ("limit=1001", "limit", "too-large", None),
        ("limit=1&limit=1", "limit", "repeated", None),
        ("received_on__gte=2023-01-01&received_on__gte=2023-01-02", "received_on__gte", "repeated", None),
        ("court=", "court", "empty", None),
        ("court=61GV0012,", "court", "empty", None),
        ("court", "court", "empty", None),
        ("court=%00", "court", "control-character", None),
        ("court=a%0Ab", "court", "control-character", None),
        ("co%01urt=a", "co\N{REPLACEMENT CHARACTER}urt", "control-character", None),
        ("court=%C2%85", "court", "control-character", None),
    ],
)
async def test_a_wrong_parameter_is_named_with_what_was_meant(
    client: Client, query: str, parameter: str, code: str, meant: str | None
) -> None:
    body = problem_in(await client.get(f"/v1/cases?{query}"), 422, "invalid-parameters")
    error = body["errors"][0]
    assert (error["parameter"], error["code"]) == (parameter, code)
    assert error["detail"]
    if meant:
        assert meant in error["did_you_mean"]


async def test_all_that_is_wrong_is_told_at_once(client: Client) -> None:
    query = "cuort=1&limit=x&court=nowhere&sort=colour&fields=name&received_on=x&revision=99"
    body = problem_in(await client.get(f"/v1/cases?{query}"), 422, "invalid-parameters")
    told = {error["parameter"] for error in body["errors"]}
    assert told >= {"cuort", "limit", "sort", "fields", "received_on", "revision"}
    known = problem_in(await client.get("/v1/cases?cuort=1&court=nowhere&limit=x"), 422, "invalid-parameters")
    assert {error["parameter"] for error in known["errors"]} == {"cuort", "court", "limit"}
    asked = "measures=conviction&group_by=weak&court=nowhere&cuort=1&last_n=0"
    both = problem_in(await client.get(f"/v1/statistics?{asked}"), 422, "invalid-parameters")
    assert {error["parameter"] for error in both["errors"]} >= {"measures", "group_by", "court", "cuort"}


KINDS: tuple[type[Problem], ...] = (Problem, *all_problems())
# Whether these are met depends on what else goes on, not on what is asked.
CHANCE = {"internal-error", "quota-exceeded", "unavailable", "overloaded", "took-too-long", "headers-too-large"}


def test_every_problem_is_explained_in_words_of_its_own() -> None:
    for name in ("slug", "happened", "remedy", "told"):
        own = [vars(kind).get(name) for kind in KINDS]
        assert len(set(own)) == len(KINDS), name
        assert all(own), name
    assert all("asked" in vars(kind) for kind in KINDS)


async def test_every_problem_has_a_page_that_explains_it(client: Client) -> None:
    for kind in KINDS:
        answer = await client.get(f"/problems/{kind.slug}")
        assert answer.status_code == 200
        for text in (kind.title, kind.slug, kind.happened, kind.remedy, kind.asked, kind.told):
            assert escape(text) in answer.text, (kind.slug, text)
    assert problem_in(await client.get("/problems/none"), 404, "not-found")["detail"].count(",") >= len(KINDS) - 1


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.asked[:3] in ("GET", "DEL") and "…" not in kind.asked])
async def test_what_a_page_shows_as_an_example_meets_its_problem(filled: str, kind: type[Problem]) -> None:
    line, *heads = kind.asked.splitlines()
    method, _, path = line.partition(" ")
    limits = {"cells_limit": 10} if kind is TooManyCells else {}  # the record of the tests is small
    async with client_of(filled, **limits) as client:
        answer = await client.request(method, path, headers=dict(head.split(": ", 1) for head in heads))
    if kind.slug in CHANCE:
        assert answer.status_code == 200
    else:
        body = problem_in(answer, kind.status, kind.slug)
        assert {fault.code for fault in kind.told_of} <= {error["code"] for error in body["errors"]}


@pytest.mark.parametrize("path", ["/v1/cases%00", "/v1/%C0%AFcases", "/v1/%ED%A0%80", "/v1/cases%0A", "/v1/%zz", "/%"])
async def test_a_path_that_is_no_text_is_unreadable(client: Client, path: str) -> None:
    body = problem_in(await raw(client, path), 400, "bad-request")
    assert body["instance"] == ""


@pytest.mark.parametrize("query", ["court=%C0%80", "court=%FF", "%ED%A0%80=1", "court=%f", "a=%zz"])
async def test_a_query_that_is_no_text_is_unreadable(client: Client, query: str) -> None:
    problem_in(await raw(client, "/v1/cases", query), 400, "bad-request")


async def raw(client: Client, path: str, query: str = "") -> httpx.Response:
    """The answer to a URL that no decent client would send."""
    target = f"{path}?{query}" if query else path
    return await client.get(httpx.URL("http://sudstat.test").copy_with(raw_path=target.encode()))


async def test_a_url_that_is_too_long_is_refused_before_it_is_read(client: Client) -> None:
    body = problem_in(await client.get(f"/v1/cases?court={'a' * 9000}"), 414, "uri-too-long")
    assert "8192" in body["detail"]


@pytest.mark.parametrize(
    "path", ["/nowhere", "/v1", "/v1/cases/", "/v1/courts/1", "/v1/offences/999", "/v1/revisions/0"]
)
async def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert problem_in(await client.get(path), 404, "not-found")["instance"] == path


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_a_method_that_is_not_allowed_is_told_those_that_are(client: Client, method: str) -> None:
    answer = await client.request(method, "/v1/cases")
    problem_in(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, HEAD"


async def test_a_sane_request_id_is_kept_and_another_replaced(client: Client) -> None:
    assert (await client.get("/healthz", headers={"X-Request-ID": "a-1_B.2"})).headers["x-request-id"] == "a-1_B.2"
    for bad in ("", "x" * 65, "a b", "<script>"):
        given_back = (await client.get("/healthz", headers={"X-Request-ID": bad})).headers["x-request-id"]
        assert given_back not in ("", bad)


async def test_a_bug_shows_nothing_but_the_request_id(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER TABLE versions RENAME COLUMN arrival TO gone")
    await connection.execute("INSERT INTO revisions SELECT 1, NULL, now(), now(), 'source', 's', NULL, NULL, 'a', NULL,"
                             " NULL, false, false, '{}', '{}', 1, 1, 0, 0")  # fmt: skip
    await connection.execute("UPDATE published SET revision = 1")
    await connection.close()
    async with client_of(database_url) as client:
        body = problem_in(await client.get("/v1/cases?arrival=new"), 500, "internal-error")
    assert body["errors"] == []
    assert not any(word in json.dumps(body).lower() for word in ("select", "column", "asyncpg", "traceback", ".py"))


async def test_an_empty_record_is_ready_but_has_no_revision(database_url: str) -> None:
    async with client_of(database_url) as client:
        assert (await client.get("/readyz")).json() == {"status": "ok"}
        for path in ("/v1/cases", "/v1/statistics", "/v1/revisions"):
            problem_in(await client.get(path), 404, "no-revision-yet")
        assert (await client.get("/v1/vocabularies")).status_code == 200
        problem_in(await client.get("/v1/cases?cuort=1"), 422, "invalid-parameters")


async def test_a_database_that_went_away_is_unavailable_and_the_process_alive(database_url: str) -> None:
    async with client_of(database_url) as client:
        name = urlsplit(database_url).path.removeprefix("/")
        connection = await asyncpg.connect(at(database_url, "postgres"))
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        await asyncio.sleep(0.1)
        for path in ("/v1/cases", "/v1/statistics", "/readyz"):
            answer = await client.get(path)
            problem_in(answer, 503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        assert (await client.get("/healthz")).status_code == 200
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        assert (await client.get("/readyz")).status_code == 200
        await connection.close()


async def test_a_record_being_built_or_a_database_of_another_release_is_not_ready(database_url: str) -> None:
    app = create_app(Settings(), database_url=database_url, secret=SECRET, is_building=True)
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), Client(transport=transport, base_url="http://sudstat.test") as client:
        assert "built" in problem_in(await client.get("/readyz"), 503, "unavailable")["detail"]
        app.state.service.is_building = False
        assert (await client.get("/readyz")).status_code == 200
        connection = await asyncpg.connect(database_url)
        await connection.execute("UPDATE alembic_version SET version_num = 'another'")
        await connection.close()
        assert "migration" in problem_in(await client.get("/readyz"), 503, "unavailable")["detail"]


PATHS = ("/v1/cases", "/v1/courts", "/v1/offences", "/v1/revisions", "/v1/statistics", "/v1/statistics/weekly")
NAMES = (
    *(
        "court",
        "number",
        "uid",
        "received_on__gte",
        "as_of",
        "revision",
        "limit",
        "cursor",
        "sort",
        "offence",
        "format",
    ),
    *("fields", "published_at", "code", "measures", "group_by", "start_period", "last_n", "lang", "delimiter"),
)


@given(
    path=st.sampled_from(PATHS),
    query=st.lists(st.tuples(st.sampled_from(NAMES) | st.text(max_size=8), st.text(max_size=12)), max_size=4),
)
@settings(max_examples=150)
async def test_no_query_whatever_is_a_bug_of_ours(client: Client, path: str, query: list[tuple[str, str]]) -> None:
    text = "&".join(f"{quote(name, errors='replace')}={quote(value, errors='replace')}" for name, value in query)
    answer = await client.get(f"{path}?{text}" if text else path)
    assert answer.status_code in (200, 400, 406, 414, 422, 404), answer.text
    if answer.status_code != 200:
        assert answer.headers["content-type"] == "application/problem+json"
