"""Layout house: strict about every value, silent about what was said in it, the same in all its encodings."""

import csv
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.encodings import open_input, read_rows
from app.ingest.layouts import LAYOUTS
from app.ingest.layouts.house import HOUSE_CSV_COLUMNS
from app.ingest.layouts.house_csv import undefused
from app.ingest.record import Outcome, Record, Refused, Row
from app.records.uid import make_uid
from app.reference import courts
from app.vocabulary import CODELISTS

HOUSE = LAYOUTS["house"]
CANARY = "Канарейкин"
GUID = "0b6d1e5a-77c1-4b0c-9a3f-3f1f0a4f7a10"
TODAY = datetime.now(UTC).date()
EXAMPLE: dict[str, Any] = {
    "court": "61GV0012",
    "instance": "first",
    "number": "1-45/2023",
    "previous_numbers": ["1-201/2022"],
    "uid": "61GV0012-01-2023-000123-60",
    "card_guid": GUID,
    "received_on": "2023-03-14",
    "arrival": "new",
    "decided_on": "2023-04-21",
    "disposition": "verdict",
    "in_force_on": "2023-05-06",
    "defendants": [
        {
            "ordinal": 1,
            "service_status": "mobilised",
            "disposition": "convicted",
            "decided_on": "2023-04-21",
            "charges": [{"offence": "337:5", "stage": "completed", "episodes": 1, "principal": True}],
            "sentence": {
                "kind": "imprisonment",
                "execution": "suspended",
                "term_months": 30,
                "probation_months": 24,
                "fine_rub": None,
                "regime": None,
                "source": "verdict_text",
            },
        }
    ],
    "sources": [
        {"kind": "court_card", "url": "https://gvs.chn.sudrf.ru/modules.php?case_id=1", "seen_on": "2023-05-10"},
        {"kind": "press_release", "seen_on": "2023-06-01"},
    ],
}


def read(*values: dict[str, Any]) -> list[Outcome]:
    rows = [Row(f"line {number}", value) for number, value in enumerate(values, 1)]
    return list(HOUSE.read(rows, "ndjson"))


def record(**fields: Any) -> Record:
    (outcome,) = read({"court": "61GV0012", "instance": "first", "number": "1-45/2023", **fields})
    assert isinstance(outcome, Record), outcome
    return outcome


def refusal(**fields: Any) -> tuple[str, str]:
    (outcome,) = read({"court": "61GV0012", "instance": "first", "number": "1-45/2023", **fields})
    assert isinstance(outcome, Refused), outcome
    return outcome.place, outcome.code


def read_file(folder: Path, name: str, content: str) -> list[Outcome]:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    encoding = HOUSE.encodings[path.suffix]
    return list(HOUSE.read(read_rows(open_input(path, is_gzip=False), encoding), encoding))


# ── What is said ───────────────────────────────────────────────────────────────────────────────


def test_the_example_of_the_contract_is_read_whole() -> None:
    (outcome,) = read(EXAMPLE)
    assert isinstance(outcome, Record)
    assert (outcome.place, outcome.court, outcome.instance) == ("line 1", "61GV0012", "first")
    assert (outcome.number, outcome.number_key) == ("1-45/2023", "1-45/2023")
    assert outcome.previous == (("1-201/2022", "1-201/2022"),)
    assert outcome.uid == "61GV0012-01-2023-000123-60"
    assert outcome.card_guid == GUID
    assert outcome.seen_on == date(2023, 6, 1)
    assert outcome.warnings == ()
    assert outcome.said == {
        "received_on": "2023-03-14",
        "arrival": "new",
        "decided_on": "2023-04-21",
        "disposition": "verdict",
        "in_force_on": "2023-05-06",
        "defendants": [
            {
                **EXAMPLE["defendants"][0],
                "charges": [
                    {"offence": "337:5", "role": "filed", "stage": "completed", "episodes": 1, "principal": True}
                ],
            }
        ],
        "sources": EXAMPLE["sources"],
    }


