"""Idempotency keys as requests bring them."""

from hashlib import sha256

import orjson
from fastapi import Request
from pydantic import BaseModel

from app.access.keys import Caller
from app.errors import Fault, InvalidParameters
from app.ingest.idempotency import LONGEST, Claim

HEADER = {
    "Idempotency-Key": (
        f"At most {LONGEST} characters. The same request with the same key gets the same answer for two days, and"
        " nothing is done twice.",
        "8e03978e-40d5-43dd-bc93-6894a57f9324",
    )
}
REPLAYED = {"Idempotent-Replayed": "true"}


def read_key(request: Request) -> str | None:
    """The key of the header, which may stand in quotes.

    Errors  InvalidParameters
    """
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    key = given[0].strip()
    key = key[1:-1] if len(key) > 1 and key[0] == key[-1] == '"' else key
    if len(given) > 1 or not 0 < len(key) <= LONGEST or not key.isascii() or not key.isprintable():
        detail = f"Idempotency-Key is one line of 1 to {LONGEST} printable ASCII characters, such as a UUID."
        raise InvalidParameters(detail, [Fault("bad-value", detail, parameter="Idempotency-Key")])
    return key


def claim_of(request: Request, caller: Caller, said: BaseModel) -> Claim | None:
    """The claim of a request with a small body, by what that says; None where it has no key.

    Errors  InvalidParameters
    """
    key = read_key(request)
    if key is None:
        return None
    assert caller.key_id is not None  # no deployment gives callers without a key a scope that writes
    payload = orjson.dumps(said.model_dump(exclude_unset=True), option=orjson.OPT_SORT_KEYS)
    asked_for = f"{request.method} {request.url.path} ".encode()
    return Claim(caller.key_id, key, sha256(asked_for + payload).digest())
