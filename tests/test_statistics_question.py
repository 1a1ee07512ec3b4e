"""Questions: what may be asked, what is refused and why, and one spelling for each."""

from datetime import date
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import Fault, InvalidParameters
from app.statistics import Codes, Question, catalogue, parameters, read_question
from app.statistics.codes import natural_key
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.measures import MEASURES
from app.statistics.periods import Grain, Window
from app.statistics.sums import blocks, swallowed
from app.vocabulary import CODELISTS, Code, Codelist

OPEN = {
    "court": ("61GV0001", "77GV0001"),
    "region": ("61", "77"),
    "district": ("61OV0000", "unknown"),
    "offence": ("337", "337:5", "338", "352", "352.1"),
    "offence_part": ("337", "337:5", "338", "352", "352.1"),
    "offence_group": ("absence", "unknown"),
}
KNOWN = Codes(
    {name: CODELISTS[name] for name in DIMENSIONS if name not in OPEN}
    | {name: Codelist(name, "", "", tuple(Code(code, code, code) for code in codes)) for name, codes in OPEN.items()},
    Window(date(2021, 1, 1), date(2023, 12, 31)),
)


def read(preset: str | None = None, **asked: str) -> Question:
    return read_question({name: tuple(value.split(",")) for name, value in asked.items()}, preset, KNOWN)


def faults(preset: str | None = None, **asked: str) -> list[Fault]:
    with pytest.raises(InvalidParameters) as caught:
        read(preset, **asked)
    return list(caught.value.faults)


def test_a_typo_is_refused_with_near_matches() -> None:
    [fault] = faults(offence="373")
    assert (fault.parameter, fault.code) == ("offence", "unknown-code")
    assert "337" in fault.did_you_mean
    [fault] = faults(measures="person_convicted")
    assert (fault.parameter, fault.code, fault.did_you_mean[0]) == (
        "measures", "unknown-measure", "persons_convicted",
    )  # fmt: skip
    [fault] = faults(group_by="weak")
    assert (fault.parameter, fault.code, fault.did_you_mean[0]) == ("group_by", "unknown-dimension", "week")
    [fault] = faults(cuort="61GV0001")
    assert (fault.parameter, fault.code, fault.did_you_mean[0]) == ("cuort", "unknown-parameter", "court")


def test_every_fault_is_told_at_once() -> None:
    found = faults(measures="x,persons_convicted,y", court__ne="61GV0009", end_period="2023-W60", last_n="0")
    assert [(fault.parameter, fault.code) for fault in found] == [
        ("end_period", "bad-period"),
        ("last_n", "bad-number"),
        ("measures", "unknown-measure"),
        ("measures", "unknown-measure"),
        ("court__ne", "unknown-code"),
    ]
    assert all(fault.detail for fault in found)


@pytest.mark.parametrize(
    ("asked", "code", "parameter"),
    [
        ({"start_period": "2023-06", "end_period": "2023-05"}, "period-order", "start_period"),
        ({"group_by": "week,month"}, "two-grains", "group_by"),
        ({"last_n": "3"}, "needs-grain", "last_n"),
        ({"last_n": "3", "group_by": "week", "start_period": "2023"}, "exclusive", "last_n"),
        ({"last_n": "-1", "group_by": "week"}, "bad-number", "last_n"),
        ({"last_n": "1e3", "group_by": "week"}, "bad-number", "last_n"),
        ({"last_n": "٣", "group_by": "week"}, "bad-number", "last_n"),
        ({"last_n": "3,4", "group_by": "week"}, "repeated", "last_n"),
        ({"start_period": "2023,2024"}, "repeated", "start_period"),
        ({"start_period": ""}, "bad-period", "start_period"),
        ({"court": ""}, "unknown-code", "court"),
        ({"service_status": "mobilized"}, "unknown-code", "service_status"),
        ({"is_wartime": "yes"}, "unknown-code", "is_wartime"),
    ],
)
def test_a_contradiction_is_refused_where_it_stands(asked: dict[str, str], code: str, parameter: str) -> None:
    assert [(fault.code, fault.parameter) for fault in faults(**asked)] == [(code, parameter)]