def test_absent_says_nothing_null_takes_back_and_open_values_are_kept() -> None:
    assert record().said == {}
    assert record().seen_on is None
    nulls = dict.fromkeys(("received_on", "arrival", "decided_on", "disposition", "in_force_on"))
    assert record(**nulls).said == nulls
    assert record(disposition="pending", arrival="unknown").said == {"disposition": "pending", "arrival": "unknown"}
    person = {"ordinal": 1, "service_status": "unknown", "charges": None, "sentence": None, "decided_on": None}
    assert record(defendants=[person]).said == {"defendants": [person]}


def test_equal_charges_are_equal_whether_or_not_their_defaults_are_written() -> None:
    short = record(defendants=[{"ordinal": 1, "charges": [{"offence": "337:5"}]}])
    full = {"principal": False, "episodes": 1, "stage": "completed", "role": "filed", "offence": "337:5"}
    nulls = {"offence": "337:5", "role": None, "stage": None}
    assert short.row_hash == record(defendants=[{"ordinal": 1, "charges": [full]}]).row_hash
    assert short.row_hash == record(defendants=[{"ordinal": 1, "charges": [nulls]}]).row_hash


def test_defendants_are_ordered_by_ordinal_and_without_one_by_position() -> None:
    said = record(defendants=[{"ordinal": 7}, {"disposition": "acquitted"}]).said
    assert said["defendants"] == [{"ordinal": 2, "disposition": "acquitted"}, {"ordinal": 7}]


def test_numbers_in_parentheses_are_previous_ones_too() -> None:
    outcome = record(number="1-5/2022 (1-205/2021;)", previous_numbers=["1-205/2021", "1-5/2022", "1-7/2020"])
    assert outcome.number_key == "1-5/2022"
    assert outcome.previous == (("1-205/2021", "1-205/2021"), ("1-7/2020", "1-7/2020"))


def test_a_card_without_a_number_is_known_by_its_guid() -> None:
    for number in ("б/н", None, ""):
        outcome = record(number=number, card_guid=GUID.upper())
        assert (outcome.number, outcome.number_key, outcome.card_guid) == (None, None, GUID)
        assert outcome.warnings == ()
    assert record(number="без даты", card_guid=GUID).warnings == ("number-unreadable",)


def test_a_uid_with_wrong_check_digits_is_kept_and_doubted() -> None:
    outcome = record(uid="77GV0005-01-2023-000123-45")
    assert outcome.uid == "77GV0005-01-2023-000123-45"
    assert outcome.warnings == ("uid-check-digits",)


def test_offences_outside_the_table_are_taken_as_they_are() -> None:
    charges = [{"offence": offence} for offence in ("158:2", "228.1:4", "999:99.99", "6")]
    said = record(defendants=[{"charges": charges}]).said["defendants"][0]["charges"]
    assert [charge["offence"] for charge in said] == ["158:2", "228.1:4", "999:99.99", "6"]


def test_denials_are_kept_for_the_case_and_for_each_defendant() -> None:
    said = record(deny=["decided_on"], decided_on=None, defendants=[{"deny": ["sentence", "charges"]}]).said
    assert said["deny"] == ["decided_on"]
    assert said["defendants"] == [{"ordinal": 1, "deny": ["sentence", "charges"]}]


