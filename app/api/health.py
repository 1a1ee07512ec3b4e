"""Whether the process lives, and whether it can answer."""

import asyncpg
from fastapi import APIRouter, Request, Response

from app.api import schemas
from app.api.describe import Operation
from app.api.service import Service, get_service
from app.db.away import is_database_away
from app.errors import Unavailable
from app.formats import dump
from app.records.reading import get_readiness

router = APIRouter()

_LIVE = Operation(
    id="read_health",
    tag="Service",
    summary="Alive",
    description="The process runs; says nothing of the database.",
    result=schemas.Health,
    scopes=(),
    formats=("json",),
)
_READY = Operation(
    id="read_readiness",
    tag="Service",
    summary="Ready",
    description="The database answers, its migrations are this release's, and the published pointer can be read."
    " An empty record is ready; a demonstration still being built is not.",
    result=schemas.Health,
    scopes=(),
    formats=("json",),
)
_OK = dump({"status": "ok"})


@router.get("/healthz", **_LIVE.route())
async def read_health() -> Response:
    """Say that the process runs."""
    return Response(_OK, media_type="application/json")


@router.get("/readyz", **_READY.route())
async def read_readiness(request: Request) -> Response:
    """Say whether questions can be answered.

    Errors  Unavailable, with what is missing
    """
    missing = await _what_is_missing(get_service(request))
    if missing:
        raise Unavailable(missing, headers={"Retry-After": "5"})
    return Response(_OK, media_type="application/json")


async def _what_is_missing(service: Service) -> str | None:
    if service.is_building:
        return "The demonstration record is still being built."
    try:
        async with service.database.snapshot() as connection:
            pointer, migration = await get_readiness(connection)
    except asyncpg.UndefinedTableError:
        return "The database has not been migrated: run sudstat migrate."
    except Exception as error:
        if is_database_away(error):
            return "The database does not answer."
        raise
    if migration != service.migration_head:
        return "The database is at another migration than this release: run sudstat migrate, or finish the deployment."
    return None if pointer is not None else "The pointer to the published revision cannot be read."
