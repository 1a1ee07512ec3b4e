"""Idempotency keys: the same request again gets the answer that it got, and nothing is done twice.

A claim is an advisory lock of the transaction that takes the batch or does the act, and the answer is kept in that
same transaction. So whatever is killed, and when: the lock falls with the transaction, and there is an answer exactly
where there is a batch. (draft-ietf-httpapi-idempotency-key-header)
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

from app.db.database import Connection
from app.errors import IdempotencyKeyInFlight, IdempotencyKeyReused
from app.formats import dump
from app.ingest.receipt import Receipt

KEPT_H = 48
LONGEST = 255  # characters of a key

_CLAIM = "SELECT pg_try_advisory_xact_lock($1)"
_FIND = f"""
SELECT fingerprint, status, body FROM idempotent_answers
WHERE key_id = $1 AND idempotency_key = $2 AND created_at > now() - interval '{KEPT_H} hours'
"""
_PURGE = f"""
DELETE FROM idempotent_answers
WHERE created_at <= now() - interval '{KEPT_H} hours' OR (key_id = $1 AND idempotency_key = $2)
"""
_KEEP = """
INSERT INTO idempotent_answers (key_id, idempotency_key, fingerprint, batch_id, status, body, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer as it was sent: its status and the bytes of its body."""

    status: int
    body: bytes


class AlreadyAnswered(Exception):
    """Leaves the transaction of a batch that was taken before, and carries the answer out."""

    def __init__(self, answered: Answered) -> None:
        self.answered = answered


@dataclass(frozen=True, slots=True)
class Claim:
    """One request under an idempotency key of one caller; `fingerprint` tells it from any other request."""

    key_id: str
    key: str
    fingerprint: bytes

    async def make(self, connection: Connection) -> None:
        """Claim the key until the transaction ends.

        Errors  IdempotencyKeyInFlight; AlreadyAnswered; IdempotencyKeyReused
        """
        if not await connection.fetchval(_CLAIM, self._lock):
            detail = "A request with this Idempotency-Key is still being answered; ask again when it has ended."
            raise IdempotencyKeyInFlight(detail, headers={"Retry-After": "5"})
        answered = await self.find(connection)
        if answered:
            raise AlreadyAnswered(answered)

    async def find(self, connection: Connection) -> Answered | None:
        """The answer that this request got; None where it got none yet.

        Errors  IdempotencyKeyReused where the key was used for another request
        """
        row = await connection.fetchrow(_FIND, self.key_id, self.key)
        if row is None:
            return None
        if row["fingerprint"] != self.fingerprint:
            detail = (
                "This Idempotency-Key was used for another request: another body, path or query."
                " Use a new key for a new request."
            )
            raise IdempotencyKeyReused(detail)
        return Answered(row["status"], row["body"])

    async def settle(self, connection: Connection, batch_id: UUID, answered: Answered) -> None:
        """Keep the answer with the batch; drop what is too old in passing."""
        await connection.execute(_PURGE, self.key_id, self.key)
        row = (self.key_id, self.key, self.fingerprint, batch_id, answered.status, answered.body)
        await connection.execute(_KEEP, *row, datetime.now(UTC))

    @property
    def _lock(self) -> int:
        """A number for the key; two that collide by chance only wait for each other."""
        return int.from_bytes(sha256(f"{self.key_id} {self.key}".encode()).digest()[:8], "big", signed=True)


def answer_of(receipt: Receipt) -> Answered:
    """How a batch that was not refused is answered."""
    return Answered(201 if receipt.applied else 200, dump(receipt.as_json()))