SIX = "court,region,offence,disposition,service_status,arrival"


@pytest.mark.parametrize(
    ("preset", "group_by", "is_refused"),
    [
        (None, SIX, False),
        (None, f"{SIX},week", True),
        (None, f"{SIX},is_wartime", True),
        ("weekly", SIX, True),
        ("weekly", SIX.removeprefix("court,"), False),
        ("sentences", SIX, True),
        ("sentences", SIX.removeprefix("court,"), False),
    ],
)
def test_a_question_groups_by_six_at_most_its_grain_and_what_its_path_adds_included(
    preset: str | None, group_by: str, is_refused: bool
) -> None:
    if is_refused:
        assert [(fault.code, fault.parameter) for fault in faults(preset, group_by=group_by)] == [
            ("too-many", "group_by")
        ]
    else:
        read(preset, group_by=group_by)


def test_a_parameter_without_a_value_is_refused() -> None:
    with pytest.raises(InvalidParameters) as caught:
        read_question({"court": (), "start_period": (), "measures": ()}, None, KNOWN)
    assert {(fault.parameter, fault.code) for fault in caught.value.faults} == {
        ("court", "empty-value"),
        ("start_period", "empty-value"),
        ("measures", "empty-value"),
    }


def test_the_weekly_preset_is_by_week_whatever_else_it_groups_by() -> None:
    question = read("weekly", group_by="court")
    assert (question.grain, question.dimensions) == (Grain.WEEK, ("court",))
    assert [measure.id for measure in question.measures] == ["cases_received", "persons_convicted"]
    assert read("weekly", group_by="week").grain is Grain.WEEK
    assert [(fault.code, fault.parameter) for fault in faults("weekly", group_by="month")] == [
        ("fixed-parameter", "group_by")
    ]


def test_the_sentences_preset_has_its_own_measures_and_a_row_for_each_class() -> None:
    question = read("sentences", group_by="month,service_status", sentence_kind="imprisonment")
    assert (question.grain, question.dimensions) == (Grain.MONTH, ("service_status", "sentence_class"))
    assert [measure.id for measure in question.measures] == ["persons_convicted", "share"]
    assert [fault.parameter for fault in faults("sentences", measures="charges", sentence_class="custodial")] == [
        "measures",
        "sentence_class",
    ]
    assert [fault.code for fault in faults(measures="share")] == ["unknown-measure"]


def test_the_canonical_string_is_one_for_all_spellings() -> None:
    plain = read(measures="charges", group_by="court,week", offence="352,337", start_period="2023-W23")
    other = read(measures="charges,charges", group_by="week,court", offence="337,352,337", start_period="2023-06-05")
    assert plain == other
    expected = "measures=charges&group_by=week,court&offence=337,352&start_period=2023-06-05"
    assert plain.canonical == other.canonical == expected


def _some(names: list[str], least: int = 0) -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(names), min_size=least, max_size=3).map(",".join)


@given(
    preset=st.sampled_from([None, "weekly", "sentences"]),
    measures=_some(list(MEASURES)),
    group_by=_some(list(DIMENSIONS)),
    courts=_some(list(OPEN["court"])),
    not_offences=_some(list(OPEN["offence"])),
    start=st.sampled_from(["", "2023", "2023-W01", "2023-02-11"]),
    end=st.sampled_from(["", "2023-Q3", "2023-H2"]),
)
def test_the_canonical_string_asks_the_same(
    preset: str | None, measures: str, group_by: str, courts: str, not_offences: str, start: str, end: str
) -> None:
    asked = {
        "group_by": group_by,
        "court": courts,
        "offence__ne": not_offences,
        "start_period": start,
        "end_period": end,
    }
    asked |= {"measures": measures} if preset != "sentences" else {}
    question = read(preset, **{name: value for name, value in asked.items() if value})
    again = read(preset, **dict(parse_qsl(question.canonical)))
    assert again == question
    assert again.canonical == question.canonical


