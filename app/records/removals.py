"""What keeps a removed person from coming back: keyed digests of what the case was known by. The key is not in the
database.

A number or a card is one court's; a UID goes with the case from court to court. Of a removed case that has kin a
stand-in is kept in the place of its UID (and of its number, where kin are told apart by that), so that its kin's
arrivals stay what they are. A stand-in ends in a hyphen, as no identifier does, and is never shown.
"""

import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from app.db.database import Connection
from app.errors import Unavailable

EVERY_COURT = "*"
_CHECK = ("", "check")
_REMOVED = "SELECT court, digest FROM removals"
_KEEP = "INSERT INTO removals VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
_STAND_IN = "-"


class Known(NamedTuple):
    """One key of a case: of kind `guid` or `number` at a court and instance, or a `uid`, which is of every court."""

    court: str
    instance: str
    kind: str
    key: str


@dataclass(frozen=True, slots=True)
class Removed:
    """The digests of all that was removed; empty where nothing ever was."""

    key: bytes
    digests: frozenset[tuple[str, bytes]]

    def __contains__(self, known: Known) -> bool:
        return (known.court, _digest(self.key, known)) in self.digests

    def __bool__(self) -> bool:
        return bool(self.digests)


def removal_key(secret: bytes) -> bytes:
    """The key of the digests, derived from the service's secret."""
    return hmac.digest(secret, b"sudstat removals", "sha256")


def uid_of(uid: str) -> Known:
    """A UID as a key."""
    return Known(EVERY_COURT, "", "uid", uid)


async def load_removed(connection: Connection, key: bytes | None) -> Removed:
    """What was removed up to now.

    Errors  Unavailable where something was, and the key is not the one by which that is known
    """
    digests = frozenset((row["court"], bytes(row["digest"])) for row in await connection.fetch(_REMOVED))
    if digests and (key is None or (_CHECK[0], _check(key)) not in digests):
        raise Unavailable(
            "Personal data has been removed from this record, and the secret is not the one by which it would be"
            " recognised. Set SUDSTAT_SECRET, or the data folder, as they were then: nothing is taken in before.",
            headers={"Retry-After": "60"},
        )
    return Removed(key or b"", digests)


async def keep_removed(connection: Connection, key: bytes, known: Iterable[Known], revision: int) -> None:
    """Keep the digests of what a revision removes."""
    digests = {(one.court, _digest(key, one)) for one in known} | {(_CHECK[0], _check(key))}
    await connection.executemany(_KEEP, [(*digest, revision) for digest in sorted(digests)])


def is_stand_in(value: str | None) -> bool:
    """Whether a number or UID is only a stand-in for one that was removed."""
    return value is not None and value.endswith(_STAND_IN)


def stand_in_for_number(number: str, others: Iterable[str]) -> str:
    """What sorts among other numbers as a number does, and tells nothing else of it."""
    return max((other for other in others if other < number), default="") + _STAND_IN


def stand_in_for_uid(token: str) -> str:
    """What removed cases of one UID have in common from now on."""
    return token + _STAND_IN


def _digest(key: bytes, known: Known) -> bytes:
    return hmac.digest(key, "\n".join(known).encode(), "sha256")


def _check(key: bytes) -> bytes:
    return hmac.digest(key, b"\n".join(part.encode() for part in _CHECK), "sha256")
