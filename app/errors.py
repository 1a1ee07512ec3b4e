"""Every problem that a caller can meet: slug, status, title (RFC 9457)."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, where (`parameter` or JSON `pointer`), and what would be right."""

    code: str
    detail: str
    parameter: str | None = None
    pointer: str | None = None
    did_you_mean: tuple[str, ...] = ()


class Problem(Exception):
    """A failure that a caller sees. `detail` says what was wrong and what would be right."""

    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500

    def __init__(
        self,
        detail: str,
        faults: Sequence[Fault] = (),
        *,
        headers: dict[str, str] | None = None,
        **members: object,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.headers = headers or {}
        self.members = members  # further members of the problem object, such as `cells` and `limit`


class BadRequest(Problem):
    slug, title, status = "bad-request", "Request cannot be read", 400


class BadCursor(Problem):
    slug, title, status = "bad-cursor", "Cursor is not one of ours, or of another question", 400


class UnreadableBody(Problem):
    slug, title, status = "unreadable-body", "Body cannot be read", 400


class KeyMissing(Problem):
    slug, title, status = "key-missing", "A key is needed", 401


class KeyInvalid(Problem):
    slug, title, status = "key-invalid", "Key is not valid", 401


class KeyExpired(Problem):
    slug, title, status = "key-expired", "Key has expired", 401


class ScopeMissing(Problem):
    slug, title, status = "scope-missing", "Key lacks a scope", 403


class NotFound(Problem):
    slug, title, status = "not-found", "Nothing here", 404


class NoRevisionYet(Problem):
    slug, title, status = "no-revision-yet", "No revision had been published yet", 404


class MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "Method is not allowed here", 405


class NotAcceptable(Problem):
    slug, title, status = "not-acceptable", "Format is not offered here", 406


class BatchState(Problem):
    slug, title, status = "batch-state", "Batch is in a state that does not allow it", 409


class CaseState(Problem):
    slug, title, status = "case-state", "Case is in a state that does not allow it", 409


class RequestTimeout(Problem):
    slug, title, status = "request-timeout", "Request took too long to arrive", 408


class IdempotencyKeyInFlight(Problem):
    slug, title, status = "idempotency-key-in-flight", "The first request with this key still runs", 409


class PreconditionFailed(Problem):
    slug, title, status = "precondition-failed", "It has changed since you read it", 412


class BodyTooLarge(Problem):
    slug, title, status = "body-too-large", "Body is too large", 413


class UriTooLong(Problem):
    slug, title, status = "uri-too-long", "URL is too long", 414


class UnsupportedMediaType(Problem):
    slug, title, status = "unsupported-media-type", "Body is of a kind that is not taken here", 415


class InvalidBody(Problem):
    slug, title, status = "invalid-body", "Body is not valid", 422


class BatchRefused(Problem):
    slug, title, status = "batch-refused", "Rows of the batch were refused", 422


class TooManyAffected(Problem):
    slug, title, status = "too-many-affected", "Batch would change too many cases", 422


class IdempotencyKeyReused(Problem):
    slug, title, status = "idempotency-key-reused", "Idempotency key belongs to another request", 422


class InvalidParameters(Problem):
    slug, title, status = "invalid-parameters", "Parameters are not valid", 422


class TooManyCells(Problem):
    slug, title, status = "too-many-cells", "Answer has too many cells", 422


class PreconditionRequired(Problem):
    slug, title, status = "precondition-required", "Say which state you have read", 428


class QuotaExceeded(Problem):
    slug, title, status = "quota-exceeded", "Quota is used up", 429


class HeadersTooLarge(Problem):
    slug, title, status = "headers-too-large", "Headers are too large", 431


class Unavailable(Problem):
    slug, title, status = "unavailable", "Not available now", 503


class Overloaded(Problem):
    slug, title, status = "overloaded", "Too much is asked at once", 503


class TookTooLong(Problem):
    slug, title, status = "took-too-long", "Question took too long", 503


def near(word: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three known words that resemble a word, best first; may be empty."""
    return tuple(get_close_matches(word, known, n=3, cutoff=0.6))


def all_problems() -> tuple[type[Problem], ...]:
    """Every problem class, by slug."""
    return tuple(sorted(Problem.__subclasses__(), key=lambda problem: problem.slug))
