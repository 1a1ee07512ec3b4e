"""Cases over HTTP: their shape, every filter, and the state as of a revision."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.ids import PREFIX, read_id, show_id, spell_ids
from app.records.uid import has_check_digits
from tests.serving import CHITA, GROZNY, REUTOV, UID, client_fixture, filled_fixture  # noqa: F401

Client = httpx.AsyncClient


async def read(client: Client, **query: str) -> dict[str, Any]:
    """The body of a list of cases."""
    answer = await client.get("/v1/cases", params=query)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def numbers(body: dict[str, Any]) -> list[str]:
    """The current numbers of the cases of a page, in order."""
    return [i["value"] for case in body["results"] for i in case["identifiers"][:1]]


async def test_a_case_is_shown_with_identifiers_defendants_charges_sentences_and_layers(client: Client) -> None:
    body = await read(client, number="1-45/2023")
    case = body["results"][0]
    assert case["identifiers"] == [
        {"type": "case_number", "value": "1-45/2023", "current": True},
        {"type": "case_number", "value": "1-201/2022", "current": False},
        {"type": "uid", "value": UID, "current": True, "check_digits": True},
    ]
    assert (case["court"], case["instance"], case["version"], case["revision"]) == (GROZNY, "first", 1, 1)
    first, second = case["defendants"]
    assert (first["id"], first["service_status"], first["disposition"]) == ("d1", "mobilised", "convicted")
    assert first["principal_offence"] == "337:5"
    assert [charge["offence"] for charge in first["charges"]] == ["337:5", "158:3"]
    assert first["sentence"] == {
        "class": "suspended",
        "kind": "imprisonment",
        "execution": "suspended",
        "term_months": 30,
        "probation_months": None,
        "fine_rub": None,
        "regime": None,
        "source": "verdict_text",
    }
    assert (second["disposition"], second["sentence"]["class"]) == ("acquitted", "no_penalty")
    assert case["layers"]["defendants.d1.sentence"] == "court_card"
    assert case["sources"] == [{"kind": "court_card", "url": "https://court.example/1", "seen_on": "2023-05-10"}]
    assert (case["conflicts"], case["is_withdrawn"], case["merged_into"]) == (0, False, None)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"court": REUTOV}, {"1-2", "1-3"}),
        ({"court": f"{REUTOV},{CHITA}"}, {"1-2", "1-3", "1-7", "1-8"}),
        ({"court__ne": REUTOV}, {"1-45", "1-46", "1-7", "1-8"}),
        ({"region": "20"}, {"1-45", "1-46"}),
        ({"court_level": "garrison", "district": "61OV0000"}, {"1-45", "1-46"}),
        ({"court_level": "district"}, set()),
        ({"instance": "first"}, {"1-45", "1-46", "1-2", "1-3", "1-7", "1-8"}),
        ({"number": "1-201/2022"}, {"1-45"}),
        ({"number": "1 - 45 / 2023"}, {"1-45"}),
        ({"number": "1-2/23,1-3/2023"}, {"1-2", "1-3"}),
        ({"uid": UID}, {"1-45"}),
        ({"uid__isnull": "false"}, {"1-45"}),
        ({"received_on": "2023-03-14"}, {"1-45", "1-46", "1-7"}),
        ({"received_on__gt": "2023-01-09", "received_on__lt": "2023-05-01"}, {"1-45", "1-46", "1-7"}),
        ({"received_on__gte": "2023-03-14", "received_on__lte": "2023-05-01"}, {"1-45", "1-46", "1-7", "1-8"}),
        ({"received_on__isnull": "true"}, {"1-3"}),
        ({"decided_on__isnull": "true"}, {"1-3", "1-8"}),
        ({"in_force_on__isnull": "false"}, set()),
        ({"disposition": "verdict,terminated"}, {"1-45", "1-46", "1-2", "1-7"}),
        ({"disposition__ne": "verdict"}, {"1-2", "1-3", "1-8"}),
        ({"arrival": "new"}, {"1-45", "1-46", "1-2", "1-3", "1-7", "1-8"}),
        ({"is_withdrawn": "true"}, set()),
        ({"offence": "337"}, {"1-45", "1-46", "1-8"}),
        ({"offence": "337:5"}, {"1-45"}),
        ({"offence": "158"}, {"1-45"}),
        ({"offence__ne": "337"}, {"1-45", "1-3"}),
        ({"service_status": "mobilised,conscript"}, {"1-45", "1-8"}),
        ({"service_status": "contract", "offence": "338"}, {"1-45"}),
        ({"service_status": "contract", "offence": "337"}, set()),
        ({"person_disposition": "acquitted"}, {"1-45"}),
        ({"sentence_class": "suspended", "sentence_kind": "imprisonment"}, {"1-45"}),
        ({"sentence_execution__ne": "unknown"}, {"1-45"}),
    ],
    ids=lambda value: str(sorted(value)) if isinstance(value, set) else str(value),
)
async def test_filters_choose(client: Client, query: dict[str, str], expected: set[str]) -> None:
    body = await read(client, include_total="true", **query)
    found = numbers(body)
    assert {number.partition("/")[0] for number in found} == expected
    assert body["paging"]["total"] == len(found) == len(expected)


async def test_an_earlier_revision_shows_what_was_held_then(client: Client) -> None:
    then, now = await read(client, revision="1", number="1-46/2023"), await read(client, number="1-46/2023")
    assert [(c["version"], c["disposition"]) for c in then["results"]] == [(1, "pending")]
    assert [(c["version"], c["disposition"]) for c in now["results"]] == [(2, "verdict")]
    assert numbers(await read(client, as_of="2023-06-15")) == numbers(await read(client, revision="1"))
    assert (await read(client, as_of="2023-06-01"))["meta"]["revision"] == 1


async def test_before_the_first_revision_there_is_nothing_to_ask(client: Client) -> None:
    answer = await client.get("/v1/cases", params={"as_of": "2023-05-31"})
    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/no-revision-yet")
    assert "revision is 1" in answer.json()["detail"]


@pytest.mark.parametrize(
    "query", [{"revision": "3"}, {"as_of": "9999-12-31"}, {"revision": "1", "as_of": "2023-06-15"}]
)
async def test_a_state_that_cannot_be_names_first_and_last(client: Client, query: dict[str, str]) -> None:
    answer = await client.get("/v1/cases", params={**query, "court": "nowhere"})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] in query


async def test_one_case_is_tagged_by_its_version(client: Client) -> None:
    listed = (await read(client, number="1-46/2023"))["results"][0]
    answer = await client.get(f"/v1/cases/{listed['id']}")
    shown = answer.json()
    assert shown["etag"] == answer.headers["etag"]
    assert shown["etag"].startswith('"2-')
    assert shown.pop("related") == []
    assert {name: value for name, value in shown.items() if name != "etag"} == listed
    earlier = await client.get(f"/v1/cases/{listed['id']}", params={"revision": "1"})
    assert earlier.headers["etag"].startswith('"1-')
    held = await client.get(f"/v1/cases/{listed['id']}", headers={"If-None-Match": shown["etag"]})
    assert held.status_code == 304


async def test_a_case_that_is_not_there_or_not_yet_is_not_found(client: Client) -> None:
    later = (await read(client, number="1-8/2023"))["results"][0]["id"]
    known = await client.get(f"/v1/cases/{later}")
    for path in (f"/v1/cases/{later}?revision=1", f"/v1/cases/{later.lower()}", "/v1/cases/cs_0", "/v1/cases/1"):
        assert (await client.get(path)).status_code == 404, path
    assert known.status_code == 200


async def test_fields_choose_what_is_shown_in_each_format(client: Client) -> None:
    body = await read(client, fields="court,id", limit="1")
    assert list(body["results"][0]) == ["court", "id"]
    flat = await client.get(
        "/v1/cases", params={"fields": "charge.offence,court", "format": "csv", "number": "1-3/2023"}
    )
    assert flat.text == f"charge.offence,court\r\n332:2.1,{REUTOV}\r\n"
    wrong = await client.get("/v1/cases", params={"fields": "defendants", "format": "csv"})
    assert (wrong.status_code, wrong.json()["errors"][0]["parameter"]) == (422, "fields")


@given(st.lists(st.uuids(), max_size=130))
def test_ids_of_many_cases_are_spelt_together_as_each_by_itself(ids: list[UUID]) -> None:
    spelt = spell_ids(b"".join(one.bytes for one in ids))
    assert [PREFIX + one.decode() for one in spelt] == list(map(show_id, ids))


@given(st.uuids(), st.uuids())
def test_an_id_has_one_spelling_and_is_read_back(one: UUID, other: UUID) -> None:
    shown = show_id(one)
    assert read_id(shown) == one
    assert len(shown) == 29
    assert (show_id(other) < shown) == (other < one)
    for wrong in (shown[:-1], shown + "0", shown[3:], "cs_8" + shown[4:], shown[:-1] + "U", "CS" + shown[2:], str(one)):
        assert read_id(wrong) is None


@given(st.integers(0, 21), st.characters(codec="ascii", categories=["Lu", "Nd"]))
def test_one_wrong_character_breaks_the_check_digits_of_a_uid(place: int, character: str) -> None:
    assert has_check_digits(UID)
    groups = UID.replace("-", "")
    wrong = groups[:place] + character + groups[place + 1 :]
    spelt = "-".join((wrong[:8], wrong[8:10], wrong[10:14], wrong[14:20], wrong[20:]))
    assert has_check_digits(spelt) is (wrong == groups)
