"""What goes out as CSV goes back in through layout house, and says the same."""

import csv
import io
from pathlib import Path

from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.layouts.house import HOUSE_CSV_COLUMNS
from app.ingest.receipt import Options
from tests.serving import client_of, crowded_fixture, filled_fixture

__all__ = ["crowded_fixture", "filled_fixture"]


async def exported(url: str) -> str:
    async with client_of(url) as client:
        return (await client.get("/v1/cases?format=csv&sort=number")).text


def facts(text: str) -> list[dict[str, str]]:
    """The rows of an export without what the service added, and without a presumed conviction."""
    rows = []
    for row in csv.DictReader(io.StringIO(text)):
        shown = {name: row[name] for name in HOUSE_CSV_COLUMNS if name in row}
        rows.append(shown | {"class": row["sentence.class"], "presumed": row["defendant.is_presumed"]})
    return sorted(rows, key=lambda row: list(row.values()))


async def test_an_export_of_cases_goes_back_in(
    filled: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    out = await exported(filled)
    path = tmp_path / "cases.csv"
    path.write_text(out, encoding="utf-8", newline="")
    options = Options(layout="house", layer="court_card", source="export", author="test")
    receipt = await ingest_file(database, path, options)
    assert receipt.tallied.refused == []
    assert receipt.tallied.counts["created"] == len({row["id"] for row in csv.DictReader(io.StringIO(out))})
    assert facts(await exported(database_url)) == facts(out)


async def test_an_export_with_ties_and_gaps_goes_back_in(
    crowded: str, database: Database, database_url: str, tmp_path: Path
) -> None:
    path = tmp_path / "cases.csv"
    path.write_text(await exported(crowded), encoding="utf-8", newline="")
    options = Options(layout="house", layer="newsroom", source="export", author="test")
    assert (await ingest_file(database, path, options)).tallied.refused == []
    assert facts(await exported(database_url)) == facts(path.read_text(encoding="utf-8"))
