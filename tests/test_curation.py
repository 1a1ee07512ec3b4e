"""Curators withdraw, restore and merge cases: what then counts, what a scrape may do, and what stays as it was."""

from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from app.db.database import Database
from app.errors import CaseState, InvalidParameters, NotFound, PreconditionFailed
from app.ingest.curation import Wanted, withdraw
from tests.curating import Curator, act
from tests.loading import CHITA, UID, VERDICT, case, empty, one_for_all, outcomes, person

TRANSFERRED = {"decided_on": "2023-02-01", "disposition": "transferred_jurisdiction"}


@pytest.fixture(scope="module")
def database(server_url: str, template: str) -> Iterator[Database]:
    with one_for_all(server_url, template) as database:
        yield database


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> Curator:
    await empty(database)
    return Curator(database, tmp_path)


async def test_a_withdrawn_case_counts_nowhere_until_it_is_restored(desk: Curator) -> None:
    await desk.house(case("1-1/2023", received_on="2023-03-14", defendants=[person("337:5")], **VERDICT))
    withdrawn = await desk.withdraw("1-1/2023")
    assert (withdrawn["revision"], outcomes(withdrawn)) == (2, {"changed": 1})
    held = await desk.one()
    assert (held["is_withdrawn"], held["number"], held["version"]) == (True, "1-1/2023", 2)
    assert await desk.causes(2) == {("received", "withdrawn"): -1, ("decided", "withdrawn"): -1}
    assert (await desk.received(), await desk.received(1)) == (0, 1)
    restored = await desk.restore("1-1/2023")
    assert await desk.causes(3) == {("received", "restored"): 1, ("decided", "restored"): 1}
    assert (restored["revision"], (await desk.one())["is_withdrawn"]) == (3, False)
    assert [await desk.received(revision) for revision in (1, 2, 3)] == [1, 0, 1]
    assert await desk.value("SELECT count(*) FROM statements WHERE layer = 'newsroom' AND superseded_in IS NULL") == 0
    assert await desk.differences() == []


async def test_the_revision_says_who_did_it_and_why(desk: Curator) -> None:
    await desk.house(case("1-1/2023"), is_synthetic=True)
    receipt = await desk.withdraw("1-1/2023")
    (row,) = await desk.fetch("SELECT * FROM revisions WHERE revision = 2")
    assert (row["cause"], row["author"], row["note"], row["layer"]) == ("withdrawn", "test", "in a test", "newsroom")
    assert (str(row["batch_id"]), row["is_synthetic"]) == (receipt["batch_id"], True)
    kept = await desk.value("SELECT receipt FROM batches WHERE batch_id = $1", row["batch_id"])
    assert kept == receipt


async def test_no_scrape_brings_a_withdrawn_case_back_but_its_card_goes_on(desk: Curator) -> None:
    await desk.house(case("1-1/2023", received_on="2023-03-14"), seen_on="2023-04-01")
    await desk.withdraw("1-1/2023")
    receipt = await desk.house(case("1-1/2023", **VERDICT), seen_on="2023-05-01")
    assert outcomes(receipt) == {"changed": 1}
    held = await desk.one()
    assert (held["is_withdrawn"], held["disposition"]) == (True, "verdict")
    assert (await desk.received(), await desk.causes(3)) == (0, {})
    newsroom = await desk.house(case("1-1/2023", decided_on="2023-04-22"), layer="newsroom", seen_on="2023-05-01")
    assert (outcomes(newsroom), (await desk.one())["is_withdrawn"]) == ({"changed": 1}, True)
    await desk.restore("1-1/2023")
    assert await desk.causes(5) == {("received", "restored"): 1, ("decided", "restored"): 1}
    assert str((await desk.one())["decided_on"]) == "2023-04-22"
    assert await desk.differences() == []


async def test_an_act_on_what_is_so_already_changes_nothing(desk: Curator) -> None:
    await desk.house(case("1-1/2023"), layer="newsroom")
    await desk.house(case("1-1/2023"))
    assert (await desk.restore("1-1/2023"))["revision"] is None
    await desk.withdraw("1-1/2023")
    again = await desk.withdraw("1-1/2023")
    assert (again["revision"], again["applied"], outcomes(again)) == (None, False, {"unchanged": 1})
    assert await desk.revision() == 3


