"""Every problem that a caller can meet: slug, status, title (RFC 9457), and what its page says of it."""

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
    """A failure that a caller sees. `detail` says what was wrong and what would be right.

    The page of a problem and the OpenAPI document explain it by what stands in its class:
    `happened`  what it means
    `remedy`    what would be right
    `asked`     an example of a request, lines of its head included, that meets it
    `told`, `told_of`  the `detail` and `errors` of its answer
    """

    slug: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Internal error"
    status: ClassVar[int] = 500
    happened: ClassVar[str] = (
        "Something went wrong in the service itself. The answer tells no more, because our insides are no business of"
        " anybody's; the log knows the request by its request_id."
    )
    remedy: ClassVar[str] = (
        "Nothing is wrong with the request. Try once more; where it fails again, tell whoever runs the service the"
        " request_id."
    )
    asked: ClassVar[str] = "GET /v1/statistics"
    told: ClassVar[str] = (
        "Something went wrong here, and it is not your fault. Report the request_id if it happens again."
    )
    told_of: ClassVar[tuple[Fault, ...]] = ()

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
    happened = (
        "The request is not HTTP that can be read: its path or query is not percent-encoded UTF-8, its path holds a"
        " control character, its body is no JSON, or the connection ended before the body."
    )
    remedy = (
        "Encode each name and value of the query by itself, as UTF-8 (curl: --data-urlencode with --get), and send"
        " JSON in UTF-8."
    )
    asked = "GET /v1/cases?court=%FF"
    told = "The query is not percent-encoded UTF-8."


class BadCursor(Problem):
    slug, title, status = "bad-cursor", "Cursor is not one of ours, or of another question", 400
    happened = (
        "The cursor was not made by this service, was changed on its way, belongs to another path, filter or order,"
        " or was given out before personal data was removed from the record."
    )
    remedy = (
        "Follow paging.next, or the Link header, exactly as it was given. Where that is what failed, begin again at"
        " the first page."
    )
    asked = "GET /v1/cases?cursor=abc"
    told = "This cursor was not made here. Follow paging.next or the Link header as they are."


class UnreadableBody(Problem):
    slug, title, status = "unreadable-body", "Body cannot be read", 400
    happened = (
        "A batch is no file of the kind that it says it is: it broke off, is packed wrongly, is in another encoding"
        " than UTF-8, or holds no rows. Nothing of it was taken."
    )
    remedy = (
        "Look at errors, which name the place. Send the whole file again, in UTF-8, with the Content-Type that fits it."
    )
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape"
    told = "The file holds no rows."


class KeyMissing(Problem):
    slug, title, status = "key-missing", "A key is needed", 401
    happened = "The question is open only to callers with a key, and none was sent."
    remedy = (
        "Ask whoever runs the service for a key with the scope that the answer names, and send it as Authorization:"
        " Bearer sud_… or as X-API-Key. It is never taken from the URL."
    )
    asked = "GET /v1/keys"
    told = "A key with the scope admin is needed here."


class KeyInvalid(Problem):
    slug, title, status = "key-invalid", "Key is not valid", 401
    happened = (
        "The key is misspelt, unknown or revoked, two different keys were sent, or it was sent in another way than as"
        " Bearer. A bad key is never taken for none."
    )
    remedy = (
        "Look at detail: it tells a typing error from an unknown key. Copy the key whole, 55 characters; where it was"
        " revoked, ask for a new one. What is open to everybody is open without a key."
    )
    asked = "GET /v1/statistics\nX-API-Key: sud_mistyped"
    told = "This is not a key of ours: one reads sud_<id>_<secret>, 55 characters in all."


class KeyExpired(Problem):
    slug, title, status = "key-expired", "Key has expired", 401
    happened = (
        "The key was good until the instant that detail names: its own end, or the end of the overlap after its"
        " secret was rotated."
    )
    remedy = "Use the new secret where the key was rotated; else ask for a new key."
    asked = "GET /v1/cases\nAuthorization: Bearer sud_…"
    told = "This key expired at 2025-06-01T09:00:00Z."


class ScopeMissing(Problem):
    slug, title, status = "scope-missing", "Key lacks a scope", 403
    happened = (
        "The key is good, and does not hold the scope that this question needs. A key has the scopes it was given and"
        " no others: one that exports cases needs records and export."
    )
    remedy = "Use a key that holds the scope named in scope. GET /v1/me, which is free, tells what a key may do."
    asked = "GET /v1/cases\nAuthorization: Bearer sud_…"
    told = "This key lacks the scope records."


