"""A batch is taken back: what it replaced stands again, what it taught falls, and no earlier revision changes."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from app.db.database import Database
from app.errors import BatchState, NotFound
from app.ingest.undo import undo
from tests.curating import Curator, act
from tests.loading import CHITA, GUIDS, JUDGED, UID, VERDICT, card, case, empty, one_for_all, outcomes

META = {"entry_date_from": "01.03.2023", "entry_date_till": "31.05.2023"}


@pytest.fixture(scope="module")
def database(server_url: str, template: str) -> Iterator[Database]:
    with one_for_all(server_url, template) as database:
        yield database


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> Curator:
    await empty(database)
    return Curator(database, tmp_path)


async def test_what_a_batch_replaced_stands_again(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14"), case("1-2/2023"), seen_on="2023-04-01")
    wrong = await desk.house(case(**VERDICT), case("1-3/2023"), seen_on="2023-05-01")
    undone = await desk.undo(wrong)
    assert (undone["revision"], undone["undoes"], outcomes(undone)) == (3, wrong["batch_id"], {"changed": 2})
    assert undone["not_undone"] == {"count": 0, "first": []}
    held = await desk.held()
    assert (held["1-1/2023"]["disposition"], held["1-1/2023"]["version"]) == ("pending", 3)
    assert await desk.causes(3) == {("decided", "undone"): -1, ("received", "undone"): -1}
    assert [await desk.received(revision) for revision in (1, 2, 3)] == [2, 3, 2]
    assert await desk.value("SELECT cause FROM revisions WHERE revision = 3") == "undone"
    assert await desk.differences() == []


async def test_a_case_that_the_batch_brought_is_withdrawn_with_nothing_left_in_it(desk: Curator) -> None:
    batch = await desk.house(case(uid=UID, **VERDICT))
    await desk.undo(batch)
    (row,) = await desk.fetch("SELECT * FROM versions WHERE superseded_in IS NULL")
    assert (row["is_withdrawn"], row["number"], row["uid"], row["decided_on"]) == (True, None, None, None)
    assert (await desk.keys(), await desk.received(), await desk.received(1)) == ({}, 0, 1)
    assert await desk.differences() == []


async def test_the_same_file_can_be_loaded_again_after_an_undo(desk: Curator) -> None:
    path = desk.write(case(received_on="2023-03-14"), case("1-2/2023"))
    first = await desk.take(path, seen_on="2020-01-01")
    assert outcomes(await desk.take(path)) == {"unchanged": 2}  # this one is seen, and not undone
    await desk.undo(first)
    again = await desk.take(path)
    assert outcomes(again) == {"created": 2}
    assert str(await desk.value("SELECT max(seen_on) FROM statements")) > "2020-01-01"
    assert outcomes(await desk.take(path)) == {"unchanged": 2}
    assert (await desk.received(), await desk.differences()) == (2, [])


@pytest.mark.parametrize("layer", ["court_card", "newsroom"])
async def test_a_row_that_was_taken_back_with_its_batch_is_no_old_row(desk: Curator, layer: str) -> None:
    await desk.house(case(**VERDICT), layer=layer, seen_on="2023-05-01")
    path = desk.write(case(decided_on="2023-04-20"))
    batch = await desk.take(path, layer=layer, seen_on="2023-05-02")
    await desk.undo(batch)
    assert outcomes(await desk.take(path, layer=layer, seen_on="2023-05-02")) == {"changed": 1}
    assert str((await desk.one())["decided_on"]) == "2023-04-20"
    # Said, and then said otherwise by a batch that stands: that is an old row.
    await desk.house(case(decided_on="2023-04-22"), layer=layer, seen_on="2023-05-02")
    other = desk.write(case(decided_on="2023-04-20"), case("1-9/2023", CHITA))
    late = {"court_card": {"stale": 1, "created": 1}, "newsroom": {"changed": 1, "created": 1}}
    assert outcomes(await desk.take(other, layer=layer, seen_on="2023-05-02")) == late[layer]


async def test_where_a_later_statement_stands_it_stays_and_is_listed(desk: Curator) -> None:
    wrong = await desk.house(case(), case("1-2/2023"), seen_on="2023-04-01")
    later = await desk.house(case(**VERDICT), seen_on="2023-05-01")
    undone = await desk.undo(wrong)
    assert outcomes(undone) == {"changed": 1, "unchanged": 1}
    assert undone["not_undone"]["count"] == 1
    (kept,) = undone["not_undone"]["first"]
    assert (kept["reason"], kept["revision"], kept["layer"]) == ("later_statement", 2, "court_card")
    assert set(await desk.keys()) == {"1-1/2023"}
    # Once the later one is taken back, so can the rest of the first.
    await desk.undo(later)
    rest = await desk.undo(wrong)
    assert (outcomes(rest), await desk.keys(), await desk.received()) == ({"changed": 1}, {}, 0)
    with pytest.raises(BatchState, match="already"):
        await desk.undo(wrong)
    assert await desk.differences() == []


async def test_an_undo_where_nothing_can_be_taken_back_is_no_revision(desk: Curator) -> None:
    wrong = await desk.house(case(), seen_on="2023-04-01")
    await desk.house(case(**VERDICT), seen_on="2023-05-01")
    undone = await desk.undo(wrong)
    assert (undone["revision"], undone["applied"], undone["not_undone"]["count"]) == (None, False, 1)
    assert await desk.revision() == 2


async def test_batches_are_undone_one_after_another_back_to_the_first(desk: Curator) -> None:
    first = await desk.house(case(received_on="2023-03-14"), seen_on="2023-04-01")
    second = await desk.house(case(decided_on="2023-04-20", disposition="verdict"), seen_on="2023-05-01")
    third = await desk.house(case(decided_on="2023-04-21"), seen_on="2023-06-01")
    await desk.undo(third)
    assert str((await desk.one())["decided_on"]) == "2023-04-20"
    await desk.undo(second)
    assert (await desk.one())["disposition"] == "pending"
    await desk.undo(first)
    assert (await desk.received(), await desk.differences()) == (0, [])


async def test_an_undo_can_be_undone(desk: Curator) -> None:
    path = desk.write(case(received_on="2023-03-14"), case("1-2/2023", previous_numbers=["1-202/2022"]))
    batch = await desk.take(path, seen_on="2023-04-01")
    undone = await desk.undo(batch)
    redone = await desk.undo(undone)
    assert (await desk.received(), set(await desk.keys())) == (2, {"1-1/2023", "1-2/2023", "1-202/2022"})
    assert outcomes(await desk.take(path)) == {"unchanged": 2}
    with pytest.raises(BatchState, match=redone["batch_id"]):
        await desk.undo(batch)
    await desk.undo(redone)
    assert (await desk.received(), await desk.keys()) == (0, {})
    assert outcomes(await desk.take(path)) == {"created": 2}
    assert await desk.differences() == []


async def test_a_case_does_not_come_back_beside_another_that_has_its_keys_by_now(desk: Curator) -> None:
    batch = await desk.house(case(received_on="2023-03-14"), case("1-2/2023"))
    undone = await desk.undo(batch)
    await desk.house(case(received_on="2023-03-15"))
    redone = await desk.undo(undone)
    (kept,) = redone["not_undone"]["first"]
    assert (outcomes(redone), kept["reason"]) == ({"changed": 1, "unchanged": 1}, "keys_of_another_case")
    assert (await desk.received(), await desk.differences()) == (2, [])


async def test_a_key_falls_with_its_batch_unless_another_word_names_it(desk: Curator) -> None:
    await desk.scrape(card("1-1/2023", guid=GUIDS[0]), seen_on="2023-04-01")
    renumbered = await desk.scrape(card("1-9/2023", guid=GUIDS[0]), seen_on="2023-05-01")
    await desk.house(case("1-9/2023", decided_on="2023-04-20"), layer="newsroom", seen_on="2023-05-02")
    assert set(await desk.keys()) == {"1-1/2023", "1-9/2023", GUIDS[0]}
    await desk.undo(renumbered)
    assert set(await desk.keys()) == {"1-1/2023", "1-9/2023", GUIDS[0]}  # the newsroom knows it by that number
    again = await desk.scrape(card("1-8/2023", guid=GUIDS[0]), seen_on="2023-06-01")
    assert (await desk.keys())["1-8/2023"] == 5
    await desk.undo(again)
    assert set(await desk.keys()) == {"1-1/2023", "1-9/2023", GUIDS[0]}
    assert await desk.differences() == []


async def test_what_the_newsroom_says_of_a_case_outlives_the_undo_of_its_card(desk: Curator) -> None:
    path = desk.write(card("1-1/2023", guid=GUIDS[0]), card("1-2/2023"))
    scrape = await desk.take(path, layout="sudrfscraper")
    await desk.correct("1-1/2023", **VERDICT)
    await desk.withdraw("1-2/2023")
    await desk.undo(scrape)
    assert set(await desk.keys()) == {"1-1/2023", "1-2/2023", GUIDS[0]}
    assert await desk.received() == 1  # by the newsroom's word alone
    again = await desk.take(path, layout="sudrfscraper")
    assert outcomes(again) == {"changed": 2}
    held = await desk.held()
    assert (held["1-1/2023"]["disposition"], held["1-2/2023"]["is_withdrawn"]) == ("verdict", True)
    assert (await desk.received(), await desk.differences()) == (1, [])


async def test_coverage_falls_with_its_batch_and_comes_back_with_it(desk: Curator) -> None:
    scrape = await desk.scrape(card(**JUDGED), meta=META)
    windows = "SELECT count(*) FROM coverage_windows WHERE superseded_in IS NULL"
    assert await desk.value(windows) == 1
    undone = await desk.undo(scrape)
    assert (await desk.value(windows), undone["revision"]) == (0, 2)
    await desk.undo(undone)
    assert await desk.value(windows) == 1
    (row,) = await desk.fetch("SELECT starts_on::text, source FROM coverage_windows WHERE superseded_in IS NULL")
    assert row == {"starts_on": "2023-03-01", "source": "test"}


async def test_acts_are_undone_as_files_are(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14"), case("1-2/2023"))
    corrected = await desk.correct("1-1/2023", previous_numbers=["1-201/2022"], **VERDICT)
    withdrawn = await desk.withdraw("1-1/2023")
    stuck = await desk.undo(corrected)
    assert stuck["not_undone"]["first"][0]["reason"] == "later_statement"
    await desk.undo(withdrawn)
    assert ((await desk.held())["1-1/2023"]["disposition"], await desk.received()) == ("verdict", 2)
    await desk.undo(corrected)
    assert (await desk.held())["1-1/2023"]["disposition"] == "pending"
    assert set(await desk.keys()) == {"1-1/2023", "1-2/2023"}
    assert await desk.value("SELECT count(*) FROM statements WHERE layer = 'newsroom' AND superseded_in IS NULL") == 0
    assert await desk.differences() == []


async def test_the_survivor_of_a_merge_does_not_go_with_its_batch(desk: Curator) -> None:
    await desk.house(case("1-1/2023", received_on="2023-03-14"))
    batch = await desk.house(case("1-2/2023", received_on="2023-03-14"))
    merged = await desk.merge("1-1/2023", "1-2/2023")
    undone = await desk.undo(batch)
    assert (undone["revision"], undone["not_undone"]["first"][0]["reason"]) == (None, "survivor")
    await desk.undo(merged)
    await desk.undo(batch)
    assert (await desk.received(), await desk.differences()) == (1, [])


async def test_no_undo_merges_in_a_circle(desk: Curator) -> None:
    await desk.house(case("1-1/2023"), case("1-2/2023"))
    await desk.merge("1-1/2023", "1-2/2023")
    restored = await desk.restore("1-1/2023")
    await desk.merge("1-2/2023", "1-1/2023")
    undone = await desk.undo(restored)
    assert (undone["revision"], undone["not_undone"]["first"][0]["reason"]) == (None, "no_survivor")
    assert await desk.differences() == []


async def test_the_kin_of_an_undone_case_derive_their_arrival_anew(desk: Curator) -> None:
    transferred = {"decided_on": "2023-02-01", "disposition": "transferred_jurisdiction"}
    first = await desk.house(case(uid=UID, received_on="2023-01-10", **transferred))
    await desk.house(case("1-9/2023", CHITA, uid=UID, received_on="2023-02-10"))
    assert (await desk.held())["1-9/2023"]["arrival"] == "transfer"
    await desk.undo(first)
    assert (await desk.held())["1-9/2023"]["arrival"] == "new"
    assert await desk.differences() == []


async def test_what_changed_nothing_or_is_not_there_cannot_be_undone(desk: Curator) -> None:
    path = desk.write(case())
    await desk.take(path)
    same = await desk.take(path)
    with pytest.raises(BatchState, match="changed nothing"):
        await desk.undo(same)
    with pytest.raises(NotFound):
        await undo(desk.database, uuid4(), act("undo"))
