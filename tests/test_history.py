"""What moved between two versions: pure, and whoever applies it has the later version."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from app.records.history import apply, differences, fields_of

VALUES = st.none() | st.sampled_from(("2023-04-21", "verdict", "", "unknown")) | st.integers(0, 3) | st.booleans()
LAYERS = st.sampled_from(("court_card", "newsroom"))


def persons() -> st.SearchStrategy[list[dict[str, Any]]]:
    person = st.fixed_dictionaries(
        {
            "id": st.sampled_from(("d1", "d2", "d10")),
            "ordinal": st.integers(1, 3),
            "service_status": VALUES,
            "charges": st.lists(st.fixed_dictionaries({"offence": st.sampled_from(("337:5", "338:1"))}), max_size=2),
            "sentence": st.fixed_dictionaries({"class": VALUES, "term_months": VALUES}),
        }
    )
    return st.lists(person, max_size=3, unique_by=lambda p: str(p["id"]))


CASES = st.fixed_dictionaries(
    {
        "id": st.just("cs_1"),
        "version": st.integers(1, 9),
        "revision": st.integers(1, 9),
        "decided_on": VALUES,
        "disposition": VALUES,
        "identifiers": st.lists(st.fixed_dictionaries({"value": st.sampled_from(("1-1", "1-2"))}), max_size=2),
        "defendants": persons(),
        "layers": st.dictionaries(st.sampled_from(("decided_on", "defendants.d1.sentence")), LAYERS),
        "conflicts": st.integers(0, 2),
    }
)


@given(st.none() | CASES, st.none() | CASES)
def test_differences_applied_to_the_earlier_version_give_the_later(
    earlier: dict[str, Any] | None, later: dict[str, Any] | None
) -> None:
    moved = differences(earlier, later)
    assert apply(fields_of(earlier), moved) == fields_of(later)
    assert all(difference["before"] != difference["after"] for difference in moved)
    assert [d["field"] for d in moved] == sorted({d["field"] for d in moved})
    assert (moved == []) == (fields_of(earlier) == fields_of(later))


@given(CASES)
def test_a_version_does_not_differ_from_itself_and_nothing_of_it_is_lost(case: dict[str, Any]) -> None:
    assert differences(case, {**case, "version": case["version"] + 1, "revision": 10}) == []
    fields = fields_of(case)
    assert fields.get("decided_on") == case["decided_on"]
    for person in case["defendants"]:
        assert fields.get(f"defendants.{person['id']}.sentence.term_months") == person["sentence"]["term_months"]


def test_a_part_of_a_field_comes_from_the_layer_of_the_field() -> None:
    def case(term: int) -> dict[str, Any]:
        sentence = {"kind": "imprisonment", "term_months": term}
        person = {"id": "d1", "ordinal": 1, "principal_offence": "337:5", "sentence": sentence}
        layers = {"decided_on": "court_card", "defendants.d1.sentence": "newsroom"}
        return {"decided_on": f"2023-04-{term}", "defendants": [person], "layers": layers}

    assert differences(case(20), case(30)) == [
        {"field": "decided_on", "before": "2023-04-20", "after": "2023-04-30", "layer": "court_card"},
        {"field": "defendants.d1.sentence.term_months", "before": 20, "after": 30, "layer": "newsroom"},
    ]
    assert {d["layer"] for d in differences(None, case(20)) if d["field"].endswith("principal_offence")} == {None}
