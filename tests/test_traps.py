"""What a prosecution does between courts and years, through real rows of a scrape: each is told apart, none twice."""

from typing import Any

import pytest

from app.records.ids import show_id
from tests.loading import (
    CHITA,
    GROZNY,
    GUIDS,
    JUDGED,
    MOSCOW,
    UID,
    Desk,
    Json,
    card,
    case,
    outcomes,
)
from tests.serving import client_of

pytestmark = pytest.mark.usefixtures("going_ahead")

SENT_ON = {"resultDate": "20.03.2023", "decision": "Направлено ПО ПОДСУДНОСТИ (подведомственности)"}
RETURNED = {"resultDate": "20.03.2023", "decision": "Уголовное дело ВОЗВРАЩЕНО ПРОКУРОРУ"}


async def read(desk: Desk, path: str, **query: str) -> Any:
    async with client_of(desk.database.url) as client:
        answer = await client.get(path, params=query or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def arrivals(desk: Desk) -> dict[str, str]:
    return {number: version["arrival"] for number, version in (await desk.held()).items()}


def numbers(shown: Json) -> list[tuple[str, bool]]:
    return [(i["value"], i["current"]) for i in shown["identifiers"] if i["type"] == "case_number"]


# ── Trap 2: parts are decimals, an attempt and complicity are one charge, bracketed sets ───────


@pytest.mark.parametrize(
    ("names", "charges"),
    [
        ("Иванов И.И. - ст.337 ч.2.1 УК РФ", [("337:2.1", "filed", "completed")]),
        (
            "Иванов И.И. - ст.337 ч.3.1; ст.338 ч.1 УК РФ",
            [("337:3.1", "filed", "completed"), ("338:1", "filed", "completed")],
        ),
        ("Иванов И.И. - ст.30 ч.3, ст.338 ч.1 УК РФ", [("338:1", "filed", "attempt")]),
        ("Иванов И.И. - ст.352.1 ч.1 УК РФ", [("352.1:1", "filed", "completed")]),
    ],
)
async def test_charges_are_read_as_they_were_brought(
    desk: Desk, names: str, charges: list[tuple[str, str, str]]
) -> None:
    await desk.scrape(card(names=names))
    rows = await desk.fetch("SELECT offence, role, stage FROM charges ORDER BY position")
    assert [(row["offence"], row["role"], row["stage"]) for row in rows] == charges
    assert await desk.counts(unit="charge", event="received") == len(charges)


# ── Trap 7: transfer, return and re-filing, annulment and a new trial ──────────────────────────


async def test_a_transferred_case_is_received_twice_decided_once_and_linked_by_its_uid(desk: Desk) -> None:
    await desk.scrape(card("1-5/2023", GROZNY, guid=GUIDS[0], cui=UID, **SENT_ON), seen_on="2023-05-01")
    await desk.scrape(
        card("1-8/2023", CHITA, guid=GUIDS[1], cui=UID, entryDate="01.04.2023", **JUDGED), seen_on="2023-05-08"
    )
    assert await arrivals(desk) == {"1-5/2023": "new", "1-8/2023": "transfer"}
    first, second = (await read(desk, "/v1/cases", uid=UID, sort="received_on"))["results"]
    assert (first["court"], second["court"]) == (GROZNY, CHITA)
    shown = await read(desk, f"/v1/cases/{first['id']}")
    assert shown["related"] == [
        {
            "id": second["id"],
            "court": CHITA,
            "instance": "first",
            "received_on": "2023-04-01",
            "arrival": "transfer",
            "decided_on": "2023-04-21",
            "disposition": "verdict",
        }
    ]
    assert [one["id"] for one in (await read(desk, f"/v1/cases/{second['id']}"))["related"]] == [first["id"]]
    assert (await read(desk, f"/v1/cases/{first['id']}", revision="1"))["related"] == []
    figures = "/v1/statistics?measures=cases_received,cases_decided"
    (twice,) = (await read(desk, figures))["results"]
    (once,) = (await read(desk, figures + "&arrival=new"))["results"]
    assert (twice["cases_received"], twice["cases_decided"], once["cases_received"]) == (2, 1, 1)


async def test_the_order_in_which_courts_are_scraped_does_not_matter(desk: Desk) -> None:
    await desk.scrape(card("1-8/2023", CHITA, cui=UID, entryDate="01.04.2023", **JUDGED))
    assert await arrivals(desk) == {"1-8/2023": "new"}
    await desk.scrape(card("1-5/2023", GROZNY, cui=UID, **SENT_ON))
    assert await arrivals(desk) == {"1-5/2023": "new", "1-8/2023": "transfer"}
    changes = (await read(desk, "/v1/revisions/2/changes"))["results"]
    moved = {
        d["field"]: d["after"] for change in changes if change["change"] == "changed" for d in change["differences"]
    }
    assert moved == {"arrival": "transfer"}  # said of the case that nobody touched


async def test_a_case_filed_again_after_its_return_to_the_prosecutor_is_a_return(desk: Desk) -> None:
    await desk.scrape(card("1-5/2023", cui=UID, **RETURNED))
    await desk.scrape(card("1-70/2023", cui=UID, entryDate="01.09.2023"))
    assert await arrivals(desk) == {"1-5/2023": "new", "1-70/2023": "return"}


async def test_a_case_tried_again_after_annulment_is_a_retrial_and_a_second_judgment(desk: Desk) -> None:
    await desk.scrape(card("1-5/2023", cui=UID, **JUDGED))
    annulled = case(
        "22-9/2023", MOSCOW, instance="appeal", uid=UID, received_on="2023-06-01", decided_on="2023-07-01",
        disposition="annulled",
    )  # fmt: skip
    await desk.house(annulled)
    again = {"entryDate": "01.08.2023", "resultDate": "01.09.2023", "decision": "Вынесен ПРИГОВОР"}
    await desk.scrape(card("1-70/2023", cui=UID, **again))
    assert await arrivals(desk) == {"1-5/2023": "new", "22-9/2023": "new", "1-70/2023": "retrial"}
    assert await desk.counts(unit="person", event="decided") == 2
    shown = await read(desk, f"/v1/cases/{show_id((await desk.held())['1-5/2023']['case_id'])}")
    assert [(one["instance"], one["disposition"]) for one in shown["related"]] == [
        ("appeal", "annulled"),
        ("first", "verdict"),
    ]


# ── Trap 8: numbers change at New Year ─────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "later",
    [
        {"number": "1-5/2023 (1-205/2022;)"},  # another card and number, with the old one in parentheses
        {"number": "1-5/2023 (1-205/2022;)", "guid": GUIDS[1]},
        {"number": "1-5/2023", "guid": GUIDS[0]},  # the same card under a new number
    ],
)
async def test_a_renumbered_card_finds_its_case(desk: Desk, later: Json) -> None:
    await desk.scrape(card("1-205/2022", guid=GUIDS[0], entryDate="14.12.2022"), seen_on="2022-12-20")
    receipt = await desk.scrape(
        card(later["number"], guid=later.get("guid"), entryDate="14.12.2022", **JUDGED), seen_on="2023-05-01"
    )
    assert outcomes(receipt) == {"changed": 1}
    (shown,) = (await read(desk, "/v1/cases", number="1-205/2022"))["results"]
    assert numbers(shown) == [("1-5/2023", True), ("1-205/2022", False)]
    assert (shown["received_on"], shown["disposition"]) == ("2022-12-14", "verdict")
    assert await desk.counts(unit="case", event="received") == 1