def test_codes_are_ordered_as_numbers() -> None:
    codes = ["352.1", "337:10", "338", "337", "337:2.1", "352", "337:2", "unknown", "²"]
    assert sorted(codes, key=natural_key) == [
        "337", "337:2", "337:2.1", "337:10", "338", "352", "352.1", "unknown", "²",
    ]  # fmt: skip


@given(st.integers(1, 100_000))
def test_the_blocks_of_a_revision_tile_all_revisions_to_it(revision: int) -> None:
    last = revision
    for block in blocks(revision):
        assert block == last
        last -= max(8**power for power in range(6) if block % 8**power == 0)
    assert last == 0
    assert len(blocks(revision)) == sum(int(digit) for digit in f"{revision:o}")


@given(st.integers(1, 100_000))
def test_a_block_is_the_sum_of_its_revision_and_of_the_blocks_that_it_swallows(block: int) -> None:
    first = block - max(8**power for power in range(6) if block % 8**power == 0)
    assert blocks(block - 1) == swallowed(block) + blocks(first)


def test_eighteen_is_made_of_blocks_eighteen_seventeen_sixteen_and_eight() -> None:
    assert blocks(18) == (18, 17, 16, 8)
    assert blocks(0) == ()
    assert swallowed(16) == (15, 14, 13, 12, 11, 10, 9)


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_catalogue_holds_all_that_may_be_asked(lang: str) -> None:
    held = catalogue(lang, known=KNOWN, cells_limit=7)
    assert [entry["id"] for entry in held["measures"]] == list(MEASURES)
    assert [entry["id"] for entry in held["dimensions"]] == list(DIMENSIONS)
    assert [entry["id"] for entry in held["grains"]] == list(GRAINS)
    assert {entry["id"] for entry in held["parameters"]} == {parameter.id for parameter in parameters()}
    assert held["limits"]["cells"] == 7
    assert [code["id"] for code in held["dimensions"][0]["codes"]] == list(OPEN["court"])
    for entry in (*held["measures"], *held["dimensions"], *held["grains"], *held["presets"]):
        assert entry["caption"]
    own = [measure for preset in held["presets"] for measure in preset["own_measures"]]
    captioned = (*held["measures"], *own, *held["dimensions"], *held["grains"], *held["presets"], *held["transforms"])
    labels = [code["label"] for entry in catalogue(lang)["dimensions"] for code in entry["codes"] or ()]
    for caption in (*(entry["caption"] for entry in (*captioned, *held["breaks"])), *labels):
        assert caption
        assert any("а" <= letter <= "я" for letter in caption.lower()) == (lang == "ru"), caption


def test_only_what_adds_up_is_called_additive() -> None:
    everything = [*GRAINS, *DIMENSIONS]
    for entry in catalogue()["measures"]:
        assert entry["additive"] == (entry["additive_over"] == everything)
        if entry["unit_of_value"] in ("share", "month", "day"):
            assert entry["additive_over"] == []
        assert entry["definition"].endswith("withdrawn and merged cases are left out.")
        assert entry["definition_version"] == 1
    over = {entry["id"]: set(entry["additive_over"]) for entry in catalogue()["measures"]}
    assert over["cases_pending"] == set(DIMENSIONS)
    by_charge = {"offence", "offence_part", "offence_group", "is_wartime"}
    assert over["persons_charged"] == over["cases_charged"] == set(everything) - by_charge


def test_dimensions_learnt_from_a_text_are_marked() -> None:
    learnt = [entry["id"] for entry in catalogue()["dimensions"] if entry["learnt"]]
    assert learnt == ["service_status", "sentence_class", "sentence_kind", "sentence_execution"]
