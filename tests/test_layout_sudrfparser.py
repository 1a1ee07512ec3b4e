"""Layout sudrfparser: cards by site, in both forms of its files; silent on decisions' days, honest about gaps."""

import gzip
import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.batch import read_outcomes
from app.ingest.layouts import LAYOUTS
from app.ingest.record import Covered, Outcome, Record, Refused, Row, Skipped, Warned
from tests.loading import CHITA, GROZNY, GUIDS, UID

pytestmark = pytest.mark.usefixtures("going_ahead")

LAYOUT = LAYOUTS["sudrfparser"]
SITE, OTHER = "http://gvs.chn.sudrf.ru", "http://leninsky.bkr.sudrf.ru"
CANARY = "Канарейкин"
YEAR = (date(2023, 1, 1), date(2023, 12, 31))


def accused(*articles: str, name: str = f"{CANARY} Кенарь Желтович") -> dict[str, Any]:
    return {"name": name, "article": list(articles)}


def found(number: str | None = "1-45/2023", **card: Any) -> dict[str, Any]:
    """A card that was opened; `card` are fields of its metadata."""
    return {
        "case_text": f"ПРИГОВОР {CANARY}",
        "case_found": "True",
        "case_id_uid": f"case_id=1&case_uid={GUIDS[0]}",
        "metadata": {
            "id_text": f"ДЕЛО № {number}",
            "adm_date": "14.03.2023",
            "judge": f"{CANARY} И.О.",
            "accused": [accused("ст.337 ч.5")],
            **card,
        },
    }


FAILED = {"case_text": "", "case_found": "False", "case_id_uid": "case_id=2&case_uid=0"}


def site(*cases: Any, promised: int | None = None, **logs: Any) -> dict[str, Any]:
    known = {"cases_found": "True", "driver_error": "False", "pagination_error": [], **logs}
    return {"num_cases": len(cases) if promised is None else promised, "cases": list(cases), "logs": known}


def read(*cases: Any, name: str = "61_gvs_chn_1_2023.json", **said: Any) -> list[Outcome]:
    return read_file({SITE: site(*cases, **said)}, name=name)


def read_file(content: dict[str, Any], name: str = "61_gvs_chn_1_2023.json") -> list[Outcome]:
    return list(LAYOUT.read([Row("/", content)], "json", name))


def one(**card: Any) -> Record:
    record, *_ = read(found(**card))
    assert isinstance(record, Record), record
    return record


def told(outcomes: list[Outcome]) -> list[str]:
    return [outcome.code for outcome in outcomes if isinstance(outcome, Warned)]


# ── Cards ──────────────────────────────────────────────────────────────────────────────────────


def test_a_card_is_read_whole_and_names_are_dropped() -> None:
    record = one(uid_2=UID, decision_result="Вынесен ПРИГОВОР", accused=[accused("ст.337 ч.5", " ст.338 ч.1")])
    assert (record.court, record.instance, record.number_key) == (GROZNY, "first", "1-45/2023")
    assert (record.uid, record.card_guid) == (UID, GUIDS[0])
    assert record.place == "/gvs.chn.sudrf.ru/cases/0"
    charge = {"role": "filed", "stage": "completed", "episodes": 1, "principal": False}
    assert record.said == {
        "received_on": "2023-03-14",
        "disposition": "verdict",
        "defendants": [{"ordinal": 1, "charges": [{"offence": o, **charge} for o in ("337:5", "338:1")]}],
    }
    assert CANARY not in repr(record)


def test_it_never_says_a_day_of_decision_nor_takes_anything_back() -> None:
    cards: tuple[dict[str, Any], ...] = ({}, {"decision_result": "Вынесен ПРИГОВОР"}, {"accused": [], "adm_date": None})
    for card in cards:
        said = one(**card).said
        assert not said.keys() & {"decided_on", "in_force_on", "arrival", "deny", "sources"}
        assert None not in said.values()
    assert LAYOUT.lists_all_defendants is False


