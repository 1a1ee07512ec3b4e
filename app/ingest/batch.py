"""One batch from a file to a receipt: read, stage, merge, post, publish."""

import gc
import hashlib
import os
import time
from collections.abc import Awaitable, Iterable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import UTC, date, datetime
from functools import partial
from itertools import islice
from pathlib import Path
from uuid import uuid4

import asyncpg

from app.db.database import Connection, Database
from app.errors import TooManyAffected, Unavailable
from app.ingest.ahead import STAGE as STAGE_AHEAD
from app.ingest.ahead import Ahead, Overtaken, write_ahead
from app.ingest.coverage import Window, stage_coverage, write_coverage
from app.ingest.encodings import Input, Limits, OnBytes, open_input, read_rows, unpacked_name
from app.ingest.growth import has_grown, tell_planner
from app.ingest.idempotency import Claim, answer_of
from app.ingest.identity import assign_cases, group_rows
from app.ingest.kept import keep_refused
from app.ingest.layouts import LAYOUTS
from app.ingest.layouts.sudrfscraper_meta import Meta, read_meta
from app.ingest.merge import Merging, keep_suspected, refuse_repeated, stage_changes, write_changes
from app.ingest.receipt import Options, Receipt, Tallied
from app.ingest.record import Covered, IngestError, Layout, Outcome, Record, Refused, Skipped, Warned
from app.ingest.staging import CHUNK, STAGE, Staged, Staging, Terms, open_bodies
from app.ingest.suppression import Suppression
from app.records.publishing import NewRevision, publish
from app.records.reference import gravity_of
from app.records.removals import load_removed
from app.records.resolve import is_closed
from app.statistics.definitions import current
from app.statistics.effect import Moved, find_effect
from app.statistics.ledger import post
from app.vocabulary import Cause

_NEXT = "SELECT revision + 1 FROM published"
_REFERENCE = "SELECT max(reference) FROM reference_sets"
_KEEP = """
INSERT INTO batches (batch_id, revision, digest, author, seen_on, created_at, receipt)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
# Once a batch of a file has been undone, the file is new: what was seen of it before then tells nothing.
_STANDING = """
FROM batches b WHERE b.digest = $1 AND NOT EXISTS (
    SELECT FROM batches t JOIN batches u ON u.revision = t.undone_in
    WHERE t.digest = $1 AND u.created_at > b.created_at)
