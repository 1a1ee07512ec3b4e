"""The register of keys in the database: made, listed, rotated, revoked, given quotas; their use."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from app.access.keys import SCOPES, Caller, HeldKey, digest, make_key
from app.access.windows import WINDOWS
from app.db.database import Connection
from app.errors import Fault, InvalidBody, NotFound

OVERLAP = timedelta(days=7)
"""How long the secret before still works after a rotation, unless told otherwise."""

_ADD = """
INSERT INTO api_keys (key_id, digest, owner, scopes, note, created_at, expires_at, created_by)
VALUES ($1, $2, $3, $4, $5, now(), $6, $7)
"""
_HELD = """
SELECT key_id, digest, scopes, previous_digest, previous_until, expires_at, revoked_at FROM api_keys
"""
_QUOTAS = """
SELECT DISTINCT ON (key_id, "window") key_id, "window", quota, set_by, why, set_at FROM api_key_quotas
ORDER BY key_id, "window", id DESC
"""
_LIST = """
SELECT key_id AS id, owner, scopes, note, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at,
    CASE WHEN previous_until > now() THEN previous_until END AS previous_until
FROM api_keys WHERE $1::text IS NULL OR key_id = $1 ORDER BY created_at, key_id
"""
_REVOKE = """
UPDATE api_keys SET revoked_at = now(), revoked_by = $2 WHERE key_id = $1 AND revoked_at IS NULL
"""
_ROTATE = """
UPDATE api_keys SET previous_digest = digest, previous_until = now() + $3, digest = $2
WHERE key_id = $1 AND revoked_at IS NULL
"""
_SET_QUOTA = """
INSERT INTO api_key_quotas (key_id, "window", quota, set_by, why, set_at) VALUES ($1, $2, $3, $4, $5, now())
"""
_ADD_USE = """
INSERT INTO api_key_usage AS held (key_id, day, requests, refused) VALUES ($1, $2, $3, $4)
ON CONFLICT (key_id, day) DO UPDATE SET requests = held.requests + excluded.requests,
    refused = held.refused + excluded.refused
"""
_SET_LAST_USE = """
UPDATE api_keys SET last_used_at = greatest(last_used_at, $2) WHERE key_id = $1
"""
_USE = "SELECT day, requests, refused FROM api_key_usage WHERE key_id = $1 AND day > $2 ORDER BY day"


async def create_key(
    connection: Connection,
    owner: str,
    *,
    scopes: Collection[str],
    expires_at: datetime | None = None,
    note: str = "",
    created_by: str = "command line",
) -> str:
    """Make a key and return it: the only time that it is seen whole.

    Errors  ValueError for a scope that there is not, or for none
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ValueError(f"scopes are some of {', '.join(SCOPES)}" + (f", not {', '.join(unknown)}" if unknown else ""))
    key_id, key = make_key()
    await connection.execute(_ADD, key_id, digest(key), owner, sorted(set(scopes)), note, expires_at, created_by)
    return key


async def find_keys(connection: Connection, key_id: str | None = None) -> Sequence[Mapping[str, Any]]:
    """All keys, or the one of an id, in the order in which they were made; each with its own quotas. No secrets."""
    quotas: dict[str, list[dict[str, Any]]] = {}
    for row in await connection.fetch(_QUOTAS):
        if row["quota"] is not None:
            given = dict(row)
            quotas.setdefault(given.pop("key_id"), []).append(given)
    return [{**row, "quotas": quotas.get(row["id"], [])} for row in await connection.fetch(_LIST, key_id)]


async def get_key(connection: Connection, key_id: str) -> Mapping[str, Any]:
    """One key as `find_keys` tells of it.

    Errors  NotFound
    """
    found = await find_keys(connection, key_id)
    if not found:
        raise NotFound(f"There is no key {key_id[:40]}.")
    return found[0]


async def revoke_key(connection: Connection, key_id: str, *, by: str) -> None:
    """End a key, both its secrets, now; one that is revoked already stays so.

    Errors  NotFound
    """
    await get_key(connection, key_id)
    await connection.execute(_REVOKE, key_id, by)


async def rotate_key(connection: Connection, key_id: str, *, overlap: timedelta = OVERLAP) -> str:
    """Give a key a new secret and return it whole; the one before works on for `overlap`, any older no more.

    Errors  NotFound, for a revoked one too
    """
    _, key = make_key(key_id)
    done = await connection.execute(_ROTATE, key_id, digest(key), overlap)
    if done != "UPDATE 1":
        raise NotFound(f"There is no key {key_id[:40]} that could be rotated.")
    return key


async def set_quota(connection: Connection, key_id: str, window: str, quota: int | None, *, by: str, why: str) -> None:
    """Give a key a quota of its own in one window; None takes it back.

    Errors  NotFound; InvalidBody for a window there is not, or without a reason
    """
    if window not in WINDOWS or not why.strip():
        detail = f"A quota names one of the windows {', '.join(WINDOWS)}, and why it is given."
        raise InvalidBody(detail, [Fault("bad-quota", detail, pointer="/quotas")])
    await get_key(connection, key_id)
    await connection.execute(_SET_QUOTA, key_id, window, quota, by, why)


async def read_register(connection: Connection) -> dict[str, HeldKey]:
    """Every key by its id, as it is checked."""
    quotas: dict[str, dict[str, int]] = {}
    for row in await connection.fetch(_QUOTAS):
        if row["quota"] is not None:
            quotas.setdefault(row["key_id"], {})[row["window"]] = row["quota"]
    return {
        row["key_id"]: HeldKey(
            row["digest"],
            Caller(row["key_id"], frozenset(row["scopes"]), quotas.get(row["key_id"], {})),
            row["previous_digest"],
            row["previous_until"],
            row["expires_at"],
            row["revoked_at"],
        )
        for row in await connection.fetch(_HELD)
    }


async def add_use(
    connection: Connection, counted: Iterable[tuple[str, date, int, int]], last: Iterable[tuple[str, datetime]]
) -> None:
    """Add to what is kept of the use of keys: (key, day, requests, refused), and when each was last used."""
    async with connection.transaction():
        await connection.executemany(_ADD_USE, sorted(counted))  # in one order, so that workers do not lock each other
        await connection.executemany(_SET_LAST_USE, sorted(last))


async def find_use(connection: Connection, key_id: str, *, after: date) -> Sequence[tuple[date, int, int]]:
    """(day, requests, refused) of a key's days after a day; days without use are left out."""
    return [tuple(row) for row in await connection.fetch(_USE, key_id, after)]