class NotFound(Problem):
    slug, title, status = "not-found", "Nothing here", 404
    happened = (
        "There is nothing at this address: no such path, or no such case, court, revision, batch or key, or none as"
        " of the revision that was asked for."
    )
    remedy = (
        "Look for a misspelt id. What was recorded later than the state that was asked for is found without as_of and"
        " revision; /openapi.json lists every path."
    )
    asked = "GET /v1/courts/61GV0000"
    told = "There is no 61GV0000 among the courts of revision 57."


class NoRevisionYet(Problem):
    slug, title, status = "no-revision-yet", "No revision had been published yet", 404
    happened = "The record held nothing at the day or instant that was asked for, or holds nothing at all yet."
    remedy = "Ask as of the day of the first revision, which detail names, or later."
    asked = "GET /v1/statistics?as_of=1999-01-01"
    told = "The first revision is 1, published at 2025-06-01T09:00:00Z; ask for that or a later day."


class MethodNotAllowed(Problem):
    slug, title, status = "method-not-allowed", "Method is not allowed here", 405
    happened = "There is something at this address, but not for this method."
    remedy = "Use one of the methods in the header Allow."
    asked = "DELETE /v1/cases"
    told = "DELETE is not allowed here; use GET, HEAD."


class NotAcceptable(Problem):
    slug, title, status = "not-acceptable", "Format is not offered here", 406
    happened = "The answer is not offered in the format that format= or Accept asks for."
    remedy = "Use one of the formats that the answer lists in offered, or send no Accept."
    asked = "GET /v1/statistics?format=pdf"
    told = "“pdf” is no format of this resource; use json or csv."


class BatchState(Problem):
    slug, title, status = "batch-state", "Batch is in a state that does not allow it", 409
    happened = (
        "The batch cannot be undone as it is: it changed nothing, it was undone before, or what undid it is what"
        " stands now."
    )
    remedy = "Look at detail; where it names another batch, that is the one to undo."
    asked = "POST /v1/ingest/batches/018f6a3c-2f5e-7b9d-8e1a-4c3b2a190807/undo"
    told = "Batch 018f6a3c-2f5e-7b9d-8e1a-4c3b2a190807 changed nothing, so that there is nothing to undo."


class CaseState(Problem):
    slug, title, status = "case-state", "Case is in a state that does not allow it", 409
    happened = (
        "The case cannot be acted on as it is: it was merged into another, is withdrawn, or was taken back with the"
        " batch that brought it."
    )
    remedy = (
        "Act on the case that it was merged into (merged_into), restore it first, or load its file again, as detail"
        " says."
    )
    asked = "POST /v1/cases/cs_01J8XW6Z3V4N5P6Q7R8S9T0ABC/withdrawal"
    told = (
        "cs_01J8XW6Z3V4N5P6Q7R8S9T0ABC has been merged into cs_01J8XW6Z3V4N5P6Q7R8S9T0ABD; act on that one, or"
        " restore this one first."
    )


class RequestTimeout(Problem):
    slug, title, status = "request-timeout", "Request took too long to arrive", 408
    happened = (
        "The head of the request, or the next piece of its body, did not come within the time that is given. The"
        " connection was closed; nothing was taken."
    )
    remedy = (
        "Send the request again without pauses; a large batch as gzip, or in several batches, where the line is slow."
    )
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape"
    told = "Nothing of the body came for 30 seconds; send it again without such a pause."


class IdempotencyKeyInFlight(Problem):
    slug, title, status = "idempotency-key-in-flight", "The first request with this key still runs", 409
    happened = "A request with the same Idempotency-Key came before this one and is still being answered."
    remedy = (
        "Wait for as long as Retry-After says, and send the same request again: it then gets the answer of the first."
    )
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape\nIdempotency-Key: night-2025-06-01"
    told = "A request with this Idempotency-Key is still being answered; ask again when it has ended."


class PreconditionFailed(Problem):
    slug, title, status = "precondition-failed", "It has changed since you read it", 412
    happened = "The case has another version than the one in If-Match: somebody changed it after you read it."
    remedy = "Read the case again, look whether your change still makes sense, and send it with the new ETag."
    asked = 'PATCH /v1/cases/cs_01J8XW6Z3V4N5P6Q7R8S9T0ABC\nIf-Match: "2-5f3a"'
    told = "The case has version 3 now, and If-Match names another."


