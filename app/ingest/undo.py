"""Undo: a batch is taken back in a new revision; what it replaced stands again, wherever its own word still stood."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from app.db.database import Database, load_statements
from app.errors import BatchState, NotFound
from app.ingest.acting import Act, Acting, acting
from app.ingest.receipt import SHOWN, Receipt
from app.records.ids import show_id
from app.vocabulary import Cause

_SQL = load_statements(__file__, "undo.sql")
_NOT_UNDONE = (Cause.REMOVED, Cause.METHOD)


@dataclass(frozen=True, slots=True)
class _Batch:
    batch_id: UUID
    revision: int
    undoes: UUID | None
    layer: str | None
    is_synthetic: bool


async def undo(database: Database, batch_id: UUID, act: Act, *, writer_wait_s: float = 30.0) -> Receipt:
    """Take a batch back: for each case and layer that it spoke of, the statement that it replaced stands again.

    Where a later statement of that layer stands, that one stays; the receipt lists those. Keys and coverage that the
    batch taught fall with it. A case that it brought and of which nobody else speaks is withdrawn, with nothing left in
    it. An undo is a batch too, and can be taken back.

    Errors  NotFound; BatchState where there is nothing to take back, or nothing any more; Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        batch = await _find(now, batch_id)
        undoers = await _undoers(now, batch)
        await _execute(now, "take", batch.revision, undoers)
        kept = [_kept(row) for row in await now.connection.fetch(_SQL["kept"])]
        taken = await _execute(now, "speak")
        if undoers and not kept and not taken:
            raise BatchState(f"Batch {batch_id} has been undone already, in revision {undoers[-1]}.")
        now.tallied.received = taken + len(kept)
        now.tallied.counts.update(changed=taken, unchanged=len(kept))
        now.more = {"undoes": str(batch_id), "not_undone": {"count": len(kept), "first": kept[:SHOWN]}}
        if taken:
            await _restore(now, batch)
        moved = 0 if undoers else await _restore_rest(now, batch)
        if not taken and not moved:
            return await now.keep(now.unchanged())
        receipt = await now.conclude(is_synthetic=batch.is_synthetic, layer=batch.layer, undoes=batch_id)
        await _mark(now, batch, is_whole=not kept)
        return receipt


async def _find(now: Acting, batch_id: UUID) -> _Batch:
    row = await now.connection.fetchrow(_SQL["batch"], batch_id)
    if row is None:
        raise NotFound(f"There is no batch {batch_id}.")
    if row["revision"] is None:
        raise BatchState(f"Batch {batch_id} changed nothing, so that there is nothing to undo.")
    if row["cause"] in _NOT_UNDONE:
        raise BatchState(f"Batch {batch_id} cannot be undone: its revision has the cause {row['cause']}.")
    return _Batch(row["batch_id"], row["revision"], row["undoes"], row["layer"], row["is_synthetic"])


async def _undoers(now: Acting, batch: _Batch) -> list[int]:
    """The revisions that took parts of the batch back, first to last.

    Errors  BatchState where one of them was itself taken back: then that undo is what stands
    """
    rows = await now.connection.fetch(_SQL["undoers"], batch.batch_id)
    for row in rows:
        if row["undone_in"] is not None:
            (again, *_) = await now.connection.fetch(_SQL["undoers"], row["batch_id"])
            detail = (
                f"Batch {batch.batch_id} was undone in revision {row['revision']}, and that was undone in revision"
                f" {row['undone_in']}: undo batch {again['batch_id']}."
            )
            raise BatchState(detail, batch_id=str(again["batch_id"]))
    return [row["revision"] for row in rows]


async def _restore(now: Acting, batch: _Batch) -> None:
    """Let what the batch replaced stand again, with the keys that go with it."""
    await _execute(now, "restore")
    await now.write_statements()
    await _execute(now, "lineage")
    await now.connection.execute("ANALYZE lineage")
    await _execute(now, "forget")
    await _execute(now, "remember", batch.revision)


async def _restore_rest(now: Acting, batch: _Batch) -> int:
    """Take back what the batch said to be covered or settled, and let stand again what it had taken back."""
    names = ("uncover", "cover", "unsettle", "settle_again")
    return sum([await _execute(now, name, batch.revision) for name in names])


async def _mark(now: Acting, batch: _Batch, *, is_whole: bool) -> None:
    """Note that the batch is undone, and the one that it undid is not.

    A file may be loaded again once a part of it was taken back; an undo is undone only as a whole.
    """
    marked: UUID | None = batch.batch_id
    if batch.undoes is not None and not is_whole:
        return
    while marked is not None:
        await _execute(now, "mark", marked)
        marked = await now.connection.fetchval("SELECT undoes FROM batches WHERE batch_id = $1", marked)


async def _execute(now: Acting, name: str, *values: Any) -> int:
    tag: str = await now.connection.execute(_SQL[name].format(revision=now.revision), *values)
    return int(tag.rsplit(" ", 1)[-1])


def _kept(row: Any) -> dict[str, Any]:
    return {
        "id": show_id(row["case_id"]),
        "court": row["court"],
        "layer": row["layer"],
        "reason": row["reason"],
        "revision": row["stands"],
    }
