"""The feed: which case each revision touched, how, and what moved; of all cases, of one, or of one revision."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import asyncpg

from app.db.database import Connection, load_statements
from app.db.turns import RESULT_ROWS, aside
from app.records.cases import show_versions
from app.records.history import differences
from app.records.ids import show_id
from app.records.listing import Filter, Listing, Page, SortColumn, Wanted, find_rows
from app.records.revisions import State
from app.table import Column

_SQL = load_statements(__file__, "changes.sql")
Shown = dict[str, Any]
_Key = tuple[str, Any, int]
_CHANGE = (
    "CASE WHEN r.cause IN ('removed', 'undone') THEN r.cause"
    " WHEN b.revision IS NULL THEN 'created'"
    " WHEN c.is_withdrawn AND NOT b.is_withdrawn THEN 'withdrawn'"
    " WHEN c.merged_into IS NOT NULL AND b.merged_into IS NULL THEN 'merged'"
    " WHEN b.is_withdrawn AND NOT c.is_withdrawn OR b.merged_into IS NOT NULL AND c.merged_into IS NULL THEN 'restored'"
    " ELSE 'changed' END"
)
_REVISION = SortColumn("c.revision", "int4")
CHANGES = Listing(
    select=f"c.court, c.case_id, c.revision, c.version, b.revision AS before, {_CHANGE} AS change, r.published_at,"
    " r.cause, r.source, r.layer, r.author, r.note",
    source="versions c JOIN revisions r ON r.revision = c.revision"
    " LEFT JOIN versions b ON b.court = c.court AND b.case_id = c.case_id AND b.superseded_in = c.revision",
    where="c.revision <= $1::int",
    id=SortColumn("c.case_id", "uuid"),
    columns={"revision": _REVISION},
    filters={
        "revision": Filter("c.revision", "int4"),
        "after_revision": Filter("c.revision", "int4", within="c.revision > ({value}::int4[])[1]"),
        "updated_after": Filter(
            "r.published_at",
            "timestamptz",
            # By number, so that an index answers it: published_at never falls from one revision to the next.
            within="c.revision > (SELECT coalesce(max(s.revision), 0) FROM revisions s"
            " WHERE s.published_at <= ({value}::timestamptz[])[1])",
        ),
        "case": Filter("c.case_id", "uuid"),
        "court": Filter("c.court"),
        "change": Filter(_CHANGE),
        "cause": Filter("r.cause"),
        "source": Filter("r.source"),
        "layer": Filter("r.layer"),
    },
)
CHANGE_COLUMNS = (
    Column("revision", "integer"),
    Column("published_at", "instant"),
    Column("id", caption="Id of the case"),
    Column("court", codelist="court"),
    Column("version", "integer"),
    Column("change", codelist="change"),
    Column("cause"),
    Column("causes", caption="Causes of what moved in the statistics, joined by |"),
    Column("source"),
    Column("layer", codelist="layer"),
    Column("author"),
    Column("note"),
    Column("differences", "json"),
)


async def find_changes(connection: Connection, wanted: Wanted, state: State) -> Page:
    """One page of changes, each with the differences to the version before."""
    rows, last, has_more = await find_rows(connection, CHANGES, wanted, state.revision)
    versions = await _versions(connection, rows)
    causes = await _causes(connection, rows, versions)
    shown = await aside(
        len(rows) * RESULT_ROWS, lambda: tuple(_show(row, versions, causes[_after(row)]) for row in rows)
    )
    return Page(shown, has_more, last)


def flatten_change(change: Mapping[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """The one row of a change under `CHANGE_COLUMNS`."""
    flat = {**change, "causes": "|".join(change["causes"]) or None}
    return (tuple(flat[column.id] for column in CHANGE_COLUMNS),)


def _after(row: asyncpg.Record) -> _Key:
    return row["court"], row["case_id"], row["revision"]


def _before(row: asyncpg.Record) -> _Key | None:
    return None if row["before"] is None else (row["court"], row["case_id"], row["before"])


async def _versions(connection: Connection, rows: Sequence[asyncpg.Record]) -> dict[_Key, Shown]:
    """The versions on both sides of some changes, as shown when they were made."""
    keys = {key for row in rows for key in (_before(row), _after(row)) if key}
    if not keys:
        return {}
    courts, ids, revisions = (list(parts) for parts in zip(*sorted(keys), strict=True))
    held = await connection.fetch(_SQL["versions"], courts, ids, revisions)
    shown = await show_versions(connection, held, [row["revision"] for row in held])
    return {_after(row): case for row, case in zip(held, shown, strict=True)}


async def _causes(
    connection: Connection, rows: Sequence[asyncpg.Record], versions: dict[_Key, Shown]
) -> defaultdict[_Key, list[str]]:
    """Causes of the ledger's entries of some changes. Entries are found by court and day, which have an index."""
    asked = [
        (*_after(row), day)
        for row in rows
        for day in _days(versions[_after(row)]) | _days(versions[_before(row) or _after(row)])
    ]
    causes: defaultdict[_Key, list[str]] = defaultdict(list)
    if asked:
        columns = [list(column) for column in zip(*asked, strict=True)]
        for name in ("causes", "undated_causes"):
            for row in await connection.fetch(_SQL[name], *columns):
                if row["cause"] not in causes[_after(row)]:
                    causes[_after(row)].append(row["cause"])
    return causes


def _days(case: Shown) -> set[date | None]:
    """The days on which a version has events; None where it has one without a day."""
    people = case["defendants"]
    return {case["received_on"], case["decided_on"], *(person["decided_on"] for person in people)}


def _show(row: asyncpg.Record, versions: dict[_Key, Shown], causes: list[str]) -> Shown:
    before = _before(row)
    return {
        "revision": row["revision"],
        "published_at": row["published_at"],
        "id": show_id(row["case_id"]),
        "court": row["court"],
        "version": row["version"],
        "change": row["change"],
        "cause": row["cause"],
        "causes": sorted(causes),
        "source": row["source"],
        "layer": row["layer"],
        "author": row["author"],
        "note": row["note"],
        "differences": differences(versions[before] if before else None, versions[_after(row)]),
    }
