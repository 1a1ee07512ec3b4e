"""What a caller may do and has left, and what this deployment offers; both are free of quota."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from app.access.keyring import Keyring
from app.access.keys import SCOPES
from app.access.register import find_use, get_key
from app.api import schemas_access
from app.api.caching import cache_control, holds, quote_etag, short_hash
from app.api.caller import Anybody, StatisticsReader
from app.api.common import HIGHEST_LIMIT
from app.api.describe import Operation
from app.api.lists import FREE_ROWS
from app.api.negotiation import LANGUAGES
from app.api.service import Service, get_service
from app.db.database import Connection
from app.formats import FORMATS, dump
from app.statistics.question import HIGHEST_GROUP_BY

router = APIRouter()

_DAYS = 14
_ME = Operation(
    id="read_me",
    tag="Keys",
    summary="What this caller may do and has left",
    description="Scopes, limits with what remains of them in this worker, and the use of the last 14 days. Free.",
    result=schemas_access.Me,
    scopes=(),
    formats=("json",),
    problems=(401,),
)
_CONFIG = Operation(
    id="read_config",
    tag="Service",
    summary="Limits, languages, licence",
    description="What this deployment offers and how much of it. Free.",
    result=schemas_access.Config,
    scopes=("statistics",),
    formats=("json",),
)


@router.get("/v1/me", **_ME.route())
async def read_me(caller: Anybody, request: Request) -> Response:
    """The caller itself."""
    service, now = get_service(request), datetime.now(UTC)
    key = usage = None
    if caller.key_id is not None:
        async with service.database.owner() as connection:
            key = await get_key(connection, caller.key_id)
            usage = await _usage(connection, service.keyring, caller.key_id, now)
    limits = [
        {
            "window": left.window.id,
            "window_s": left.window.length_s,
            "quota": left.quota,
            "remaining": left.remaining,
            "resets_at": now.replace(microsecond=0) + timedelta(seconds=left.resets_in_s),
        }
        for left in service.entrance.left(request.state.visit)
    ]
    body = {"key": key, "scopes": _ordered(caller.scopes), "limits": limits, "usage": usage}
    return Response(dump(body), media_type="application/json")


@router.get("/v1/config", **_CONFIG.route())
async def read_config(_: StatisticsReader, request: Request) -> Response:
    """What there is."""
    body = dump(_config(get_service(request)))
    cache = cache_control(is_public=bool(request.state.is_public), is_immutable=False)
    headers = {"ETag": quote_etag(short_hash(body), is_gzipped=False), "Cache-Control": cache}
    if holds(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


async def _usage(connection: Connection, keyring: Keyring, key_id: str, now: datetime) -> list[dict[str, Any]]:
    today = now.date()
    kept = {day: (asked, refused) for day, asked, refused in
            await find_use(connection, key_id, after=today - timedelta(days=_DAYS))}  # fmt: skip
    for day, (asked, refused) in keyring.unwritten(key_id).items():
        held = kept.get(day, (0, 0))
        kept[day] = held[0] + asked, held[1] + refused
    days = (today - timedelta(days=ago) for ago in reversed(range(_DAYS)))
    return [{"day": day, "requests": asked, "refused": refused} for day in days
            for asked, refused in [kept.get(day, (0, 0))]]  # fmt: skip


def _config(service: Service) -> dict[str, Any]:
    settings = service.settings
    return {
        "release": service.release,
        "languages": list(LANGUAGES),
        "formats": list(FORMATS),
        "licence": settings.licence,
        "attribution": settings.attribution,
        "publisher": settings.publisher,
        "scopes": list(SCOPES),
        "anonymous_scopes": _ordered(settings.anonymous_scope_set),
        "quotas": {
            "anonymous": dict(_quota(settings.anonymous_quota_minute, settings.anonymous_quota_day)),
            "key": dict(_quota(settings.key_quota_minute, settings.key_quota_day)),
        },
        "limits": {
            "url_bytes": settings.url_limit_bytes,
            "body_bytes": settings.body_limit_bytes,
            "line_bytes": settings.line_limit_bytes,
            "cells": settings.cells_limit,
            "group_by": HIGHEST_GROUP_BY,
            "page_results": HIGHEST_LIMIT,
            "export_free_results": FREE_ROWS,
            "statement_s": settings.statement_timeout_s,
            "at_once": service.database.at_once,
        },
    }


def _quota(minute: int, day: int) -> Iterator[tuple[str, int | None]]:
    yield "minute", minute or None
    yield "day", day or None


def _ordered(scopes: frozenset[str]) -> list[str]:
    return [scope for scope in SCOPES if scope in scopes]
