"""One record: taken in by Sudstat, and the same rows as flat tables for everybody else."""

import asyncio
import csv
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import date, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import asyncpg
import orjson

from app.access.register import create_key
from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
from app.ingest.restate import bring_method
from bench.ingest import cases
from bench.peers.door import fill_directly
from bench.peers.questions import POSTGRES, QUESTIONS, Drawn, spelt

_CORRECTED = 100  # every hundredth case of a file comes again in the next one, changed
_PLACES = 64
SCHEMA = "peers"
# What is counted, as of the last revision, with the indexes that the questions would have anywhere.
_FLAT = f"""
CREATE SCHEMA {SCHEMA};
CREATE TABLE {SCHEMA}.cases AS
    SELECT case_id AS id, court, number, received_on, decided_on, disposition FROM versions
    WHERE superseded_in IS NULL AND instance = 'first' AND NOT is_withdrawn AND merged_into IS NULL;
ALTER TABLE {SCHEMA}.cases ADD PRIMARY KEY (id);
CREATE INDEX ON {SCHEMA}.cases (court, received_on);
CREATE INDEX ON {SCHEMA}.cases (received_on, id);
CREATE TABLE {SCHEMA}.defendants AS
    SELECT c.id AS case_id, d.defendant, d.service_status, d.disposition, d.decided_on,
           split_part(d.offence_decided, ':', 1) AS offence, d.sentence_class, d.sentence_kind,
           d.sentence_execution, d.term_months
    FROM {SCHEMA}.cases c JOIN versions v ON v.court = c.court AND v.case_id = c.id AND v.superseded_in IS NULL
    JOIN defendants d ON d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision;
ALTER TABLE {SCHEMA}.defendants ADD PRIMARY KEY (case_id, defendant);
ALTER TABLE {SCHEMA}.defendants ADD FOREIGN KEY (case_id) REFERENCES {SCHEMA}.cases (id);
CREATE INDEX ON {SCHEMA}.defendants (disposition, decided_on)
"""  # noqa: S608
_SQLITE = """
CREATE TABLE cases (id TEXT PRIMARY KEY, court TEXT, number TEXT, received_on TEXT, decided_on TEXT, disposition TEXT)
    WITHOUT ROWID;
CREATE TABLE defendants (case_id TEXT REFERENCES cases (id), defendant INT, service_status TEXT, disposition TEXT,
    decided_on TEXT, offence TEXT, sentence_class TEXT, sentence_kind TEXT, sentence_execution TEXT, term_months INT,
    PRIMARY KEY (case_id, defendant)) WITHOUT ROWID
"""
_SQLITE_INDEXES = """
CREATE INDEX cases_by_court ON cases (court, received_on);
CREATE INDEX cases_by_receipt ON cases (received_on, id);
CREATE INDEX defendants_by_day ON defendants (disposition, decided_on);
ANALYZE
"""
# PostGraphile answers from functions: it has no groups of its own, and its cursors over two columns use no index.
_KINDS = {"week": "date", "n": "int", "median": "float8"}


