"""Curators' acts from the command line: the same acts, with receipts."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from app.cli.commands import cli
from app.db.database import Database
from app.records.conflicts import find_conflicts
from app.records.ids import show_id
from app.records.listing import Order, Wanted
from app.records.revisions import get_state
from tests.curating import Curator
from tests.loading import case, one_for_all


@pytest.fixture
def desk(server_url: str, template: str, tmp_path: Path) -> Iterator[Curator]:
    with one_for_all(server_url, template) as database:
        yield Curator(database, tmp_path)


def sudstat(database: Database, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, arguments, input=given, env={"SUDSTAT_DATABASE_URL": database.url})


def test_a_curators_day_from_the_command_line(desk: Curator) -> None:
    records = (case("1-1/2023", received_on="2023-03-14"), case("1-2/2023", received_on="2023-03-14"))
    asyncio.run(desk.house(*records))
    one, other = (show_id(asyncio.run(desk.id_of(number))) for number in ("1-1/2023", "1-2/2023"))

    def receipt(*arguments: str, given: str | None = None) -> dict[str, Any]:
        ended = sudstat(desk.database, *arguments, "--json", given=given)
        assert ended.exit_code == 0, ended.output
        return dict(json.loads(ended.stdout))

    file = desk.write(text=json.dumps({"disposition": "verdict", "decided_on": "2023-04-21"}), suffix=".json")
    corrected = receipt("correct", one, str(file), "--cause", "late_report", "--note", "from the verdict")
    assert (corrected["revision"], corrected["effect"][0]["period"]) == (2, "2023-W16")
    assert (
        receipt("correct", one, "-", "--cause", "correction", given='{"decided_on": "2023-04-21"}')["applied"] is False
    )
    assert receipt("withdraw", other, "--version", "1")["revision"] == 3
    assert receipt("restore", other)["revision"] == 4
    assert receipt("merge", other, one)["revision"] == 5
    undone = receipt("undo", corrected["batch_id"], "--note", "wrong case")
    assert (undone["revision"], undone["not_undone"]["count"]) == (6, 0)
    assert asyncio.run(desk.differences()) == []
    shown = sudstat(desk.database, "restore", other)
    assert "Revision 7" in shown.stdout
    assert "2023-W11  cases_received: 1 → 2" in shown.stdout


def test_a_conflict_is_settled_from_the_command_line(desk: Curator) -> None:
    asyncio.run(desk.house(case("1-1/2023", received_on="2023-03-14")))
    asyncio.run(desk.correct("1-1/2023", received_on="2023-03-15"))
    (known,) = asyncio.run(open_conflicts(desk))
    wrong = sudstat(desk.database, "settle", known, "--resolution", "not_duplicates")
    assert (wrong.exit_code, "court_card or newsroom" in wrong.stderr) == (1, True)
    settled = sudstat(desk.database, "settle", known, "--resolution", "court_card", "--note", "as the card has it")
    assert (settled.exit_code, "Revision 3" in settled.stdout) == (0, True), settled.output
    assert str(asyncio.run(desk.one())["received_on"]) == "2023-03-14"
    assert asyncio.run(open_conflicts(desk)) == []
    again = sudstat(desk.database, "settle", known, "--resolution", "court_card")
    assert (again.exit_code, "no such conflict now" in again.stderr) == (1, True)


async def open_conflicts(desk: Curator) -> list[str]:
    """The ids of the conflicts that stand."""
    async with desk.database.owner() as connection:
        page = await find_conflicts(connection, Wanted((), Order("case"), limit=10), await get_state(connection))
    return [conflict["id"] for conflict in page.rows]


def test_what_is_wrong_is_one_line_and_status_1(desk: Curator) -> None:
    asyncio.run(desk.house(case("1-1/2023")))
    known = show_id(asyncio.run(desk.id_of("1-1/2023")))
    for arguments, given, told in (
        (("withdraw", "nothing"), None, "no case"),
        (("withdraw", known, "--version", "2"), None, "version 1"),
        (("correct", known, "-", "--cause", "correction"), "[]", "JSON object"),
        (("correct", known, "-", "--cause", "correction"), "{", "not JSON"),
        (("correct", known, "-", "--cause", "correction"), '{"decided_on": 1}', "/decided_on: "),
        (("settle", "nothing", "--resolution", "newsroom"), None, "no conflict"),
        (("undo", "00000000-0000-4000-8000-000000000000"), None, "no batch"),
    ):
        ended = sudstat(desk.database, *arguments, given=given)
        assert ended.exit_code == 1, ended.output
        assert told in ended.stderr
        assert len(ended.stderr.strip().splitlines()) == 1
    assert sudstat(desk.database, "correct", known, "-", "--cause", "withdrawal").exit_code == 2