@pytest.mark.parametrize(
    ("link", "guid"),
    [
        (f"case_id=1&case_uid={GUIDS[1].upper()}", GUIDS[1]),
        (f"_id=1&_uid={GUIDS[1]}", GUIDS[1]),
        (f"_uid={GUIDS[1]}", GUIDS[1]),
        ("case_id=1&case_uid=00000000-0000-0000-0000-000000000000", None),
        ("case_id=1", None),
        (None, None),
    ],
)
def test_a_card_is_known_by_the_guid_of_its_link(link: str | None, guid: str | None) -> None:
    record, *_ = read({**found(), "case_id_uid": link})
    assert isinstance(record, Record)
    assert record.card_guid == guid


@pytest.mark.parametrize(
    ("articles", "offences"),
    [
        (["ст.30 ч.3, ст.338 ч.1"], [("338:1", "attempt")]),
        (["ст.337 ч.3.1", " ст.337 ч.3.1"], [("337:3.1", "completed")]),
        (["ст.337 ч.5 УК РФ", " ст. 158 ч.2 п. в"], [("337:5", "completed"), ("158:2", "completed")]),
        ([], None),
        (["", " "], None),
    ],
)
def test_articles_are_read_as_the_scrapers_are(articles: list[str], offences: list[tuple[str, str]] | None) -> None:
    (person,) = one(accused=[accused(*articles)]).said["defendants"]
    charges = person.get("charges")
    assert (charges and [(c["offence"], c["stage"]) for c in charges]) == offences


def test_several_accused_are_known_by_position_and_a_ground_is_each_persons() -> None:
    record = one(
        accused=[accused("ст.337 ч.5"), accused("ст.338 ч.1", name="<Информация скрыта>")],
        decision_result="Уголовное дело ПРЕКРАЩЕНО в связи с примирением сторон",
    )
    assert [person["ordinal"] for person in record.said["defendants"]] == [1, 2]
    assert {person["disposition"] for person in record.said["defendants"]} == {"terminated_non_rehabilitating"}


def test_a_case_without_accused_says_nothing_of_them() -> None:
    nobody: Any
    for nobody in ([], None):
        record = one(accused=nobody)
        assert "defendants" not in record.said
        assert record.warnings == ("names-empty",)


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ({"number": "3/1-5/2023"}, "material"),
        ({"accused": [accused("ст.7.27 ч.1 КоАП")]}, "administrative-koap"),
    ],
)
def test_what_is_no_prosecution_is_skipped(card: dict[str, Any], reason: str) -> None:
    skipped, *_ = read(found(**card))
    assert skipped == Skipped("/gvs.chn.sudrf.ru/cases/0", reason)


@pytest.mark.parametrize(
    ("card", "pointer", "code"),
    [
        ({"adm_date": "31.02.2023"}, "/metadata/adm_date", "bad-date"),
        ({"adm_date": "01.01.2098"}, "/metadata/adm_date", "date-in-future"),
        ({"adm_date": 5}, "/adm_date", "bad-type"),
        ({"accused": CANARY}, "/metadata/accused", "bad-type"),
        ({"accused": [{"article": CANARY}]}, "/metadata/accused/0", "bad-type"),
        ({"accused": [accused(f"ст.99999 {CANARY}")]}, "/metadata/accused/0/article", "article-unreadable"),
    ],
)
def test_a_wrong_value_is_refused_by_pointer_and_identifiers(card: dict[str, Any], pointer: str, code: str) -> None:
    refused, *_ = read(found(uid_2=UID, **card))
    assert isinstance(refused, Refused)
    assert (refused.place, refused.code) == (f"/gvs.chn.sudrf.ru/cases/0{pointer}", code)
    assert refused.identifiers["court"] == GROZNY
    assert CANARY not in repr(refused)


def test_a_card_without_number_and_guid_is_refused() -> None:
    refused, *_ = read({**found(), "case_id_uid": "", "metadata": {"id_text": "ДЕЛО № б/н"}})
    assert isinstance(refused, Refused)
    assert refused.code == "no-identity"


# ── Files ──────────────────────────────────────────────────────────────────────────────────────


