"""Curators' acts on one case: withdrawal, restoration, merge. Each is a batch of one newsroom statement."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from types import MappingProxyType
from uuid import UUID

from app.db.database import Database
from app.errors import CaseState, Fault, InvalidParameters, NotFound, PreconditionFailed
from app.ingest.acting import Act, Acting, acting
from app.ingest.receipt import Receipt
from app.records.ids import show_id
from app.records.resolve import Body
from app.vocabulary import Cause

LEDGER_CAUSES: Mapping[str, Cause] = MappingProxyType(
    {
        "correction": Cause.CORRECTED,
        "reclassification": Cause.RECLASSIFIED,
        "late_report": Cause.LATE_REPORTED,
        "withdrawal": Cause.WITHDRAWN,
        "restoration": Cause.RESTORED,
        "duplicate": Cause.MERGED_DUPLICATE,
        "undo": Cause.UNDONE,
        "resolution": Cause.CORRECTED,
    }
)
"""What a curator may state as the cause of an act → the cause of the ledger's entries."""

CORRECTION_CAUSES = ("correction", "reclassification", "late_report")
_FLAGS = ("withdrawn", "merged_into")
_KEYS = ("number", "number_key", "card_guid")
_NEVER = date(1990, 1, 1)  # nothing was seen, so nothing is older


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which case is meant, and which of its versions the curator has seen; None: whichever there is."""

    case_id: UUID
    versions: Collection[int] | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """One case as it stands when the turn has come."""

    court: str
    case_id: UUID
    instance: str
    version: int
    is_withdrawn: bool
    merged_into: UUID | None
    received_on: date | None
    decided_on: date | None
    in_force_on: date | None
    card: Body | None
    newsroom: Body | None
    seen_on: date | None  # of the newsroom's statement
    row_hash: bytes | None
    is_synthetic: bool

    @property
    def shown_id(self) -> str:
        """Its id as callers see it."""
        return show_id(self.case_id)

    @property
    def is_spoken_of(self) -> bool:
        """Whether any layer says anything of it: an undone batch leaves cases of which none does."""
        return self.card is not None or self.newsroom is not None

    def known(self) -> Body:
        """The newsroom's body with the keys by which it knows the case, which it keeps whatever the card does."""
        body = dict(self.newsroom or {})
        if not body.get("number_key") and not body.get("card_guid"):
            body |= {key: self.card[key] for key in _KEYS if self.card and self.card.get(key)}
        return body


async def withdraw(database: Database, wanted: Wanted, act: Act, *, writer_wait_s: float = 30.0) -> Receipt:
    """Withdraw a case: it keeps its card and aliases, goes on receiving its card, and counts nowhere.

    One that is withdrawn already stays as it is.

    Errors  NotFound; PreconditionFailed; CaseState for a merged case; Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        held = await hold(now, wanted)
        refuse_merged(held)
        return await _flag(now, held, {**held.known(), "withdrawn": True})


async def restore(database: Database, wanted: Wanted, act: Act, *, writer_wait_s: float = 30.0) -> Receipt:
    """Take back a withdrawal or a merge; a case that is neither stays as it is.

    Errors  NotFound; PreconditionFailed; CaseState for a case of which nothing stands; Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        held = await hold(now, wanted)
        _refuse_silent(held)
        body = {field: value for field, value in (held.newsroom or {}).items() if field not in _FLAGS}
        if body.keys() != (held.newsroom or {}).keys() and held.card is not None and not body.keys() - set(_KEYS):
            return await _flag(now, held, None)  # it says nothing more than whose case it is
        return await _flag(now, held, body if held.newsroom is not None else None)


async def merge_into(
    database: Database, wanted: Wanted, act: Act, *, survivor_id: UUID, writer_wait_s: float = 30.0
) -> Receipt:
    """Declare a case the duplicate of another, to which its address leads from then on.

    The survivor inherits nothing. A case can be merged only into one of its own court and instance: the same matter
    in two courts came there, and counts in both.

    Errors  NotFound; PreconditionFailed; CaseState; InvalidParameters; Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        held = await hold(now, wanted)
        survivor = await hold(now, Wanted(survivor_id))
        if held.merged_into == survivor.case_id:
            return await now.keep(now.unchanged())
        _refuse_merge(held, survivor)
        return await _flag(now, held, {**held.known(), "merged_into": str(survivor.case_id)})


async def hold(now: Acting, wanted: Wanted) -> Held:
    """The case as it stands, now that nobody else can change it.

    Errors  NotFound; PreconditionFailed where another version stands than those the curator has seen
    """
    rows = await now.fetch("case", wanted.case_id)
    if not rows:
        raise NotFound(f"There is no case {show_id(wanted.case_id)}.")
    held = Held(**rows[0])
    if wanted.versions is not None and held.version not in wanted.versions:
        detail = f"The case is at version {held.version} by now; read it again, and send its ETag as If-Match."
        raise PreconditionFailed(detail, version=held.version)
    return held


async def say(
    now: Acting, held: Held, body: Body | None, *, seen_on: date, row_hash: bytes, is_new: bool = False
) -> Receipt:
    """Let the newsroom say this of a case from now on, or nothing; returns the receipt of the revision.

    Where it is what the newsroom says already there is no revision, unless something else `is_new`.
    """
    now.tallied.received = 1
    if body == held.newsroom and not is_new:
        now.tallied.counts["unchanged"] = 1
        return await now.keep(now.unchanged())
    now.tallied.counts["changed"] = 1
    key = (held.court, held.case_id, "newsroom")
    statement = (*key, now.revision, None, seen_on, row_hash, now.batch_id.bytes, body, None)
    await now.say(*key, [] if body is None else [statement])
    await now.write_statements()
    return await now.conclude(is_synthetic=held.is_synthetic, layer="newsroom")


async def _flag(now: Acting, held: Held, body: Body | None) -> Receipt:
    """Say something that is no sighting: it makes no row older than it was."""
    silent = blake2b(digest_size=16).digest()
    return await say(now, held, body, seen_on=held.seen_on or _NEVER, row_hash=held.row_hash or silent)


def _refuse_silent(held: Held) -> None:
    if not held.is_spoken_of:
        detail = f"{held.shown_id} was taken back with the batch that brought it; load the file again."
        raise CaseState(detail)


def refuse_merged(held: Held) -> None:
    """Refuse to act on a merged case, or on one of which nothing stands any more."""
    _refuse_silent(held)
    if held.merged_into is not None:
        survivor = show_id(held.merged_into)
        raise CaseState(
            f"{held.shown_id} has been merged into {survivor}; act on that one, or restore this one first.",
            merged_into=survivor,
        )


def _refuse_merge(held: Held, survivor: Held) -> None:
    refuse_merged(held)
    if held.case_id == survivor.case_id:
        detail = "A case cannot be merged into itself; name another."
        raise InvalidParameters(detail, [Fault("same-case", detail, parameter="other")])
    if (held.court, held.instance) != (survivor.court, survivor.instance):
        detail = (
            "A case can be merged only into one of the same court and instance. One that came from another court is"
            " no duplicate: it is linked by its UID. One that was entered at a wrong court is withdrawn."
        )
        raise InvalidParameters(detail, [Fault("other-court", detail, parameter="other")])
    if held.is_withdrawn:
        raise CaseState(f"{held.shown_id} is withdrawn; restore it first.")
    if survivor.merged_into is not None or survivor.is_withdrawn:
        state = f"merged into {show_id(survivor.merged_into)}" if survivor.merged_into else "withdrawn"
        raise CaseState(f"{survivor.shown_id} is {state} itself; it can be no survivor.")