# ── What is refused ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"court": "61GV9999"}, "/court", "court-unknown"),
        ({"court": 61}, "/court", "court-unknown"),
        ({"court": None}, "/court", "missing-field"),
        ({"instance": "second"}, "/instance", "unknown-code"),
        ({"instance": None}, "/instance", "missing-field"),
        ({"number": None}, "", "no-identity"),
        ({"number": "б/н"}, "", "no-identity"),
        ({"number": 145}, "/number", "bad-type"),
        ({"number": "1" * 201}, "/number", "bad-value"),
        ({"previous_numbers": "1-45/2023"}, "/previous_numbers", "bad-type"),
        ({"previous_numbers": ["1-4/2022", "слово"]}, "/previous_numbers/1", "bad-number"),
        ({"uid": "слово"}, "/uid", "bad-uid"),
        ({"card_guid": "u"}, "/card_guid", "bad-guid"),
        ({"card_guid": "00000000-0000-0000-0000-000000000000"}, "/card_guid", "bad-guid"),
        ({"received_on": "2023-02-31"}, "/received_on", "bad-date"),
        ({"received_on": "14.03.2023"}, "/received_on", "bad-date"),
        ({"received_on": "20230314"}, "/received_on", "bad-date"),
        ({"received_on": "2023-W11-2"}, "/received_on", "bad-date"),
        ({"received_on": "٢٠٢٣-٠٣-١٤"}, "/received_on", "bad-date"),
        ({"received_on": 20230314}, "/received_on", "bad-date"),
        ({"received_on": "1989-12-31"}, "/received_on", "bad-date"),
        ({"received_on": (TODAY + timedelta(days=2)).isoformat()}, "/received_on", "date-in-future"),
        ({"received_on": "2023-04-22", "decided_on": "2023-04-21"}, "/decided_on", "decided-before-received"),
        ({"decided_on": "2023-04-21", "in_force_on": "2023-04-20"}, "/in_force_on", "in-force-before-decided"),
        ({"received_on": "2023-04-21", "in_force_on": "2023-04-20"}, "/in_force_on", "in-force-before-decided"),
        ({"disposition": "convicted"}, "/disposition", "unknown-code"),
        ({"disposition": ["verdict"]}, "/disposition", "bad-type"),
        ({"dispositon": "verdict"}, "/dispositon", "unknown-field"),
        ({"Фамилия": 1}, "", "unknown-field"),
        ({"defendants": {}}, "/defendants", "bad-type"),
        ({"defendants": [1]}, "/defendants/0", "bad-type"),
        ({"defendants": [{}] * 1001}, "/defendants", "bad-value"),
        ({"defendants": [{"ordinal": 0}]}, "/defendants/0/ordinal", "bad-value"),
        ({"defendants": [{"ordinal": 1.0}]}, "/defendants/0/ordinal", "bad-type"),
        ({"defendants": [{"ordinal": True}]}, "/defendants/0/ordinal", "bad-type"),
        ({"defendants": [{"ordinal": 2}, {"ordinal": 2}]}, "/defendants/1/ordinal", "doubled-ordinal"),
        ({"defendants": [{"name": "x"}]}, "/defendants/0/name", "unknown-field"),
        ({"defendants": [{"service_status": "mixed"}]}, "/defendants/0/service_status", "unknown-code"),
        ({"defendants": [{"charges": [{}]}]}, "/defendants/0/charges/0/offence", "missing-field"),
        ({"defendants": [{"charges": [{"offence": "ст.337"}]}]}, "/defendants/0/charges/0/offence", "bad-offence"),
        ({"defendants": [{"charges": [{"offence": "337:5\n"}]}]}, "/defendants/0/charges/0/offence", "bad-offence"),
        (
            {"defendants": [{"charges": [{"offence": "337", "episodes": 100}]}]},
            "/defendants/0/charges/0/episodes",
            "bad-value",
        ),
        (
            {"defendants": [{"charges": [{"offence": "337", "principal": 1}]}]},
            "/defendants/0/charges/0/principal",
            "bad-type",
        ),
        ({"defendants": [{"sentence": {"term_months": 601}}]}, "/defendants/0/sentence/term_months", "bad-value"),
        ({"defendants": [{"sentence": {"term_months": -1}}]}, "/defendants/0/sentence/term_months", "bad-value"),
        ({"defendants": [{"sentence": {"fine_rub": -1}}]}, "/defendants/0/sentence/fine_rub", "bad-value"),
        ({"defendants": [{"sentence": {"kind": "prison"}}]}, "/defendants/0/sentence/kind", "unknown-code"),
        ({"deny": ["court"]}, "/deny/0", "unknown-field"),
        ({"deny": ["arrival"], "arrival": "new"}, "/deny/0", "denied-and-said"),
        (
            {"defendants": [{"deny": ["sentence"], "sentence": {"kind": "fine"}}]},
            "/defendants/0/deny/0",
            "denied-and-said",
        ),
        (
            {"received_on": "2023-04-22", "defendants": [{"decided_on": "2023-04-21"}]},
            "/defendants/0/decided_on",
            "decided-before-received",
        ),
        ({"sources": [{"url": "https://a.ru"}]}, "/sources/0/kind", "missing-field"),
        ({"sources": [{"kind": "court_card", "seen_on": "2023-13-01"}]}, "/sources/0/seen_on", "bad-date"),
    ],
)
def test_a_wrong_value_is_refused_by_pointer_and_code(fields: dict[str, Any], pointer: str, code: str) -> None:
    assert refusal(**fields) == (f"line 1 {pointer}".strip(), code)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a.ru/",
        "javascript:alert(1)",
        "//a.ru/",
        "https://",
        "https://user@a.ru/",
        "https://user:word@a.ru/x",
        "https://a.ru\\@b.ru/",
        "https://a.ru/ b",
        "https://a.ru/\x01",
        "https://a.ru/" + "x" * 2000,
        7,
    ],
)
def test_only_plain_web_addresses_are_sources(url: object) -> None:
    assert refusal(sources=[{"kind": "court_card", "url": url}]) == ("line 1 /sources/0/url", "bad-url")