async def test_a_withdrawn_case_says_nothing_of_its_kin(desk: Curator) -> None:
    first = case("1-1/2023", uid=UID, received_on="2023-01-10", **TRANSFERRED)
    second = case("1-9/2023", CHITA, uid=UID, received_on="2023-02-10")
    await desk.house(first, second)
    arrivals = {number: row["arrival"] for number, row in (await desk.held()).items()}
    assert arrivals == {"1-1/2023": "new", "1-9/2023": "transfer"}
    await desk.withdraw("1-1/2023")
    assert (await desk.held())["1-9/2023"]["arrival"] == "new"
    await desk.withdraw("1-9/2023")
    await desk.restore("1-1/2023")
    assert (await desk.held())["1-9/2023"]["arrival"] == "new"
    await desk.restore("1-9/2023")
    assert (await desk.held())["1-9/2023"]["arrival"] == "transfer"
    assert await desk.differences() == []


async def test_a_card_that_takes_back_the_arrival_of_a_withdrawn_case_derives_none(desk: Curator) -> None:
    await desk.house(case("1-1/2023", uid=UID, arrival="transfer"), seen_on="2023-04-01")
    await desk.withdraw("1-1/2023")
    await desk.house(case("1-1/2023", arrival=None), seen_on="2023-05-01")
    assert (await desk.one())["arrival"] == "new"
    assert await desk.differences() == []


async def test_a_merged_case_counts_no_more_and_its_survivor_inherits_nothing(desk: Curator) -> None:
    one = case("1-1/2023", received_on="2023-03-14", defendants=[person("337:5")])
    other = case("1-2/2023", received_on="2023-03-15", **VERDICT)
    await desk.house(one, other)
    await desk.merge("1-2/2023", "1-1/2023")
    held = await desk.held()
    assert held["1-2/2023"]["merged_into"] == await desk.id_of("1-1/2023")
    assert (held["1-1/2023"]["disposition"], held["1-1/2023"]["version"]) == ("pending", 1)
    assert await desk.causes(2) == {("received", "merged_duplicate"): -1, ("decided", "merged_duplicate"): -1}
    assert (await desk.merge("1-2/2023", "1-1/2023"))["applied"] is False
    receipt = await desk.house(case("1-2/2023", in_force_on="2023-05-02"))
    assert (outcomes(receipt), await desk.received()) == ({"changed": 1}, 1)
    await desk.restore("1-2/2023")
    assert (await desk.received(), await desk.differences()) == (2, [])


async def test_merges_that_would_lose_a_case_are_refused(desk: Curator) -> None:
    numbers = ("1-1/2023", "1-2/2023", "1-3/2023")
    await desk.house(*(case(number) for number in numbers), case("1-4/2023", CHITA))
    a, b, c = numbers
    for other, problem in ((a, InvalidParameters), ("1-4/2023", InvalidParameters)):
        with pytest.raises(problem):
            await desk.merge(a, other)
    await desk.merge(a, b)
    for number, other in ((b, a), (a, c), (c, a)):  # a circle, a second survivor, a survivor that is none
        with pytest.raises(CaseState):
            await desk.merge(number, other)
    with pytest.raises(CaseState):
        await desk.withdraw(a)
    await desk.merge(b, c)
    await desk.restore(a)
    await desk.withdraw(c)
    with pytest.raises(CaseState):
        await desk.merge(a, c)
    assert await desk.differences() == []


async def test_an_act_is_held_to_the_version_that_its_curator_has_seen(desk: Curator) -> None:
    await desk.house(case("1-1/2023"))
    known = await desk.id_of("1-1/2023")
    with pytest.raises(PreconditionFailed, match="version 1"):
        await withdraw(desk.database, Wanted(known, {2, 3}), act("withdrawal"))
    assert await desk.revision() == 1
    await withdraw(desk.database, Wanted(known, {1}), act("withdrawal"))
    with pytest.raises(NotFound):
        await withdraw(desk.database, Wanted(UUID(int=5)), act("withdrawal"))
