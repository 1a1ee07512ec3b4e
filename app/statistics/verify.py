"""Recounts ledger and tally from the statements, as of any revision, and says where they differ."""

from collections.abc import Callable
from dataclasses import dataclass

from app.db.database import Connection, load_statements
from app.errors import Fault, InvalidParameters
from app.records.kin import restate_arrivals
from app.records.reference import gravity_of
from app.records.resolve import Gravity
from app.records.writing import STAGE, STAGED, Versioned, stage_versions
from app.statistics.block import entries
from app.statistics.definitions import DEFINITIONS, Definition
from app.statistics.ledger import ENTRY_COLUMNS, staged_entries
from app.statistics.sums import SUMS, Sum, blocks, count, position

_SQL = load_statements(__file__, "verify.sql")
_STATE = """
SELECT p.revision AS last, r.reference, r.definition
FROM published p LEFT JOIN revisions r ON r.revision = coalesce($1, p.revision)
"""
_CHUNK = 5_000
_SHOWN = 20

OnCase = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a recount found: how much was compared, and one line for each difference (the first twenty of a kind)."""

    revision: int
    cases: int
    differences: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether everything agreed."""
        return not self.differences


async def verify(connection: Connection, revision: int | None = None, *, on_cases: OnCase | None = None) -> Verdict:
    """Recount one revision (the last published by default) from its statements, as was counted then. Writes nothing.

    `connection` must be in a transaction that may make temporary tables and is rolled back or ended afterwards.
    Errors  InvalidParameters for a revision that is not there, or counted by a definition of a later release
    """
    state = await connection.fetchrow(_STATE, revision)
    asked = state["last"] if revision is None else revision
    if asked == 0 and state["last"] == 0:
        return Verdict(0, 0, ())
    if not 0 < asked <= state["last"]:
        raise InvalidParameters(
            f"There is no revision {asked}; the last is {state['last']}.",
            [Fault("unknown-revision", "Give a published revision.", parameter="revision")],
        )
    definition = DEFINITIONS.get(state["definition"])
    if definition is None:
        raise InvalidParameters(
            f"Revision {asked} was counted by definition {state['definition']}, which this release does not know.",
            [Fault("unknown-definition", "Recount it with the release that made it.", parameter="revision")],
        )
    await connection.execute(f"{STAGE}; TRUNCATE {', '.join(STAGED)}")
    gravity = await gravity_of(connection, state["reference"])
    cases = await _recount(connection, asked, definition, gravity, on_cases or (lambda _: None))
    await connection.execute("ANALYZE new_versions; ANALYZE new_defendants; ANALYZE new_charges")
    await restate_arrivals(connection, asked, with_live=False)
    found = [f"case {court} {case}: version" for court, case in await connection.fetch(_sql("versions", asked))]
    entries = _sql("ledger", asked, columns=ENTRY_COLUMNS, entries=staged_entries(state["definition"]))
    found += [f"ledger: {dict(row)}" for row in (await connection.fetch(entries, state["reference"]))[:_SHOWN]]
    for entry in SUMS.values():
        found += await _compare_sum(connection, entry, asked)
    found += [
        f"revision {row['revision']}: {row['found']} ledger rows, not {row['expected']}"
        for row in await connection.fetch(_sql("written", asked))
    ]
    return Verdict(asked, cases, tuple(found))


def _sql(name: str, revision: int, **names: str) -> str:
    return _SQL[name].format(revision=int(revision), **names)


async def _recount(
    connection: Connection, revision: int, definition: Definition, gravity: Gravity, on_cases: OnCase
) -> int:
    """Stage the versions that the statements of a revision make."""
    cases = 0
    cursor = await connection.cursor(_sql("statements", revision))
    while rows := await cursor.fetch(_CHUNK):
        versions = []
        for row in rows:
            effective = definition.resolve(row["card"], row["newsroom"], gravity)
            arrival = effective.arrival or "new"
            versions.append(Versioned(row["court"], row["case_id"], revision, 1, row["instance"], arrival, effective))
        await stage_versions(connection, versions)
        cases += len(versions)
        on_cases(cases)
    return cases


async def _compare_sum(connection: Connection, entry: Sum, revision: int) -> list[str]:
    of_days = [
        ("days", entry.has_days),
        ("running", entry.is_of_terms),
        ("weeks", entry.has_spans),
        ("months", entry.has_spans),
    ]
    parts = [_SQL["tally_none"], *(_SQL[f"tally_{name}"] for name, has in of_days if has)]
    names = {
        "columns": "".join(f", {name}" for name in entry.columns),
        "number": str(entry.number),
        "position": position("e"),
        "count": count("e"),
        "before": count("running[place - 1]"),
    }
    parts = [part.format(**names) for part in parts]
    statement = _sql(
        "tally", revision,
        added=entries(entry, f"(SELECT * FROM entries WHERE revision <= {int(revision)}) AS entries"),
        parts=" UNION ALL ".join(parts), **names,
    )  # fmt: skip
    rows = await connection.fetch(statement, list(blocks(revision)))
    return [f"tally {entry.name}: {dict(row)}" for row in rows[:_SHOWN]]