def test_today_is_no_day_in_the_future() -> None:
    assert record(received_on=TODAY.isoformat()).said["received_on"] == TODAY.isoformat()


def test_near_matches_are_named_for_fields_codes_and_courts() -> None:
    wrongs: list[tuple[dict[str, Any], str]] = [
        ({"decided_onn": None}, "decided_on"),
        ({"disposition": "verdct"}, "verdict"),
        ({"court": "61gv0012"}, "61GV0012"),
        ({"deny": ["dispositon"]}, "disposition"),
        ({"defendants": [{"service_status": "mobilized"}]}, "mobilised"),
    ]
    for fields, meant in wrongs:
        (outcome,) = read({"court": "61GV0012", "instance": "first", "number": "1-45/2023", **fields})
        assert isinstance(outcome, Refused)
        assert f"did_you_mean: {meant}" in outcome.detail


def test_a_refused_row_is_known_by_its_identifiers_and_the_next_is_read() -> None:
    first, second = read({**EXAMPLE, "arrival": "sudden"}, EXAMPLE)
    assert isinstance(first, Refused)
    assert first.identifiers == {"court": "61GV0012", "number": "1-45/2023", "card_guid": GUID}
    assert isinstance(second, Record)
    assert second.place == "line 2"


def test_places_in_a_json_array_are_pointers(tmp_path: Path) -> None:
    good, bad = dict(EXAMPLE), {**EXAMPLE, "received_on": "2023-02-31"}
    array = read_file(tmp_path, "a.json", json.dumps([good, bad, 7]))
    assert [outcome.place for outcome in array if isinstance(outcome, Refused)] == ["/1/received_on", "/2"]
    (one,) = read_file(tmp_path, "b.json", json.dumps(bad))
    assert isinstance(one, Refused)
    assert one.place == "/received_on"


