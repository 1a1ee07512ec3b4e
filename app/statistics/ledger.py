"""Posts a revision's staged versions to the ledger and the tally."""

from collections.abc import Mapping

from app.db.database import Connection, load_statements, rows_of, without_loops
from app.errors import Unavailable
from app.statistics.block import write_blocks
from app.statistics.definitions import DEFINITIONS, Method, current
from app.statistics.offence_kind import IS_WARTIME, OFFENCE_GROUP, looked_up

_COUNTED_BY = "SELECT definition FROM revisions WHERE revision = $1"
_SQL = load_statements(__file__, "ledger.sql")

ENTRY_COLUMNS = (
    "court, case_id, defendant, unit, event, day, days, court_level, region, district, offence, offence_part,"
    " offence_group, is_wartime, arrival, service_status, disposition, sentence_class, sentence_kind,"
    " sentence_execution, is_presumed, offences, term_months"
)
"""What tells one entry from another; beside its revision, its cause and its count `n`."""
ROW_COLUMNS = (
    "court, case_id, defendant, event, day, days, court_level, region, district, offence, offence_part,"
    " offence_group, is_wartime, arrival, service_status, case_disposition, disposition, sentence_class,"
    " sentence_kind, sentence_execution, is_presumed, offences, term_months, cases, persons, charges"
)
"""Those of a row of the ledger, which holds entries that go together."""


def entries_sql(definition: int, *, versions: str, defendants: str, charges: str, reference: str = "$1") -> str:
    """The statement that says what versions contribute; `reference` is its parameter for the reference set."""
    tables = {"versions": versions, "defendants": defendants, "charges": charges}
    entries = _SQL["entries"].format(table="rows")
    return f"WITH rows AS MATERIALIZED ({_rows_sql(definition, tables, reference)}) {entries}"


def _rows_sql(definition: int, tables: Mapping[str, str], reference: str) -> str:
    """The same as rows of the ledger."""
    return (
        DEFINITIONS[definition]
        .entries.format(
            offence_group=OFFENCE_GROUP, is_wartime=IS_WARTIME, looked_up=looked_up("e.offence_part", "$1"), **tables
        )
        .replace("$1", reference)
    )


_STAGED = {"versions": "new_versions", "defendants": "new_defendants", "charges": "new_charges"}
_OLD = {"versions": "old_versions", "defendants": "old_defendants", "charges": "old_charges"}
_OF_NEW_CASES = {**_STAGED, "versions": f"({_SQL['of_new_cases']})"}
_OF_HELD_CASES = {**_STAGED, "versions": f"({_SQL['of_held_cases']})"}


def staged_entries(definition: int, *, reference: str = "$1") -> str:
    """The statement that says what the staged versions contribute."""
    return entries_sql(definition, **_STAGED, reference=reference)


async def post(
    connection: Connection,
    revision: int,
    reference: int,
    *,
    cause: str | None = None,
    before: Method | None = None,
) -> dict[str, int]:
    """Write what the staged versions change: the old versions' entries negated, the new ones' added.

    `cause` holds for all entries where it is stated; else each changed event's is found from coverage. `before` is
    what was counted by until now, where the revision brings another: then every case is posted anew.
    Call it before the staged versions are written. Returns how many rows went to the ledger and to the tally.

    Errors  Unavailable where another release has counted the record since this one began to serve
    """
    if before is None and await connection.fetchval(_COUNTED_BY, revision - 1) not in (None, current()):
        raise Unavailable("The record is counted by another release now; start this one again.")
    await connection.execute(_SQL["staging"].format(entry_columns=ENTRY_COLUMNS))
    now = Method(reference, current())
    is_restated = before is not None and before != now
    held = rows_of(await connection.execute(_SQL["all_versions" if is_restated else "replaced"]))
    added = 0
    if held:
        await _net(connection, before or now, now, is_restated=is_restated)
        added += await _add(connection, _SQL["net_rows"], _SQL["net_firsts"], cause, revision)
    if not (held and is_restated) and held < await connection.fetchval("SELECT count(*) FROM new_versions"):
        added += await _post(connection, revision, reference, cause)
    return {"ledger": added, "tally": await write_blocks(connection, revision)}


async def post_new(connection: Connection, revision: int, reference: int) -> int:
    """Write what staged versions add that replace none, before `post` does the rest; returns how many rows."""
    await connection.execute(_SQL["staging"].format(entry_columns=ENTRY_COLUMNS))
    return await _post(connection, revision, reference, None)


async def _post(connection: Connection, revision: int, reference: int, cause: str | None) -> int:
    rows = _rows_sql(current(), _OF_NEW_CASES, "$3")
    return await _add(connection, rows, _SQL["fresh_firsts"], cause, revision, reference)


async def _add(connection: Connection, rows: str, firsts: str, cause: str | None, *args: int) -> int:
    statement = _SQL["post"].format(row_columns=ROW_COLUMNS, rows=rows, firsts=firsts)
    async with without_loops(connection):
        return rows_of(await connection.execute(statement, cause, *args))


async def _net(connection: Connection, before: Method, now: Method, *, is_restated: bool) -> None:
    """Stage what remains when the replaced versions' entries are taken from those of the versions that replace them,
    and what was held; where all is restated, of all cases.
    """
    said = _STAGED if is_restated else _OF_HELD_CASES
    steps = [_SQL["old_parts"]]
    parts = [
        f"SELECT {ENTRY_COLUMNS}, -n AS n FROM ({entries_sql(before.definition, **_OLD, reference='$2')}) AS old",
        f"SELECT {ENTRY_COLUMNS}, n FROM ({entries_sql(now.definition, **said)}) AS fresh",
    ]
    if is_restated:
        steps.append(_SQL["keep"])
        kept = entries_sql(now.definition, **{**_OLD, "versions": "kept_versions"})
        parts.append(f"SELECT {ENTRY_COLUMNS}, n FROM ({kept}) AS kept")
    await connection.execute("; ".join(steps))
    net = _SQL["net"].format(entry_columns=ENTRY_COLUMNS, parts=" UNION ALL ".join(parts))
    async with without_loops(connection):
        await connection.execute(net, now.reference, before.reference)
        await connection.execute(_SQL["held"])
