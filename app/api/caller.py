"""Who calls: a key from the headers, its scopes, and the types by which a handler says who may."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from app.access.keys import Caller, find_caller
from app.api.service import Service, get_service
from app.errors import KeyInvalid, KeyMissing, Problem, ScopeMissing

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sudstat"'}


class Requires:
    """Lets callers through who have one of some scopes, and notes whether an anonymous one would have been.

    Without a scope everybody is let through, but a bad key is still refused.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        service = get_service(request)
        caller = await get_caller(request, service)
        request.state.key_id = caller.key_id
        open_scopes = service.settings.anonymous_scope_set
        request.state.is_public = not self.scopes or any(scope in open_scopes for scope in self.scopes)
        if self.scopes and not any(caller.may(scope) for scope in self.scopes):
            refuse_without(caller, " or ".join(self.scopes))
        return caller


async def get_caller(request: Request, service: Service) -> Caller:
    """Who calls; without a key, an anonymous caller with the scopes that the settings give one.

    Errors  KeyInvalid, KeyExpired: a bad key is never taken for none
    """
    presented = _presented_key(request)
    if presented is None:
        return Caller(None, service.settings.anonymous_scope_set)
    try:
        async with service.database.snapshot() as connection:
            return await find_caller(connection, presented)
    except Problem as problem:
        problem.headers.update(_CHALLENGE)
        raise


def refuse_without(caller: Caller, scope: str, advice: str = "") -> None:
    """Raise KeyMissing or ScopeMissing where the caller lacks a scope."""
    if caller.may(scope):
        return
    if caller.key_id is None:
        detail = f"This needs a key with the scope {scope}: Authorization: Bearer sud_…{advice}"
        raise KeyMissing(detail, headers=dict(_CHALLENGE), scope=scope)
    raise ScopeMissing(f"This key lacks the scope {scope}.{advice}", scope=scope)


def _presented_key(request: Request) -> str | None:
    presented = {key for key in (_bearer(request), request.headers.get("x-api-key")) if key is not None}
    if len(presented) > 1:
        raise KeyInvalid("Two different keys were given; send one.", headers=dict(_CHALLENGE))
    return presented.pop() if presented else None


def _bearer(request: Request) -> str | None:
    given = request.headers.get("authorization")
    if given is None:
        return None
    scheme, _, key = given.partition(" ")
    if scheme.lower() != "bearer":
        raise KeyInvalid("Send the key as Authorization: Bearer sud_…, or as X-API-Key.", headers=dict(_CHALLENGE))
    return key.strip()


Anybody = Annotated[Caller, Depends(Requires())]
StatisticsReader = Annotated[Caller, Depends(Requires("statistics"))]
RecordsReader = Annotated[Caller, Depends(Requires("records"))]
BatchSender = Annotated[Caller, Depends(Requires("ingest", "curate"))]
Curator = Annotated[Caller, Depends(Requires("curate"))]
Administrator = Annotated[Caller, Depends(Requires("admin"))]


def scopes_asked(route: APIRoute) -> tuple[str, ...] | None:
    """The scopes of which a route asks one; empty where any caller will do; None where it looks at no caller."""
    found = [each.call.scopes for each in route.dependant.dependencies if isinstance(each.call, Requires)]
    return found[0] if found else None