@pytest.mark.parametrize(
    "fields",
    [
        {"court": CANARY},
        {"instance": CANARY},
        {"number": CANARY},
        {"number": CANARY, "card_guid": GUID},
        {"uid": CANARY},
        {"uid": f"61GV0012 {CANARY}"},
        {"card_guid": CANARY},
        {"received_on": CANARY},
        {"arrival": CANARY},
        {"previous_numbers": [CANARY]},
        {CANARY: CANARY},
        {"defendants": [{"name": CANARY}]},
        {"defendants": [{CANARY: 1}]},
        {"defendants": [CANARY]},
        {"defendants": [{"disposition": CANARY}]},
        {"defendants": [{"charges": [{"offence": CANARY}]}]},
        {"defendants": [{"sentence": {"source": CANARY}}]},
        {"sources": [{"kind": CANARY}]},
        {"sources": [{"kind": "newsroom", "url": CANARY}]},
        {"deny": [CANARY]},
        {"judge": CANARY, "text": CANARY},
    ],
)
def test_a_name_in_any_field_never_leaves(fields: dict[str, Any]) -> None:
    outcomes = read({"court": "61GV0012", "instance": "first", "number": "1-45/2023", **fields})
    assert CANARY not in repr(outcomes)
    assert CANARY.upper() not in repr(outcomes)


# ── CSV ────────────────────────────────────────────────────────────────────────────────────────

Cells = dict[str, str]


def write_csv(rows: Sequence[Cells], columns: Sequence[str] = HOUSE_CSV_COLUMNS, delimiter: str = ",") -> str:
    lines = [delimiter.join(columns)]
    lines += [delimiter.join(row.get(column, "") for column in columns) for row in rows]
    return "\n".join(lines) + "\n"


KEY = {"court": "61GV0012", "instance": "first", "number": "1-45/2023"}


def read_csv(folder: Path, *rows: Cells, columns: Sequence[str] = HOUSE_CSV_COLUMNS) -> list[Outcome]:
    return read_file(folder, "cases.csv", write_csv([{**KEY, **row} for row in rows], columns))


def test_rows_of_one_case_are_one_record(tmp_path: Path) -> None:
    first = {"received_on": "2023-03-14", "defendant.ordinal": "1", "charge.offence": "337:5"}
    outcomes = read_csv(
        tmp_path,
        {**first, "defendant.service_status": "contract", "sentence.kind": "fine", "sentence.fine_rub": "50000"},
        {**first, "charge.offence": "338:1", "charge.principal": "TRUE", "charge.episodes": "2"},
        {"defendant.ordinal": "2", "charge.offence": "337:5", "source.kind": "newsroom"},
        {"number": "1-46/2023", "previous_numbers": "1-7/2022|1-8/2021", "in_force_on": "null"},
    )
    assert [outcome.place for outcome in outcomes if isinstance(outcome, Record)] == ["line 2", "line 5"]
    assert isinstance(outcomes[0], Record)
    charge = {"offence": "337:5", "role": "filed", "stage": "completed", "episodes": 1, "principal": False}
    assert outcomes[0].said == {
        "received_on": "2023-03-14",
        "defendants": [
            {
                "ordinal": 1,
                "service_status": "contract",
                "sentence": {"kind": "fine", "fine_rub": 50000},
                "charges": [charge, {**charge, "offence": "338:1", "episodes": 2, "principal": True}],
            },
            {"ordinal": 2, "charges": [charge]},
        ],
        "sources": [{"kind": "newsroom"}],
    }
    assert isinstance(outcomes[1], Record)
    assert outcomes[1].said == {"in_force_on": None}
    assert [key for _, key in outcomes[1].previous] == ["1-7/2022", "1-8/2021"]


def test_a_source_that_is_repeated_from_row_to_row_is_one(tmp_path: Path) -> None:
    person = {"defendant.ordinal": "1", "source.kind": "court_card", "source.seen_on": "2023-05-10"}
    offences = ("337:5", "338:1", "337:5")
    (outcome,) = read_csv(tmp_path, *({**person, "charge.offence": offence} for offence in offences))
    assert isinstance(outcome, Record)
    assert outcome.said["sources"] == [{"kind": "court_card", "seen_on": "2023-05-10"}]
    assert [charge["offence"] for charge in outcome.said["defendants"][0]["charges"]] == list(offences)


def test_a_column_that_is_missing_says_nothing(tmp_path: Path) -> None:
    (outcome,) = read_csv(tmp_path, {}, columns=("court", "instance", "number"))
    assert isinstance(outcome, Record)
    assert outcome.said == {}


