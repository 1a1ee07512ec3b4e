"""Lists by keyset: the rows under some conditions in a total order, a page at a time.

The order is one column, nulls last in both directions, and the id as tie-break. So the rows with a value come first,
then those without, and each of the two parts is one row-wise comparison that an index can answer.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Literal
from uuid import UUID

import asyncpg

from app.db.database import Connection

Operator = Literal["eq", "ne", "gte", "gt", "lte", "lt", "isnull"]
Level = Literal["row", "person", "charge"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One test of one field; `eq` and `ne` take several values (any of them, none of them), others one."""

    field: str
    operator: Operator
    values: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Order:
    """The column that a list is sorted by."""

    column: str
    is_descending: bool = False


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the last row's value in the column of the order (None: among the nulls), and its id."""

    value: Any
    id: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """One page of a list. `after` is where the page before ended."""

    conditions: tuple[Condition, ...]
    order: Order
    limit: int
    after: Position | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as objects, in order; `last` is where they end, None for an empty page."""

    rows: tuple[dict[str, Any], ...]
    has_more: bool
    last: Position | None


@dataclass(frozen=True, slots=True)
class WrittenPage:
    """The same, of which Postgres has made the text: its rows with commas between, in UTF-8.

    `removed_in` as of the snapshot that was read.
    """

    text: bytes
    has_more: bool
    last: Position | None
    removed_in: int


@dataclass(frozen=True, slots=True)
class Written:
    """How Postgres writes a row: as a text, made from the page, which is `v`, and what is joined to it.

    Where the text has ID_MARK, the id of the row goes, as `spell` has it for the ids of many rows, 16 bytes each.
    """

    text: str
    joins: str
    spell: Callable[[bytes], Sequence[bytes]]


@dataclass(frozen=True, slots=True)
class SortColumn:
    """A column that a list can be sorted by."""

    sql: str
    type: str
    is_nullable: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Something a list can be filtered by: an expression, its type, and the condition that the test stands in."""

    sql: str
    type: str = "text"
    within: str = "{test}"
    level: Level = "row"


@dataclass(frozen=True, slots=True, eq=False)
class Listing:
    """A list in SQL. `source` is FROM with its aliases, `where` what always holds; both may use $1.

    `flat_rows` is how many rows of the flat shape a row has.
    """

    select: str
    source: str
    where: str
    id: SortColumn
    columns: Mapping[str, SortColumn]
    filters: Mapping[str, Filter]
    levels: Mapping[Level, str] = field(default_factory=dict)
    flat_rows: str = "1"


@dataclass(frozen=True, slots=True)
class Total:
    """How many results a list has, and how many rows in the flat shape."""

    results: int
    flat_rows: int


_TESTS: Mapping[Operator, str] = {
    "eq": "{sql} = ANY({value}::{type}[])",
    "ne": "({sql} <> ALL({value}::{type}[])) IS NOT FALSE",  # what is null is none of them
    "gte": "{sql} >= {value}::{type}",
    "gt": "{sql} > {value}::{type}",
    "lte": "{sql} <= {value}::{type}",
    "lt": "{sql} < {value}::{type}",
    "isnull": "({sql} IS NULL) = {value}::bool",
}
# Control characters, which no JSON holds.
_ROW_END = b"\x02"
_ID_MARK = b"\x01"
ID_MARK = f"chr({ord(_ID_MARK)})"
"""Where the id of a row goes in a text that Postgres makes: to spell it there takes ten times as long."""
_ID_BYTES = 16
REMOVED_IN = "(SELECT coalesce(max(x.revision), 0) FROM removals x)"
"""The last revision that removed personal data."""
_SEVERAL: tuple[Operator, ...] = ("eq", "ne")
_IMPLIED: Mapping[bool, tuple[Operator, ...]] = {False: ("gte", "gt"), True: ("lte", "lt")}
"""By whether an order is descending: tests of its column that whatever comes after a row of the list passes too."""


