"""Posts a revision's staged versions to the ledger and the tally."""

from app.db.database import Connection, load_sql, load_statements
from app.statistics.offence_kind import IS_WARTIME, OFFENCE_GROUP, looked_up
from app.statistics.sums import ALL_COURTS, DIMENSION_COLUMNS, SUMS, Sum, lowbit

DEFINITION = 1
"""Number of the definition in `entries.sql`; a change of what counts is a new one."""

_ENTRIES = load_sql(__file__, "entries.sql")
_SQL = load_statements(__file__, "ledger.sql")

ENTRY_COLUMNS = (
    "court, case_id, defendant, unit, event, day, days, court_level, region, district, offence, offence_part,"
    " offence_group, is_wartime, arrival, service_status, disposition, sentence_class, sentence_kind,"
    " sentence_execution, is_presumed, offences, term_months"
)
_OLD_VERSIONS = """
CREATE TEMPORARY TABLE old_versions ON COMMIT DROP AS
SELECT v.* FROM versions v JOIN new_versions n ON n.court = v.court AND n.case_id = v.case_id
WHERE v.superseded_in IS NULL
"""
# Their own copies, so that the planner knows how few they are: it has no fresh statistics of the large tables.
_OLD_PARTS = """
CREATE TEMPORARY TABLE old_defendants ON COMMIT DROP AS
SELECT d.* FROM old_versions o
JOIN defendants d ON d.court = o.court AND d.case_id = o.case_id AND d.revision = o.revision;
CREATE TEMPORARY TABLE old_charges ON COMMIT DROP AS
SELECT c.* FROM old_versions o
JOIN charges c ON c.court = o.court AND c.case_id = o.case_id AND c.revision = o.revision;
ANALYZE old_defendants; ANALYZE old_charges
"""
_ALL_VERSIONS = (
    "CREATE TEMPORARY TABLE old_versions ON COMMIT DROP AS SELECT * FROM versions WHERE superseded_in IS NULL"
)
_KEPT_VERSIONS = """
SELECT o.* FROM old_versions o
WHERE NOT EXISTS (SELECT FROM new_versions n WHERE n.court = o.court AND n.case_id = o.case_id)
"""


def entries_sql(*, versions: str, defendants: str, charges: str) -> str:
    """The statement that says what versions contribute; its one parameter is the reference set."""
    return _ENTRIES.format(
        versions=versions,
        defendants=defendants,
        charges=charges,
        offence_group=OFFENCE_GROUP,
        is_wartime=IS_WARTIME,
        looked_up=looked_up("e.offence_part", "$1"),
    )


STAGED_ENTRIES = entries_sql(versions="new_versions", defendants="new_defendants", charges="new_charges")
_OLD_ENTRIES = entries_sql(versions="old_versions", defendants="old_defendants", charges="old_charges")
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
    await connection.execute(_SQL["stage"])
    is_restated = before is not None and before != reference
    await connection.execute(_ALL_VERSIONS if is_restated else _OLD_VERSIONS)
    await connection.execute("ANALYZE new_versions; ANALYZE new_defendants; ANALYZE new_charges; ANALYZE old_versions")
    await connection.execute(_OLD_PARTS)
    await _add(connection, _OLD_ENTRIES, before or reference, sign=-1)
    await _add(connection, STAGED_ENTRIES, reference, sign=1)
    if is_restated:
        await connection.execute(f"CREATE TEMPORARY TABLE kept_versions ON COMMIT DROP AS {_KEPT_VERSIONS}")
        await _add(connection, _KEPT_ENTRIES, reference, sign=1)
    await connection.execute(
        f"CREATE TEMPORARY TABLE net ON COMMIT DROP AS SELECT {ENTRY_COLUMNS}, sum(n)::smallint AS n FROM delta"
        f" GROUP BY {ENTRY_COLUMNS} HAVING sum(n) <> 0"
    )
    await connection.execute("ALTER TABLE delta RENAME TO raw; ALTER TABLE net RENAME TO delta; ANALYZE delta")
    await connection.execute(_SQL["causes"].format(revision=revision))
    await connection.execute("ANALYZE why")
    await connection.execute(_SQL["post"].format(revision=revision), cause)
    added = await connection.execute("INSERT INTO ledger SELECT * FROM posted")
    tallied = [await _write_block(connection, entry, revision) for entry in SUMS.values()]
    return {"ledger": _rows(added), "tally": sum(tallied)}


async def _add(connection: Connection, entries: str, reference: int, *, sign: int) -> None:
    await connection.execute(
        f"INSERT INTO delta ({ENTRY_COLUMNS}, n) SELECT {ENTRY_COLUMNS}, {sign} FROM ({entries}) e", reference
    )


async def _write_block(connection: Connection, entry: Sum, revision: int) -> int:
    """Write the tally's block of a revision: its own entries and the blocks that it swallows."""
    steps = (2**power for power in range(revision.bit_length()))
    swallowed = [revision - step for step in steps if step < lowbit(revision)]
    kept = [name for name in DIMENSION_COLUMNS if name in entry.keeps or name in ("disposition", "sentence_class")]
    court = "court" if entry.is_by_court else f"'{ALL_COURTS}'"
    columns = ", ".join(("unit", "event", "day", *kept, "is_presumed"))
    written = await connection.execute(
        f"INSERT INTO tally (court, sum, block, {columns}, n)"
        f" SELECT {court}, '{entry.name}', {revision}, {columns}, sum(n) FROM ("
        f"SELECT court, {columns}, n FROM posted"
        f" UNION ALL SELECT court, {columns}, n FROM tally WHERE sum = '{entry.name}' AND block = ANY($1::int[])) added"
        f" GROUP BY {court if entry.is_by_court else '1'}, {columns} HAVING sum(n) <> 0",
        swallowed,
    )
    return _rows(written)


def _rows(tag: str) -> int:
    """The count in a command tag such as `INSERT 0 12`."""
    return int(tag.rsplit(" ", 1)[1])