def test_the_same_case_again_later_is_left_to_the_caller(tmp_path: Path) -> None:
    outcomes = read_csv(tmp_path, {}, {"number": "1-46/2023"}, {})
    assert [outcome.number for outcome in outcomes if isinstance(outcome, Record)] == [
        "1-45/2023",
        "1-46/2023",
        "1-45/2023",
    ]
    assert HOUSE.refuses_duplicates


def test_cases_without_a_number_are_told_by_their_guid(tmp_path: Path) -> None:
    other = GUID.replace("0b", "0c")
    outcomes = read_csv(tmp_path, *({"number": "б/н", "card_guid": guid} for guid in (GUID, GUID, other)))
    assert [outcome.card_guid for outcome in outcomes if isinstance(outcome, Record)] == [GUID, other]
    assert len(read_csv(tmp_path, {"number": ""}, {"number": ""})) == 2


@pytest.mark.parametrize(
    ("rows", "place", "code"),
    [
        ([{"uid": "1"}, {"received_on": "2023-02-31"}], "line 3 /received_on", "bad-date"),
        ([{"received_on": "2023-01-01"}, {"received_on": "2023-01-02"}], "line 3 /received_on", "contradicting-rows"),
        (
            [
                {"defendant.ordinal": "1", "sentence.kind": "fine"},
                {"defendant.ordinal": "1", "sentence.kind": "arrest"},
            ],
            "line 3 /sentence.kind",
            "contradicting-rows",
        ),
        (
            [
                {"defendant.ordinal": "1", "charge.offence": "null"},
                {"defendant.ordinal": "1", "charge.offence": "337"},
            ],
            "line 3 /charge.offence",
            "contradicting-rows",
        ),
        ([{"charge.offence": "337"}], "line 2 /defendant.ordinal", "missing-field"),
        ([{"defendant.ordinal": "1", "charge.role": "filed"}], "line 2 /charge.offence", "missing-field"),
        ([{"defendant.ordinal": "one"}], "line 2 /defendant.ordinal", "bad-type"),
        ([{"defendant.ordinal": "1", "sentence.term_months": "1e3"}], "line 2 /sentence.term_months", "bad-type"),
        ([{"disposition": CANARY}], "line 2 /disposition", "unknown-code"),
        (
            [{"received_on": "2023-01-02"}, {"decided_on": "2023-01-01"}],
            "line 2 /decided_on",
            "decided-before-received",
        ),
    ],
)
def test_one_wrong_row_refuses_its_case_once(tmp_path: Path, rows: list[Cells], place: str, code: str) -> None:
    outcomes = read_csv(tmp_path, *rows, {}, {"number": "1-46/2023"})
    assert isinstance(outcomes[0], Refused)
    assert (outcomes[0].place, outcomes[0].code) == (place, code)
    assert [type(outcome) for outcome in outcomes] == [Refused, Record]
    assert CANARY not in repr(outcomes)


@pytest.mark.parametrize(
    ("columns", "meant"),
    [
        (("court", "instance", "number", "recieved_on"), "received_on"),
        (("court", "instance", "number", "defendant.name"), "Column 4"),
        (("court", "number"), "instance"),
        (("court", "instance", "uid"), "number or card_guid"),
    ],
)
def test_an_unknown_header_refuses_the_file(tmp_path: Path, columns: tuple[str, ...], meant: str) -> None:
    (outcome,) = read_file(tmp_path, "a.csv", write_csv([{"court": "61GV0012"}] * 2, columns))
    assert isinstance(outcome, Refused)
    assert (outcome.place, outcome.code) == ("file", "csv-header")
    assert meant in outcome.detail


