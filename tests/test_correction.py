"""A correction is a batch of one: what it says wins over the card, and under which cause the statistics list it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.db.database import Database
from app.errors import CaseState, InvalidBody
from app.ingest.correction import correct
from app.ingest.curation import Wanted
from tests.curating import Curator, act
from tests.loading import GUIDS, UID, VERDICT, case, empty, one_for_all, outcomes, person

SENTENCE = {"kind": "imprisonment", "execution": "suspended", "term_months": 30}


@pytest.fixture(scope="module")
def database(server_url: str, template: str) -> Iterator[Database]:
    with one_for_all(server_url, template) as database:
        yield database


@pytest.fixture
async def desk(database: Database, tmp_path: Path) -> Curator:
    await empty(database)
    return Curator(database, tmp_path)


async def refused(desk: Curator, **said: Any) -> tuple[str, str | None]:
    """Code and pointer of what is wrong with a correction of the first case."""
    before = await desk.revision()
    with pytest.raises(InvalidBody) as problem:
        await desk.correct("1-1/2023", **said)
    assert await desk.revision() == before
    (fault,) = problem.value.faults
    return fault.code, fault.pointer


async def test_what_a_curator_says_wins_over_the_card_and_over_later_cards(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT), seen_on="2023-05-01")
    receipt = await desk.correct("1-1/2023", decided_on="2023-04-20")
    assert (receipt["revision"], outcomes(receipt)) == (2, {"changed": 1})
    await desk.house(case(received_on="2023-03-14", decided_on="2023-04-22"), seen_on="2023-06-01")
    held = await desk.one()
    assert (str(held["decided_on"]), held["layers"]["decided_on"]) == ("2023-04-20", "newsroom")
    assert await desk.causes(2) == {("decided", "corrected"): 0, ("received", "corrected"): 0}
    await desk.correct("1-1/2023", decided_on=None)
    assert str((await desk.one())["decided_on"]) == "2023-04-22"
    assert await desk.differences() == []


@pytest.mark.parametrize(
    ("stated", "listed"),
    [("correction", "corrected"), ("reclassification", "reclassified"), ("late_report", "late_reported")],
)
async def test_the_statistics_list_it_under_the_cause_that_the_curator_states(
    desk: Curator, stated: str, listed: str
) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    await desk.correct("1-1/2023", stated, **VERDICT)
    assert await desk.causes(2) == {("decided", listed): 1, ("received", listed): 0}
    assert await desk.value("SELECT cause FROM revisions WHERE revision = 2") == listed


async def test_a_denied_value_of_the_card_counts_no_more(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT))
    await desk.correct("1-1/2023", deny=["decided_on"])
    held = await desk.one()
    assert (held["decided_on"], held["conflicts"][0]["kind"]) == (None, "denied")
    await desk.correct("1-1/2023", deny=[])
    assert str((await desk.one())["decided_on"]) == VERDICT["decided_on"]
    assert await desk.differences() == []


async def test_a_defendant_is_named_by_id_or_by_ordinal_whatever_the_charges_resemble(desk: Curator) -> None:
    await desk.house(case(defendants=[person("337:5", ordinal=1), person("338:1", ordinal=2)], **VERDICT))
    # The charge set is that of the first: a file's row would be matched with him.
    await desk.correct("1-1/2023", defendants=[{"ordinal": 2, "charges": [{"offence": "337:5"}]}])
    await desk.correct("1-1/2023", defendants=[{"id": "d1", "sentence": SENTENCE}])
    first, second = await desk.persons()
    assert (first["offence_received"], first["sentence_class"], first["term_months"]) == ("337:5", "suspended", 30)
    assert (second["offence_received"], second["sentence_class"]) == ("337:5", "unknown")
    await desk.correct("1-1/2023", defendants=[{"id": "d2", "service_status": "mobilised"}, {"ordinal": 3}])
    statuses = [(row["defendant"], row["ordinal"], row["service_status"]) for row in await desk.persons()]
    assert statuses == [(1, 1, "unknown"), (2, 2, "mobilised"), (3, 3, "unknown")]
    assert await desk.differences() == []


async def test_what_is_no_defendant_of_the_case_is_refused(desk: Curator) -> None:
    await desk.house(case(defendants=[person("337:5", ordinal=1), person("338:1", ordinal=2)]))
    for wrong in ({"id": "d3"}, {"id": 1}, {"ordinal": 4}, {}, {"id": "d1", "ordinal": 2}):
        assert await refused(desk, defendants=[wrong]) == ("unknown-defendant", "/defendants/0")
    twice = [{"id": "d1"}, {"ordinal": 1}]
    assert await refused(desk, defendants=twice) == ("repeated", "/defendants/1")
    assert await refused(desk, defendants=[{"ordinal": "one"}]) == ("bad-type", "/defendants/0/ordinal")
    assert await refused(desk, defendants=["Иванов"]) == ("bad-type", "/defendants/0")
    nobody = [{"id": "d2", "name": "Иванов"}]
    assert await refused(desk, defendants=nobody) == ("unknown-field", "/defendants/0/name")


async def test_the_checks_are_those_of_the_house_record(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT))
    assert await refused(desk) == ("empty", "")
    assert await refused(desk, decided_on="21.04.2023") == ("bad-date", "/decided_on")
    assert await refused(desk, disposition="guilty") == ("unknown-code", "/disposition")
    assert await refused(desk, nonsense=1) == ("unknown-field", "/nonsense")
    assert await refused(desk, deny=["decided_on"], decided_on="2023-04-20") == ("denied-and-said", "/deny/0")
    assert await refused(desk, court="77GV0003") == ("fixed", "/court")
    assert await refused(desk, number="сто") == ("bad-number", "/number")
    assert await refused(desk, number=None) == ("bad-value", "/number")
    # Beside what the card says, not only within the correction.
    assert await refused(desk, decided_on="2023-03-13") == ("days-out-of-order", "/decided_on")
    assert await refused(desk, received_on="2023-04-22") == ("days-out-of-order", "/received_on")
    assert await refused(desk, in_force_on="2023-04-20") == ("days-out-of-order", "/in_force_on")
    assert outcomes(await desk.correct("1-1/2023", court="61GV0012", in_force_on="2023-05-06")) == {"changed": 1}


async def test_a_key_is_learnt_and_one_of_another_case_refused(desk: Curator) -> None:
    await desk.house(case(uid=UID), case("1-2/2023"))
    await desk.correct("1-1/2023", previous_numbers=["1-201/2022"], card_guid=GUIDS[0])
    assert await desk.id_of("1-201/2022") == await desk.id_of("1-1/2023") == await desk.id_of(GUIDS[0])
    receipt = await desk.house(case("1-201/2022", **VERDICT))
    assert outcomes(receipt) == {"changed": 1}
    assert await refused(desk, number="1-2/2023") == ("key-of-another-case", "/number")
    known = await desk.value("SELECT uid FROM versions WHERE superseded_in IS NULL AND number <> '1-2/2023'")
    assert known == UID
    assert await desk.differences() == []


async def test_saying_what_is_said_already_is_no_revision(desk: Curator) -> None:
    await desk.house(case(**VERDICT))
    assert (await desk.correct("1-1/2023", decided_on=None))["revision"] is None
    await desk.correct("1-1/2023", decided_on="2023-04-20")
    again = await desk.correct("1-1/2023", decided_on="2023-04-20")
    assert (again["revision"], outcomes(again)) == (None, {"unchanged": 1})


async def test_a_withdrawn_case_may_be_corrected_and_a_merged_one_not(desk: Curator) -> None:
    await desk.house(case(received_on="2023-03-14"), case("1-2/2023"))
    await desk.withdraw("1-1/2023")
    await desk.correct("1-1/2023", received_on="2023-03-15")
    held = (await desk.held())["1-1/2023"]
    assert (held["is_withdrawn"], str(held["received_on"]), await desk.received()) == (True, "2023-03-15", 1)
    await desk.restore("1-1/2023")
    await desk.merge("1-2/2023", "1-1/2023")
    with pytest.raises(CaseState):
        await correct(desk.database, Wanted(await desk.id_of("1-2/2023")), act("correction"), said=VERDICT)
    assert await desk.differences() == []