"""
_FIRST_SEEN = f"SELECT min(b.seen_on) {_STANDING}"
# The receipt of a batch that took the whole file, and whether nothing has been taken back since.
_TAKEN_WHOLE = f"""
SELECT b.receipt, NOT EXISTS (
    SELECT FROM revisions r WHERE r.cause IN ('{Cause.UNDONE}', '{Cause.REMOVED}') AND r.recorded_at >= b.created_at
) AS still_stands
{_STANDING} AND b.seen_on >= $2 AND b.receipt -> 'counts' ->> 'refused' = '0' ORDER BY b.created_at DESC LIMIT 1
"""

_IDS_AT_ONCE = 256
_AS_VERSION = bytes(0x70 | byte & 0x0F for byte in range(256))
_AS_VARIANT = bytes(0x80 | byte & 0x3F for byte in range(256))

__all__ = ["IngestError", "ingest_file", "read_outcomes"]


async def ingest_file(
    database: Database,
    path: Path,
    options: Options,
    *,
    encoding: str | None = None,
    is_gzip: bool | None = None,
    limits: Limits | None = None,
    writer_wait_s: float = 30.0,
    on_bytes: OnBytes | None = None,
    outcomes: Iterable[Outcome] | None = None,
    claim: Claim | None = None,
    after: Awaitable[object] | None = None,
) -> Receipt:
    """Take a file into the record as one revision, or leave the record as it is.

    `encoding` and `is_gzip` are as for `read_outcomes`; `outcomes` is what it made of the file, where that has been
    read ahead. `claim` holds the batch to its idempotency key. Before it takes its turn the batch waits for `after`.
    Errors  IngestError for a file that cannot be read; TooManyAffected; Unavailable while another ingest runs for
            too long; what `claim` raises
    """
    layout = LAYOUTS[options.layout]
    read = partial(read_outcomes, path, layout, encoding=encoding, is_gzip=is_gzip, limits=limits, on_bytes=on_bytes)
    rows = read() if outcomes is None else outcomes
    if options.seen_on and options.seen_on > _today():
        raise IngestError(f"the day of seeing, {options.seen_on}, is in the future")
    tallied = Tallied()
    meta = _described(path, layout, tallied)
    beside = f"{meta or ''}{layout.beside(unpacked_name(path).name)}"
    digest = _digest(open_input(path, is_gzip=is_gzip, limits=limits), options, beside)
    may_go_ahead = outcomes is None and not options.is_trial  # the file can be read again, and something comes of it
    batch = _Batch(
        options, layout, digest, deepcopy(tallied), meta, writer_wait_s, claim, after, may_go_ahead=may_go_ahead
    )
    try:
        try:
            receipt = await batch.take(database, rows)
        except Overtaken:
            batch = _Batch(options, layout, digest, tallied, meta, writer_wait_s, claim, None, may_go_ahead=False)
            receipt = await batch.take(database, read())
    except _Trial as trial:
        return trial.receipt
    except asyncpg.LockNotAvailableError as error:
        raise Unavailable("Another ingest is running; try again in a minute.", headers={"Retry-After": "60"}) from error
    if batch.has_grown:
        await tell_planner(database)
    return receipt


def read_outcomes(
    path: Path,
    layout: Layout,
    *,
    encoding: str | None = None,
    is_gzip: bool | None = None,
    limits: Limits | None = None,
    on_bytes: OnBytes | None = None,
) -> Iterator[Outcome]:
    """What a layout makes of a file, row by row as it is asked for.

    encoding  json, ndjson, csv or xlsx; None where the file's name tells
    is_gzip   None where the file's first bytes tell
    on_bytes  is called with the bytes of the file consumed so far
    Errors    IngestError for a file that cannot be read, at once or on the way
    """
    reader = layout.encodings.get(f".{encoding}" if encoding else unpacked_name(path).suffix.lower())
    if reader is None:
        what = encoding or path.name
        raise IngestError(f"{what}: layout {layout.id} takes files ending in {', '.join(layout.encodings)}")
    if not path.is_file():
        raise IngestError(f"{path}: there is no such file")
    file = open_input(path, is_gzip=is_gzip, limits=limits, on_bytes=on_bytes)
    return layout.read(read_rows(file, reader), reader, unpacked_name(path).name)


class _Trial(Exception):
    """Leaves the transaction of a batch that is only tried, and carries its receipt out."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt


