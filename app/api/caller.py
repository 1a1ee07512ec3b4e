"""Who calls: a key from the headers, its scopes, and the types by which a handler says who may."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from app.access.keys import Caller
from app.api.entrance import CHALLENGE
from app.api.service import get_service
from app.errors import KeyMissing, Problem, ScopeMissing


class Requires:
    """Lets callers through who have one of some scopes.

    Notes whether an anonymous one would have been, and how counts are rounded for this one.

    Without a scope everybody is let through, but a bad key is still refused.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = scopes

    async def __call__(self, request: Request) -> Caller:
        caller = get_caller(request)
        settings = get_service(request).settings
        open_scopes = settings.anonymous_scope_set
        request.state.rounding = settings.anonymous_rounding if caller.key_id is None else 1
        request.state.is_public = not self.scopes or any(scope in open_scopes for scope in self.scopes)
        if self.scopes and not any(caller.may(scope) for scope in self.scopes):
            refuse_without(caller, " or ".join(self.scopes))
        return caller


class RequiresUnlessLocal(Requires):
    """The same, but whoever asks from this very machine needs no key."""

    async def __call__(self, request: Request) -> Caller:
        if request.state.visit.is_local:
            request.state.is_public = False
            return get_caller(request)
        return await super().__call__(request)


def get_caller(request: Request) -> Caller:
    """Who calls, as the entrance found out; without a key, an anonymous caller.

    Errors  KeyInvalid, KeyExpired: a bad key is never taken for none
    """
    caller = request.state.visit.caller
    if isinstance(caller, Problem):
        caller.headers.update(CHALLENGE)
        raise caller
    assert isinstance(caller, Caller)
    return caller


def refuse_without(caller: Caller, scope: str, advice: str = "") -> None:
    """Raise KeyMissing or ScopeMissing where the caller lacks a scope."""
    if caller.may(scope):
        return
    if caller.key_id is None:
        detail = f"This needs a key with the scope {scope}: Authorization: Bearer sud_…{advice}"
        raise KeyMissing(detail, headers=dict(CHALLENGE), scope=scope)
    raise ScopeMissing(f"This key lacks the scope {scope}.{advice}", scope=scope)


Anybody = Annotated[Caller, Depends(Requires())]
StatisticsReader = Annotated[Caller, Depends(Requires("statistics"))]
RecordsReader = Annotated[Caller, Depends(Requires("records"))]
BatchSender = Annotated[Caller, Depends(Requires("ingest", "curate"))]
ReceiptReader = Annotated[Caller, Depends(Requires("ingest", "curate", "admin"))]
Curator = Annotated[Caller, Depends(Requires("curate"))]
Administrator = Annotated[Caller, Depends(Requires("admin"))]
MetricsReader = Annotated[Caller, Depends(RequiresUnlessLocal("admin"))]


def scopes_asked(route: APIRoute) -> tuple[str, ...] | None:
    """The scopes of which a route asks one; empty where any caller will do; None where it looks at no caller."""
    found = [each.call.scopes for each in route.dependant.dependencies if isinstance(each.call, Requires)]
    return found[0] if found else None
