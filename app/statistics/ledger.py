"""Posts a revision's staged versions to the ledger and the tally."""

from app.db.database import Connection, load_sql, load_statements
from app.statistics.offence_kind import IS_WARTIME, OFFENCE_GROUP, looked_up
from app.statistics.sums import ALL_COURTS, DIMENSION_COLUMNS, SUMS, Sum, swallowed

DEFINITION = 1
"""Number of the definition in `entries.sql`; a change of what counts is a new one."""

_ENTRIES = load_sql(__file__, "entries.sql")
_SQL = load_statements(__file__, "ledger.sql")

ENTRY_COLUMNS = (
    "court, case_id, defendant, unit, event, day, days, court_level, region, district, offence, offence_part,"
    " offence_group, is_wartime, arrival, service_status, disposition, sentence_class, sentence_kind,"
    " sentence_execution, is_presumed, offences, term_months"
)


def entries_sql(*, versions: str, defendants: str, charges: str, reference: str = "$1") -> str:
    """The statement that says what versions contribute; `reference` is its parameter for the reference set."""
    return _ENTRIES.format(
        versions=versions,
        defendants=defendants,
        charges=charges,
        offence_group=OFFENCE_GROUP,
        is_wartime=IS_WARTIME,
        looked_up=looked_up("e.offence_part", "$1"),
    ).replace("$1", reference)


# The planner has no statistics of temporary tables and would take them for small: loops in loops over many rows.
_HASHING = "SET LOCAL enable_nestloop = off"
_NO_LONGER_HASHING = "SET LOCAL enable_nestloop = on"
_STAGED = {"versions": "new_versions", "defendants": "new_defendants", "charges": "new_charges"}
STAGED_ENTRIES = entries_sql(**_STAGED)
_OLD_ENTRIES = entries_sql(versions="old_versions", defendants="old_defendants", charges="old_charges", reference="$2")
_KEPT_ENTRIES = entries_sql(versions="kept_versions", defendants="old_defendants", charges="old_charges")


async def post(
    connection: Connection,
    revision: int,
    reference: int,
    *,
    cause: str | None = None,
    before: int | None = None,
) -> dict[str, int]:
    """Write what the staged versions change: the old versions' entries negated, the new ones' added.

    `cause` holds for all entries where it is stated; else each changed event's is found from coverage. `before` is
    the reference set in force until now, where the revision brings another: then every case is posted anew.
    Call it before the staged versions are written. Returns how many rows went to the ledger and to the tally.
    """
    await connection.execute(_SQL["staging"].format(entry_columns=ENTRY_COLUMNS))
    is_restated = before is not None and before != reference
    replaced = _rows(await connection.execute(_SQL["all_versions" if is_restated else "replaced"]))
    if replaced:
        await _net(connection, before or reference, reference, is_restated=is_restated)
    else:
        await connection.execute(_HASHING)
        await connection.execute(_SQL["fresh"].format(entries=STAGED_ENTRIES), reference)
    added = await connection.execute(_SQL["post"].format(entry_columns=ENTRY_COLUMNS), cause, revision)
    await connection.execute(_NO_LONGER_HASHING)
    tallied = [await _write_block(connection, entry, revision) for entry in SUMS.values()]
    return {"ledger": _rows(added), "tally": sum(tallied)}


async def _net(connection: Connection, before: int, reference: int, *, is_restated: bool) -> None:
    """Stage what remains when the replaced versions' entries are taken from the new ones', and what was held."""
    steps = [_SQL["old_parts"]]
    parts = [
        f"SELECT *, -1 AS n FROM ({_OLD_ENTRIES}) old",
        f"SELECT *, 1 FROM ({STAGED_ENTRIES}) fresh",
    ]
    if is_restated:
        steps.append(_SQL["keep"])
        parts.append(f"SELECT *, 1 FROM ({_KEPT_ENTRIES}) kept")
    await connection.execute("; ".join((*steps, _HASHING)))
    net = _SQL["net"].format(entry_columns=ENTRY_COLUMNS, parts=" UNION ALL ".join(parts))
    await connection.execute(net, reference, before)
    await connection.execute(_SQL["held"])


async def _write_block(connection: Connection, entry: Sum, revision: int) -> int:
    """Write the tally's block of a revision: its own entries and the blocks that it swallows."""
    kept = [name for name in DIMENSION_COLUMNS if name in entry.keeps or name in ("disposition", "sentence_class")]
    court = "court" if entry.is_by_court else f"'{ALL_COURTS}'"
    columns = ", ".join(("unit", "event", "day", *kept, "is_presumed"))
    written = await connection.execute(
        f"INSERT INTO tally (court, sum, block, {columns}, n)"
        f" SELECT {court}, '{entry.name}', $2::int, {columns}, sum(n) FROM ("
        f"SELECT court, {columns}, n FROM net"
        f" UNION ALL SELECT court, {columns}, n FROM tally WHERE sum = '{entry.name}' AND block = ANY($1::int[])) added"
        f" GROUP BY {court if entry.is_by_court else '1'}, {columns} HAVING sum(n) <> 0",
        list(swallowed(revision)),
        revision,
    )
    return _rows(written)


def _rows(tag: str) -> int:
    """The count in a command tag such as `INSERT 0 12`."""
    return int(tag.rsplit(" ", 1)[1])
