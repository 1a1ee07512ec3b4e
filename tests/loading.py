"""A record under test: files taken in through the door, and what is held afterwards."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from app.db.database import Connection, Database
from app.ingest.batch import ingest_file
from app.ingest.receipt import Options
from app.statistics.verify import verify
from tests.databases import at, execute

Json = dict[str, Any]

GROZNY, MOSCOW, CHITA = "61GV0012", "77GV0003", "75GV0001"
NAMES = {
    GROZNY: "Грозненский гарнизонный военный суд",
    MOSCOW: "Реутовский гарнизонный военный суд",
    CHITA: "Читинский гарнизонный военный суд",
}
UID = "61GV0012-01-2023-000123-60"
OTHER_UID = "61GV0012-01-2023-000124-57"
GUIDS = tuple(f"0b6d1e5a-77c1-4b0c-9a3f-3f1f0a4f7a1{n}" for n in range(3))


def case(number: str | None = "1-1/2023", court: str = GROZNY, **said: Any) -> Json:
    """One house record."""
    return {"court": court, "instance": "first", "number": number, **said}


def person(*offences: str, **said: Any) -> Json:
    """One defendant with filed charges."""
    return {"charges": [{"offence": offence} for offence in offences], **said}


VERDICT = {"decided_on": "2023-04-21", "disposition": "verdict"}


def card(number: str | None = "1-1/2023", court: str = GROZNY, *, guid: str | None = None, **fields: Any) -> Json:
    """One row of a scrape; days as courts write them."""
    link = f"http://gvs--chn.sudrf.ru/modules.php?name=sud_delo&op=case&case_uid={guid}&delo_id=1540006"
    return {
        "instance": "FIRST",
        "name": NAMES[court],
        "caseNumber": number,
        "entryDate": "14.03.2023",
        "names": "Иванов Иван Иванович - ст.337 ч.5 УК РФ",
        "resultDate": "-",
        "decision": None,
        "endDate": None,
        "links": {"META": link} if guid else {},
        **fields,
    }


JUDGED = {"resultDate": "21.04.2023", "decision": "Вынесен ПРИГОВОР"}
JUDGED_LATER = {**JUDGED, "resultDate": "22.04.2023"}


_WAYS = ("limits", "writer_wait_s", "encoding", "is_gzip", "after")  # of taking a file, beside its options


class Desk:
    """Takes files into a database, one after another."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.files = 0

    async def house(self, *records: Json, layer: str = "court_card", **options: Any) -> Json:
        """Take house records in; returns the receipt."""
        return await self.take(self.write(*records), layout="house", layer=layer, **options)

    async def scrape(self, *rows: Json, meta: Json | None = None, **options: Any) -> Json:
        """Take rows of a scrape in, with the description beside them; returns the receipt."""
        path = self.write(*rows)
        if meta is not None:
            path.with_name(f"{path.stem}_meta.json").write_text(json.dumps(meta))
        return await self.take(path, layout="sudrfscraper", layer="court_card", **options)

    def write(self, *rows: Json, text: str | None = None, suffix: str = ".ndjson") -> Path:
        """A new file of lines."""
        self.files += 1
        path = self.folder / f"file{self.files}{suffix}"
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        path.write_text(lines if text is None else text, encoding="utf-8")
        return path

    async def take(self, path: Path, *, seen_on: str | None = None, **options: Any) -> Json:
        """Take a file in; returns the receipt."""
        known = {"layout": "house", "layer": "court_card", "source": "test", "author": "test"}
        seen = date.fromisoformat(seen_on) if seen_on else None
        ways = {name: options.pop(name) for name in _WAYS if name in options}
        taken = await ingest_file(self.database, path, Options(**{**known, **options}, seen_on=seen), **ways)
        return taken.as_json()

    async def fetch(self, statement: str, *values: Any) -> list[Json]:
        """Rows of a statement."""
        async with self.database.owner() as connection:
            return [dict(row) for row in await connection.fetch(statement, *values)]

    async def value(self, statement: str, *values: Any) -> Any:
        """The one value of a statement."""
        async with self.database.owner() as connection:
            return await connection.fetchval(statement, *values)

    async def held(self) -> dict[str, Json]:
        """The live versions by their number, or by their id where they have none."""
        rows = await self.fetch("SELECT * FROM versions WHERE superseded_in IS NULL ORDER BY court, case_id")
        return {row["number"] or str(row["case_id"]): row for row in rows}

    async def one(self) -> Json:
        """The live version of the only case."""
        (version,) = (await self.held()).values()
        return version

    async def persons(self) -> list[Json]:
        """The defendants of all live versions, by court, case and id."""
        return await self.fetch(
            "SELECT d.* FROM defendants d JOIN versions v USING (court, case_id, revision)"
            " WHERE v.superseded_in IS NULL ORDER BY d.court, d.case_id, d.defendant"
        )

    async def revision(self) -> int:
        """The last revision published."""
        return int(await self.value("SELECT revision FROM published"))

    async def counts(self, *, unit: str, event: str, revision: int | None = None) -> int:
        """How many events of units the ledger holds, as of a revision."""
        return int(
            await self.value(
                "SELECT coalesce(sum(n), 0) FROM entries WHERE unit = $1 AND event = $2"
                " AND revision <= coalesce($3, revision)",
                unit,
                event,
                revision,
            )
        )

    async def causes(self, revision: int, *, unit: str = "case") -> dict[tuple[str, str], int]:
        """The sum of a revision's entries by event and cause, zeros included."""
        rows = await self.fetch(
            "SELECT event, cause, sum(n) AS n FROM entries WHERE revision = $1 AND unit = $2 GROUP BY event, cause",
            revision,
            unit,
        )
        return {(row["event"], row["cause"]): row["n"] for row in rows}

    async def differences(self) -> list[str]:
        """What a recount of every revision finds wrong."""
        async with self.database.owner() as connection:
            last = await connection.fetchval("SELECT revision FROM published")
            return [text for revision in range(1, last + 1) for text in await recount(connection, revision)]


async def recount(connection: Connection, revision: int) -> tuple[str, ...]:
    """What a recount of one revision finds wrong."""
    async with connection.transaction():
        return (await verify(connection, revision)).differences


@contextmanager
def one_for_all(server_url: str, template: str) -> Iterator[Database]:
    """A database for all tests of a file, each of which begins with `empty`: quicker than one for each."""
    name = f"sudstat_test_{uuid4().hex[:12]}"
    asyncio.run(execute(server_url, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY"))
    try:
        yield Database(at(server_url, name))
    finally:
        asyncio.run(execute(server_url, f"DROP DATABASE {name} WITH (FORCE)"))


async def empty(database: Database) -> None:
    """Take everything but the courts and offences out of the record."""
    await execute(
        database.url,
        "TRUNCATE sources, batches, refused_rows, idempotent_answers, revisions, coverage_windows, removals, cases,"
        " identifiers, sightings, statements, versions, possible_duplicates, conflict_resolutions, defendants, charges,"
        " ledger, tally; UPDATE published SET revision = 0",
    )


async def until(look: Callable[[], Awaitable[Any]], *, seconds: float = 30) -> Any:
    """What a look sees once it sees something.

    Errors  TimeoutError
    """
    async with asyncio.timeout(seconds):
        while not (seen := await look()):  # noqa: ASYNC110  another process gives no event
            await asyncio.sleep(0.02)
    return seen


def outcomes(receipt: Mapping[str, Any]) -> dict[str, int]:
    """What became of the rows, outcomes that occurred alone."""
    return {name: count for name, count in receipt["counts"].items() if count and name != "received"}
