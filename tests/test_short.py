"""The short way to a handler: nobody can tell it from the framework's."""

from types import SimpleNamespace
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, Request, Response

from app.api.routers import ROUTERS
from app.api.short import short_ways
from app.main import Application
from tests.serving import filled_fixture  # noqa: F401
from tests.test_answers import worker_of

QUERIES = (
    "",
    "limit=2",
    "limit=2&format=csv",
    "limit=2&fields=court,id",
    "nonsense=1",
    "cursor=of-another",
    "revision=99",
)
OF_EACH_REQUEST = ("x-request-id", "date")
WAYS = short_ways(ROUTERS)


async def _of_request(request: Request) -> str:
    return request.url.path


async def _of_more(request: Request, limit: int = 1) -> str:
    return request.url.path * limit


def test_only_what_takes_nothing_but_the_request_and_gives_a_response_has_a_short_way() -> None:
    router = APIRouter()

    @router.get("/plain")
    async def plain(path: Annotated[str, Depends(_of_request)]) -> Response:
        return Response(path)

    @router.post("/posted")
    async def posted(path: Annotated[str, Depends(_of_request)]) -> Response:
        return Response(path)

    @router.get("/of/{id}")
    async def one(path: Annotated[str, Depends(_of_request)]) -> Response:
        return Response(path)

    @router.get("/value")
    async def value(path: Annotated[str, Depends(_of_request)]) -> str:
        return path

    @router.get("/query")
    async def query(path: Annotated[str, Depends(_of_request)], limit: int = 1) -> Response:
        return Response(path * limit)

    @router.get("/more")
    async def more(path: Annotated[str, Depends(_of_more)]) -> Response:
        return Response(path)

    @router.get("/thread")
    def thread(path: Annotated[str, Depends(_of_request)]) -> Response:
        return Response(path)

    assert list(short_ways([router])) == ["/plain"]


def test_lists_and_statistics_have_a_short_way() -> None:
    assert {"/v1/cases", "/v1/changes", "/v1/courts", "/v1/statistics", "/v1/statistics/weekly"} <= WAYS.keys()


async def told(client: httpx.AsyncClient, method: str, url: str, **headers: str) -> tuple[Any, ...]:
    """All of an answer but what is of one request."""
    answer = await client.request(method, url, headers=headers)
    kept = sorted(pair for pair in answer.headers.multi_items() if pair[0] not in OF_EACH_REQUEST)
    return answer.status_code, kept, answer.text.replace(answer.headers["x-request-id"], "")


async def both(app: Application, client: httpx.AsyncClient, method: str, url: str, **headers: str) -> int:
    """Ask one way and the other; the status of both."""
    short = await told(client, method, url, **headers)
    ways, app.ways = app.ways, {}
    assert await told(client, method, url, **headers) == short
    app.ways = ways
    return int(short[0])


@pytest.mark.parametrize("path", sorted(WAYS))
async def test_both_ways_lead_to_the_same_answer_headers_and_problem(filled: str, path: str) -> None:
    async with worker_of(filled, cache_mb=0, days_mb=0) as (client, app):
        statuses = {await both(app, client, "GET", f"{path}?{query}") for query in QUERIES}
        assert statuses - {200} or path == "/healthz"
        assert await both(app, client, "HEAD", path) in (200, 401, 422)
        assert await both(app, client, "POST", path) == 405
        assert await both(app, client, "GET", f"{path}/") == 404
        if path != "/healthz":
            assert await both(app, client, "GET", path, authorization="Bearer sud_nobody") == 401


async def test_a_request_that_goes_the_short_way_is_counted_under_its_route(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, app):
        noted: list[Any] = []
        app.edge._telemetry.note = noted.append
        await both(app, client, "GET", "/v1/cases?limit=1")
        assert [one[3] for one in noted] == ["/v1/cases"] * 2


async def test_a_refusal_on_the_short_way_is_no_failure_in_the_log(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, app):
        failed: list[Any] = []
        app.edge._log = SimpleNamespace(error=lambda *said, **more: failed.append((said, more)))
        assert await both(app, client, "GET", "/v1/cases?nonsense=1") == 422
        assert failed == []


@pytest.mark.parametrize("root_path", ["", "/stat"])
async def test_the_short_way_is_found_behind_a_proxy_too(filled: str, root_path: str) -> None:
    async with worker_of(filled, cache_mb=0, root_path=root_path) as (_, app):
        gone: list[str] = []

        class Watched(dict[str, Any]):
            def get(self, path: str, default: Any = None) -> Any:
                gone.append(path)
                return super().get(path, default)

        app.ways = Watched(app.ways)
        transport = httpx.ASGITransport(app, root_path=root_path)
        async with httpx.AsyncClient(transport=transport, base_url="http://sudstat.test") as client:
            for path in ("/v1/cases", f"{root_path}/v1/cases"):
                assert (await client.get(f"{path}?limit=1")).status_code == 200
        assert gone == ["/v1/cases", "/v1/cases"]
