"""The OpenAPI document says what is served: every parameter, every shape, every problem."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import validate

from app.access.keys import SCOPES
from app.access.register import create_key
from app.api.openapi import openapi_document
from app.db.database import Database
from app.errors import all_problems
from tests.serving import CHITA, PUBLISHED, case, client_of, fill, filled_with, take

Client = httpx.AsyncClient
JSON = "application/json"
# A batch of which nothing can be read: it has a receipt, and changes nothing.
NOTHING = {"layout": "house", "layer": "court_card", "source": "test"}
DOCUMENT = openapi_document()
PATHS: dict[str, Any] = DOCUMENT["paths"]
ALL_OPERATIONS = [(path, operation) for path, methods in PATHS.items() for operation in methods.values()]
OPERATIONS = [(path, methods["get"]) for path, methods in PATHS.items() if "get" in methods]
SHOWN = [(path, one) for path, one in OPERATIONS if "application/json" in one["responses"]["200"]["content"]]
ASKED = [(path, operation) for path, operation in OPERATIONS if "422" in operation["responses"]]


async def fill_with_a_conflict(url: str) -> None:
    """The small record, and one word of the newsroom against a card's."""
    await fill(url)
    against = (case(CHITA, "1-7/2023", decided_on="2023-04-20"),)
    await take(Database(url), against, layer="newsroom", published_at=PUBLISHED[1])


@pytest.fixture(name="filled", scope="module")
def filled_fixture(server_url: str, template: str) -> Iterator[str]:
    """Address of a database in which every list of the document has something."""
    with filled_with(fill_with_a_conflict, server_url, template) as url:
        yield url


@pytest.fixture(name="client")
async def client_fixture(filled: str) -> AsyncIterator[Client]:
    """A client with a key that may do everything."""
    async with Database(filled).owner() as connection:
        key = await create_key(connection, "test", scopes=list(SCOPES))
    async with client_of(filled) as client:
        client.headers["X-API-Key"] = key
        yield client


async def address_of(client: Client, path: str) -> str:
    """A path of the document with something that is there in its place."""
    if "batches" in path:
        sent = await client.post("/v1/ingest/batches", params=NOTHING, content=b"[]", headers={"Content-Type": JSON})
        return path.replace("{id}", sent.json()["batch_id"])
    listed = next((known for known in ("/v1/conflicts", "/v1/keys") if path.startswith(known)), "/v1/cases")
    first = (await client.get(listed, params={"limit": "1"})).json()["results"][0]["id"]
    address = path.replace("{id}", first).replace("{n}", "1")
    return address.replace("{code}", "61GV0012" if "courts" in path else "337:5")


def validator(schema: dict[str, Any]) -> Draft202012Validator:
    """A validator of one schema of the document."""
    return Draft202012Validator(
        {**schema, "components": DOCUMENT["components"]}, format_checker=Draft202012Validator.FORMAT_CHECKER
    )


def refs(node: Any) -> Iterator[str]:
    """Every reference within the document."""
    if isinstance(node, dict):
        yield from ([node["$ref"]] if "$ref" in node else [])
        for value in node.values():
            yield from refs(value)
    elif isinstance(node, list):
        for value in node:
            yield from refs(value)


def test_the_document_is_valid_and_the_same_every_time() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1")
    assert json.dumps(openapi_document()) == json.dumps(DOCUMENT)


def test_operation_ids_are_set_by_hand_and_unique() -> None:
    ids = [operation["operationId"] for _, operation in ALL_OPERATIONS]
    assert len(set(ids)) == len(ids)
    assert not [id_ for id_ in ids if "_v1_" in id_]


def test_every_reference_leads_somewhere_and_nothing_is_fastapis_own() -> None:
    for ref in set(refs(DOCUMENT)):
        node: Any = DOCUMENT
        for part in ref.removeprefix("#/").split("/"):
            node = node[part]
    assert "HTTPValidationError" not in json.dumps(DOCUMENT)