def test_a_refused_line_ends_its_case_so_that_no_part_of_it_passes_for_the_whole(tmp_path: Path) -> None:
    row = ",".join(KEY.values()) + ","
    content = f"court,instance,number,received_on\n{row}\n{row}x,y\n{row}2023-01-01\n"
    outcomes = read_file(tmp_path, "a.csv", content)
    assert [type(outcome) for outcome in outcomes] == [Record, Refused, Record]
    assert [outcome.place for outcome in outcomes if isinstance(outcome, Record)] == ["line 2", "line 4"]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-45", "@x"])
def test_cells_that_an_export_defused_are_undone(cell: str) -> None:
    assert undefused(f"'{cell}") == cell
    assert undefused(f" {cell} ") == cell
    assert undefused("'1-45/2023") == "'1-45/2023"


# ── Laws ───────────────────────────────────────────────────────────────────────────────────────


def codes(codelist: str) -> st.SearchStrategy[str]:
    return st.sampled_from([code for code in CODELISTS[codelist].ids if code != "mixed"])


def partly(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


def iso(first: date, last: date) -> st.SearchStrategy[str]:
    return st.dates(first, last).map(date.isoformat)


charges = st.fixed_dictionaries(
    {"offence": st.sampled_from(["337:5", "338:1", "332:2.1", "352.1", "337", "158:2"])},
    optional={
        "role": codes("charge_role"),
        "stage": codes("charge_stage"),
        "episodes": st.integers(1, 99),
        "principal": st.booleans(),
    },
)
sentences = partly(
    kind=st.none() | codes("sentence_kind"),
    execution=codes("sentence_execution"),
    term_months=st.none() | st.integers(0, 600),
    probation_months=st.integers(0, 600),
    fine_rub=st.integers(0, 10**9),
    regime=codes("regime"),
    source=codes("sentence_source"),
).filter(bool)
persons = partly(
    service_status=st.none() | codes("service_status"),
    disposition=codes("person_disposition"),
    decided_on=iso(date(2021, 1, 1), date(2021, 12, 31)),
    charges=st.lists(charges, min_size=1, max_size=3),
    sentence=sentences,
)
sources = st.fixed_dictionaries(
    {"kind": codes("source_kind")},
    optional={
        "url": st.sampled_from(["https://a.ru/x?y=1,2;3", 'http://b.ru/"q"', "https://в.рф/к"]),
        "seen_on": iso(date(2022, 1, 1), date(2023, 1, 1)),
    },
)
court_codes = st.sampled_from(sorted(courts()))


@st.composite
def cases(draw: st.DrawFn, number: int) -> dict[str, Any]:
    court = draw(court_codes)
    case: dict[str, Any] = {"court": court, "instance": draw(codes("instance")), "number": f"1-{number}/2021"}
    case |= draw(
        partly(
            previous_numbers=st.lists(st.sampled_from(["1-900/2020", "2-3-4/2019", "1-5/2018"]), min_size=1),
            uid=st.integers(0, 999_999).map(lambda n: make_uid(f"{court}-01-2021-{n:06d}")),
            card_guid=st.uuids(version=4).map(str),
            received_on=st.none() | iso(date(2020, 1, 1), date(2020, 12, 31)),
            arrival=codes("arrival"),
            decided_on=st.none() | iso(date(2021, 1, 1), date(2021, 12, 31)),
            disposition=codes("case_disposition"),
            in_force_on=iso(date(2022, 1, 1), date(2022, 12, 31)),
            deny=st.lists(st.sampled_from(["received_on", "decided_on", "arrival"]), min_size=1, max_size=3),
            sources=st.lists(sources, min_size=1, max_size=3),
        )
    )
    case["deny"] = [name for name in case.get("deny", ()) if case.get(name) is None]
    people = [{"ordinal": ordinal, **draw(persons)} for ordinal in range(1, draw(st.integers(0, 3)) + 1)]
    people = [{**one, "deny": ["sentence"]} if "charges" in one and "sentence" not in one else one for one in people]
    case = {name: said for name, said in case.items() if said != []}
    return {**case, "defendants": people} if people else case


files = st.integers(1, 4).flatmap(lambda n: st.tuples(*(cases(number) for number in range(1, n + 1))))


def as_csv_rows(case: dict[str, Any]) -> list[Cells]:
    """A case as the rows of its charges; further sources stand in rows of their own."""
    flat = {name: value for name, value in case.items() if name not in ("defendants", "sources")}
    if "previous_numbers" in flat:
        flat["previous_numbers"] = "|".join(flat["previous_numbers"])
    if "deny" in flat:
        flat["deny"] = "; ".join(flat["deny"])
    rows: list[Cells] = []
    for person in case.get("defendants", ()):
        parts = {f"defendant.{name}": item for name, item in person.items() if name not in ("charges", "sentence")}
        if "deny" in person:
            parts["defendant.deny"] = " ".join(person["deny"])
        parts |= {f"sentence.{name}": item for name, item in person.get("sentence", {}).items()}
        for charge in person.get("charges", [{}]):
            rows.append(cells(flat | parts | {f"charge.{name}": item for name, item in charge.items()}))
    for source in case.get("sources", ()):
        rows.append(cells(flat | {f"source.{name}": item for name, item in source.items()}))
    return rows or [cells(flat)]


def cells(values: dict[str, Any]) -> Cells:
    words = {None: "null", True: "true", False: "false"}
    return {
        name: words[item] if item is None or item is True or item is False else str(item)
        for name, item in values.items()
    }


def essence(outcome: Outcome) -> tuple[Any, ...]:
    assert isinstance(outcome, Record), outcome
    return outcome.court, outcome.instance, outcome.row_hash, outcome.seen_on, outcome.said, outcome.warnings


@settings(max_examples=60)
@given(values=files, delimiter=st.sampled_from(",;\t"))
def test_a_record_is_the_same_as_json_ndjson_and_csv(
    tmp_path: Path, values: tuple[dict[str, Any], ...], delimiter: str
) -> None:
    array = read_file(tmp_path, "a.json", json.dumps(values, ensure_ascii=False))
    lines = read_file(tmp_path, "a.ndjson", "\n".join(json.dumps(value) for value in values))
    with (tmp_path / "b.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, HOUSE_CSV_COLUMNS, delimiter=delimiter)
        writer.writeheader()
        writer.writerows(row for value in values for row in as_csv_rows(value))
    rows = read_rows(open_input(tmp_path / "b.csv"), "csv")
    table = list(HOUSE.read(rows, "csv"))
    assert [essence(outcome) for outcome in array] == [essence(outcome) for outcome in lines]
    assert [essence(outcome) for outcome in array] == [essence(outcome) for outcome in table]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["court", "defendants", "charges", "ordinal", "deny", "kind"]), inner)
    ),
    max_leaves=8,
)


@settings(max_examples=150)
@given(field=st.sampled_from(sorted(EXAMPLE)), value=junk)
def test_no_value_in_any_field_raises(field: str, value: Any) -> None:
    (outcome,) = read({**EXAMPLE, field: value})
    assert isinstance(outcome, Record | Refused)


@settings(max_examples=60)
@given(rows=st.lists(st.dictionaries(st.sampled_from(HOUSE_CSV_COLUMNS), st.text(max_size=4)), max_size=4))
def test_no_cell_raises(rows: list[Cells]) -> None:
    whole = [Row(f"line {number}", {**dict.fromkeys(HOUSE_CSV_COLUMNS, ""), **row}) for number, row in enumerate(rows)]
    for outcome in HOUSE.read(whole, "csv"):
        assert isinstance(outcome, Record | Refused)


def test_refused_rows_pass_through_unchanged_and_in_order() -> None:
    refused = Refused("line 1", "not-json", "…")
    for encoding in ("ndjson", "json", "csv"):
        row = Row("line 2", dict(KEY))
        outcomes = list(HOUSE.read([refused, row, refused], encoding))
        assert [type(outcome) for outcome in outcomes] == [Refused, Record, Refused]
        assert outcomes[0] is refused