class _Batch:
    """One batch on its way through the transaction."""

    def __init__(
        self,
        options: Options,
        layout: Layout,
        digest: bytes,
        tallied: Tallied,
        meta: Meta | None,
        writer_wait_s: float,
        claim: Claim | None,
        after: Awaitable[object] | None,
        *,
        may_go_ahead: bool,
    ) -> None:
        self.options = options
        self.layout = layout
        self.digest = digest
        self.tallied = tallied
        self.meta = meta
        self.covered: list[Covered] = []
        self.writer_wait_s = writer_wait_s
        self.claim = claim
        self.after = after
        self.may_go_ahead = may_go_ahead
        self.batch_id = uuid4()
        self.staged = 0
        self.has_grown = False
        self.fresh_ids = _time_ordered_ids()
        self.seen_on = options.seen_on or _today()

    async def take(self, database: Database, outcomes: Iterable[Outcome]) -> Receipt:
        """Take the rows in.

        Errors  Overtaken, where some went ahead and should not have; the record is as it was
        """
        with _seldom_collecting():
            async with database.writer() as connection:
                if self.claim:
                    await self.claim.make(connection)
                removed = await load_removed(connection, database.removal_key)
                receipt = await self._take(connection, outcomes, Suppression(removed, self.tallied))
                if self.options.is_trial:
                    raise _Trial(receipt)
                await keep_refused(connection, self.batch_id, self.tallied.refused)
                if self.claim and not receipt.is_refused:
                    await self.claim.settle(connection, receipt.batch_id, answer_of(receipt))
                return receipt

    async def _take(self, connection: Connection, outcomes: Iterable[Outcome], suppression: Suppression) -> Receipt:
        await self._look_back(connection)
        taken = await connection.fetchrow(_TAKEN_WHOLE, self.digest, self.seen_on)
        if taken and taken["still_stands"]:
            self.tallied.take_as_unchanged(taken["receipt"])
            return await self._keep(connection, self._receipt())
        await connection.execute(f"{STAGE}; {STAGE_AHEAD}")
        with open_bodies() as bodies:
            staging = Staging(await self._terms(connection), bodies)
            return await self._merge_staged(connection, outcomes, suppression, staging)

    async def _merge_staged(
        self, connection: Connection, outcomes: Iterable[Outcome], suppression: Suppression, staging: Staging
    ) -> Receipt:
        rows = self._stage_rows(suppression.sift(outcomes))
        while chunk := list(islice(rows, CHUNK)):
            await staging.take(connection, chunk)
        if self._is_refused:
            return await self._keep(connection, self._receipt())
        groups = await group_rows(connection)
        if self.after is not None:
            await self.after
        ahead = Ahead()
        if self.may_go_ahead and not suppression.by_uid:
            ahead = await write_ahead(connection, staging, groups)
        await ahead.take_turn(connection, wait_s=self.writer_wait_s)
        await assign_cases(connection, groups, looked_into=ahead.looked_into)
        self.staged -= await suppression.settle(connection)
        if self.layout.refuses_duplicates:
            await refuse_repeated(connection, self.tallied)
        if self._is_refused:
            receipt = await self._keep(connection, self._receipt())
        else:
            receipt = await self._merge(connection, staging, ahead)
        if ahead.cases and receipt.revision is None:
            raise Overtaken
        return receipt

    @property
    def _is_refused(self) -> bool:
        """Whether what was refused so far refuses the whole batch."""
        return bool(self.tallied.refused) and not self.options.skips_refused

    async def _look_back(self, connection: Connection) -> None:
        """Settle when the batch was seen: a file loaded before was seen then; loading it again is nothing new."""
        if self.options.seen_on is None:
            self.seen_on = await connection.fetchval(_FIRST_SEEN, self.digest) or self.seen_on

    async def _terms(self, connection: Connection) -> Terms:
        reference = await connection.fetchval(_REFERENCE)
        gravity = await gravity_of(connection, reference)
        return Terms(self.options.layer, self.layout.lists_all_defendants, self.digest, reference, gravity)

    async def _merge(self, connection: Connection, staging: Staging, ahead: Ahead) -> Receipt:
        revision = await connection.fetchval(_NEXT)
        terms = await self._terms(connection)
        await ahead.check(connection, revision, terms.reference)
        merging = Merging(revision, terms, staging, ahead)
        changes = 0
        if await connection.fetchrow(_TAKEN_WHOLE, self.digest, self.seen_on):
            self.tallied.counts["unchanged"] += self.staged  # the same file again changes no case
        else:
            changes = await stage_changes(connection, merging, self.tallied)
            self._check_affected()
        looks = await stage_coverage(connection, self._window(), self.covered, seen_on=self.seen_on)
        if not changes and not looks:
            return await self._keep(connection, self._receipt())
        posted = await post(connection, revision, terms.reference)
        posted["ledger"] += ahead.rows
        effect = await find_effect(connection, revision)
        if changes:
            await write_changes(connection, merging)
        if self.tallied.possible_duplicates:
            await keep_suspected(connection, merging)
        await write_coverage(connection, revision, source=self.options.source, seen_on=self.seen_on)
        await publish(connection, self._new_revision(revision, terms.reference, posted))
        self.has_grown = await has_grown(connection)
        return await self._keep(connection, self._receipt(revision, effect))

    def _check_affected(self) -> None:
        """Refuse a batch that changes more existing cases than its sender allows."""
        affected, most = self.tallied.counts["changed"], self.options.max_affected
        if most is not None and affected > most:
            detail = (
                f"The batch would change {affected} existing cases, and max_affected allows {most}."
                " Nothing was written; look at what would change with validate_only, then allow more."
            )
            raise TooManyAffected(detail, affected=affected, max_affected=most)

    def _window(self) -> Window | None:
        """The days that a scrape says it looked at; not whole where rows that it counted are not there."""
        meta = self.meta
        if meta is None or meta.starts_on is None or meta.ends_on is None:
            return None
        missing = (meta.rows or 0) - self.tallied.received
        if missing > 0:
            detail = f"The run counted {meta.rows} rows; {missing} of them are not in the file."
            self.tallied.warn("rows-missing", detail)
        return Window(meta.starts_on, meta.ends_on, is_whole=missing <= 0)

    async def _keep(self, connection: Connection, receipt: Receipt) -> Receipt:
        """Keep the receipt, also of a batch that changed nothing or was refused: its file has been seen."""
        await connection.execute(
            _KEEP,
            self.batch_id,
            receipt.revision,
            self.digest,
            self.options.author,
            self.seen_on,
            datetime.now(UTC),
            receipt.as_json(),
        )
        return receipt

    def _new_revision(self, revision: int, reference: int, posted: dict[str, int]) -> NewRevision:
        options = self.options
        return NewRevision(
            revision=revision,
            batch_id=self.batch_id,
            cause="source",
            source=options.source,
            layer=options.layer,
            layout=options.layout,
            author=options.author,
            seen_on=options.seen_on,
            published_at=options.published_at,
            is_synthetic=options.is_synthetic,
            counts=dict(self.tallied.counts),
            rows_written=posted,
            reference=reference,
            definition=current(),
        )

    def _receipt(self, revision: int | None = None, effect: tuple[Moved, ...] = ()) -> Receipt:
        applied = revision is not None and not self.options.is_trial
        is_refused = revision is None and self._is_refused
        return Receipt(self.batch_id, revision, applied, self.tallied, effect, is_refused)

    def _stage_rows(self, outcomes: Iterable[Outcome]) -> Iterator[Staged]:
        for outcome in outcomes:
            match outcome:
                case Record():
                    self.tallied.received += 1
                    self.staged += 1
                    yield self._stage_row(self.staged, outcome)
                case Skipped():
                    self.tallied.received += 1
                    self.tallied.skip(outcome.reason)
                case Refused():
                    self.tallied.received += 1
                    self.tallied.refuse(outcome)
                case Warned():
                    self.tallied.warn(outcome.code, outcome.detail)
                case Covered():
                    self.covered.append(outcome)

    def _stage_row(self, line: int, record: Record) -> Staged:
        said = record.said
        previous: dict[str, str] = {}
        for shown, key in record.previous:
            if key != record.number_key:
                previous.setdefault(key, shown)
        for warning in record.warnings:
            self.tallied.warn(warning, place=record.place)
        body = dict(said)
        for field in ("number", "number_key", "uid", "card_guid", "previous"):
            if value := getattr(record, field):
                body[field] = value
        return Staged(
            line, record.place, record.court, record.instance, record.number, record.number_key, record.card_guid,
            list(previous.values()) or None, list(previous) or None, record.uid,
            record.seen_on or self.seen_on, record.row_hash, is_closed(said.get("disposition")),
            _day(said.get("received_on")), _day(said.get("decided_on")), _day(said.get("in_force_on")),
            next(self.fresh_ids), body,
        )  # fmt: skip


