"""The effective version of a case: what each layer may say, and what follows from it."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.records.resolve import Kin, arrivals, overlay, resolve, sentence_class

Body = dict[str, Any]


def gravity(offence: str, on: date | None) -> tuple[int, int]:
    """337:5 is gravest, then 338, other articles of our own, then foreign ones."""
    own = {"337:5": 120, "338:1": 84, "337": 120, "332:2.1": 36}
    return (0, -own[offence]) if offence in own else (1, 0)


def charge(offence: str, role: str = "filed", *, principal: bool = False) -> Body:
    return {"offence": offence, "role": role, "stage": "completed", "episodes": 1, "principal": principal}


def card(*rows: Body, other: Body | None = None) -> Body:
    body: Body | None = None
    for row in rows:
        body = overlay(body, other, row, is_complete=True)
    assert body is not None
    return body


def newsroom(*rows: Body, other: Body | None = None) -> Body:
    body: Body | None = None
    for row in rows:
        body = overlay(body, other, row, is_complete=False)
    assert body is not None
    return body


def person(ordinal: int, *offences: str, **said: Any) -> Body:
    return {"ordinal": ordinal, "charges": [charge(offence) for offence in offences], **said}


ONE = {"received_on": "2023-03-14", "defendants": [person(1, "337:5")]}
VERDICT = {**ONE, "disposition": "verdict", "decided_on": "2023-04-21"}


def test_the_newsrooms_closed_value_wins_and_the_disagreement_is_listed() -> None:
    version = resolve(card(VERDICT), newsroom({"decided_on": "2023-04-22"}), gravity)
    assert version.decided_on == date(2023, 4, 22)
    assert version.layers["decided_on"] == "newsroom"
    assert version.layers["disposition"] == "court_card"
    assert version.conflicts == [
        {"field": "decided_on", "kind": "values_differ", "court_card": "2023-04-21", "newsroom": "2023-04-22"}
    ]


@pytest.mark.parametrize("open_value", ["pending", "unknown"])
def test_an_open_value_of_the_newsroom_does_not_hide_the_cards_verdict(open_value: str) -> None:
    version = resolve(card(VERDICT), newsroom({"disposition": open_value}), gravity)
    assert version.disposition == "verdict"
    assert version.layers["disposition"] == "court_card"


def test_null_takes_back_what_the_layer_said_and_absence_changes_nothing() -> None:
    assert newsroom({"decided_on": "2023-04-22"}, {"arrival": "transfer"})["decided_on"] == "2023-04-22"
    assert "decided_on" not in newsroom({"decided_on": "2023-04-22"}, {"decided_on": None})


def test_a_denied_value_of_the_card_does_not_count_and_is_listed() -> None:
    version = resolve(card(VERDICT), newsroom({"deny": ["decided_on"]}), gravity)
    assert version.decided_on is None
    assert version.conflicts[0]["kind"] == "denied"


def test_a_defendant_of_a_verdict_is_presumed_convicted_unless_something_says_otherwise() -> None:
    presumed = resolve(card(VERDICT), None, gravity).persons[0]
    assert (presumed.disposition, presumed.is_presumed) == ("convicted", True)
    acquitted = resolve(
        card(VERDICT),
        newsroom({"defendants": [{"ordinal": 1, "disposition": "acquitted"}]}, other=card(VERDICT)),
        gravity,
    ).persons[0]
    assert (acquitted.disposition, acquitted.is_presumed, acquitted.sentence_class) == (
        "acquitted",
        False,
        "no_penalty",
    )


def test_a_known_sentence_implies_a_judgment_of_the_case() -> None:
    sentenced = {
        "defendants": [
            {"ordinal": 1, "decided_on": "2023-05-02", "sentence": {"kind": "imprisonment", "execution": "suspended"}}
        ]
    }
    version = resolve(card(ONE), newsroom(sentenced, other=card(ONE)), gravity)
    assert (version.disposition, version.decided_on) == ("verdict", date(2023, 5, 2))
    assert (version.persons[0].disposition, version.persons[0].is_presumed) == ("convicted", False)


def test_received_counts_filed_charges_and_decided_the_convicted_ones_where_known() -> None:
    charges = [charge("338:1"), charge("337:5", "convicted")]
    version = resolve(card({**VERDICT, "defendants": [{"ordinal": 1, "charges": charges}]}), None, gravity)
    assert (version.offence_received, version.offence_decided) == ("338:1", "337:5")


def test_the_principal_offence_is_the_curators_word_then_the_gravest_then_our_own() -> None:
    def principal(*charges: Body) -> str:
        return resolve(card({"defendants": [{"ordinal": 1, "charges": list(charges)}]}), None, gravity).offence_received

    assert principal(charge("338:1"), charge("337:5")) == "337:5"
    assert principal(charge("158:2"), charge("332:2.1")) == "332:2.1"
    assert principal(charge("337:5"), charge("158:2", principal=True)) == "158:2"
    assert principal(charge("161:1"), charge("158:2")) == "161:1"
    assert principal(charge("337:5", "dropped"), charge("338:1")) == "338:1"
    assert principal() == "unknown"


@pytest.mark.parametrize(
    ("disposition", "kind", "execution", "expected"),
    [
        ("convicted", "imprisonment", "immediate", "custodial"),
        ("convicted", "imprisonment", "suspended", "suspended"),
        ("convicted", "disciplinary_unit", "suspended", "suspended"),
        ("convicted", "disciplinary_unit", "immediate", "custodial"),
        ("convicted", "life_imprisonment", "unknown", "custodial"),
        ("convicted", "arrest", "unknown", "custodial"),
        ("convicted", "imprisonment", "unknown", "unknown"),
        ("convicted", "imprisonment", "deferred", "deferred"),
        ("convicted", "fine", "unknown", "non_custodial"),
        ("convicted", "restriction_of_military_service", "not_applicable", "non_custodial"),
        ("convicted", "none", "unknown", "no_penalty"),
        ("convicted", "unknown", "suspended", "unknown"),
        ("acquitted", "unknown", "unknown", "no_penalty"),
        ("pending", "unknown", "unknown", "unknown"),
    ],
)
def test_suspension_is_a_way_of_executing_a_sentence_not_a_kind(
    disposition: str, kind: str, execution: str, expected: str
) -> None:
    assert sentence_class(disposition, kind, execution) == expected


def ids(body: Body) -> dict[int, list[str]]:
    return {p["id"]: [c["offence"] for c in p.get("charges", ())] for p in body["defendants"]}


def test_a_defendant_keeps_the_id_when_a_new_card_lists_him_elsewhere() -> None:
    body = card(
        {"defendants": [person(1, "337:5"), person(2, "332:2.1")]},
        {"defendants": [person(1, "332:2.1"), person(2, "337:5")]},
    )
    assert ids(body) == {1: ["337:5"], 2: ["332:2.1"]}


def test_one_whose_charge_changed_is_found_by_elimination() -> None:
    body = card(
        {"defendants": [person(1, "338:1"), person(2, "332:2.1")]},
        {"defendants": [person(1, "337:5"), person(2, "332:2.1")]},
    )
    assert ids(body) == {1: ["337:5"], 2: ["332:2.1"]}


def test_where_it_is_ambiguous_who_is_who_nothing_moves_and_the_case_says_so() -> None:
    body = card(
        {"defendants": [person(1, "338:1"), person(2, "332:2.1")]},
        {"defendants": [person(1, "337:5"), person(2, "337:3.1")]},
    )
    assert ids(body) == {1: ["338:1"], 2: ["332:2.1"]}
    assert resolve(body, None, gravity).conflicts == [{"field": "defendants", "kind": "defendants_changed"}]


def test_a_defendant_about_whom_the_newsroom_spoke_does_not_disappear() -> None:
    two = card({"defendants": [person(1, "338:1"), person(2, "332:2.1")]})
    said = newsroom({"defendants": [{"ordinal": 2, "service_status": "mobilised"}]}, other=two)
    body = overlay(two, said, {"defendants": [person(1, "338:1")]}, is_complete=True)
    assert ids(body) == {1: ["338:1"], 2: ["332:2.1"]}
    assert body["defendants_changed"]
    assert ids(overlay(two, None, {"defendants": [person(1, "338:1")]}, is_complete=True)) == {1: ["338:1"]}


def test_a_defendant_whom_a_newsroom_row_does_not_mention_is_untouched() -> None:
    two = card({"defendants": [person(1, "337:5"), person(2, "337:5")]})
    said = newsroom(
        {"defendants": [{"ordinal": 1, "service_status": "contract"}]},
        {"defendants": [{"ordinal": 2, "service_status": "mobilised"}]},
        other=two,
    )
    statuses = {p.id: p.service_status for p in resolve(two, said, gravity).persons}
    assert statuses == {1: "contract", 2: "mobilised"}


def kin(key: str, received: str, disposition: str = "pending", court: str = "A", **more: Any) -> Kin:
    known = {"instance": "first", "number": key, "decided_on": None, "stated": None} | more
    return Kin(key=key, court=court, received_on=date.fromisoformat(received), disposition=disposition, **known)


@pytest.mark.parametrize(
    ("cases", "expected"),
    [
        ([kin("1", "2023-01-01")], {"1": "new"}),
        (
            [kin("1", "2023-01-01", "transferred_jurisdiction"), kin("2", "2023-02-01", court="B")],
            {"1": "new", "2": "transfer"},
        ),
        ([kin("1", "2023-01-01", "returned_to_prosecutor"), kin("2", "2023-02-01")], {"1": "new", "2": "return"}),
        (
            [
                kin("1", "2023-01-01", "verdict"),
                kin("2", "2023-05-01"),
                kin("a", "2023-03-01", "annulled", instance="appeal", decided_on=date(2023, 4, 1)),
            ],
            {"1": "new", "2": "retrial"},
        ),
        ([kin("1", "2023-01-01"), kin("2", "2023-02-01")], {"1": "new", "2": "severed"}),
        ([kin("1", "2023-01-01", "verdict"), kin("2", "2023-02-01")], {"1": "new", "2": "new"}),
        ([kin("1", "2023-01-01"), kin("2", "2023-02-01", stated="return")], {"1": "new", "2": "return"}),
    ],
)
def test_arrival_follows_from_the_other_cases_of_the_uid(cases: list[Kin], expected: dict[str, str]) -> None:
    assert arrivals(cases) == expected
    assert arrivals(cases[::-1]) == expected


_OPEN_OR = st.sampled_from([None, "unknown", "pending"])
_WORDS = st.one_of(_OPEN_OR, st.sampled_from(["verdict", "contract", "convicted", "2023-03-14"]))
_CHARGE = st.fixed_dictionaries(
    {
        "offence": st.sampled_from(["337:5", "338:1", "unknown"]),
        "role": st.sampled_from(["filed", "convicted", "dropped"]),
        "stage": st.just("completed"),
        "episodes": st.integers(1, 3),
        "principal": st.booleans(),
    }
)
_SENTENCE = st.dictionaries(
    st.sampled_from(["kind", "execution", "regime", "source"]),
    st.sampled_from(["imprisonment", "unknown", "suspended"]),
)
_PERSON = st.fixed_dictionaries(
    {"id": st.integers(1, 9)},
    optional={
        "ordinal": st.integers(1, 4),
        "service_status": _WORDS,
        "disposition": st.sampled_from([None, "convicted", "unknown", "pending", "acquitted"]),
        "decided_on": st.sampled_from([None, "2023-04-01"]),
        "charges": st.lists(_CHARGE, max_size=3),
        "sentence": _SENTENCE,
        "deny": st.just(["sentence", "service_status"]),
    },
)
_BODY = st.fixed_dictionaries(
    {},
    optional={
        "number": st.just("1-5/2023"),
        "uid": st.just("61GV0012-01-2023-000123-60"),
        "received_on": st.sampled_from(["2023-03-14", None]),
        "arrival": st.sampled_from(["new", "unknown", "transfer"]),
        "decided_on": st.sampled_from(["2023-04-21", None]),
        "disposition": st.sampled_from(["verdict", "unknown", "pending", "terminated"]),
        "defendants": st.lists(_PERSON, max_size=3, unique_by=lambda person: str(person["id"])),
        "defendants_changed": st.just(True),
        "deny": st.just(["decided_on"]),
        "withdrawn": st.booleans(),
        "sources": st.just([{"kind": "press"}]),
    },
)


@given(_BODY, st.booleans())
def test_one_layer_alone_is_read_as_beside_one_that_says_nothing(body: Body, is_card: bool) -> None:
    silent = {"number_key": "of no consequence"}  # a body that is there, so that both are read
    alone = resolve(body, None, gravity) if is_card else resolve(None, body, gravity)
    beside = resolve(body, silent, gravity) if is_card else resolve(silent, body, gravity)
    assert alone == beside
    assert alone.content_hash() == beside.content_hash()