class Statement:
    """A WHERE clause in the making, and its arguments; $1 is given."""

    def __init__(self, listing: Listing, first: object, conditions: Sequence[Condition]) -> None:
        self.arguments: list[Any] = [first]
        tests: dict[Level, list[str]] = {"row": [], "person": [], "charge": []}
        for condition in conditions:
            entry = listing.filters[condition.field]
            tests[entry.level].append(self._test(entry, condition))
        if tests["charge"]:
            tests["person"].append(" AND ".join(tests["charge"]))
        if tests["person"]:
            tests["row"].append(listing.levels["person"].format(test=" AND ".join(tests["person"])))
        self.where = " AND ".join([listing.where, *tests["row"]])

    def bind(self, value: object) -> str:
        """The placeholder of one more argument."""
        self.arguments.append(value)
        return f"${len(self.arguments)}"

    def _test(self, entry: Filter, condition: Condition) -> str:
        if _is_written_out(entry, condition):
            return f"{entry.sql} IN ({', '.join(str(value).lower() for value in condition.values)})"
        value = self.bind(_bound(condition))
        operator = condition.operator
        # A charge-level "not" means: the person has no such charge, so the EXISTS is denied, not the test in it.
        is_denied = operator == "ne" and entry.level == "charge"
        test = _TESTS["eq" if is_denied else operator].format(sql=entry.sql, value=value, type=entry.type)
        whole = entry.within.format(test=test, value=value)
        return f"NOT {whole}" if is_denied else whole


async def find_rows(
    connection: Connection, listing: Listing, wanted: Wanted, first: object
) -> tuple[list[asyncpg.Record], Position | None, bool]:
    """Rows of one page, where it ends, and whether there are more."""
    rows: list[asyncpg.Record] = []
    missing = wanted.limit + 1
    for is_null in (False, True):
        if missing and _has_part(listing, wanted, is_null=is_null):
            part = replace(wanted, limit=missing)
            statement, arguments = _page(listing, part, first, is_null=is_null)
            rows += await connection.fetch(statement, *arguments)
            missing = wanted.limit + 1 - len(rows)
    page = rows[: wanted.limit]
    last = Position(page[-1]["sort_value"], page[-1]["sort_id"]) if page else None
    return page, last, len(rows) > wanted.limit


async def write_rows(
    connection: Connection, listing: Listing, wanted: Wanted, first: object, written: Written
) -> WrittenPage:
    """One page as text; ids are UUIDs."""
    texts: list[bytes] = []
    last: Position | None = None
    left, has_more, removed_in = wanted.limit, False, 0
    for is_null in (False, True):
        if not has_more and _has_part(listing, wanted, is_null=is_null):
            page, arguments = _page(listing, replace(wanted, limit=left + 1), first, is_null=is_null)
            sql = _written_sql(page, left, written, is_descending=wanted.order.is_descending)
            ((text, ids, value, removed_in),) = await connection.fetch(sql, *arguments)
            found = len(ids or b"") // _ID_BYTES
            has_more = found > left
            if has_more:  # of one more than there is room for only this much is told: that it is there
                text, ids = text.rpartition(_ROW_END)[0], ids[: left * _ID_BYTES]
            if taken := min(found, left):
                texts.append(_spelt(text, written.spell(ids)))
                last = Position(value, UUID(bytes=ids[-_ID_BYTES:]))
                left -= taken
    return WrittenPage(b",".join(texts), has_more, last, removed_in)


def _spelt(text: bytes, ids: Sequence[bytes]) -> bytes:
    """Rows with commas between, and their ids in them, if they show any."""
    parts = text.replace(_ROW_END, b",").split(_ID_MARK)
    if len(parts) == 1:
        return parts[0]
    pieces = [b""] * (2 * len(parts) - 1)
    pieces[::2], pieces[1::2] = parts, ids
    return b"".join(pieces)


async def count_rows(connection: Connection, listing: Listing, conditions: Sequence[Condition], first: object) -> Total:
    """How many rows a list has."""
    statement = Statement(listing, first, conditions)
    counted = f"count(*), coalesce(sum({listing.flat_rows}), 0)"
    (row,) = await connection.fetch(
        f"SELECT {counted} FROM {listing.source} WHERE {statement.where}", *statement.arguments
    )
    return Total(*row)


def whole_list(listing: Listing, wanted: Wanted, first: object) -> list[tuple[str, list[Any]]]:
    """Queries for all rows of a list, and their arguments: one after another they give it in its order."""
    parts = [is_null for is_null in (False, True) if _has_part(listing, wanted, is_null=is_null)]
    return [_ordered(listing, wanted, first, is_null=is_null) for is_null in parts]