class BodyTooLarge(Problem):
    slug, title, status = "body-too-large", "Body is too large", 413
    happened = (
        "The body is longer than is taken here, packed or unpacked. It was not read to its end, and nothing of it was"
        " taken."
    )
    remedy = "Split a batch into several, or send it as gzip. The limit stands in limit_bytes and in /v1/config."
    asked = "POST /v1/keys"
    told = "The body is longer than 65536 bytes; send less."


class UriTooLong(Problem):
    slug, title, status = "uri-too-long", "URL is too long", 414
    happened = "The URL is longer than is read here."
    remedy = (
        "Ask for fewer codes at once, or leave out a filter that names nearly all of them. /v1/config tells the limit."
    )
    asked = "GET /v1/cases?number=1111111111111111111111111111111111111111…"
    told = "The URL has 9017 bytes; at most 8192 are read."


class UnsupportedMediaType(Problem):
    slug, title, status = "unsupported-media-type", "Body is of a kind that is not taken here", 415
    happened = "The body's Content-Type, its charset or its coding is not taken here."
    remedy = (
        "Say what the body is: application/json where one thing is sent; for batches one of those in offered. Codings"
        " are gzip and none, the charset is UTF-8."
    )
    asked = "POST /v1/keys\nContent-Type: text/plain"
    told = "Send the body as application/json."


class InvalidBody(Problem):
    slug, title, status = "invalid-body", "Body is not valid", 422
    happened = "The body is JSON, and a field of it is missing, unknown, or has a value that is not allowed."
    remedy = "Mend what errors name by pointer (RFC 6901). The shapes stand in /openapi.json."
    asked = 'POST /v1/keys\n\n{"owner": "research desk", "scopes": ["everything"]}'
    told = "everything is no scope; use statistics, records, export, ingest, curate or admin."
    told_of = (Fault("bad-value", "everything is no scope.", pointer="/scopes/0"),)


class BatchRefused(Problem):
    slug, title, status = "batch-refused", "Rows of the batch were refused", 422
    happened = "Rows of the batch are wrong, so that nothing of it was taken: it is all of a batch or nothing."
    remedy = (
        "Mend the rows that errors name, or send the batch with on_refused=skip, which takes the others. The"
        " receipt's address lists all refused rows, as CSV too."
    )
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape"
    told = "2 of 340 rows were refused, and nothing was taken."
    told_of = (Fault("bad-date", "2023-02-31 is no day; write 2023-02-28.", pointer="line 12 /received_on"),)


class TooManyAffected(Problem):
    slug, title, status = "too-many-affected", "Batch would change too many cases", 422
    happened = "The batch would change more existing cases than max_affected allows. Nothing was written."
    remedy = (
        "Look at what would change with validate_only=true. Where that is right, send the batch with a larger"
        " max_affected."
    )
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape&max_affected=10"
    told = (
        "The batch would change 412 existing cases, and max_affected allows 10. Nothing was written; look at what"
        " would change with validate_only, then allow more."
    )


class IdempotencyKeyReused(Problem):
    slug, title, status = "idempotency-key-reused", "Idempotency key belongs to another request", 422
    happened = "The Idempotency-Key was used before for another request: another body, path or query."
    remedy = "Use a new key for each new request, and the same one only to send the same request again."
    asked = "POST /v1/ingest/batches?layout=house&layer=court_card&source=scrape\nIdempotency-Key: night-2025-06-01"
    told = (
        "This Idempotency-Key was used for another request: another body, path or query. Use a new key for a new"
        " request."
    )


class InvalidParameters(Problem):
    slug, title, status = "invalid-parameters", "Parameters are not valid", 422
    happened = (
        "A parameter is unknown, repeated or empty, or its value is none that there is. A typing error is never"
        " passed over, because it would publish a wrong number."
    )
    remedy = (
        "Mend every parameter in errors, which are told all at once; did_you_mean lists what may have been meant."
        " /v1/vocabularies lists the codes, /v1/statistics/catalogue what may be asked."
    )
    asked = "GET /v1/statistics?service_status=mobilized"
    told = "“mobilized” is not a value of service_status; use mobilised."
    told_of = (
        Fault(
            "unknown-code",
            "“mobilized” is not a value of service_status; use mobilised.",
            parameter="service_status",
            did_you_mean=("mobilised",),
        ),
    )


