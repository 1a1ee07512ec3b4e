"""Histories of batches for the laws: what strategies draw, and how a history is taken into a database."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import Phase
from hypothesis import strategies as st

from app.db.database import Connection, Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options, Receipt
from app.statistics.ledger import ENTRY_COLUMNS

# An example with a database of its own takes a second: shrinking would take minutes, so a failure stands as found.
AS_FOUND = (Phase.explicit, Phase.reuse, Phase.generate)
FIRST_DAY = date(2023, 1, 2)
COURTS = ("61GV0012", "77GV0003")
UIDS = (None, "61GV0012-01-2023-000123-60", "61GV0012-01-2023-000124-57")
OFFENCES = ("337:5", "337:3.1", "337", "338:1", "332:2.1", "158:2", "352.1")


@dataclass(frozen=True)
class Batch:
    """Records that one layer delivers on one day."""

    layer: str
    seen_on: date
    records: tuple[dict[str, Any], ...]


def days(start: int = 0, end: int = 60) -> st.SearchStrategy[str]:
    """Days of a small window, so that they collide."""
    return st.integers(start, end).map(lambda offset: (FIRST_DAY + timedelta(days=offset)).isoformat())


def charges() -> st.SearchStrategy[list[dict[str, Any]]]:
    """One or two charges of one person."""
    charge = st.fixed_dictionaries(
        {"offence": st.sampled_from(OFFENCES)}, optional={"role": st.sampled_from(("filed", "convicted", "dropped"))}
    )
    return st.lists(charge, min_size=1, max_size=2)


def sentences() -> st.SearchStrategy[dict[str, Any] | None]:
    """A sentence, or the taking back of one."""
    return st.none() | st.fixed_dictionaries(
        {
            "kind": st.sampled_from(("imprisonment", "fine", "disciplinary_unit", "unknown", "none")),
            "execution": st.sampled_from(("immediate", "suspended", "deferred", "unknown")),
        },
        optional={"term_months": st.integers(1, 120)},
    )


def people() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Up to two defendants, of whom anything may be left out."""
    person = st.fixed_dictionaries(
        {},
        optional={
            "charges": charges(),
            "sentence": sentences(),
            "service_status": st.sampled_from(("mobilised", "contract", "unknown")),
            "disposition": st.sampled_from(("convicted", "acquitted", "pending", "terminated")),
            "decided_on": days(70, 90),
        },
    )
    return st.lists(person, min_size=1, max_size=2).map(
        lambda persons: [{"ordinal": n, **person} for n, person in enumerate(persons, start=1)]
    )


def records() -> st.SearchStrategy[dict[str, Any]]:
    """A record of one of a few cases, with any of its fields."""
    return st.builds(
        lambda court, number, said: {"court": court, "instance": "first", "number": f"1-{number}/2023", **said},
        st.sampled_from(COURTS),
        st.integers(1, 4),
        st.fixed_dictionaries(
            {},
            optional={
                "uid": st.sampled_from(UIDS).filter(bool),
                "previous_numbers": st.lists(st.integers(5, 6).map(lambda n: f"1-{n}/2022"), max_size=1),
                "received_on": days(),
                "decided_on": days(61, 90),
                "disposition": st.sampled_from(
                    ("verdict", "terminated", "transferred_jurisdiction", "returned_to_prosecutor", "pending")
                ),
                "defendants": people(),
            },
        ),
    )


def batches() -> st.SearchStrategy[Batch]:
    """One batch: a case stands in it once."""
    return st.builds(
        Batch,
        st.sampled_from(("court_card", "newsroom")),
        st.integers(0, 3).map(lambda offset: date(2023, 6, 1) + timedelta(days=offset)),
        st.lists(records(), min_size=1, max_size=4, unique_by=lambda r: (r["court"], r["number"])).map(tuple),
    )


def histories(max_size: int = 5) -> st.SearchStrategy[list[Batch]]:
    """A few batches, one after another."""
    return st.lists(batches(), min_size=1, max_size=max_size)


async def take(database: Database, batch: Batch, *, minute: int = 0, **options: Any) -> Receipt:
    """Take a batch in through the door; rows that are refused are left out. `minute` sets the day's publication."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "batch.ndjson"
        path.write_text("".join(json.dumps(record) + "\n" for record in batch.records), encoding="utf-8")
        known: dict[str, Any] = {
            "layout": "house",
            "layer": batch.layer,
            "source": "laws",
            "author": "test",
            "seen_on": batch.seen_on,
            "published_at": datetime(2023, 7, 1, tzinfo=UTC) + timedelta(minutes=minute),
            "skips_refused": True,
        }
        return await ingest_file(database, path, Options(**{**known, **options}))


async def take_all(database: Database, history: list[Batch]) -> list[Receipt]:
    """Take a history in."""
    return [await take(database, batch, minute=minute) for minute, batch in enumerate(history)]


async def ledger_until(connection: Connection, revision: int) -> list[tuple[Any, ...]]:
    """Every ledger entry until a revision, with the case's numbers for its id; sorted."""
    columns = ENTRY_COLUMNS.replace("case_id, ", "")
    rows = await connection.fetch(
        f"""
        SELECT l.revision, l.cause, k.keys, {", ".join("l." + name for name in columns.split(", "))}, l.n
        FROM entries l JOIN (
            SELECT court, case_id, array_agg(key ORDER BY key) AS keys FROM identifiers
            WHERE revision <= {revision} GROUP BY court, case_id) k
        ON k.court = l.court AND k.case_id = l.case_id WHERE l.revision <= {revision}"""
    )
    return sorted(tuple(str(value) for value in row) for row in rows)


async def published(connection: Connection) -> int:
    """The number of the last revision."""
    revision: int = await connection.fetchval("SELECT revision FROM published")
    return revision