def files(size: int, revisions: int, folder: Path) -> Iterator[Path]:
    """The record as files of about the same size; each corrects some cases of the one before."""
    made, before = cases(size), list[dict[str, Any]]()
    for number in range(revisions):
        part = list(islice(made, (number + 1) * size // revisions - number * size // revisions))
        again = [_corrected(case) for case in before[::_CORRECTED]]
        path = folder / f"{number}.ndjson"
        path.write_bytes(b"".join(orjson.dumps(case, option=orjson.OPT_APPEND_NEWLINE) for case in (*part, *again)))
        before = part
        yield path
        path.unlink()


def _corrected(case: dict[str, Any]) -> dict[str, Any]:
    (person,) = case["defendants"]
    return {**case, "defendants": [{**person, "service_status": "officer"}]}


async def fill(url: str, size: int, revisions: int, folder: Path, *, directly: bool = False) -> str:
    """Take the record in, and make flat tables and files of it; returns a key for what is asked.

    `directly`: by the side door, without files.
    """
    database = Database(url)
    await bring_method(database)
    if directly:
        await fill_directly(database, size, revisions, _CORRECTED)
    else:
        await _take_in(database, size, revisions, folder)
    async with database.owner() as connection:
        await connection.execute(_FLAT)
        await connection.execute(_functions())
        await connection.execute("VACUUM ANALYZE")
        for table in ("cases", "defendants"):
            await connection.copy_from_table(
                table, schema_name=SCHEMA, output=folder / f"{table}.csv", format="csv", header=True
            )
        key = await create_key(connection, "bench", scopes=["statistics", "records"])
    await asyncio.to_thread(_fill_sqlite, folder)
    return key


async def _take_in(database: Database, size: int, revisions: int, folder: Path) -> None:
    for number, path in enumerate(files(size, revisions, folder)):
        seen_on = date(2024, 8, 1) + timedelta(days=number)
        ways = Options(layout="house", layer="court_card", source="bench", author="bench", seen_on=seen_on)
        receipt = await ingest_file(database, path, ways)
        assert receipt.applied


def _functions() -> str:
    """The questions as functions of the schema, for PostGraphile."""
    made = []
    for question in (one for one in QUESTIONS if one.sql and one.id != "deep"):
        taken = ", ".join(f"a_{name} {kind}" for name, kind in question.given.items())
        if question.id == "first":
            body = f"SELECT * FROM {SCHEMA}.cases WHERE (received_on, id) > (a_since, a_after) ORDER BY received_on, id"  # noqa: S608
            returned, body = f"{SCHEMA}.cases", f"{body} LIMIT 100"
        else:
            returned = f"{SCHEMA}.{question.id}_row"
            columns = ", ".join(f"{name} {_KINDS.get(name, 'text')}" for name in question.columns)
            made.append(f"CREATE TYPE {returned} AS ({columns})")
            body = spelt(question, POSTGRES, {name: f"a_{name}" for name in question.given})
        name = f"{SCHEMA}.ask_{question.id}"
        # Without SET, so that Postgres can write the function's statement into the one that calls it.
        body = body.replace("FROM cases", f"FROM {SCHEMA}.cases").replace(
            "FROM defendants", f"FROM {SCHEMA}.defendants"
        )
        made.append(f"CREATE FUNCTION {name}({taken}) RETURNS SETOF {returned} LANGUAGE sql STABLE AS $${body}$$")
    return "; ".join(made)


def _fill_sqlite(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "peers.db")) as database:
        database.executescript(_SQLITE)
        for table in ("cases", "defendants"):
            with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
                rows = csv.reader(file)
                marks = ", ".join("?" for _ in next(rows))
                filled = ([value or None for value in row] for row in rows)
                database.executemany(f"INSERT INTO {table} VALUES ({marks})", filled)  # noqa: S608
        database.executescript(_SQLITE_INDEXES)
        database.commit()


async def drawn(url: str, revisions: int) -> Drawn:
    """What variants are drawn from."""
    connection = await asyncpg.connect(url)
    try:
        courts = await connection.fetch(f"SELECT DISTINCT court FROM {SCHEMA}.cases ORDER BY 1")  # noqa: S608
        # From all over the list, but for its last tenth: whole pages.
        places = await connection.fetch(
            f"SELECT received_on, id FROM"  # noqa: S608
            " (SELECT received_on, id, row_number() OVER (ORDER BY received_on, id) AS place,"
            f" count(*) OVER () AS n FROM {SCHEMA}.cases) p WHERE place % greatest(n * 9 / 10 / {_PLACES}, 1) = 0"
            f" AND place <= n * 9 / 10 ORDER BY place"
        )
    finally:
        await connection.close()
    return Drawn(
        tuple(row["court"] for row in courts),
        revisions,
        tuple((str(row["received_on"]), str(row["id"])) for row in places),
    )