def test_both_forms_of_files_are_read_and_courts_that_are_none_of_ours_are_skipped() -> None:
    outcomes = read_file(
        {
            OTHER: site(found(), found()),
            SITE: {"srv_1": site(found("1-1/2023")), "srv_2": site(found("1-2/2023"))},
            "https://gvs--cht.sudrf.ru": site(found("1-3/2023")),
        },
        "75_2023_gzip.json",
    )
    places = [
        (outcome.place, type(outcome).__name__) for outcome in outcomes if not isinstance(outcome, Covered | Warned)
    ]
    assert places[:4] == [
        ("/0/cases/0", "Skipped"),
        ("/0/cases/1", "Skipped"),
        ("/gvs.chn.sudrf.ru/srv_1/cases/0", "Record"),
        ("/gvs.chn.sudrf.ru/srv_2/cases/0", "Record"),
    ]
    covered = [outcome for outcome in outcomes if isinstance(outcome, Covered)]
    assert covered == [Covered(GROZNY, *YEAR, 2, 2, True), Covered(CHITA, *YEAR, 1, 1, True)]


def test_a_packed_file_of_a_region_is_read_whatever_its_ending(tmp_path: Path) -> None:
    path = tmp_path / "61_2023_gzip.json"
    path.write_bytes(gzip.compress(json.dumps({SITE: site(found())}).encode()))
    record, covered = read_outcomes(path, LAYOUT)
    assert isinstance(record, Record)
    assert covered == Covered(GROZNY, *YEAR, 1, 1, True)


@pytest.mark.parametrize("content", [{SITE: 5}, {SITE: {"cases": {}}}, {SITE: {"srv_1": []}}, {CANARY: {"x": CANARY}}])
def test_a_file_of_another_shape_is_refused(content: dict[str, Any]) -> None:
    refused, *_ = read_file(content)
    assert isinstance(refused, Refused)
    assert CANARY not in repr(refused)


# ── Coverage ───────────────────────────────────────────────────────────────────────────────────


def test_a_site_without_cases_is_covered_all_the_same() -> None:
    assert read() == [Covered(GROZNY, *YEAR, 0, 0, True)]


@pytest.mark.parametrize(
    ("cases", "said", "code", "received"),
    [
        ([found(), FAILED], {}, "cards-failed", 1),
        ([found()], {"promised": 7}, "cases-missing", 1),
        ([found()], {"pagination_error": [3, 4]}, "pages-missed", 1),
        ([found()], {"driver_error": "True"}, "driver-error", 1),
    ],
)
def test_what_is_missing_is_a_warning_and_the_window_is_not_whole(
    cases: list[Any], said: dict[str, Any], code: str, received: int
) -> None:
    outcomes = read(*cases, **said)
    assert told(outcomes) == [code]
    promised = said.get("promised", len(cases))
    assert Covered(GROZNY, *YEAR, promised, received, False) in outcomes
    assert [type(outcome) for outcome in outcomes[: len(cases)]][1:] == [Skipped] * (len(cases) - 1)


def test_the_year_is_that_of_the_files_name_else_that_of_all_its_days() -> None:
    year_before = found(adm_date="29.12.2022")
    assert Covered(GROZNY, *YEAR, 1, 1, True) in read(year_before)
    by_days = read(year_before, name="body")
    assert Covered(GROZNY, date(2022, 1, 1), date(2022, 12, 31), 1, 1, True) in by_days
    assert told(read(year_before, found(), name="body")) == ["coverage-unknown"]
    assert told(read(name="body")) == ["coverage-unknown"]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=5)
    | st.sampled_from(["True", "ст.337", "srv_1", SITE]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["cases", "logs", "num_cases", "metadata", "accused", "article", "id_text", "srv_1", SITE]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(content=st.dictionaries(st.sampled_from([SITE, OTHER, "x"]), json_values, max_size=2), case=json_values)
def test_no_content_raises(content: dict[str, Any], case: Any) -> None:
    read_file(content)
    read(case)
    if isinstance(case, dict):
        read(found(**case))
