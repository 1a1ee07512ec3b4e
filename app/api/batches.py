"""Batches: records in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from app.access.keys import Caller
from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caller import BatchSender, refuse_without
from app.api.describe import Operation
from app.api.idempotency import HEADER, REPLAYED, read_key
from app.api.kinds import DAY, TEXT, TRUTH, WHOLE, Kind
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.service import Service, get_service
from app.api.spool import Spool, spooled
from app.errors import (
    BatchRefused,
    BodyTooLarge,
    Fault,
    Problem,
    Unavailable,
    UnreadableBody,
    UnsupportedMediaType,
)
from app.ingest.apart import Job, Refusal, Taken, take_apart
from app.ingest.encodings import MEDIA_TYPES, Limits
from app.ingest.idempotency import Claim
from app.ingest.layouts import LAYOUTS
from app.ingest.receipt import Options

router = APIRouter()

PATH = "/v1/ingest/batches"
LAYER_SCOPES = {"court_card": "ingest", "newsroom": "curate"}
_SOURCE_LIMIT = 100
_RETRY_AFTER_S = 60
_TOO_LARGE = {"unpacked-too-large", "file-too-large"}  # codes of a body that is more than is taken


def _read_source(text: str) -> str:
    if len(text) > _SOURCE_LIMIT or not text.isprintable() or text != text.strip():
        raise ValueError(f"write a name of at most {_SOURCE_LIMIT} characters, such as garrison-cards")
    return text


_SOURCE = Kind(_read_source, {"type": "string", "maxLength": _SOURCE_LIMIT})
SEND = ParameterSet(
    (
        Parameter("layout", TEXT, "Shape of the rows.", codes=tuple(LAYOUTS), is_required=True, example="house"),
        Parameter("layer", TEXT, "Whose word it is.", codes=tuple(LAYER_SCOPES), is_required=True, example="newsroom"),
        Parameter("source", _SOURCE, "Who made the records; published.", is_required=True, example="garrison-cards"),
        Parameter("seen_on", DAY, "Day on which rows that do not say were seen; else today.", example="2023-05-10"),
        Parameter("validate_only", TRUTH, "Do everything, then take it back: a receipt, and no batch.", default=False),
        Parameter("max_affected", WHOLE, "Refuse the batch where it would change more cases than this.", example="10"),
        Parameter(
            "on_refused",
            TEXT,
            "What a row that cannot be taken means: the whole batch is refused, or that row is left out.",
            codes=("reject", "skip"),
            default="reject",
        ),
    )
)
_SEND = Operation(
    id="send_batch",
    tag="Ingest",
    summary="What became of the batch",
    description="Take records in: one batch is one revision, all of it or nothing. 201 where the record changed, 200"
    " where it did not or was only tried. The body may be gzip, with `Content-Encoding: gzip` or as a file that is gzip"
    " itself. `layer=court_card` needs the scope `ingest`, `layer=newsroom` the scope `curate`."
    " With `validate_only` an `Idempotency-Key` is not used.",
    result=schemas.Receipt,
    example=examples.RECEIPT,
    scopes=("ingest", "curate"),
    parameters=SEND,
    headers=HEADER,
    body={media_type: {"type": "string"} for media_type in MEDIA_TYPES},
    statuses=(200, 201),
    formats=("json",),
    problems=(409,),
)


@router.post(PATH, **_SEND.route())
async def send_batch(request: Request, caller: BatchSender, asked: Annotated[Asked, Depends(Asking(SEND))]) -> Response:
    """Take a batch in."""
    sent = _Sent.read(request, asked, caller)
    service = get_service(request)
    limits = service.settings
    async with spooled(
        request, limit_bytes=limits.body_limit_bytes, pause_s=limits.body_pause_s, folder=limits.spool_dir
    ) as body:
        taken, is_replay = await sent.take(service, body)
    if isinstance(taken, Refusal):
        raise _refused(taken)
    return Response(taken.body, taken.status, media_type="application/json", headers=REPLAYED if is_replay else {})


@dataclass(frozen=True, slots=True)
class _Sent:
    """What the head of a request says of the batch in its body."""

    options: Options
    encoding: str
    is_gzip: bool | None
    claim: Claim | None

    @classmethod
    def read(cls, request: Request, asked: Asked, caller: Caller) -> "_Sent":
        """Read it.

        Errors  InvalidParameters, KeyMissing, ScopeMissing, UnsupportedMediaType
        """
        asked.refuse(_in_future(asked))
        refuse_without(caller, LAYER_SCOPES[asked.one("layer")])
        assert caller.key_id is not None  # no deployment gives callers without a key a scope that writes
        options = Options(
            layout=asked.one("layout"),
            layer=asked.one("layer"),
            source=asked.one("source"),
            author=caller.key_id,
            seen_on=asked.one("seen_on"),
            is_trial=asked.one("validate_only", False),
            skips_refused=asked.one("on_refused") == "skip",
            max_affected=asked.one("max_affected"),
        )
        encoding, is_gzip = _kind_of(request, options.layout)
        key = None if options.is_trial else read_key(request)
        asked_for = f"{request.method} {request.url.path}?{asked.canonical()} {encoding}"
        claim = Claim(caller.key_id, key, sha256(asked_for.encode()).digest()) if key else None
        return cls(options, encoding, is_gzip, claim)

    async def take(self, service: Service, body: Spool) -> tuple[Taken, bool]:
        """What became of the batch, and whether that is an answer given before."""
        claim = self._claim(body)
        if claim:
            async with service.database.snapshot() as connection:
                answered = await claim.find(connection)
            if answered:
                return answered, True
        wait_s, limits = service.settings.writer_wait_s, Limits.of(service.settings)
        database = service.database
        known_by = database.removal_key
        job = Job(database.url, self.encoding, self.is_gzip, self.options, claim, limits, wait_s, known_by)
        async with _turn(service, wait_s):
            return await take_apart(job, body.file)

    def _claim(self, body: Spool) -> Claim | None:
        """The claim of this very body."""
        if self.claim is None:
            return None
        return replace(self.claim, fingerprint=sha256(self.claim.fingerprint + body.digest.digest()).digest())


def _in_future(asked: Asked) -> list[Fault]:
    seen_on = asked.one("seen_on")
    if seen_on is None or seen_on <= datetime.now(UTC).date():
        return []
    return [Fault("in-future", f"seen_on {seen_on} is in the future; give the day on which rows were seen.", "seen_on")]


def _kind_of(request: Request, layout: str) -> tuple[str, bool | None]:
    """The encoding of the body, and whether it is said to be gzip; None where its first bytes tell.

    Errors  UnsupportedMediaType, with what is taken
    """
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("identity", "gzip", "x-gzip"):
        detail = f"Content-Encoding {coding[:40]} is not taken here; send the body plain or as gzip."
        raise UnsupportedMediaType(detail, headers={"Accept-Encoding": "gzip, identity"})
    given, *parameters = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    offered = [name for name, encoding in MEDIA_TYPES.items() if f".{encoding}" in LAYOUTS[layout].encodings]
    if given not in offered:
        what = f"{given[:80]} is" if given else "A body without a Content-Type is"
        packed = " A file that is gzip is sent as what is in it." if "gzip" in given else ""
        detail = f"{what} not taken with layout {layout}; send {' or '.join(offered)}.{packed}"
        raise UnsupportedMediaType(detail, headers={"Accept-Post": ", ".join(offered)}, offered=offered)
    charset = next((name.partition("=")[2].strip('"') for name in parameters if name.startswith("charset=")), "utf-8")
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(f"The charset {charset[:40]} is not taken here; send UTF-8.")
    return MEDIA_TYPES[given], True if coding != "identity" else None


@asynccontextmanager
async def _turn(service: Service, wait_s: float) -> AsyncIterator[None]:
    """One of the few places for batches at work; more at once would only wait for each other in memory.

    Errors  Unavailable
    """
    try:
        async with asyncio.timeout(wait_s):
            await service.batches.acquire()
    except TimeoutError:
        detail = "Other batches are being taken; send this one again in a minute."
        raise Unavailable(detail, headers={"Retry-After": str(_RETRY_AFTER_S)}) from None
    try:
        yield
    finally:
        service.batches.release()


def _refused(refusal: Refusal) -> Problem:
    """The problem that tells why nothing of a batch was taken; with its receipt where there is one."""
    receipt = refusal.receipt
    if receipt is None or refusal.place == "file":
        kind = BodyTooLarge if refusal.code in _TOO_LARGE else UnreadableBody
        return kind(refusal.detail, [Fault(refusal.code, refusal.detail, pointer=refusal.place)], **(receipt or {}))
    faults = [Fault(row["code"], row["detail"], pointer=row["pointer"]) for row in receipt["refused"]]
    detail = (
        f"{receipt['counts']['refused']} of {receipt['counts']['received']} rows were refused, and nothing was taken."
        f" Mend them, or leave them out with on_refused=skip; {PATH}/{receipt['batch_id']}/refused lists them all."
    )
    return BatchRefused(detail, faults, **receipt)
