"""Cases as of a revision: lists, and one case."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import asyncpg

from app.db.database import Connection, load_statements
from app.db.turns import RESULT_ROWS, aside
from app.records.denials import Denials, find_denials
from app.records.ids import show_id
from app.records.listing import (
    Condition,
    Filter,
    Listing,
    Page,
    SortColumn,
    Total,
    Wanted,
    count_rows,
    find_rows,
)
from app.records.persons import read_persons
from app.records.removals import is_stand_in
from app.records.revisions import State
from app.records.uid import has_check_digits

_SQL = load_statements(__file__, "reading.sql")
Shown = dict[str, Any]
_Key = tuple[str, UUID, int]

_LIVE = "{0}.revision <= $1::int AND ({0}.superseded_in IS NULL OR {0}.superseded_in > $1::int)"
_REFERENCE = "(SELECT r.reference FROM revisions r WHERE r.revision = $1::int)"
_OF_VERSION = "{0}.court = v.court AND {0}.case_id = v.case_id AND {0}.revision = v.revision"
_KNOWN_BY = (
    "EXISTS (SELECT 1 FROM identifiers i WHERE i.court = v.court AND i.case_id = v.case_id"
    f" AND {_LIVE.format('i')} AND i.kind = '{{kind}}' AND {{{{test}}}})"
)
_AT_COURT = f"v.court IN (SELECT k.code FROM courts k WHERE k.reference = {_REFERENCE} AND {{test}})"
# An article alone means all its parts and itself without a part, never `337.1` and the like.
_CHARGED = (
    f"EXISTS (SELECT 1 FROM charges c WHERE {_OF_VERSION.format('c')} AND c.defendant = d.defendant"
    " AND (c.offence = ANY({value}::text[]) OR split_part(c.offence, ':', 1) = ANY({value}::text[])))"
)

CASES = Listing(
    select="v.*",
    source="versions v",
    # Said so that the planner, to whom no revision is known, takes it that most versions are of an earlier one: a plan
    # that seems to cost more without the values is made anew for each page.
    where="(v.revision > $1::int) IS NOT TRUE AND (v.superseded_in IS NULL OR v.superseded_in > $1::int)",
    id=SortColumn("v.case_id", "uuid"),
    columns={
        "received_on": SortColumn("v.received_on", "date", is_nullable=True),
        "decided_on": SortColumn("v.decided_on", "date", is_nullable=True),
        "in_force_on": SortColumn("v.in_force_on", "date", is_nullable=True),
        "number": SortColumn('v.number COLLATE "C"', "text", is_nullable=True),
        "court": SortColumn("v.court", "text"),
        "id": SortColumn("v.case_id", "uuid"),
    },
    filters={
        "court": Filter("v.court"),
        "instance": Filter("v.instance"),
        "number": Filter("i.key", within=_KNOWN_BY.format(kind="number")),
        "card_guid": Filter("i.key", within=_KNOWN_BY.format(kind="guid")),
        "uid": Filter("v.uid"),
        "received_on": Filter("v.received_on", "date"),
        "decided_on": Filter("v.decided_on", "date"),
        "in_force_on": Filter("v.in_force_on", "date"),
        "arrival": Filter("v.arrival"),
        "disposition": Filter("v.disposition"),
        "is_withdrawn": Filter("v.is_withdrawn", "bool"),
        "is_merged": Filter("(v.merged_into IS NOT NULL)", "bool"),
        "court_level": Filter("k.level", within=_AT_COURT),
        "region": Filter("k.region", within=_AT_COURT),
        "district": Filter("coalesce(k.district, 'unknown')", within=_AT_COURT),
        "service_status": Filter("d.service_status", level="person"),
        "person_disposition": Filter("d.disposition", level="person"),
        "sentence_class": Filter("d.sentence_class", level="person"),
        "sentence_kind": Filter("d.sentence_kind", level="person"),
        "sentence_execution": Filter("d.sentence_execution", level="person"),
        "offence": Filter("c.offence", within=_CHARGED, level="charge"),
    },
    flat_rows="v.flat_rows",
    levels={"person": f"EXISTS (SELECT 1 FROM defendants d WHERE {_OF_VERSION.format('d')} AND {{test}})"},
)
WHOLE = frozenset((Condition("is_withdrawn", "eq", (False,)), Condition("is_merged", "eq", (False,))))
"""The conditions of a list that is asked for without any: neither withdrawn nor merged cases."""


async def find_cases(connection: Connection, wanted: Wanted, state: State) -> Page:
    """One page of cases as of a revision, each with its identifiers, defendants, charges and sentences."""
    rows, last, has_more = await find_rows(connection, CASES, wanted, state.revision)
    return Page(tuple(await show_versions(connection, rows, [state.revision] * len(rows))), has_more, last)


async def count_cases(connection: Connection, conditions: Sequence[Condition], state: State) -> Total:
    """How many cases meet some conditions; the whole list was counted when the revision was published."""
    if frozenset(conditions) == WHOLE:
        return Total(*await connection.fetchrow(_SQL["whole_list"], state.revision))
    return await count_rows(connection, CASES, conditions, state.revision)


async def get_case(connection: Connection, case_id: UUID, state: State) -> Shown | None:
    """One case as of a revision, with the other cases of its UID; None where there was none by then."""
    court = await get_court_of(connection, case_id, state)
    if court is None:
        return None
    row = await connection.fetchrow(
        f"SELECT v.* FROM versions v WHERE v.court = $2 AND v.case_id = $3 AND {_LIVE.format('v')}",
        state.revision,
        court,
        case_id,
    )
    if row is None:
        return None
    (case,) = await show_versions(connection, [row], [state.revision])
    related = await connection.fetch(_SQL["related"], state.revision, row["uid"], case_id)
    return {**case, "related": [{**other, "id": show_id(other["id"])} for other in map(dict, related)]}


async def get_court_of(connection: Connection, case_id: UUID, state: State) -> str | None:
    """The court of a case that was held by a revision, or had been before; None of any other."""
    court: str | None = await connection.fetchval(_SQL["court_of_case"], case_id, state.revision)
    return court


async def show_versions(connection: Connection, rows: Sequence[asyncpg.Record], at: Sequence[int]) -> list[Shown]:
    """Rows of `versions` as cases, each with what it was known by at its revision of `at`."""
    if not rows:
        return []
    courts, ids = ([row[name] for row in rows] for name in ("court", "case_id"))
    identifiers = await connection.fetch(_SQL["identifiers"], courts, ids, list(at))
    denied = await find_denials(connection, courts, ids, list(at))

    def show() -> list[Shown]:
        known_by: defaultdict[_Key, list[asyncpg.Record]] = defaultdict(list)
        for one in identifiers:
            known_by[one["court"], one["case_id"], one["revision"]].append(one)
        keys = zip(courts, ids, at, strict=True)
        return [_show(row, known_by[then], denied[then]) for row, then in zip(rows, keys, strict=True)]

    return await aside(len(rows) * RESULT_ROWS, show)


async def get_survivor(connection: Connection, case_id: UUID, state: State) -> UUID | None:
    """Where the merges of a case lead as of a revision; None for a case that was not merged by then, or not there."""
    led: UUID | None = await connection.fetchval(_SQL["survivor"], state.revision, case_id)
    return led


def _show(row: asyncpg.Record, known_by: Sequence[asyncpg.Record], denied: Denials) -> Shown:
    return {
        "id": show_id(row["case_id"]),
        "version": row["version"],
        "revision": row["revision"],
        "court": row["court"],
        "instance": row["instance"],
        "identifiers": _identifiers(row, known_by),
        "received_on": row["received_on"],
        "arrival": row["arrival"],
        "decided_on": row["decided_on"],
        "disposition": row["disposition"],
        "in_force_on": row["in_force_on"],
        "is_withdrawn": row["is_withdrawn"],
        "merged_into": row["merged_into"] and show_id(row["merged_into"]),
        "deny": denied.get(None, []),
        "defendants": read_persons(row["persons"], denied),
        "layers": row["layers"],
        "conflicts": len(row["conflicts"]),
        "sources": row["sources"],
    }


_TYPES = {"number": "case_number", "uid": "uid", "guid": "card_guid"}


def _identifiers(row: asyncpg.Record, known_by: Sequence[asyncpg.Record]) -> list[Shown]:
    """Identifiers by type, the current one of each first; of several cards the one learnt last is current."""
    last_guid = next((i["value"] for i in reversed(known_by) if i["kind"] == "guid"), None)
    current = {"number": row["number"], "uid": row["uid"], "guid": last_guid}
    # What a version says of itself need not be a key that was learnt: its UID never is.
    own = [(kind, value) for kind, value in current.items() if value is not None and not is_stand_in(value)]
    known = dict.fromkeys((*own, *((i["kind"], i["value"]) for i in known_by)))
    order = list(_TYPES)
    shown = sorted(known, key=lambda key: (order.index(key[0]), key[1] != current[key[0]]))
    return [_identifier(kind, value, is_current=value == current[kind]) for kind, value in shown]


def _identifier(kind: str, value: str, *, is_current: bool) -> Shown:
    identifier = {"type": _TYPES[kind], "value": value, "current": is_current}
    return {**identifier, "check_digits": has_check_digits(value)} if kind == "uid" else identifier
