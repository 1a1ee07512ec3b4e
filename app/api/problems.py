"""Problems as RFC 9457 sends them: whatever goes wrong, in one shape, and nothing of our insides in it."""

from typing import Any
from urllib.parse import quote

import asyncpg
from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from app.db.away import is_database_away
from app.errors import BadRequest, Fault, MethodNotAllowed, NotFound, Problem, TookTooLong, Unavailable
from app.formats import dump

MEDIA_TYPE = "application/problem+json"
PATH = "/problems/"
_RETRY_AFTER_S = 5


def problem_body(problem: Problem, *, instance: str, request_id: str) -> dict[str, Any]:
    """The problem object."""
    return {
        "type": PATH + problem.slug,
        "title": problem.title,
        "status": problem.status,
        "detail": problem.detail,
        "instance": quote(instance, safe="/:@"),
        "request_id": request_id,
        "errors": [show_fault(fault) for fault in problem.faults],
        **problem.members,
    }


def problem_response(problem: Problem, *, instance: str, request_id: str) -> Response:
    """The answer that tells of a problem; never kept by a cache that others use."""
    return Response(
        dump(problem_body(problem, instance=instance, request_id=request_id)),
        status_code=problem.status,
        media_type=MEDIA_TYPE,
        headers={"Cache-Control": "private, no-cache", **problem.headers},
    )


def internal_error() -> Problem:
    """A bug of ours: bare, but for the id under which the log tells more."""
    return Problem(Problem.told)


def unavailable() -> Unavailable:
    """The database is away or overloaded."""
    detail = "The database does not answer in time. Try again later, or ask for less."
    return Unavailable(detail, headers={"Retry-After": str(_RETRY_AFTER_S)})


def took_too_long() -> TookTooLong:
    """A statement was cancelled for its time."""
    detail = (
        "The question was cancelled in the database, because it took too long. Ask for less: a shorter window, fewer"
        " dimensions, one court. /v1/config tells the limit."
    )
    return TookTooLong(detail, headers={"Retry-After": str(_RETRY_AFTER_S)})


def problem_of(error: BaseException) -> Problem:
    """What a caller is told of an error that nobody has answered."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, asyncpg.QueryCanceledError):
        return took_too_long()
    return unavailable() if is_database_away(error) else internal_error()


def add_problem_handlers(app: FastAPI) -> None:
    """Make every refusal, Starlette's own too, a problem."""
    app.add_exception_handler(Problem, answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)


async def answer_problem(request: Request, error: Exception) -> Response:
    """The answer to a request that came to a problem."""
    assert isinstance(error, Problem)
    return problem_response(error, instance=request.url.path, request_id=request.state.request_id)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return await answer_problem(request, _translate(error, request))


def _translate(error: HTTPException, request: Request) -> Problem:
    if error.status_code == NotFound.status:
        return NotFound(f"There is nothing at {request.url.path}; /openapi.json lists what there is.")
    if error.status_code == MethodNotAllowed.status:
        allow = _with_head((error.headers or {}).get("Allow", "GET"))
        return MethodNotAllowed(f"{request.method} is not allowed here; use {allow}.", headers={"Allow": allow})
    if error.status_code < Problem.status:
        return BadRequest("The request cannot be read.")
    return internal_error()


def _with_head(allow: str) -> str:
    methods = {method.strip() for method in allow.split(",")}
    return ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))


def show_fault(fault: Fault) -> dict[str, Any]:
    """One entry of `errors`."""
    where = {"parameter": fault.parameter, "pointer": fault.pointer}
    shown = {name: value for name, value in where.items() if value is not None}
    near = {"did_you_mean": list(fault.did_you_mean)} if fault.did_you_mean else {}
    return {**shown, "code": fault.code, "detail": fault.detail, **near}