@contextmanager
def _seldom_collecting() -> Iterator[None]:
    """Look for cyclic garbage seldom: rows make many objects and no cycles, and looking took a quarter of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(1_000_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*usual)


def _described(path: Path, layout: Layout, tallied: Tallied) -> Meta | None:
    """What a scrape's own description says of the days that it looked at."""
    meta = read_meta(unpacked_name(path)) if layout.id == "sudrfscraper" else None
    if isinstance(meta, Warned):
        tallied.warn(meta.code, meta.detail)
        return None
    if meta is None or meta.starts_on is None or meta.ends_on is None:
        return None
    if meta.is_by_result:
        detail = "The run asked by day of result too, so that pending cases are missing. No coverage is noted."
        tallied.warn("coverage-by-result", detail)
        return None
    if meta.is_by_article:
        detail = "The run asked for some articles or words alone; its coverage says nothing of other cases."
        tallied.warn("coverage-by-article", detail)
    return meta


def _today() -> date:
    return datetime.now(UTC).date()


def _digest(file: Input, options: Options, beside: str) -> bytes:
    """What tells a file taken in one way from any other; `beside` is what else is said of the days looked at."""
    return hashlib.sha256(file.sha256 + f"{options.layout} {options.layer}{beside}".encode()).digest()


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None


def _time_ordered_ids() -> Iterator[str]:
    """Random ids that sort by time (RFC 9562, version 7), so that new rows lie together in an index."""
    while True:
        chunk = bytearray(os.urandom(10 * _IDS_AT_ONCE))
        chunk[0::10] = chunk[0::10].translate(_AS_VERSION)
        chunk[2::10] = chunk[2::10].translate(_AS_VARIANT)
        millisecond, chances = f"{time.time_ns() // 1_000_000:012x}", chunk.hex()
        for start in range(0, len(chances), 20):
            yield millisecond + chances[start : start + 20]
