"""Block: what a revision adds to each sum of the tally, with the blocks that it swallows."""

from collections.abc import Collection, Iterable
from functools import cache

from app.db.database import Connection, load_statements, rows_of
from app.statistics.sums import ALL_COURTS, BASES, CELL_COLUMNS, KINDS, SUMS, Sum, count, position, swallowed

_SQL = load_statements(__file__, "block.sql")
_DAY = "(DATE '0001-01-01' + at - 1)"
_YEAR = f"CASE WHEN at > 0 THEN extract(year FROM {_DAY})::smallint END"
_MONTH = f"at - extract(day FROM {_DAY})::int + 1"
_KIND = " ".join(f"WHEN unit = '{unit}' AND event = '{event}' THEN {kind}" for kind, (unit, event) in enumerate(KINDS))
# The planner knows nothing of temporary tables and of arrays: it would take loops in loops, and sort texts.
_HASHING = "SET LOCAL enable_nestloop = off; SET LOCAL enable_sort = off; SET LOCAL work_mem = '64MB'"
_NO_LONGER_HASHING = "SET LOCAL enable_nestloop = on; SET LOCAL enable_sort = on; SET LOCAL work_mem = DEFAULT"
_IS_IMPRISONED = (
    "unit = 'person' AND event = 'decided' AND disposition = 'convicted' AND sentence_kind = 'imprisonment'"
    " AND term_months IS NOT NULL"
)


async def write_blocks(connection: Connection, revision: int) -> int:
    """Write the tally's block of a revision: what it wrote to the ledger, and the blocks that it swallows.

    Returns how many rows it wrote.
    """
    held = list(swallowed(revision))
    written = 0
    await connection.execute(_HASHING)
    for base in BASES:
        tag = await connection.execute(_statement(base, is_first=not held), held, revision)
        written += rows_of(tag)
    await connection.execute(_NO_LONGER_HASHING)
    return written


@cache
def _statement(base: Sum, *, is_first: bool) -> str:
    derived = [entry for entry in SUMS.values() if entry.base == base.name and entry.has_spans]
    columns = tuple(name for name in CELL_COLUMNS if any(name in entry.columns for entry in derived))
    names = {"year": _YEAR, "month": _MONTH, "cell_columns": ", ".join(CELL_COLUMNS), "number": base.number}
    coarse = more = ""
    if derived:
        arms = " UNION ALL ".join(
            f"SELECT {entry.number}::smallint AS sum, kind, {_kept(columns, entry)}, cell FROM cells"
            for entry in derived
        )
        coarse = _SQL["coarse"].format(columns=", ".join(columns), arms=arms, **names)
        with_days = ",".join(str(entry.number) for entry in derived if entry.has_days and entry is not base)
        more = _SQL["more"].format(cells=_cells(columns), with_days=with_days, **names)
    running, by_year = "NULL::bigint[]", f"(SELECT cell, at, n, {_YEAR} AS year FROM days)"
    if base.is_of_terms:
        running = "array_agg((at::bigint << 32) + upto ORDER BY at) FILTER (WHERE at > 0)"
        upto = "(sum(n) OVER (PARTITION BY cell, year ORDER BY at))::int AS upto"
        by_year = f"(SELECT *, {upto} FROM {by_year} AS days)"
    return _SQL["base"].format(
        columns=", ".join(base.columns), entries=_entries(base, is_first=is_first), cells=_cells(base.columns),
        coarse=coarse, more=more, running=running, by_year=by_year, **names,
    )  # fmt: skip


def entries(one: Sum, table: str) -> str:
    """What entries add to a sum: court, kind, its columns, day as a number (0: none), count."""
    court = "court" if one.is_by_court else f"'{ALL_COURTS}' AS court"
    columns = "".join(
        f"CASE WHEN event = 'decided' THEN {name} END AS {name}, " if name in one.results else f"{name}, "
        for name in one.columns
    )
    which = _IS_IMPRISONED if one.is_of_terms else "true"
    return (
        f"SELECT {court}, (CASE {_KIND} END)::smallint AS kind, {columns}"
        f"coalesce(day - DATE '0001-01-01' + 1, 0) AS at, n FROM {table} WHERE {which}"
    )


def _entries(base: Sum, *, is_first: bool) -> str:
    """What a block of it adds up."""
    posted = entries(base, "(SELECT * FROM ledger WHERE revision = $2) AS ledger")
    if is_first:
        return f"{posted} AND $1::int[] IS NOT NULL"
    held = f"SELECT court, kind, {', '.join(base.columns)}"
    of = f"sum = {base.number} AND block = ANY($1::int[])"
    return (
        f"{posted} UNION ALL {held}, 0, n FROM tally WHERE {of} AND year IS NULL"
        f" UNION ALL {held}, {position('e')}, {count('e')} FROM tally, unnest(series) AS e WHERE {of} AND year > 0"
    )


def _kept(columns: Iterable[str], entry: Sum) -> str:
    return ", ".join(name if name in entry.columns else f"NULL::{_type(name)} AS {name}" for name in columns)


def _cells(columns: Collection[str]) -> str:
    return ", ".join(f"c.{name}" if name in columns else f"NULL::{_type(name)}" for name in CELL_COLUMNS)


def _type(name: str) -> str:
    return {"is_presumed": "boolean", "term_months": "int"}.get(name, "text")
