"""A curator settles a conflict: takes the card's word, keeps the newsroom's, or says that two cases are two."""

from collections.abc import Mapping
from hashlib import blake2b
from types import MappingProxyType
from typing import Any
from uuid import UUID

from app.db.database import Database
from app.errors import Fault, InvalidBody, NotFound
from app.ingest.acting import Act, acting
from app.ingest.curation import Held, Wanted, hold, say
from app.ingest.receipt import Receipt
from app.records.conflicts import find_conflicts
from app.records.listing import Condition, Order
from app.records.listing import Wanted as Asked
from app.records.resolve import Body, is_closed
from app.records.revisions import get_state

RESOLUTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "values_differ": ("court_card", "newsroom"),
        "denied": ("court_card", "newsroom"),
        "defendants_changed": ("newsroom",),
        "possible_duplicate": ("not_duplicates",),
    }
)
"""Kind of a conflict → the ways to settle it; a duplicate is settled by merging it."""


async def settle(
    database: Database, wanted: Wanted, act: Act, *, tag: str, resolution: str, writer_wait_s: float = 30.0
) -> Receipt:
    """Settle the conflict of a case that `tag` tells.

    `court_card`: the newsroom takes its value, or its denial, back. `newsroom` and `not_duplicates`: what stands goes
    on to stand, and is no conflict any more until one of the values moves.

    Errors  NotFound; InvalidBody for a way that does not settle this kind; Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        held = await hold(now, wanted)
        conflict = await _find(now.connection, held.case_id, tag)
        ways = RESOLUTIONS[conflict["kind"]]
        if resolution not in ways:
            detail = f"A conflict of kind {conflict['kind']} is settled by {' or '.join(ways)}."
            raise InvalidBody(detail, [Fault("bad-value", detail, pointer="/resolution")])
        if resolution == "court_card":
            body = _without(held, conflict["field"])
            return await say(
                now, held, body, seen_on=now.today, row_hash=blake2b(tag.encode(), digest_size=16).digest()
            )
        now.tallied.received = now.tallied.counts["unchanged"] = 1
        await now.execute("settle", held.court, held.case_id, tag, resolution)
        return await now.conclude(is_synthetic=held.is_synthetic, layer="newsroom")


async def _find(connection: Any, case_id: UUID, tag: str) -> Mapping[str, Any]:
    conditions = Condition("of", "eq", (case_id,)), Condition("tag", "eq", (tag,))
    page = await find_conflicts(connection, Asked(conditions, Order("case"), limit=1), await get_state(connection))
    if not page.rows:
        raise NotFound("There is no such conflict now; it may have been settled, or one of its values has moved.")
    return page.rows[0]


def _without(held: Held, path: str) -> Body:
    """The newsroom's body without its word on a field, where the card has one."""
    ours, theirs = dict(held.newsroom or {}), held.card or {}
    prefix, _, field = path.rpartition(".")
    if not prefix:
        return _silent(ours, theirs, field)
    person_id = int(prefix.removeprefix("defendants.d"))
    cards = {person["id"]: person for person in theirs.get("defendants", ())}
    ours["defendants"] = [
        _silent(dict(person), cards.get(person_id, {}), field) if person["id"] == person_id else person
        for person in ours["defendants"]
    ]
    return ours


def _silent(said: Body, theirs: Mapping[str, Any], field: str) -> Body:
    """What is said, without the word on one field, nor its denial; of a sentence only what the card knows goes."""
    if field == "sentence" and said.get(field):
        known = theirs.get(field) or {}
        kept = {name: value for name, value in said[field].items() if not is_closed(known.get(name))}
        said = {**said, field: kept} if kept else {name: value for name, value in said.items() if name != field}
    else:
        said = {name: value for name, value in said.items() if name != field}
    denied = [name for name in said.get("deny", ()) if name != field]
    if "deny" in said:
        said = {**said, "deny": denied}
    return said
