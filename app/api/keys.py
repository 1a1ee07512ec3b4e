"""Keys: made, listed, rotated, revoked, by callers with the scope admin."""

from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request, Response

from app.access.keys import read_key_id
from app.access.register import create_key, find_keys, get_key, revoke_key, rotate_key, set_quota
from app.api import schemas_access
from app.api.bodies import read_body
from app.api.caching import holds, quote_etag, short_hash
from app.api.caller import Administrator
from app.api.describe import Operation
from app.api.service import get_service
from app.db.database import Connection
from app.errors import Fault, InvalidBody
from app.formats import dump

router = APIRouter()

_EXAMPLE: dict[str, Any] = {
    "id": "4fGh7Kq2LmNp",
    "owner": "research desk",
    "scopes": ["export", "records"],
    "note": "",
    "created_at": "2025-06-01T09:00:00Z",
    "created_by": "command line",
    "expires_at": "2026-06-01T09:00:00Z",
    "revoked_at": None,
    "revoked_by": None,
    "last_used_at": "2025-06-26T11:04:00Z",
    "previous_until": None,
    "quotas": [
        {
            "window": "minute",
            "quota": 6000,
            "set_by": "command line",
            "why": "nightly export",
            "set_at": "2025-06-01T09:00:00Z",
        }
    ],
}
_SECRET_ONCE = {"Cache-Control": "no-store"}
_ID = {"id": ("Id of the key: what stands between its two underscores.", _EXAMPLE["id"])}
_LIST = Operation(
    id="list_keys",
    tag="Keys",
    summary="Every key",
    description="All keys, revoked ones too, in the order in which they were made. No secrets.",
    result=schemas_access.KeyList,
    scopes=("admin",),
    formats=("json",),
)
_ONE = Operation(
    id="get_key",
    tag="Keys",
    summary="One key",
    description="One key, as the list shows it.",
    result=schemas_access.Key,
    scopes=("admin",),
    example=_EXAMPLE,
    path_parameters=_ID,
    formats=("json",),
    problems=(404,),
)
_MAKE = Operation(
    id="create_key",
    tag="Keys",
    summary="A new key",
    description="Makes a key. The answer shows it whole, once: only a digest is kept.",
    result=schemas_access.NewKey,
    scopes=("admin",),
    body=schemas_access.KeyGiven,
    statuses=(201,),
    formats=("json",),
)
_ROTATE = Operation(
    id="rotate_key",
    tag="Keys",
    summary="A new secret for a key",
    description="Gives a key a new secret, which the answer shows once. The secret before goes on working for"
    " `overlap_hours`; one older than that ends now.",
    result=schemas_access.NewKey,
    scopes=("admin",),
    body=schemas_access.RotationGiven,
    statuses=(201,),
    path_parameters=_ID,
    formats=("json",),
    problems=(404,),
)
_REVOKE = Operation(
    id="revoke_key",
    tag="Keys",
    summary="The end of a key",
    description="Ends a key with all its secrets, for ever. This worker refuses it when it answers, every other one"
    " as soon as the notice of it arrives: within milliseconds, and within seconds where that is lost.",
    result=schemas_access.Key,
    scopes=("admin",),
    path_parameters=_ID,
    formats=("json",),
    problems=(404,),
)


@router.get("/v1/keys", **_LIST.route())
async def list_keys(_: Administrator, request: Request) -> Response:
    """Every key."""
    async with get_service(request).database.owner() as connection:
        found = await find_keys(connection)
    paging = {"limit": None, "has_more": False, "next": None, "total": len(found)}
    return _tagged({"results": found, "paging": paging, "warnings": []}, request)


@router.get("/v1/keys/{id}", **_ONE.route())
async def read_key(_: Administrator, request: Request) -> Response:
    """One key."""
    async with get_service(request).database.owner() as connection:
        found = await get_key(connection, request.path_params["id"])
    return _tagged(found, request)


@router.post("/v1/keys", **_MAKE.route())
async def make_key(caller: Administrator, request: Request) -> Response:
    """A new key, shown whole."""
    given = await read_body(request, schemas_access.KeyGiven)
    if given.expires_at is not None and given.expires_at <= datetime.now(UTC):
        detail = "expires_at has passed already; give an instant to come."
        raise InvalidBody(detail, [Fault("past", detail, pointer="/expires_at")])
    by = str(caller.key_id)
    async with get_service(request).database.owner() as connection, connection.transaction():
        key = await create_key(
            connection,
            given.owner,
            scopes=given.scopes,
            expires_at=given.expires_at,
            note=given.note,
            created_by=by,
        )
        key_id = read_key_id(key)
        for each in given.quotas:
            await set_quota(connection, key_id, each.window, each.quota, by=by, why=each.why)
        shown = await _shown(connection, key)
    return await _changed(request, shown)


@router.post("/v1/keys/{id}/rotation", **_ROTATE.route())
async def rotate(_: Administrator, request: Request) -> Response:
    """A new secret, shown whole."""
    given = await read_body(request, schemas_access.RotationGiven)
    overlap = timedelta(hours=given.overlap_hours)
    async with get_service(request).database.owner() as connection, connection.transaction():
        key = await rotate_key(connection, request.path_params["id"], overlap=overlap)
        shown = await _shown(connection, key)
    return await _changed(request, shown)


@router.delete("/v1/keys/{id}", **_REVOKE.route())
async def revoke(caller: Administrator, request: Request) -> Response:
    """The end of a key; to end it again changes nothing."""
    key_id = request.path_params["id"]
    service = get_service(request)
    async with service.database.owner() as connection:
        await revoke_key(connection, key_id, by=str(caller.key_id))
        found = await get_key(connection, key_id)
    await service.keyring.refresh()
    return Response(dump(found), media_type="application/json")


async def _shown(connection: Connection, key: str) -> dict[str, Any]:
    return {**await get_key(connection, read_key_id(key)), "key": key}


async def _changed(request: Request, shown: dict[str, Any]) -> Response:
    await get_service(request).keyring.refresh()
    headers = {"Location": f"{get_service(request).settings.root_path}/v1/keys/{shown['id']}", **_SECRET_ONCE}
    return Response(dump(shown), 201, headers, "application/json")


def _tagged(shown: object, request: Request) -> Response:
    body = dump(shown)
    etag = quote_etag(short_hash(body), is_gzipped=False)
    if holds(request.headers.get("if-none-match"), etag):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, headers={"ETag": etag}, media_type="application/json")
