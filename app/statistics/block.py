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
    "event = 'decided' AND disposition = 'convicted' AND sentence_kind = 'imprisonment' AND term_months IS NOT NULL"
)
_AT = "coalesce(day - DATE '0001-01-01' + 1, 0)"


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
    running, by_year = "NULL::bigint[]", "(SELECT cell, at, n, year FROM days JOIN calendar USING (at))"
    if base.is_of_terms:
        running = "array_agg((at::bigint << 32) + upto ORDER BY at) FILTER (WHERE at > 0)"
        upto = "(sum(n) OVER (PARTITION BY cell, year ORDER BY at))::int AS upto"
        by_year = f"(SELECT *, {upto} FROM {by_year} AS days)"
    return _SQL["base"].format(
        columns=", ".join(base.columns), cells=_cells(base.columns), coarse=coarse, more=more,
        running=running, by_year=by_year, **_gathering(base), held="" if is_first else _held(base), **names,
    )  # fmt: skip


def entries(one: Sum, table: str) -> str:
    """What entries add to a sum: court, kind, its columns, day as a number (0: none), count."""
    columns = "".join(f"{_kept_in(one, name)} AS {name}, " for name in one.columns)
    which = f"unit = 'person' AND {_IS_IMPRISONED}" if one.is_of_terms else "true"
    return (
        f"SELECT {_court(one)} AS court, (CASE {_KIND} END)::smallint AS kind, {columns}{_AT} AS at, n"
        f" FROM {table} WHERE {which}"
    )


def _court(one: Sum) -> str:
    return "court" if one.is_by_court else f"'{ALL_COURTS}'"


def _kept_in(one: Sum, name: str, column: str = "") -> str:
    """What a sum keeps under a name: a column, or only that of what was decided."""
    column = column or name
    return f"CASE WHEN event = 'decided' THEN {column} END" if name in one.results else column


def _gathering(base: Sum) -> dict[str, str]:
    """How rows of the ledger are gathered, and what they say of each unit and event."""
    posted = {name: _kept_in(base, name) for name in base.columns}
    if "disposition" in posted:
        posted["case_disposition"] = _kept_in(base, "disposition", "case_disposition")
    kinds = [(kind, *pair) for kind, pair in enumerate(KINDS) if not base.is_of_terms or pair == ("person", "decided")]
    of_unit = {
        "disposition": "CASE unit WHEN 'case' THEN case_disposition ELSE disposition END AS disposition",
        "is_presumed": "CASE WHEN is_presumed THEN unit <> 'case' ELSE is_presumed END AS is_presumed",
    }
    return {
        "gathered": ", ".join(posted),
        "posted": ", ".join(f"{kept} AS {name}" for name, kept in posted.items()),
        "of_unit": ", ".join(of_unit.get(name, name) for name in base.columns),
        "kinds": ", ".join(f"({kind}::smallint, '{unit}', '{event}')" for kind, unit, event in kinds),
        "court": _court(base),
        "at": _AT,
        "which": _IS_IMPRISONED if base.is_of_terms else "true",
    }


def _held(base: Sum) -> str:
    """What the blocks hold that are swallowed."""
    return _SQL["held"].format(
        columns=", ".join(base.columns), number=base.number, position=position("e"), count=count("e")
    )


def _kept(columns: Iterable[str], entry: Sum) -> str:
    return ", ".join(name if name in entry.columns else f"NULL::{_type(name)} AS {name}" for name in columns)


def _cells(columns: Collection[str]) -> str:
    return ", ".join(f"c.{name}" if name in columns else f"NULL::{_type(name)}" for name in CELL_COLUMNS)


def _type(name: str) -> str:
    return {"is_presumed": "boolean", "term_months": "int"}.get(name, "text")
