"""Conflicts as of a revision: where card and newsroom disagree, changed defendants, pairs of cases that may be one.

A conflict is known by its case and a tag, which is made of what it is about: kind, field and both values, or the
other case. So it keeps its id while it stands, and is another one once a value moves.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import asyncpg

from app.db.database import Connection, load_statements
from app.records.ids import PREFIX, read_id, show_id
from app.records.listing import Condition, Filter, Listing, Order, Page, SortColumn, Wanted, find_rows
from app.records.revisions import State
from app.table import Column

_SQL = load_statements(__file__, "conflicts.sql")
_LIVE = "{0}.revision <= $1::int AND ({0}.superseded_in IS NULL OR {0}.superseded_in > $1::int)"
_DIGITS = 12
_TAG = f"substr(encode(sha256(convert_to({{0}}, 'UTF8')), 'hex'), 1, {_DIGITS})"
_TAG_OF_FIELD = _TAG.format("c.value::text")  # jsonb has one spelling
_TAG_OF_PAIR = _TAG.format("p.other_id::text")
KINDS = ("values_differ", "denied", "defendants_changed", "possible_duplicate")
CONFLICT_PREFIX = "cf_"
Shown = dict[str, Any]
_Key = tuple[UUID, str]

CONFLICTS = Listing(
    select="f.*",
    source=_SQL["open"].format(
        tag=_TAG_OF_FIELD, pair_tag=_TAG_OF_PAIR, live_v=_LIVE.format("v"), live_o=_LIVE.format("o")
    ),
    where="NOT EXISTS (SELECT 1 FROM conflict_resolutions s WHERE s.court = f.court AND s.case_id = f.case_id"
    f" AND s.tag = f.tag AND {_LIVE.format('s')})",
    id=SortColumn('f.tag COLLATE "C"', "text"),
    columns={"case": SortColumn("f.case_id", "uuid")},
    filters={
        "kind": Filter("f.kind"),
        "court": Filter("f.court"),
        "case": Filter(
            "f.case_id", "uuid", within="(f.case_id = ANY({value}::uuid[]) OR f.other_id = ANY({value}::uuid[]))"
        ),
        "of": Filter("f.case_id", "uuid"),  # the case that the id of a conflict is made of
        "tag": Filter("f.tag"),
        "received_on": Filter("f.received_on", "date"),
    },
)
CONFLICT_COLUMNS = (
    Column("id", caption="Id of the conflict"),
    Column("kind", codelist="conflict_kind"),
    Column("court", codelist="court"),
    Column("case", caption="Id of the case"),
    Column("other", caption="Id of the case that may be the same"),
    Column("field"),
    Column("court_card.value", "json"),
    Column("court_card.seen_on", "day"),
    Column("newsroom.value", "json"),
    Column("newsroom.seen_on", "day"),
    Column("reasons", caption="Why two cases may be one, joined by |"),
    Column("since", "integer", caption="Revision from which on it stands"),
)


def show_conflict_id(case_id: UUID, tag: str) -> str:
    """The id of a conflict as callers see it."""
    return CONFLICT_PREFIX + show_id(case_id).removeprefix(PREFIX) + tag.upper()


def read_conflict_id(text: str) -> _Key | None:
    """The case and the tag of a shown id; None where it is none."""
    body, tag = text.removeprefix(CONFLICT_PREFIX)[:-_DIGITS], text[-_DIGITS:]
    case_id = read_id(PREFIX + body) if text.startswith(CONFLICT_PREFIX) else None
    is_tag = len(tag) == _DIGITS and all(digit in "0123456789ABCDEF" for digit in tag)
    return (case_id, tag.lower()) if case_id and is_tag else None


async def find_conflicts(connection: Connection, wanted: Wanted, state: State) -> Page:
    """One page of open conflicts, each with what both layers say, and where and when that was seen."""
    rows, last, has_more = await find_rows(connection, CONFLICTS, wanted, state.revision)
    said = await _said(connection, rows, state)
    since = await _since(connection, rows, state)
    return Page(tuple(_show(row, said, since) for row in rows), has_more, last)


async def get_conflict(connection: Connection, conflict: _Key, state: State) -> Shown | None:
    """One open conflict, by its case and tag; None where there is none, or it is settled."""
    case_id, tag = conflict
    conditions = (Condition("of", "eq", (case_id,)), Condition("tag", "eq", (tag,)))
    page = await find_conflicts(connection, Wanted(conditions, Order("case"), limit=1), state)
    return page.rows[0] if page.rows else None


def flatten_conflict(conflict: Mapping[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """The one row of a conflict under `CONFLICT_COLUMNS`."""
    sides = {
        f"{side}.{name}": (conflict[side] or {}).get(name)
        for side in ("court_card", "newsroom")
        for name in ("value", "seen_on")
    }
    flat = {**conflict, **sides, "reasons": "|".join(conflict["reasons"]) or None}
    return (tuple(flat[column.id] for column in CONFLICT_COLUMNS),)


async def _said(connection: Connection, rows: Sequence[asyncpg.Record], state: State) -> dict[tuple[UUID, str], Any]:
    """The statements behind some conflicts, by case and layer."""
    cases = {(row["case_id"], row["court"]) for row in rows if row["other_id"] is None}
    courts, ids = [court for _, court in cases], [case_id for case_id, _ in cases]
    found = await connection.fetch(_SQL["statements"], state.revision, courts, ids) if cases else []
    return {(row["case_id"], row["layer"]): row for row in found}


async def _since(connection: Connection, rows: Sequence[asyncpg.Record], state: State) -> dict[_Key, int]:
    keys = [(row["court"], row["case_id"], row["tag"]) for row in rows if row["other_id"] is None]
    if not keys:
        return {}
    columns = [list(column) for column in zip(*keys, strict=True)]
    found = await connection.fetch(_SQL["since"].format(tag=_TAG_OF_FIELD), state.revision, *columns)
    return {(row["case_id"], row["tag"]): row["since"] for row in found}


def _show(row: asyncpg.Record, said: Mapping[tuple[UUID, str], Any], since: Mapping[_Key, int]) -> Shown:
    case_id, tag = row["case_id"], row["tag"]
    return {
        "id": show_conflict_id(case_id, tag),
        "kind": row["kind"],
        "court": row["court"],
        "case": show_id(case_id),
        "other": row["other_id"] and show_id(row["other_id"]),
        "field": row["field"],
        "court_card": _side(row, "court_card", said.get((case_id, "court_card"))),
        "newsroom": _side(row, "newsroom", said.get((case_id, "newsroom"))),
        "reasons": row["reasons"] or [],
        "since": since.get((case_id, tag), row["revision"]),
    }


def _side(row: asyncpg.Record, layer: str, statement: asyncpg.Record | None) -> Shown | None:
    """What a layer says, with the statement it stands in; None where it has said nothing of the case."""
    if statement is None:
        return None
    return {
        "value": row[layer],
        "seen_on": statement["seen_on"],
        "revision": statement["revision"],
        "sources": statement["sources"] or [],
    }
