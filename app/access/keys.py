"""Keys: how they are spelt, made and checked. Where they are kept: `register`.

A key reads `sud_<id>_<secret><crc>`: 12 and 32 digits of base 62 (190 bits of secret), then 6 that check the whole,
so that a typing error is told from a wrong key without asking the database.
"""

import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from zlib import crc32

from app.errors import KeyExpired, KeyInvalid

SCOPES = ("statistics", "records", "export", "ingest", "curate", "admin")
READING_SCOPES = ("statistics", "records", "export")  # those that a deployment may give to callers without a key
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 12, 32, 6
_KEY = re.compile(r"(sud_([0-9A-Za-z]{12})_([0-9A-Za-z]{32}))([0-9A-Za-z]{6})")
_NO_DIGEST = bytes(sha256().digest_size)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of the key (None: nobody known), what it allows, and its own quotas by window."""

    key_id: str | None
    scopes: frozenset[str]
    quotas: Mapping[str, int] = field(default_factory=dict)

    def may(self, scope: str) -> bool:
        """Whether the caller has a scope."""
        return scope in self.scopes


@dataclass(frozen=True, slots=True)
class HeldKey:
    """What is kept of a key: the digest of its secret, while it rotates of the one before too, and when it ends."""

    digest: bytes
    caller: Caller
    previous_digest: bytes | None = None
    previous_until: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None


_NOTHING = HeldKey(_NO_DIGEST, Caller(None, frozenset()))


def check_key(presented: str, held: HeldKey | None) -> Caller:
    """Whose key it is; `held` is what is kept under its id, None where nothing is.

    Errors  KeyInvalid for one that is unknown or revoked; KeyExpired
    """
    now, given = datetime.now(UTC), digest(presented)
    # Both are compared, and even where there is no such key, so that the time taken tells nothing.
    kept = held or _NOTHING
    is_current = hmac.compare_digest(kept.digest, given)
    is_previous = hmac.compare_digest(kept.previous_digest or _NO_DIGEST, given)
    if held is None or not (is_current or is_previous):
        raise KeyInvalid("This key is not known here.")
    if held.revoked_at is not None:
        raise KeyInvalid("This key has been revoked.")
    ends_at = _ends_at(held, is_current=is_current)
    if ends_at is not None and ends_at <= now:
        raise KeyExpired(f"This key expired at {ends_at:%Y-%m-%dT%H:%M:%SZ}.")
    return held.caller


def good_until(presented: str, held: HeldKey) -> datetime | None:
    """When a key that was found good ends, unless it is revoked before; None: never."""
    return _ends_at(held, is_current=hmac.compare_digest(held.digest, digest(presented)))


def _ends_at(held: HeldKey, *, is_current: bool) -> datetime | None:
    if is_current or held.previous_until is None:
        return held.expires_at
    return min(held.previous_until, held.expires_at or held.previous_until)


def make_key(key_id: str | None = None) -> tuple[str, str]:
    """A new key and its id; for an id that there is already, a new secret for it."""
    key_id = key_id or _random(_ID_LENGTH)
    body = f"sud_{key_id}_{_random(_SECRET_LENGTH)}"
    return key_id, body + _check(body)


def read_key_id(presented: str) -> str:
    """The id of a key that is spelt as ours are.

    Errors  KeyInvalid, which does not repeat the key
    """
    found = _KEY.fullmatch(presented)
    if not found:
        raise KeyInvalid("This is not a key of ours: one reads sud_<id>_<secret>, 55 characters in all.")
    if found[4] != _check(found[1]):
        raise KeyInvalid("This key has a typing error: its check characters do not fit.")
    return found[2]


def digest(key: str) -> bytes:
    """What is kept of a key. A plain hash is enough: nobody can guess 190 random bits."""
    return sha256(key.encode()).digest()


def _random(length: int) -> str:
    return "".join(secrets.choice(_DIGITS) for _ in range(length))


def _check(body: str) -> str:
    number, digits = crc32(body.encode()), ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return digits