class TooManyCells(Problem):
    slug, title, status = "too-many-cells", "Answer has too many cells", 422
    happened = (
        "The answer would have more cells (rows times measures) than are given. An answer is never cut, because a cut"
        " table adds up to a wrong number."
    )
    remedy = (
        "Ask for a shorter time, a coarser grain, fewer dimensions or measures, or more filters. cells says how many"
        " there would be (to a caller whose counts are rounded: how many there might be, by periods and codes), limit"
        " how many are given."
    )
    asked = "GET /v1/statistics?group_by=day,court,offence_part"
    told = (
        "The answer would have 93600 cells (46800 rows of 2 measures); at most 50000 are given. Ask for a shorter"
        " time, a coarser grain, fewer dimensions or more filters."
    )


class PreconditionRequired(Problem):
    slug, title, status = "precondition-required", "Say which state you have read", 428
    happened = (
        "A correction says which version of the case it was made on, so that two curators do not undo each other"
        " unseen; this one does not say it."
    )
    remedy = "Read the case, and send its ETag as If-Match."
    asked = "PATCH /v1/cases/cs_01J8XW6Z3V4N5P6Q7R8S9T0ABC"
    told = "Send the ETag of the case that you have read as If-Match."


class QuotaExceeded(Problem):
    slug, title, status = "quota-exceeded", "Quota is used up", 429
    happened = (
        "More requests were made in a window of time than this key or address may make. violated-policies names the"
        " windows."
    )
    remedy = (
        "Wait for as many seconds as Retry-After says. Ask for more with each question (several measures, a whole"
        " list as CSV), keep ETags, or get a key: it has a larger quota. GET /v1/me is free and tells what is left."
    )
    asked = "GET /v1/statistics"
    told = "120 requests a minute are used up; ask again in 42 s. /v1/me, which is free, tells what is left."


class HeadersTooLarge(Problem):
    slug, title, status = "headers-too-large", "Headers are too large", 431
    happened = (
        "The head of the request, its first line and its headers together, is larger than is read here. The"
        " connection was closed."
    )
    remedy = "Send fewer or shorter headers; cookies are of no use here."
    asked = "GET /v1/cases\nX-More: …"
    told = "The head of a request has at most 65536 bytes."


class Unavailable(Problem):
    slug, title, status = "unavailable", "Not available now", 503
    happened = (
        "The service cannot answer now: its database is away or does not answer in time, another change of the record"
        " runs, or the record is not ready yet."
    )
    remedy = "Try again after as many seconds as Retry-After says. What was not confirmed was not written."
    asked = "GET /v1/statistics"
    told = "The database does not answer in time. Try again later, or ask for less."


class Overloaded(Problem):
    slug, title, status = "overloaded", "Too much is asked at once", 503
    happened = (
        "More is being asked than can be answered soon, by you or by everybody. Whoever would wait too long is told"
        " so at once rather than kept in a queue."
    )
    remedy = (
        "Try again after as many seconds as Retry-After says, and ask fewer questions at the same time: one caller"
        " gets at most half of the turns, and large questions (10,000 cells or more) one turn of eight together."
    )
    asked = "GET /v1/statistics?group_by=week,court"
    told = "Too many questions are being answered. Try again in 2 s, or ask fewer at once."


class TookTooLong(Problem):
    slug, title, status = "took-too-long", "Question took too long", 503
    happened = "The question ran in the database for as long as a question may, and was cancelled there."
    remedy = "Ask for less: a shorter window, fewer dimensions, one court. /v1/config tells the limit."
    asked = "GET /v1/statistics?group_by=day,court,offence_part,service_status"
    told = (
        "The question was cancelled in the database, because it took too long. Ask for less: a shorter window, fewer"
        " dimensions, one court. /v1/config tells the limit."
    )


def near(word: str, known: Sequence[str]) -> tuple[str, ...]:
    """Up to three known words that resemble a word, best first; may be empty."""
    return tuple(get_close_matches(word, known, n=3, cutoff=0.6))


def all_problems() -> tuple[type[Problem], ...]:
    """Every problem class, by slug."""
    return tuple(sorted(Problem.__subclasses__(), key=lambda problem: problem.slug))
