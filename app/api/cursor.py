"""Cursors: where a page of a list ended, signed, opaque, and bound to one question at one revision."""

import base64
import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from hashlib import blake2b
from typing import Any
from uuid import UUID

import orjson

from app.errors import BadCursor
from app.records.listing import Listing, Order, Position

_MAC_BYTES = 16
_NULLS = "last"  # where nulls stand, in both directions; a cursor made under another rule is not ours
_ADVICE = "Take the cursor from `paging.next` or the Link header as it is, and leave the other parameters alone."


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended, at which revision, and after which removal of personal data: that may move rows."""

    revision: int
    removed_in: int
    position: Position


@lru_cache(8)
def cursor_key(secret: bytes) -> bytes:
    """The key that signs cursors, derived from the service's secret."""
    return hmac.digest(secret, b"sudstat cursor", "sha256")


def bind(path: str, question: str) -> str:
    """What a cursor is bound to: a list, its filters, its order and the state asked for."""
    return blake2b(f"{path}?{question}".encode(), digest_size=12).hexdigest()


def write_cursor(key: bytes, cursor: Cursor, bound: str) -> str:
    """The text of a cursor."""
    position = cursor.position
    parts = [cursor.revision, cursor.removed_in, bound, _NULLS, position.value, position.id]
    payload = orjson.dumps(parts, default=_spell, option=orjson.OPT_UTC_Z)
    return base64.urlsafe_b64encode(_sign(key, payload) + payload).rstrip(b"=").decode()


def read_cursor(key: bytes, text: str, bound: str, listing: Listing, order: Order) -> Cursor:
    """Read a cursor of this question.

    Errors  BadCursor for one that is malformed, altered, or of another question
    """
    payload = _open(key, text)
    revision, removed_in, of, nulls, value, id_ = orjson.loads(payload)
    if of != bound or nulls != _NULLS:
        raise BadCursor(f"This cursor belongs to another question. {_ADVICE}")
    column = listing.columns[order.column]
    position = Position(_revive(column.type, value), _revive(listing.id.type, id_))
    return Cursor(revision, removed_in, position)


def _spell(value: object) -> str:
    if isinstance(value, UUID):  # asyncpg has a class of its own
        return str(value)
    raise TypeError(f"no cursor can hold {type(value).__name__}")


def _open(key: bytes, text: str) -> bytes:
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    # One cursor has one spelling: base 64 would let stray characters and loose last bits through.
    is_plain = base64.urlsafe_b64encode(raw).rstrip(b"=").decode() == text
    mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
    if not is_plain or not payload or not hmac.compare_digest(mac, _sign(key, payload)):
        raise BadCursor(f"This cursor was not made here. {_ADVICE}")
    return payload


def _sign(key: bytes, payload: bytes) -> bytes:
    return hmac.digest(key, payload, "sha256")[:_MAC_BYTES]


_REVIVERS: Mapping[str, Callable[[Any], Any]] = {
    "text": str,
    "int4": int,
    "uuid": UUID,
    "date": date.fromisoformat,
    "timestamptz": datetime.fromisoformat,
}


def _revive(type_: str, value: Any) -> Any:
    return None if value is None else _REVIVERS[type_](value)
