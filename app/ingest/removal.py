"""Removal of a person's data: the one rewriting of what was written, with the rights of the owner.

What a case is known by, its links and notes go from every statement and version, from receipts and refused rows. Day,
court, charges and outcome stay, so that no number moves at any revision. A version of cause `removed` tells the feed.
"""

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import orjson

from app.db.database import Connection, Database, load_statements, take_turn
from app.errors import NotFound, Unavailable
from app.formats import dump
from app.ingest.layouts.numbers import normalise_uid, parse_case_number
from app.records.ids import show_id
from app.records.publishing import NewRevision, publish
from app.records.reference import gravity_of
from app.records.removals import (
    Known,
    is_stand_in,
    keep_removed,
    load_removed,
    stand_in_for_number,
    stand_in_for_uid,
    uid_of,
)
from app.records.resolve import Body
from app.records.writing import STAGE, write_versions
from app.statistics.definitions import DEFINITIONS, current
from app.statistics.ledger import post
from app.vocabulary import CODELISTS, Cause

_SQL = load_statements(__file__, "removal.sql")
_NEXT = "SELECT p.revision + 1, (SELECT max(reference) FROM reference_sets) FROM published p"
_KEYS = ("number", "number_key", "uid", "card_guid", "previous")
_KEPT_OF_SOURCE = ("kind", "seen_on")
_HASH_BYTES = 16
TOUCHED = (
    "statements",
    "versions",
    "identifiers",
    "sightings",
    "revisions",
    "batches",
    "refused_rows",
    "idempotent_answers",
    "uid_links",
)
"""Tables of which a removal changes rows: what they held is to be overwritten."""


@dataclass(frozen=True, slots=True)
class Removal:
    """What a removal did; `revision` is None where there was nothing left to remove.

    `related` are the cases by which the person may still be found: of the same UID, or duplicates of this one.
    """

    case_id: UUID
    revision: int | None
    identifiers: int
    related: tuple[UUID, ...]


async def remove(
    database: Database,
    case_id: UUID,
    *,
    key: bytes,
    author: str,
    reason: str | None = None,
    writer_wait_s: float = 30.0,
) -> Removal:
    """Remove the personal data of one case, in one transaction.

    Errors  NotFound; Unavailable while another writer does not end within `writer_wait_s`, or for another key
    """
    async with database.owner() as connection, connection.transaction():
        try:
            await take_turn(connection, wait_s=writer_wait_s)
        except asyncpg.LockNotAvailableError as error:
            detail = "Another change of the record is running; try again in a minute."
            raise Unavailable(detail, headers={"Retry-After": "60"}) from error
        case = await connection.fetchrow(_SQL["case"], case_id)
        if case is None:
            raise NotFound(f"There is no case {show_id(case_id)}.")
        await load_removed(connection, key)
        return await _Removing(connection, case, key).perform(author, reason)


