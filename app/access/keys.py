"""Keys: made, shown once, kept as a digest, found again.

A key reads `sud_<id>_<secret><crc>`: 12 and 32 digits of base 62 (190 bits of secret), then 6 that check the whole,
so that a typing error is told from a wrong key without asking the database.
"""

import hmac
import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from zlib import crc32

from app.db.database import Connection
from app.errors import KeyExpired, KeyInvalid

SCOPES = ("statistics", "records", "export", "ingest", "curate", "admin")
READING_SCOPES = ("statistics", "records", "export")  # those that a deployment may give to callers without a key
_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ID_LENGTH, _SECRET_LENGTH, _CHECK_LENGTH = 12, 32, 6
_KEY = re.compile(r"(sud_([0-9A-Za-z]{12})_([0-9A-Za-z]{32}))([0-9A-Za-z]{6})")

_ADD = """
INSERT INTO api_keys (key_id, digest, owner, scopes, note, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, now(), $6)
"""
_FIND = "SELECT digest, scopes, expires_at, revoked_at FROM api_keys WHERE key_id = $1"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the id of the key (None: nobody known), and what it allows."""

    key_id: str | None
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        """Whether the caller has a scope."""
        return scope in self.scopes


async def create_key(
    connection: Connection, owner: str, *, scopes: Collection[str], expires_at: datetime | None = None, note: str = ""
) -> str:
    """Make a key and return it: the only time that it is seen whole.

    Errors  ValueError for a scope that there is not, or for none
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        raise ValueError(f"scopes are some of {', '.join(SCOPES)}" + (f", not {', '.join(unknown)}" if unknown else ""))
    key_id, key = make_key()
    await connection.execute(_ADD, key_id, digest(key), owner, sorted(scopes), note, expires_at)
    return key


async def find_caller(connection: Connection, presented: str) -> Caller:
    """Whose key it is.

    Errors  KeyInvalid for one that is misspelt, unknown or revoked; KeyExpired
    """
    key_id = read_key_id(presented)
    row = await connection.fetchrow(_FIND, key_id)
    # Compared even where there is no such key, so that the time taken tells nothing.
    held = row["digest"] if row else bytes(sha256().digest_size)
    if not hmac.compare_digest(held, digest(presented)) or row is None:
        raise KeyInvalid("This key is not known here.")
    if row["revoked_at"] is not None:
        raise KeyInvalid("This key has been revoked.")
    if row["expires_at"] is not None and row["expires_at"] <= datetime.now(UTC):
        raise KeyExpired(f"This key expired at {row['expires_at']:%Y-%m-%dT%H:%M:%SZ}.")
    return Caller(key_id, frozenset(row["scopes"]))


def make_key() -> tuple[str, str]:
    """A new key and its id."""
    key_id, secret = _random(_ID_LENGTH), _random(_SECRET_LENGTH)
    body = f"sud_{key_id}_{secret}"
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
