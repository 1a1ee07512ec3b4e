"""Courts, offences and revisions as of a revision; whether the record can be read."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from app.db.database import Connection, load_statements
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
from app.records.revisions import State
from app.table import Column

_SQL = load_statements(__file__, "reading.sql")
_REFERENCE = "(SELECT r.reference FROM revisions r WHERE r.revision = $1::int)"
Shown = dict[str, Any]


async def get_readiness(connection: Connection) -> tuple[int | None, str | None]:
    """The published revision and the database's migration; None for what is not there.

    Errors  asyncpg.UndefinedTableError in a database that was never migrated
    """
    row = await connection.fetchrow(_SQL["readiness"])
    return row["revision"], row["migration"]


# ── Courts ─────────────────────────────────────────────────────────────────────────────────────

_CODE = SortColumn('k.code COLLATE "C"', "text")
COURTS = Listing(
    select="k.*",
    source="courts k",
    where=f"k.reference = {_REFERENCE}",
    id=_CODE,
    columns={"code": _CODE, "region": SortColumn('k.region COLLATE "C"', "text")},
    filters={
        "code": Filter("k.code"),
        "court_level": Filter("k.level"),
        "region": Filter("k.region"),
        "district": Filter("coalesce(k.district, 'unknown')"),
    },
)
COURT_COLUMNS = (
    Column("code", codelist="court"),
    Column("name_en"),
    Column("name_ru"),
    Column("level", codelist="court_level"),
    Column("is_fleet", "boolean"),
    Column("region", codelist="region"),
    Column("region_name_en"),
    Column("region_name_ru"),
    Column("region_iso"),
    Column("district", codelist="court"),
    Column("subdomain"),
    Column("first_record_on", "day"),
    Column("last_record_on", "day"),
    Column("last_looked_on", "day", caption="Last day on which a source is known to have looked"),
    Column("coverage", caption="Days looked at, first/last of each window, joined by |"),
)
_WINDOW_FIELDS = ("starts_on", "ends_on", "source", "promised", "received", "is_whole", "seen_on")
_COURT_FIELDS = tuple(c.id for c in COURT_COLUMNS[:11])


async def find_courts(connection: Connection, wanted: Wanted, state: State) -> Page:
    """Courts of the reference that the revision was made with, each with what is held of it."""
    rows, last, has_more = await find_rows(connection, COURTS, wanted, state.revision)
    codes = [row["code"] for row in rows]
    days = {row["court"]: row for row in await connection.fetch(_SQL["court_days"], state.revision, codes)}
    windows: defaultdict[str, list[Shown]] = defaultdict(list)
    for row in await connection.fetch(_SQL["court_coverage"], state.revision, codes):
        windows[row["court"]].append({name: row[name] for name in _WINDOW_FIELDS})
    return Page(tuple(_court(row, days.get(row["code"]), windows[row["code"]]) for row in rows), has_more, last)


def _court(row: asyncpg.Record, days: asyncpg.Record | None, windows: Sequence[Shown]) -> Shown:
    return {
        **{name: row[name] for name in _COURT_FIELDS},
        "first_record_on": days and days["first_on"],
        "last_record_on": days and days["last_on"],
        "last_looked_on": max((window["seen_on"] for window in windows if window["seen_on"]), default=None),
        "coverage": list(windows),
    }


def flatten_court(court: Mapping[str, Any]) -> tuple[tuple[Any, ...], ...]:
    """The one row of a court under `COURT_COLUMNS`."""
    windows = "|".join(f"{window['starts_on']}/{window['ends_on']}" for window in court["coverage"])
    flat = {**court, "coverage": windows or None}
    return (tuple(flat[column.id] for column in COURT_COLUMNS),)


# ── Offences ───────────────────────────────────────────────────────────────────────────────────

_OFFENCE = SortColumn('o.code COLLATE "C"', "text")
OFFENCES = Listing(
    select="o.*",
    source="offences o",
    where=f"o.reference = {_REFERENCE}",
    id=_OFFENCE,
    columns={"code": _OFFENCE, "max_months": SortColumn("o.max_months", "int4", is_nullable=True)},
    filters={
        "code": Filter("o.code"),
        "article": Filter("o.article"),
        "offence_group": Filter("o.offence_group"),
        "is_wartime": Filter("o.is_wartime", "bool"),
    },
)
OFFENCE_COLUMNS = (
    Column("code", codelist="offence"),
    Column("article"),
    Column("part"),
    Column("title_en"),
    Column("title_ru"),
    Column("offence_group"),
    Column("is_wartime", "boolean"),
    Column("min_months", "integer", unit="month"),
    Column("max_months", "integer", unit="month"),
    Column("other_penalties"),
    Column("in_force_from", "day"),
    Column("in_force_to", "day"),
    Column("basis"),
    Column("confidence"),
)


async def find_offences(connection: Connection, wanted: Wanted, state: State) -> Page:
    """Articles and parts of the reference that the revision was made with."""
    rows, last, has_more = await find_rows(connection, OFFENCES, wanted, state.revision)
    return Page(tuple({c.id: row[c.id] for c in OFFENCE_COLUMNS} for row in rows), has_more, last)


# ── Revisions ──────────────────────────────────────────────────────────────────────────────────

_REVISION = SortColumn("r.revision", "int4")
REVISIONS = Listing(
    select="r.*",
    source="revisions r",
    where="r.revision <= $1::int",
    id=_REVISION,
    columns={"revision": _REVISION, "published_at": SortColumn("r.published_at", "timestamptz")},
    filters={
        "revision": Filter("r.revision", "int4"),
        "cause": Filter("r.cause"),
        "source": Filter("r.source"),
        "layer": Filter("r.layer"),
        "published_at": Filter("r.published_at", "timestamptz"),
    },
)
REVISION_COLUMNS = (
    Column("revision", "integer"),
    Column("published_at", "instant"),
    Column("recorded_at", "instant"),
    Column("cause"),
    Column("source"),
    Column("layer", codelist="layer"),
    Column("layout"),
    Column("author"),
    Column("synthetic", "boolean"),
    Column("backdated", "boolean"),
    Column("counts", "json"),
)
_REVISION_FIELDS = {"synthetic": "is_synthetic", "backdated": "is_backdated"}


async def find_revisions(connection: Connection, wanted: Wanted, state: State) -> Page:
    """Revisions up to the one asked for."""
    rows, last, has_more = await find_rows(connection, REVISIONS, wanted, state.revision)
    names = [(c.id, _REVISION_FIELDS.get(c.id, c.id)) for c in REVISION_COLUMNS]
    return Page(tuple({shown: row[held] for shown, held in names} for row in rows), has_more, last)


@dataclass(frozen=True, slots=True)
class Counter:
    """Counts the results of one list."""

    of: Listing

    async def __call__(self, connection: Connection, conditions: Sequence[Condition], state: State) -> Total:
        """How many results meet the conditions."""
        return await count_rows(connection, self.of, conditions, state.revision)


def flat_under(columns: tuple[Column, ...]) -> Callable[[Mapping[str, Any]], tuple[tuple[Any, ...], ...]]:
    """How a result becomes its one row, where each column is a field."""
    return lambda result: (tuple(result[column.id] for column in columns),)