def test_every_problem_is_shown_as_rfc_9457() -> None:
    shown = {
        slug
        for name, response in DOCUMENT["components"]["responses"].items()
        if name.startswith("Problem")
        for slug in response["content"]["application/problem+json"]["examples"]
    }
    assert shown >= {problem.slug for problem in all_problems()}
    for path, operation in ALL_OPERATIONS:
        statuses = {status for status in operation["responses"] if status >= "400"}
        assert statuses >= {"400", "405", "414", "500", "503"}, path
        assert all("Problem" in operation["responses"][status]["$ref"] for status in statuses)


def test_parameters_of_lists_are_one_comma_separated_value() -> None:
    for path, operation in OPERATIONS:
        for parameter in operation["parameters"]:
            assert parameter["description"], (path, parameter)
            if parameter["in"] == "query":
                assert (parameter["style"], parameter["explode"]) == ("form", False)
                example = parameter.get("example")
                if example is not None:
                    assert validator(parameter["schema"]).is_valid(example), (path, parameter)


@pytest.mark.parametrize(("path", "operation"), SHOWN, ids=[path for path, _ in SHOWN])
def test_examples_fit_their_schemas(path: str, operation: dict[str, Any]) -> None:
    content = operation["responses"]["200"]["content"]["application/json"]
    if "example" in content:
        validator(content["schema"]).validate(content["example"])


@pytest.mark.parametrize(("path", "operation"), SHOWN, ids=[path for path, _ in SHOWN])
async def test_answers_fit_the_schemas_they_are_shown_with(
    client: Client, path: str, operation: dict[str, Any]
) -> None:
    address = await address_of(client, path)
    answer = await client.get(address)
    assert answer.status_code == 200, answer.text
    validator(operation["responses"]["200"]["content"]["application/json"]["schema"]).validate(answer.json())
    if "lang" in {parameter["name"] for parameter in operation["parameters"]}:
        russian = await client.get(address, params={"lang": "ru"})
        validator(operation["responses"]["200"]["content"]["application/json"]["schema"]).validate(russian.json())


@pytest.mark.parametrize(("path", "operation"), ASKED, ids=[path for path, _ in ASKED])
async def test_every_parameter_shown_is_taken_and_no_other(
    client: Client, path: str, operation: dict[str, Any]
) -> None:
    address = await address_of(client, path)
    for parameter in operation["parameters"]:
        if parameter["in"] == "query":
            empty = await client.get(address, params={parameter["name"]: ""})
            assert [error["code"] for error in empty.json()["errors"]] == ["empty"], parameter["name"]
    other = await client.get(address, params={"nonsense": "1"})
    problem = other.json()
    assert (other.status_code, problem["errors"][0]["code"]) == (422, "unknown-parameter")
    validator({"$ref": "#/components/schemas/Problem"}).validate(problem)


async def test_whatever_is_asked_as_of_a_day_before_the_first_revision_is_shown_as_not_there(client: Client) -> None:
    asked_of = [(path, one) for path, one in ASKED if "as_of" in {each["name"] for each in one["parameters"]}]
    assert len(asked_of) >= 8
    for path, operation in asked_of:
        answer = await client.get(await address_of(client, path), params={"as_of": "2001-01-01"})
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-revision-yet"), path
        assert "404" in operation["responses"], path


async def test_the_served_document_is_this_one(client: Client) -> None:
    assert (await client.get("/openapi.json")).json() == DOCUMENT


async def test_a_list_of_chosen_fields_fits_the_schema_that_it_is_shown_with(client: Client) -> None:
    lists = [(path, one) for path, one in SHOWN if "fields" in {each["name"] for each in one["parameters"]}]
    assert len(lists) >= 4
    for path, operation in lists:
        (fields,) = [each for each in operation["parameters"] if each["name"] == "fields"]
        schema = operation["responses"]["200"]["content"][JSON]["schema"]
        taken = 0
        for field in fields["schema"]["items"]["enum"]:
            answer = await client.get(await address_of(client, path), params={"fields": field, "limit": "3"})
            if answer.status_code == 200:  # some fields are of flat formats only
                validator(schema).validate(answer.json())
                taken += 1
        assert taken >= 3
