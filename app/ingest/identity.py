"""Which case is each row about: keys in their order, then rows of one file that share keys."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from app.db.database import Connection, analyze, load_statements

_SQL = load_statements(__file__, "merge.sql")
_PUBLISHED = "SELECT revision FROM published"


Groups = list[list[int]]


async def group_rows(connection: Connection) -> Groups:
    """Fill `stage_keys`; returns the rows, by line, that are of one case because they share keys."""
    analyzed = analyze("stage (line, court)", "stage_keys (line, court, instance, kind, key)")
    await connection.execute(f"{_SQL['keys']}; {analyzed}")
    return _groups(row["lines"] for row in await connection.fetch(_SQL["linked"]))


async def find_cases(connection: Connection) -> int:
    """Fill `found` with the cases that the staged rows' keys lead to; returns the revision that was looked into, or one
    before it.
    """
    published: int = await connection.fetchval(_PUBLISHED)
    await connection.execute(f"DELETE FROM found; {_SQL['found']}")
    return published


async def assign_cases(connection: Connection, groups: Groups, *, looked_into: int | None) -> None:
    """Fill `assigned`: each staged row's case, found or new.

    A row goes to the first case found by card GUID, number, previous numbers. Rows of the batch that share a key are
    of one case, unless their own keys lead to different ones: then each goes to its own. `looked_into` is what
    `find_cases` returned before the turn, if it was called: where nothing has been published since, its finds stand.
    """
    if looked_into is None or looked_into != await connection.fetchval(_PUBLISHED):
        await find_cases(connection)
    linked = [line for group in groups for line in group]
    await connection.execute(_SQL["assign"], linked)
    if not linked:
        return
    found = await connection.fetch("SELECT * FROM found WHERE line = ANY($1::int[])", linked)
    fresh = await connection.fetch("SELECT line, candidate_id FROM stage WHERE line = ANY($1::int[])", linked)
    rows = _assign(groups, _by_line(found), {row["line"]: row["candidate_id"] for row in fresh})
    await connection.copy_records_to_table("assigned", records=rows)
    await connection.execute(_SQL["found_in_batch"], linked)


Found = dict[int, list[tuple[int, str, UUID]]]


def _by_line(found: Iterable[tuple[int, UUID, int, str]]) -> Found:
    by_line: Found = defaultdict(list)
    for line, case_id, priority, key in found:
        by_line[line].append((priority, key, case_id))
    return by_line


def _assign(groups: Sequence[Sequence[int]], found: Found, fresh: dict[int, UUID]) -> list[tuple[Any, ...]]:
    rows = []
    for group in groups:
        held = [match for line in group for match in found.get(line, ())]
        for line in group:
            *_, case_id = min(found.get(line) or held or [(0, "", fresh[group[0]])])
            rows.append((line, case_id, not held, True))
    return rows


def _groups(links: Iterable[Sequence[int]]) -> Groups:
    """Connected components of rows, each in order (union-find with path halving)."""
    parent: dict[int, int] = {}

    def root(line: int) -> int:
        while parent.setdefault(line, line) != line:
            parent[line] = parent[parent[line]]
            line = parent[line]
        return line

    for first, *others in links:
        for other in others:
            low, high = sorted((root(first), root(other)))
            parent[high] = low
    groups: dict[int, list[int]] = defaultdict(list)
    for line in sorted(parent):
        groups[root(line)].append(line)
    return list(groups.values())
