"""The OpenAPI document: made from the routes and their parameter tables, without a database; the same every time."""

import gzip
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app import __version__
from app.api import (
    schemas,
    schemas_access,
    schemas_changes,
    schemas_conflicts,
    schemas_curation,
    schemas_removal,
)
from app.api.caching import LATEST, holds, quote_etag, short_hash
from app.api.negotiation import accepts_gzip
from app.api.problems import MEDIA_TYPE, PATH, show_fault
from app.api.routers import ROUTERS
from app.db.turns import LARGE_ROWS, aside
from app.errors import Problem, all_problems
from app.formats import dump

_DESCRIPTION = """\
Prosecution statistics from curated court records, in which **a number is an address**: every ingest makes a numbered
revision, and every answer can be asked `as_of` a day or at a `revision`, for ever.

* **Lists** go by cursor: follow `paging.next` or the `Link` header as they are. Pages put together are the list.
* **Filters**: `court=a,b` is a or b; `__ne`, `__gte`, `__gt`, `__lte`, `__lt`, `__isnull` follow a name where
  listed. An unknown parameter or code is refused, with near matches, and never ignored.
* **Formats**: `?format=` before `Accept`: JSON and CSV, with the same rows and columns.
* **Units** are in names: `term_months` are months, `fine_rub` roubles; days end in `_on`, instants (UTC) in `_at`.
* **Missing** is null. **Weeks** are ISO 8601.
* **Problems** are RFC 9457.

Keys go into `Authorization: Bearer sud_…` or `X-API-Key`, never into the URL.
"""
_TAGS = (
    ("Statistics", "Questions about the record, answered whole."),
    ("Cases", "The records behind the numbers."),
    ("Curation", "What curators do to the record, each act a revision."),
    ("Revisions", "What changed, when, and on whose word."),
    ("Ingest", "Records in, and what became of them."),
    ("Reference", "Courts, offences and code lists."),
    ("Keys", "Who may do what, and how often."),
    ("Service", "The service itself."),
)
_SHAPES = (
    schemas,
    schemas_access,
    schemas_changes,
    schemas_conflicts,
    schemas_curation,
    schemas_removal,
)
_SECURITY = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "A key: `sud_<id>_<secret>`."},
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "The same key."},
}
_MOVED = {
    "description": "The case was merged into another by then.",
    "headers": {"Location": {"description": "The same question of the survivor.", "schema": {"type": "string"}}},
}
_NOT_MODIFIED = {
    "description": "The caller has it already (`If-None-Match`).",
    "headers": {"ETag": {"description": "The tag that still holds.", "schema": {"type": "string"}}},
}


def openapi_document(root_path: str = "") -> dict[str, Any]:
    """The document; needs no database, and is the same for the same release."""
    # Not by FastAPI's own generator: that leaves every null out, in examples too.
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sudstat",
            "summary": "Prosecution statistics from curated court records",
            "description": _DESCRIPTION,
            "version": __version__,
        },
        "servers": [{"url": root_path or "/", "description": "This service"}],
        "tags": [{"name": name, "description": description} for name, description in _TAGS],
        "paths": _paths(),
        "components": {
            "schemas": _schemas(),
            "responses": {"Moved": _MOVED, "NotModified": _NOT_MODIFIED, **_problem_responses()},
            "securitySchemes": _SECURITY,
        },
    }


def routes() -> list[APIRoute]:
    """Every route of ours, by path."""
    found = (route for resource in ROUTERS for route in resource.routes if isinstance(route, APIRoute))
    return sorted(found, key=lambda route: route.path)


def _paths() -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for route in routes():
        for method in sorted(route.methods or ()):
            paths.setdefault(route.path, {})[method.lower()] = _operation(route)
    return paths


def _operation(route: APIRoute) -> dict[str, Any]:
    return {
        "operationId": route.operation_id,
        "tags": route.tags,
        "summary": route.summary,
        "description": route.description,
        **(route.openapi_extra or {}),
    }


def make_router(root_path: str) -> APIRouter:
    """The route of the document, which is made when it is first asked for."""
    router = APIRouter(include_in_schema=False)

    @router.get("/openapi.json")
    async def read_openapi(request: Request) -> Response:
        """This document."""
        made = await aside(LARGE_ROWS, lambda: _bodies(root_path))
        is_gzipped = accepts_gzip(request.headers)
        etag = quote_etag(short_hash(made[False]), is_gzipped=is_gzipped)
        headers = {"ETag": etag, "Cache-Control": LATEST}
        if holds(request.headers.get("if-none-match"), etag):
            return Response(status_code=304, headers=headers)
        headers |= {"Content-Encoding": "gzip"} if is_gzipped else {}
        return Response(made[is_gzipped], media_type="application/json", headers=headers)

    return router


@cache
def _bodies(root_path: str) -> Mapping[bool, bytes]:
    """The document plain and, under True, gzipped; made once in a process."""
    body = dump(openapi_document(root_path))
    return {False: body, True: gzip.compress(body, mtime=0)}


def _schemas() -> dict[str, Any]:
    found = {model for module in _SHAPES for model in vars(module).values() if _is_shape(model)}
    _, definitions = models_json_schema(
        [(model, "serialization") for model in sorted(found, key=lambda model: model.__name__)],
        ref_template="#/components/schemas/{model}",
    )
    known = definitions["$defs"]
    for listed in _subclasses(schemas.Listed):
        _let_choose(known, known[listed.__name__]["properties"]["results"]["items"])
    return dict(sorted(known.items()))


def _let_choose(known: dict[str, Any], item: dict[str, Any]) -> None:
    """Say of a list's results that `fields=` may leave any field out; alone, the same thing is always whole."""
    whole = item["$ref"].rpartition("/")[2]
    name = whole if whole.endswith("InList") else f"{whole}InList"
    known[name] = {key: value for key, value in known[whole].items() if key != "required"} | {"title": name}
    item["$ref"] = f"#/components/schemas/{name}"


def _subclasses(shape: type[BaseModel]) -> list[type[BaseModel]]:
    return sorted((found for found in shape.__subclasses__() if _is_shape(found)), key=lambda found: found.__name__)


def _is_shape(value: object) -> bool:
    return (
        isinstance(value, type) and issubclass(value, BaseModel) and value.__module__ in [m.__name__ for m in _SHAPES]
    )


def _problem_responses() -> dict[str, Any]:
    by_status: dict[int, list[type[Problem]]] = {Problem.status: [Problem]}
    for problem in all_problems():
        by_status.setdefault(problem.status, []).append(problem)
    return {f"Problem{status}": _problem_response(found) for status, found in sorted(by_status.items())}


def _problem_response(found: list[type[Problem]]) -> dict[str, Any]:
    described = "; ".join(f"`{problem.slug}`: {problem.title}" for problem in found)
    content: dict[str, Any] = {"schema": {"$ref": "#/components/schemas/Problem"}}
    content["examples"] = {problem.slug: {"value": _example(problem)} for problem in found}
    return {"description": described, "content": {MEDIA_TYPE: content}}


def _example(problem: type[Problem]) -> dict[str, Any]:
    return {
        "type": PATH + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.told,
        "instance": urlsplit(problem.asked.split()[1]).path,
        "request_id": "8f14e45fceea167a5a36dedd",
        "errors": [show_fault(fault) for fault in problem.told_of],
    }
