"""Each route states its scope, and lets nobody else through: every route × every scope × every kind of bad key."""

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi.routing import APIRoute

from app.access.keys import SCOPES, make_key, read_key_id
from app.access.register import revoke_key
from app.api.caller import scopes_asked
from app.api.openapi import openapi_document, routes
from app.db.database import Database
from app.settings import Settings
from tests.serving import client_fixture, client_of, filled_fixture, problem_of  # noqa: F401
from tests.test_access import new_key

Client = httpx.AsyncClient
EVERYBODY: tuple[str, ...] = ()
# As the contract assigns them; a parameter of a path is {}. A route that no line matches fails the first test.
ASSIGNED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("GET", r"/(healthz|readyz)|/v1/me", EVERYBODY),
    ("GET", r"/metrics", ("admin",)),
    ("GET", r"/v1/statistics/records", ("records",)),
    (
        "GET",
        r"/v1/statistics(/weekly|/sentences|/catalogue|/nowcast-skill)?|/v1/compare|/v1/config|/v1/vocabularies",
        ("statistics",),
    ),
    ("GET", r"/v1/(courts|offences|revisions)(/\{\})?", ("statistics",)),
    ("GET", r"/v1/cases(/\{\}(/revisions)?)?|/v1/changes|/v1/revisions/\{\}/changes", ("records",)),
    ("POST", r"/v1/ingest/batches", ("ingest", "curate")),
    ("GET", r"/v1/ingest/batches/\{\}(/refused)?", ("ingest", "curate", "admin")),
    ("POST", r"/v1/ingest/batches/\{\}/undo", ("curate",)),
    ("PATCH", r"/v1/cases/\{\}", ("curate",)),
    ("POST", r"/v1/cases/\{\}/(withdrawal|restoration|merge-into/\{\})", ("curate",)),
    ("POST", r"/v1/cases/\{\}/removal", ("admin",)),
    ("GET", r"/v1/conflicts(/\{\})?", ("curate",)),
    ("POST", r"/v1/conflicts/\{\}/resolution", ("curate",)),
    ("(GET|POST|DELETE)", r"/v1/keys(/\{\}(/rotation)?)?", ("admin",)),
)
ROUTES = [(method, route) for route in routes() for method in sorted(route.methods or ())]
PATHS = openapi_document()["paths"]
IDS = [f"{method} {route.path}" for method, route in ROUTES]
EACH_ROUTE = pytest.mark.parametrize(("method", "route"), ROUTES, ids=IDS)


def assigned(method: str, path: str) -> tuple[str, ...] | None:
    """The scopes that the contract gives a route; None where it says nothing of it."""
    template = re.sub(r"\{[^}]*\}", "{}", path)
    found = [
        scopes for methods, paths, scopes in ASSIGNED if re.fullmatch(methods, method) and re.fullmatch(paths, template)
    ]
    return found[0] if found else None


@EACH_ROUTE
def test_a_route_asks_the_scope_that_the_contract_assigns_and_shows_it(method: str, route: APIRoute) -> None:
    expected = assigned(method, route.path)
    assert expected is not None, "say in ASSIGNED which scope the contract gives this route"
    asked = scopes_asked(route)
    assert (asked or EVERYBODY) == expected, "the type of its caller (app/api/caller.py)"
    assert asked is not None or not route.path.startswith("/v1/"), "a caller's bad key is told on every path of /v1"
    shown = PATHS[route.path][method.lower()]["security"]
    keyed = {scope for each in shown for scopes in each.values() for scope in scopes}
    assert keyed == set(expected), "the scopes of its Operation"
    assert ({} in shown) == bool(set(expected) & {"statistics", "records", "export"})


@pytest.fixture(name="closed")
async def closed_fixture(filled: str) -> AsyncIterator[Client]:
    """A client of a deployment that gives callers without a key nothing."""
    async with client_of(filled, anonymous_scopes="", anonymous_quota_minute=0) as client:
        yield client


async def made(url: str) -> dict[str, str]:
    """Keys by what is right or wrong with them."""
    database = Database(url)
    keys = {scope: await new_key(database, scope) for scope in SCOPES}
    keys["wrong"] = make_key()[1]
    keys["expired"] = await new_key(database, *SCOPES, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    keys["revoked"] = await new_key(database, *SCOPES)
    async with database.owner() as connection:
        await revoke_key(connection, read_key_id(keys["revoked"]), by="a test")
    return keys


def expected(method: str, route: APIRoute) -> dict[str, tuple[int, str] | None]:
    """By kind of key: the refusal that a route owes it; None for none."""
    if scopes_asked(route) is None:
        return dict.fromkeys(("none", "wrong", "expired", "revoked", *SCOPES))
    scopes = assigned(method, route.path) or SCOPES
    return {
        "none": None if scopes == SCOPES else (401, "key-missing"),
        "wrong": (401, "key-invalid"),
        "expired": (401, "key-expired"),
        "revoked": (401, "key-invalid"),
        **{scope: None if scope in scopes else (403, "scope-missing") for scope in SCOPES},
    }


async def test_each_route_lets_its_own_scope_through_and_no_other(closed: Client, filled: str) -> None:
    """All in one test: an application for each of them would take minutes."""
    keys: dict[str, str | None] = {"none": None, **await made(filled)}
    for method, route in ROUTES:
        path = re.sub(r"\{[^}]*\}", "1", route.path)
        answered: dict[str, tuple[int, str] | None] = {}
        for kind, key in keys.items():
            said = {"Via": "1.1 a proxy"} | ({"Authorization": f"Bearer {key}"} if key else {})  # not from here
            answer = await closed.request(method, path, headers=said)
            answered[kind] = problem_of(answer) if answer.status_code in (401, 403) else None
        assert answered == expected(method, route), (method, route.path)


@pytest.mark.parametrize("scopes", ["statistic", "statistics,ingest", "admin", "statistics records"])
def test_callers_without_a_key_are_given_no_scope_that_writes_or_that_there_is_not(scopes: str) -> None:
    with pytest.raises(ValueError, match="is not among"):
        Settings(anonymous_scopes=scopes)
    assert Settings(anonymous_scopes=" export,").anonymous_scope_set == {"export"}