class _Removing:
    """One removal on its way through the transaction."""

    def __init__(self, connection: Connection, case: Mapping[str, Any], key: bytes) -> None:
        self.connection = connection
        self.case = case
        self.key = key
        self.of = (case["court"], case["case_id"])
        self.uids: dict[str | None, str | None] = {}  # to their stand-ins
        self.kin_numbers: list[str] = []

    async def perform(self, author: str, reason: str | None) -> Removal:
        statements = await self.connection.fetch(_SQL["statements"], *self.of)
        known = await self._known(statements)
        related = await self._look_at_kin({one.key for one in known if one.kind == "uid"})
        bodies = {(row["layer"], row["revision"]): self._cleared(row["body"]) for row in statements}
        is_clear = all(bodies[row["layer"], row["revision"]] == row["body"] for row in statements)
        if is_clear and not known and self.case["removed_in"]:
            return Removal(self.case["case_id"], None, 0, related)
        revision, reference = tuple(await self.connection.fetchrow(_NEXT))
        await keep_removed(self.connection, self.key, known, revision)
        await self._clear_statements(bodies)
        await self._clear_versions(statements, bodies)
        for name in ("clear_identifiers", "clear_sightings", "clear_notes"):
            await self.connection.execute(_SQL[name], *self.of)
        await self._clear_receipts(known)
        await self.connection.execute(_SQL["unlink"])
        await self._publish(revision, reference, author, reason)
        return Removal(self.case["case_id"], revision, len(known), related)

    async def _known(self, statements: Iterable[Mapping[str, Any]]) -> frozenset[Known]:
        """All that the case was ever known by."""
        place = (self.case["court"], self.case["instance"])
        found = {Known(*place, i["kind"], i["key"]) for i in await self.connection.fetch(_SQL["identifiers"], *self.of)}
        for body in (statement["body"] for statement in statements):
            numbers = [body.get("number_key"), *(key for _, key in body.get("previous", ()))]
            found |= {Known(*place, "number", number) for number in numbers if number}
            found |= {Known(*place, "guid", body["card_guid"])} if body.get("card_guid") else set()
            found |= {uid_of(body["uid"])} if body.get("uid") and not is_stand_in(body["uid"]) else set()
        return frozenset(found)

    async def _look_at_kin(self, uids: Collection[str]) -> tuple[UUID, ...]:
        """Find stand-ins for the UIDs, where other cases have them; returns the cases that should be removed too."""
        kin = await self.connection.fetch(_SQL["kin"], list(uids), self.case["case_id"])
        self.kin_numbers = [row["number"] for row in kin if row["number"] and row["court"] == self.case["court"]]
        for uid in uids:
            token = stand_in_for_uid(str(uuid4()))
            self.uids[uid] = await self.connection.fetchval(_SQL["link"], uid, token) if kin else None
        duplicates = await self.connection.fetch(_SQL["related"], self.case["case_id"])
        named = {row["case_id"] for row in kin if row["uid"] in uids} | {row["case_id"] for row in duplicates}
        return tuple(sorted(named))

    def _cleared(self, body: Body) -> Body:
        """A statement without what the case is known by, its links and notes."""
        kept = {name: value for name, value in body.items() if name not in (*_KEYS, "sources", "note")}
        uid, number = body.get("uid"), body.get("number")
        if stand_in := uid if is_stand_in(uid) else self.uids.get(uid):
            kept["uid"] = stand_in
        if is_stand_in(number):
            kept["number"] = number
        elif number and self.kin_numbers:
            kept["number"] = stand_in_for_number(number, self.kin_numbers)
        sources = [{name: s[name] for name in _KEPT_OF_SOURCE if name in s} for s in body.get("sources", ())]
        return {**kept, "sources": sources} if sources else kept

    async def _clear_statements(self, bodies: Mapping[tuple[str, int], Body]) -> None:
        rows = [(*self.of, *which, body, os.urandom(_HASH_BYTES)) for which, body in bodies.items()]
        await self.connection.executemany(_SQL["clear_statement"], rows)

    async def _clear_versions(
        self, statements: Iterable[Mapping[str, Any]], bodies: Mapping[tuple[str, int], Body]
    ) -> None:
        """Work every version out of the cleared statements that stood when it was made, by the rules of then."""
        cleared = []
        for version in await self.connection.fetch(_SQL["versions"], *self.of):
            at = version["revision"]
            live = {
                s["layer"]: bodies[s["layer"], s["revision"]]
                for s in statements
                if s["revision"] <= at and (s["superseded_in"] is None or s["superseded_in"] > at)
            }
            gravity = await gravity_of(self.connection, version["reference"])
            resolve = DEFINITIONS[version["definition"]].resolve
            effective = resolve(live.get("court_card"), live.get("newsroom"), gravity)
            cleared.append((*self.of, at, effective.number, effective.uid, effective.sources, effective.content_hash()))
        await self.connection.executemany(_SQL["clear_version"], cleared)

    async def _clear_receipts(self, known: Collection[Known]) -> None:
        """Leave of refused rows about the case only where they stood and what was wrong."""
        for batch_id, receipt in await self.connection.fetch(_SQL["receipts"]):
            refused = [forget(row, known) for row in receipt["refused"]]
            if refused != receipt["refused"]:
                await self.connection.execute(_SQL["clear_receipt"], batch_id, {**receipt, "refused": refused})
        for *place, identifiers in await self.connection.fetch(_SQL["refused_rows"], self.case["court"]):
            if forget(identifiers, known) != identifiers:
                await self.connection.execute(_SQL["clear_refused_row"], *place, {})
        for *place, body in await self.connection.fetch(_SQL["answers"]):
            answer = orjson.loads(body)
            cleared = self._cleared_answer(answer, known)
            if cleared != answer:
                await self.connection.execute(_SQL["clear_answer"], *place, dump(cleared))

    def _cleared_answer(self, answer: dict[str, Any], known: Collection[Known]) -> dict[str, Any]:
        """An answer to a batch without identifiers in its refused rows, or one to an act without those of the case."""
        if "case" not in answer:
            return {**answer, "refused": [forget(row, known) for row in answer["refused"]]}
        if answer["case"]["id"] != show_id(self.case["case_id"]):
            return answer
        return {**answer, "case": {**answer["case"], "identifiers": [], "sources": []}}

    async def _publish(self, revision: int, reference: int, author: str, reason: str | None) -> None:
        """A version that says the same without the identifiers: no entry of the ledger moves."""
        await self.connection.execute(STAGE)
        for name in ("stage_version", "stage_defendants", "stage_charges"):
            await self.connection.execute(_SQL[name], *self.of, revision)
        posted = await post(self.connection, revision, reference, cause=Cause.REMOVED)
        assert posted["ledger"] == 0, "a removal moves no number"
        await write_versions(self.connection, revision)
        await publish(
            self.connection,
            NewRevision(
                revision=revision,
                batch_id=None,
                cause=Cause.REMOVED,
                source="curators",
                layer=None,
                layout=None,
                author=author,
                seen_on=None,
                published_at=None,
                is_synthetic=self.case["is_synthetic"],
                counts={"removed": 1},
                rows_written=posted,
                reference=reference,
                definition=current(),
                note=reason,
            ),
        )


def forget(row: dict[str, Any], known: Collection[Known]) -> dict[str, Any]:
    """A refused row without identifiers, where one of them is among those known."""
    if not any(one in known for one in keys_of_refused(row)):
        return row
    return {name: value for name, value in row.items() if name not in ("number", "uid", "card_guid", "court")}


def keys_of_refused(row: Mapping[str, Any]) -> list[Known]:
    """What the identifiers of a refused row may mean: its instance is not known."""
    number, uid = parse_case_number(row.get("number") or ""), normalise_uid(row.get("uid") or "")
    pairs = [("number", number.key if number else None), ("guid", row.get("card_guid"))]
    numbers = [("number", earlier.key) for earlier in number.previous] if number else []
    at_court = [
        Known(row.get("court") or "", instance, kind, key)
        for kind, key in (*pairs, *numbers)
        for instance in CODELISTS["instance"].ids
        if key
    ]
    return at_court + ([uid_of(uid)] if uid else [])