async def test_a_new_number_without_the_old_one_is_a_suspicion_and_no_match(desk: Desk) -> None:
    await desk.scrape(card("1-205/2022", guid=GUIDS[0], cui=UID), seen_on="2022-12-20")
    receipt = await desk.scrape(card("1-5/2023", guid=GUIDS[1], cui=UID), seen_on="2023-05-01")
    assert outcomes(receipt) == {"created": 1}
    (pair,) = receipt["possible_duplicates"]
    assert pair["reason"] == "same-uid-and-receipt"
    assert await desk.value("SELECT count(*) FROM possible_duplicates") == 1


# ── Trap 9: the article is rewritten between filing and verdict ────────────────────────────────


async def test_a_requalified_charge_is_one_case_whose_offence_was_reclassified(desk: Desk) -> None:
    await desk.scrape(card(names="Иванов И.И. - ст.338 ч.1 УК РФ", guid=GUIDS[0]), seen_on="2023-04-01")
    await desk.scrape(card(names="Иванов И.И. - ст.337 ч.4 УК РФ", guid=GUIDS[0], **JUDGED), seen_on="2023-05-01")
    assert await desk.counts(unit="case", event="received") == 1
    (defendant,) = await desk.persons()
    assert (defendant["defendant"], defendant["offence_decided"]) == (1, "337:4")
    assert ("received", "reclassified") in await desk.causes(2)
    then = (await read(desk, "/v1/statistics?measures=cases_received&group_by=offence&revision=1"))["results"]
    now = (await read(desk, "/v1/statistics?measures=cases_received&group_by=offence"))["results"]
    assert [(row["offence"], row["cases_received"]) for row in (*then, *now)] == [("338", 1), ("337", 1)]
    history = (await read(desk, f"/v1/cases/{show_id((await desk.one())['case_id'])}/revisions"))["results"]
    moved = {d["field"] for d in history[1]["differences"]}
    assert {"defendants.d1.charges", "defendants.d1.principal_offence", "decided_on"} <= moved
    assert "reclassified" in history[1]["causes"]
