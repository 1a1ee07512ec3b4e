"""What a file does to the record: whose case a row is, which layer speaks, what is old, what is kept."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from app.ingest.batch import IngestError, ingest_file
from app.ingest.receipt import Options
from app.ingest.record import Outcome
from app.records.ids import show_id
from tests.loading import (
    CHITA,
    GROZNY,
    GUIDS,
    JUDGED,
    JUDGED_LATER,
    MOSCOW,
    OTHER_UID,
    UID,
    VERDICT,
    Desk,
    Json,
    card,
    case,
    empty,
    outcomes,
    person,
)

# ── Old files, equal files ─────────────────────────────────────────────────────────────────────


async def test_the_same_file_again_changes_nothing_and_makes_no_revision(desk: Desk) -> None:
    path = desk.write(card(**JUDGED), card("1-2/2023"))
    options = {"layout": "sudrfscraper", "seen_on": "2023-05-01"}
    assert outcomes(await desk.take(path, **options)) == {"created": 2}
    again = await desk.take(path, **options)
    assert (outcomes(again), again["revision"], again["applied"]) == ({"unchanged": 2}, None, False)
    assert await desk.revision() == 1


async def test_a_file_seen_earlier_changes_nothing(desk: Desk) -> None:
    await desk.scrape(card(**JUDGED), seen_on="2023-05-01")
    older = await desk.scrape(card(names="Иванов И.И. - ст.338 ч.1 УК РФ"), seen_on="2023-04-01")
    assert (outcomes(older), older["revision"]) == ({"stale": 1}, None)
    assert (await desk.one())["disposition"] == "verdict"


async def test_an_old_file_loaded_again_on_a_later_day_changes_nothing(desk: Desk) -> None:
    one_day, other_day = desk.write(card(**JUDGED)), desk.write(card(**JUDGED_LATER))
    for path in (one_day, other_day):
        await desk.take(path, layout="sudrfscraper")
    async with desk.database.owner() as connection:  # both were loaded long ago
        await connection.execute("UPDATE statements SET seen_on = seen_on - 10")
        await connection.execute("UPDATE batches SET seen_on = seen_on - 10")
    again = await desk.take(one_day, layout="sudrfscraper")
    assert (outcomes(again), again["revision"]) == ({"unchanged": 1}, None)
    assert str((await desk.one())["decided_on"]) == "2023-04-22"


async def test_an_old_file_loaded_again_is_of_the_day_that_was_stated_first(desk: Desk) -> None:
    old = desk.write(card(**JUDGED))
    await desk.take(old, layout="sudrfscraper", seen_on="2023-05-01")
    await desk.scrape(card(**JUDGED_LATER), seen_on="2023-05-08")
    assert outcomes(await desk.take(old, layout="sudrfscraper")) == {"unchanged": 1}


async def test_a_file_that_changed_nothing_is_remembered_too(desk: Desk) -> None:
    await desk.scrape(card(**JUDGED))
    same_in_other_words = desk.write(card(**JUDGED, judge="-"))
    assert outcomes(await desk.take(same_in_other_words, layout="sudrfscraper")) == {"unchanged": 1}
    await desk.scrape(card(**JUDGED_LATER))
    async with desk.database.owner() as connection:
        await connection.execute("UPDATE statements SET seen_on = seen_on - 10")
        await connection.execute("UPDATE batches SET seen_on = seen_on - 10")
    assert outcomes(await desk.take(same_in_other_words, layout="sudrfscraper")) == {"unchanged": 1}


async def test_a_card_that_says_again_what_it_said_before_is_believed_when_it_is_seen_later(desk: Desk) -> None:
    for seen_on, said in (("2023-05-01", JUDGED), ("2023-05-08", JUDGED_LATER), ("2023-05-15", JUDGED)):
        await desk.scrape(card(**said), seen_on=seen_on)
    assert await desk.revision() == 3
    assert str((await desk.one())["decided_on"]) == "2023-04-21"


async def test_a_card_that_no_longer_shows_its_decision_does_not_take_it_back(desk: Desk) -> None:
    await desk.scrape(card(**JUDGED), seen_on="2023-05-01")
    assert outcomes(await desk.scrape(card(), seen_on="2023-05-08")) == {"unchanged": 1}


async def test_a_day_of_seeing_still_to_come_is_refused(desk: Desk) -> None:
    with pytest.raises(IngestError, match="future"):
        await desk.scrape(card(), seen_on="2999-01-01")
    assert await desk.revision() == 0


# ── Several rows of one case ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("is_turned", [False, True])
async def test_of_two_vintages_in_one_scrape_the_one_with_a_decision_counts(desk: Desk, is_turned: bool) -> None:
    rows = [card(), card(**JUDGED)]
    receipt = await desk.scrape(*(rows[::-1] if is_turned else rows))
    assert outcomes(receipt) == {"created": 1, "superseded_in_file": 1}
    assert (await desk.one())["disposition"] == "verdict"
    assert await desk.counts(unit="case", event="decided") == 1


@pytest.mark.parametrize("is_turned", [False, True])
async def test_of_two_decisions_in_one_scrape_the_later_counts_then_the_later_force(
    desk: Desk, is_turned: bool
) -> None:
    rows = [
        card(**JUDGED),
        card(**JUDGED_LATER),
        card(**JUDGED_LATER, endDate="10.05.2023"),
    ]
    await desk.scrape(*(rows[::-1] if is_turned else rows))
    version = await desk.one()
    assert (str(version["decided_on"]), str(version["in_force_on"])) == ("2023-04-22", "2023-05-10")


async def test_equal_rows_of_a_scrape_are_one(desk: Desk) -> None:
    receipt = await desk.scrape(*[card()] * 3)
    assert outcomes(receipt) == {"created": 1, "superseded_in_file": 2}


async def test_house_records_of_one_case_are_refused_with_their_places(desk: Desk) -> None:
    rows = (case(), case("1-2/2023"), case("1-9/2023", previous_numbers=["1-1/2023"]))
    receipt = await desk.house(*rows)
    assert [(r["pointer"], r["code"]) for r in receipt["refused"]] == [
        ("line 1", "duplicate_in_file"),
        ("line 3", "duplicate_in_file"),
    ]
    assert await desk.revision() == 0
    skipping = await desk.house(*rows, skips_refused=True)
    assert outcomes(skipping) == {"created": 1, "refused": 2}
    assert list(await desk.held()) == ["1-2/2023"]


# ── Layers ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_fresh_scrape_does_not_erase_what_the_newsroom_established(desk: Desk) -> None:
    await desk.scrape(card(**JUDGED))
    sentence = {"kind": "imprisonment", "execution": "suspended", "term_months": 30}
    await desk.house(
        case(defendants=[{"ordinal": 1, "service_status": "mobilised", "sentence": sentence}]), layer="newsroom"
    )
    await desk.scrape(card(**JUDGED, endDate="06.05.2023"))
    (defendant,) = await desk.persons()
    assert (defendant["service_status"], defendant["sentence_class"], defendant["is_presumed"]) == (
        "mobilised",
        "suspended",
        False,
    )
    assert str((await desk.one())["in_force_on"]) == "2023-05-06"


async def test_a_pending_of_the_newsroom_does_not_hide_the_cards_later_verdict(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", disposition="pending"), layer="newsroom")
    await desk.scrape(card(**JUDGED))
    assert (await desk.one())["disposition"] == "verdict"


async def test_null_takes_back_and_absence_changes_nothing(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT))
    await desk.house(case(decided_on="2023-04-22", arrival="transfer"), layer="newsroom")
    await desk.house(case(in_force_on="2023-05-06"), layer="newsroom")
    version = await desk.one()
    assert (str(version["decided_on"]), version["arrival"]) == ("2023-04-22", "transfer")
    await desk.house(case(decided_on=None, arrival=None, in_force_on=None), layer="newsroom")
    version = await desk.one()
    assert (str(version["decided_on"]), version["arrival"], version["in_force_on"]) == ("2023-04-21", "new", None)


async def test_a_layer_that_takes_back_everything_leaves_the_other(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    source = {"kind": "newsroom", "url": "https://news.example/1"}
    said = case(
        disposition="verdict",
        defendants=[{"ordinal": 1, "sentence": {"kind": "fine"}}],
        deny=["received_on"],
        sources=[source],
    )
    await desk.house(said, layer="newsroom")
    assert await desk.counts(unit="person", event="decided") == 1
    back: Json = {"disposition": None, "defendants": None, "deny": None, "sources": None}
    await desk.house(case(**back), layer="newsroom")
    version = await desk.one()
    assert (version["disposition"], str(version["received_on"]), version["sources"]) == ("pending", "2023-03-14", [])
    assert await desk.counts(unit="person", event="decided") == 0
    assert [d["sentence_kind"] for d in await desk.persons()] == ["unknown"]


async def test_a_denied_day_of_the_card_does_not_count_and_the_verdict_has_no_day(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", **VERDICT))
    await desk.house(case(deny=["decided_on"]), layer="newsroom")
    version = await desk.one()
    assert (version["decided_on"], version["disposition"]) == (None, "verdict")
    assert [c["kind"] for c in version["conflicts"]] == ["denied"]
    days = await desk.fetch("SELECT day, sum(n) AS n FROM entries WHERE unit = 'case' AND event = 'decided' GROUP BY 1")
    assert {row["day"]: row["n"] for row in days if row["n"]} == {None: 1}


async def test_defendants_of_equal_charges_keep_what_was_said_of_each(desk: Desk) -> None:
    both = "Иванов И.И. - ст.337 ч.5 УК РФ; Петров П.П. - ст.337 ч.5 УК РФ"
    await desk.scrape(card(names=both))
    await desk.house(case(defendants=[{"ordinal": 2, "service_status": "mobilised"}]), layer="newsroom")
    await desk.scrape(card(names=both, **JUDGED))
    assert [(d["defendant"], d["service_status"]) for d in await desk.persons()] == [(1, "unknown"), (2, "mobilised")]
    receipt = await desk.scrape(card(**JUDGED))  # one fewer: which of the two?
    case_id = show_id((await desk.one())["case_id"])
    assert receipt["defendants_changed"] == [{"place": "line 1", "court": GROZNY, "case": case_id}]
    assert len(await desk.persons()) == 2
    assert [c["kind"] for c in (await desk.one())["conflicts"]] == ["defendants_changed"]


async def test_the_number_shown_is_the_cards_also_where_the_newsroom_knew_an_older_one(desk: Desk) -> None:
    await desk.scrape(card("1-688/2022"))
    await desk.house(case("1-688/2022", arrival="return"), layer="newsroom")
    await desk.scrape(card("1-125/2023 (1-688/2022;)"))
    assert list(await desk.held()) == ["1-125/2023"]


# ── Identity ───────────────────────────────────────────────────────────────────────────────────


async def _numbers(desk: Desk) -> dict[str, list[str]]:
    """The numbers by which each live case is found, under the one it shows."""
    rows = await desk.fetch(
        "SELECT v.number, array_agg(i.value ORDER BY i.value) AS known FROM versions v JOIN identifiers i"
        " ON i.court = v.court AND i.case_id = v.case_id AND i.kind = 'number' AND i.superseded_in IS NULL"
        " WHERE v.superseded_in IS NULL GROUP BY v.number"
    )
    return {row["number"]: row["known"] for row in rows}


async def test_a_renumbered_case_is_found_and_keeps_both_numbers(desk: Desk) -> None:
    await desk.scrape(card("1-688/2022"))
    assert outcomes(await desk.scrape(card("1-125/2023 (1-688/2022;)", **JUDGED))) == {"changed": 1}
    assert await _numbers(desk) == {"1-125/2023": ["1-125/2023", "1-688/2022"]}
    assert outcomes(await desk.house(case("1-688/2022", arrival="return"), layer="newsroom")) == {"changed": 1}
    assert await desk.counts(unit="case", event="received") == 1


async def test_a_card_is_found_by_its_guid_before_its_number_before_its_previous_numbers(desk: Desk) -> None:
    await desk.scrape(card("1-1/2023", guid=GUIDS[0]), card("1-2/2023", guid=GUIDS[1]), card("1-3/2023"))
    by_guid = await desk.scrape(card("1-2/2023 (1-3/2023)", guid=GUIDS[0], **JUDGED))
    assert outcomes(by_guid) == {"changed": 1}
    decided = await desk.fetch(
        "SELECT i.key FROM versions v JOIN identifiers i USING (court, case_id)"
        " WHERE v.superseded_in IS NULL AND v.disposition = 'verdict' AND i.kind = 'guid'"
    )
    assert [row["key"] for row in decided] == [GUIDS[0]]
    by_number = await desk.house(case("1-2/2023", previous_numbers=["1-3/2023"], disposition="terminated"))
    (pair,) = by_number["possible_duplicates"]
    assert pair["reason"] == "two-keys"
    terminated = await desk.value(
        "SELECT key FROM versions v JOIN identifiers i USING (court, case_id)"
        " WHERE v.superseded_in IS NULL AND v.disposition = 'terminated' AND i.kind = 'guid'"
    )
    assert terminated == GUIDS[1]
    assert await desk.value("SELECT count(*) FROM cases") == 3


async def test_keys_that_lead_to_two_cases_are_told_and_nothing_is_merged(desk: Desk) -> None:
    await desk.scrape(card("1-1/2023", guid=GUIDS[0]), card("1-2/2023"))
    receipt = await desk.scrape(card("1-2/2023", guid=GUIDS[0]))
    (pair,) = receipt["possible_duplicates"]
    assert (pair["place"], pair["court"], pair["reason"]) == ("line 1", GROZNY, "two-keys")
    assert pair["one"] != pair["other"]
    assert await desk.counts(unit="case", event="received") == 2


async def test_two_rows_of_one_file_that_only_share_a_new_key_stay_two_cases_and_are_told(desk: Desk) -> None:
    await desk.scrape(card("1-1/2023"), card("1-2/2023"))
    receipt = await desk.scrape(card("1-1/2023 (1-9/2022)", **JUDGED), card("1-2/2023 (1-9/2022)", **JUDGED))
    assert outcomes(receipt) == {"changed": 2}
    assert {pair["reason"] for pair in receipt["possible_duplicates"]} == {"two-keys"}
    assert sum(len(known) for known in (await _numbers(desk)).values()) == 3


async def test_whose_a_new_key_is_depends_on_neither_the_order_of_rows_nor_on_chance(desk: Desk) -> None:
    numbers = []
    for step in (1, -1):
        await empty(desk.database)
        await desk.scrape(*(card(f"1-{n}/2023") for n in range(20)))
        await desk.scrape(*[card(f"1-{n}/2023 (1-{100 + n // 2}/2022)", **JUDGED) for n in range(20)][::step])
        numbers.append(await _numbers(desk))
    assert numbers[0] == numbers[1]


async def test_the_same_uid_and_day_of_receipt_under_another_number_is_a_suspicion(desk: Desk) -> None:
    first = await desk.scrape(card(cui=UID))
    assert first["possible_duplicates"] == []
    receipt = await desk.scrape(card("1-2/2023", cui=UID.lower()))
    (pair,) = receipt["possible_duplicates"]
    assert (pair["place"], pair["reason"]) == ("line 1", "same-uid-and-receipt")
    assert len(await desk.held()) == 2


async def test_the_suspicion_holds_within_one_file_too(desk: Desk) -> None:
    receipt = await desk.scrape(card("1-1/2023", cui=UID), card("1-2/2023", cui=UID))
    assert [pair["reason"] for pair in receipt["possible_duplicates"]] == ["same-uid-and-receipt"]
    assert outcomes(receipt) == {"created": 2}


@pytest.mark.parametrize("number", ["б/н", "", None])
async def test_a_row_without_any_key_is_refused(desk: Desk, number: str | None) -> None:
    for receipt in (await desk.scrape(card(number)), await desk.house(case(number))):
        assert [r["code"] for r in receipt["refused"]] == ["no-identity"]
    assert await desk.revision() == 0


async def test_without_a_number_the_cards_guid_is_key_enough(desk: Desk) -> None:
    await desk.scrape(card("б/н", guid=GUIDS[0]))
    assert outcomes(await desk.scrape(card("1-5/2023", guid=GUIDS[0]))) == {"changed": 1}
    assert list(await desk.held()) == ["1-5/2023"]


async def test_a_previous_number_equal_to_the_own_and_other_spellings_are_one_key(desk: Desk) -> None:
    await desk.house(case("1-5/2023", previous_numbers=["1-5/2023", "1-5/23"]))
    assert await _numbers(desk) == {"1-5/2023": ["1-5/2023"]}
    assert outcomes(await desk.house(case("1-5-2023", arrival="return"), layer="newsroom")) == {"changed": 1}


async def test_courts_and_instances_do_not_share_numbers(desk: Desk) -> None:
    receipt = await desk.house(case(), case(court=MOSCOW), {**case(), "instance": "appeal"})
    assert outcomes(receipt) == {"created": 3}
    assert await desk.counts(unit="case", event="received") == 2


async def test_aliases_carry_the_revision_that_taught_them(desk: Desk) -> None:
    await desk.scrape(card("1-688/2022"))
    await desk.scrape(card("1-125/2023 (1-688/2022;)"))
    rows = await desk.fetch("SELECT value, revision FROM identifiers ORDER BY revision")
    assert [(row["value"], row["revision"]) for row in rows] == [("1-688/2022", 1), ("1-125/2023", 2)]


# ── Arrival ────────────────────────────────────────────────────────────────────────────────────


async def _arrivals(desk: Desk) -> dict[str, str]:
    return {number: version["arrival"] for number, version in (await desk.held()).items()}


async def test_a_transferred_case_is_received_twice_and_decided_once(desk: Desk) -> None:
    await desk.house(case(uid=UID, received_on="2023-03-01", defendants=[person("337:5")]))
    second = case("1-7/2023", CHITA, uid=UID, received_on="2023-04-03", **VERDICT, defendants=[person("337:5")])
    await desk.house(second)
    assert await _arrivals(desk) == {"1-1/2023": "new", "1-7/2023": "new"}
    await desk.house(case(disposition="transferred_jurisdiction", decided_on="2023-03-20"))
    assert await _arrivals(desk) == {"1-1/2023": "new", "1-7/2023": "transfer"}
    assert await desk.counts(unit="case", event="received") == 2
    verdicts = "SELECT sum(n) FROM entries WHERE unit = 'case' AND event = 'decided' AND disposition = 'verdict'"
    assert await desk.value(verdicts) == 1
    firsts = "SELECT sum(n) FROM entries WHERE unit = 'case' AND event = 'received' AND arrival = 'new'"
    assert await desk.value(firsts) == 1


ANNULLED = {"instance": "appeal", "disposition": "annulled", "decided_on": "2023-06-01"}


@pytest.mark.parametrize(
    ("earlier", "further", "expected"),
    [
        ({"disposition": "returned_to_prosecutor", "decided_on": "2023-04-01"}, [], "return"),
        (VERDICT, [{**case("22-5/2023", "61OV0000"), "uid": UID, **ANNULLED}], "retrial"),
        ({}, [], "severed"),
        (VERDICT, [], "new"),
    ],
)
async def test_how_a_case_came_follows_from_the_earlier_ones_of_its_uid(
    desk: Desk, earlier: Json, further: list[Json], expected: str
) -> None:
    await desk.house(case("1-2/2023", uid=UID, received_on="2023-07-03"), *further)
    await desk.house(case("1-1/2023", uid=UID, received_on="2023-03-01", **earlier))
    shown = await _arrivals(desk)
    assert (shown["1-1/2023"], shown["1-2/2023"]) == ("new", expected)
    assert await desk.counts(unit="case", event="received") == 2


async def test_a_case_whose_uid_changes_leaves_its_kin_and_both_are_derived_anew(desk: Desk) -> None:
    await desk.house(
        case("1-1/2023", uid=UID, received_on="2023-03-01"), case("1-2/2023", uid=UID, received_on="2023-04-03")
    )
    assert await _arrivals(desk) == {"1-1/2023": "new", "1-2/2023": "severed"}
    await desk.house(case("1-1/2023", uid=OTHER_UID))
    assert await _arrivals(desk) == {"1-1/2023": "new", "1-2/2023": "new"}
    await desk.house(case("1-2/2023", uid=OTHER_UID))
    assert await _arrivals(desk) == {"1-1/2023": "new", "1-2/2023": "severed"}


async def test_the_sources_word_on_arrival_beats_what_is_derived(desk: Desk) -> None:
    await desk.house(case("1-1/2023", uid=UID, received_on="2023-03-01"))
    await desk.house(case("1-2/2023", uid=UID, received_on="2023-04-03", arrival="retrial"))
    assert (await _arrivals(desk))["1-2/2023"] == "retrial"
    await desk.house(case("1-2/2023", arrival=None))
    assert (await _arrivals(desk))["1-2/2023"] == "severed"


async def test_only_first_instance_cases_count(desk: Desk) -> None:
    appeal = {**case("22-5/2023", "61OV0000", received_on="2023-05-01", **ANNULLED), "defendants": [person("337:5")]}
    await desk.house(appeal, {**case("7У-9/2023", "61OV0000"), "instance": "cassation"})
    assert len(await desk.held()) == 2
    assert await desk.value("SELECT count(*) FROM entries") == 0


# ── Odd but legal ──────────────────────────────────────────────────────────────────────────────


async def test_a_case_of_a_thousand_defendants_is_counted_whole(desk: Desk) -> None:
    crowd = [person("337:5", ordinal=n) for n in range(1, 1001)]
    await desk.house(case(received_on="2023-03-14", **VERDICT, defendants=crowd))
    assert await desk.counts(unit="person", event="decided") == 1000
    scraped = "; ".join(["Иванов И.И. - ст.337 ч.5 УК РФ"] * 2000)
    assert outcomes(await desk.scrape(card("1-2/2023", names=scraped))) == {"created": 1}
    assert await desk.counts(unit="person", event="received") == 3000


@pytest.mark.parametrize("offence", ["158:2", "352.1", "275.1:99.9", "999"])
async def test_an_offence_outside_the_table_is_taken(desk: Desk, offence: str) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person(offence)]))
    rows = await desk.fetch("SELECT offence_part, offence_group FROM entries WHERE unit = 'charge'")
    assert [row["offence_part"] for row in rows] == [offence]
    assert rows[0]["offence_group"]


async def test_two_equal_charges_of_one_person_are_two(desk: Desk) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5", "337:5")]))
    assert await desk.counts(unit="charge", event="received") == 2
    assert await desk.counts(unit="person", event="received") == 1


async def test_days_at_the_ends_of_years_stay_where_they_are(desk: Desk) -> None:
    await desk.scrape(card(entryDate="31.12.2022", resultDate="01.01.2023", decision="Вынесен ПРИГОВОР"))
    rows = await desk.fetch("SELECT event, day, days FROM entries WHERE unit = 'case' ORDER BY event DESC")
    assert [(r["event"], str(r["day"]), r["days"]) for r in rows] == [
        ("received", "2022-12-31", 1),
        ("decided", "2023-01-01", 1),
    ]


async def test_court_level_region_and_district_come_from_the_courts(desk: Desk) -> None:
    courts: dict[str, Any] = {GROZNY: ("garrison", "20", "61OV0000"), MOSCOW: ("garrison", "50", "77OV0000")}
    await desk.house(*(case(court=court, received_on="2023-03-14") for court in courts))
    rows = await desk.fetch("SELECT court, court_level, region, district FROM entries WHERE unit = 'case'")
    assert {row.pop("court"): tuple(row.values()) for row in rows} == courts


async def test_of_two_rows_of_a_case_the_one_with_a_decision_counts_even_where_it_has_no_day(desk: Desk) -> None:
    numbers = [f"1-{number}/2023" for number in range(1, 9)]  # so many that no order of digests passes by chance
    await desk.scrape(*(card(n, **said) for n in numbers for said in ({"decision": JUDGED["decision"]}, {})))
    async with desk.database.owner() as connection:
        rows = await connection.fetch("SELECT disposition FROM versions WHERE superseded_in IS NULL")
    assert [row["disposition"] for row in rows] == ["verdict"] * len(numbers)


@pytest.mark.parametrize(
    "again", [{"received_on": "2023-03-14", "arrival": "new"}, {"received_on": "2023-03-14"}, {"arrival": "unknown"}]
)
async def test_what_was_seen_again_unchanged_is_as_new_as_it_was_last_seen(desk: Desk, again: dict[str, Any]) -> None:
    first = case(received_on="2023-03-14", arrival="new", uid=UID)
    await desk.house(first, seen_on="2023-06-01")
    if again == {"arrival": "unknown"}:
        first = case(received_on="2023-03-14", arrival="unknown", uid=UID)
        await desk.house(first, seen_on="2023-06-01")
    seen = await desk.house(case(**again), seen_on="2023-06-20")
    assert (outcomes(seen), seen["revision"]) == ({"unchanged": 1}, None)
    older = await desk.house(case(received_on="2023-03-15"), seen_on="2023-06-10")
    assert outcomes(older) == {"stale": 1}
    assert (await desk.one())["received_on"] == date(2023, 3, 14)
    newer = await desk.house(case(received_on="2023-03-16"), seen_on="2023-06-20")
    assert outcomes(newer) == {"changed": 1}
    # what was seen on the 20th was another statement; the one that is held now was seen on its own day
    assert await desk.value("SELECT count(*) FROM sightings") == 1
    assert outcomes(await desk.house(case(received_on="2023-03-17"), seen_on="2023-06-20")) == {"changed": 1}


async def test_null_takes_a_uid_back_and_the_case_leaves_its_kin(desk: Desk) -> None:
    await desk.house(case("1-1/2023", uid=UID, received_on="2023-03-01", disposition="transferred_jurisdiction"))
    await desk.house(case(court=MOSCOW, uid=UID, received_on="2023-03-20"), seen_on="2023-06-01")
    arrivals = "SELECT arrival FROM versions WHERE court = $1 AND superseded_in IS NULL"
    assert await desk.value(arrivals, MOSCOW) == "transfer"
    assert outcomes(await desk.house(case(court=MOSCOW), seen_on="2023-06-02")) == {"unchanged": 1}
    assert outcomes(await desk.house(case(court=MOSCOW, uid=None), seen_on="2023-06-02")) == {"changed": 1}
    assert await desk.value("SELECT uid FROM versions WHERE court = $1 AND superseded_in IS NULL", MOSCOW) is None
    assert await desk.value(arrivals, MOSCOW) == "new"


async def test_a_file_taken_whole_is_not_even_read_again_unless_something_was_taken_back(desk: Desk) -> None:
    path = desk.write(card(**JUDGED), card("3/1-5/2023"), {"caseNumber": "№ дела"})
    first = await desk.take(path, layout="sudrfscraper")

    def unread() -> Iterator[Outcome]:
        raise AssertionError("the file was read")
        yield

    options = Options("sudrfscraper", "court_card", "test", "test")
    again = (await ingest_file(desk.database, path, options, outcomes=unread())).as_json()
    told = ("received", "skipped", "suppressed", "refused")
    assert {name: again["counts"][name] for name in told} == {name: first["counts"][name] for name in told}
    assert (again["counts"]["unchanged"], again["revision"]) == (first["counts"]["created"], None)
    assert (again["skipped"], again["warnings"]) == (first["skipped"], first["warnings"])
    async with desk.database.owner() as connection:
        await connection.execute("UPDATE revisions SET cause = 'undone', recorded_at = now()")
    with pytest.raises(AssertionError, match="was read"):
        await ingest_file(desk.database, path, options, outcomes=unread())


async def test_a_case_has_the_offences_of_all_its_persons(desk: Desk) -> None:
    await desk.house(
        case("1-1/2023", defendants=[person("338:1", "337:5")]),
        case("1-2/2023", defendants=[person("338:1"), person("337:5", "338:1")]),
        case("1-3/2023", defendants=[person("338:1"), person("337:5"), person("332:1")]),
        case("1-4/2023", defendants=[person()]),
        case("1-5/2023"),
    )
    rows = await desk.fetch(
        "SELECT v.number, l.offences FROM entries l JOIN versions v ON v.court = l.court AND v.case_id = l.case_id"
        " WHERE l.unit = 'case' ORDER BY v.number"
    )
    assert [(row["number"], row["offences"]) for row in rows] == [
        ("1-1/2023", ["337:5", "338:1"]),
        ("1-2/2023", ["337:5", "338:1"]),
        ("1-3/2023", ["332:1", "337:5", "338:1"]),
        ("1-4/2023", []),
        ("1-5/2023", []),
    ]