def _has_part(listing: Listing, wanted: Wanted, *, is_null: bool) -> bool:
    if is_null:
        return listing.columns[wanted.order.column].is_nullable
    return wanted.after is None or wanted.after.value is not None


def _page(listing: Listing, wanted: Wanted, first: object, *, is_null: bool) -> tuple[str, list[Any]]:
    # The limit is written out: a plan that is made for any limit is not one for a page, and is made anew each time.
    sql, arguments = _ordered(listing, wanted, first, is_null=is_null)
    return f"{sql} LIMIT {int(wanted.limit)}", arguments


def _ordered(listing: Listing, wanted: Wanted, first: object, *, is_null: bool) -> tuple[str, list[Any]]:
    position = wanted.after if _is_after(wanted, is_null=is_null) else None
    implied = _IMPLIED[wanted.order.is_descending] if position is not None and not is_null else ()
    tests = [one for one in wanted.conditions if not (one.field == wanted.order.column and one.operator in implied)]
    bound = [one for one in tests if not _is_written_out(listing.filters[one.field], one)]
    shape = tuple(replace(one, values=(None,)) if one in bound else one for one in tests)
    sql = _ordered_sql(listing, shape, wanted.order, is_after=position is not None, is_null=is_null)
    arguments = [first, *map(_bound, bound)]
    if position is not None:
        arguments += [position.id] if is_null else [position.id, position.value]
    return sql, arguments


def _is_written_out(entry: Filter, condition: Condition) -> bool:
    """Whether values stand in the statement: of truths there are few sets, and what they leave is told by statistics.

    What is bound the planner has to guess; where it guesses otherwise than with the values at hand, it plans anew for
    each page, which takes half as long as the page.
    """
    return entry.type == "bool" and condition.operator == "eq"


def _bound(condition: Condition) -> Any:
    return list(condition.values) if condition.operator in _SEVERAL else condition.values[0]


@lru_cache(256)
def _written_sql(page: str, limit: int, written: Written, *, is_descending: bool) -> str:
    """A page, which has room for one row more than `limit`, as one text, with ids, where it ends, and removals."""
    direction = "DESC" if is_descending else "ASC"
    in_order = f"ORDER BY sort_value {direction}, sort_id {direction}"
    return (
        f"SELECT convert_to(string_agg({written.text}, chr({ord(_ROW_END)}) {in_order}), 'UTF8'),"
        f" string_agg(uuid_send(sort_id), '' {in_order}),"
        f" (array_agg(sort_value {in_order}))[least({limit}, count(*))], {REMOVED_IN}"
        f" FROM ({page}) AS v {written.joins}"
    )


@lru_cache(256)
def _ordered_sql(listing: Listing, shape: Sequence[Condition], order: Order, *, is_after: bool, is_null: bool) -> str:
    """The query for a part of a list; placeholders are numbered as its arguments come: first, conditions, position."""
    statement = Statement(listing, None, shape)
    column, id_ = listing.columns[order.column], listing.id
    direction = "DESC" if order.is_descending else "ASC"
    tests = [statement.where]
    if column.is_nullable:
        tests.append(f"{column.sql} IS {'' if is_null else 'NOT '}NULL")
    if is_after:
        sign = "<" if order.is_descending else ">"
        last_id = f"{statement.bind(None)}::{id_.type}"
        place = f"({column.sql}, {id_.sql})"
        tests.append(
            f"{id_.sql} {sign} {last_id}"
            if is_null
            else f"{place} {sign} ({statement.bind(None)}::{column.type}, {last_id})"
        )
    by = f"{id_.sql} {direction}" if is_null else f"{column.sql} {direction}, {id_.sql} {direction}"
    return (
        f"SELECT {listing.select}, {column.sql} AS sort_value, {id_.sql} AS sort_id"
        f" FROM {listing.source} WHERE {' AND '.join(tests)} ORDER BY {by}"
    )


def _is_after(wanted: Wanted, *, is_null: bool) -> bool:
    """Whether a part of a list begins where the page before ended: that of the nulls only if that did too."""
    return wanted.after is not None and not (is_null and wanted.after.value is not None)
