"""Layout sudrfscraper: cards as scraped become records; names, judges, sides and texts stay behind."""

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.ingest.encodings import open_input, read_rows
from app.ingest.layouts import LAYOUTS
from app.ingest.layouts.dispositions import parse_decision
from app.ingest.layouts.names import parse_names
from app.ingest.layouts.sudrfscraper import SUDRFSCRAPER_CSV_COLUMNS, Meta, _Scrape, read_meta
from app.ingest.record import Outcome, Record, Refused, Row, Skipped, Warned
from app.vocabulary import CODELISTS

LAYOUT = LAYOUTS["sudrfscraper"]
SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "samples"
CANARY = "Канарейкин"
GUID = "0b6d1e5a-77c1-4b0c-9a3f-3f1f0a4f7a10"
COURT = "Грозненский гарнизонный военный суд"
HOST = "http://gvs--chn.sudrf.ru/modules.php?name=sud_delo&srv_num=1&name_op="
CARD = f"{HOST}case&case_id=1&case_uid={GUID}&delo_id=1540006"
ACT = f"{HOST}doc&number=1&delo_id=1540006&new=0&text_number=1"
ROW: dict[str, Any] = {
    "id": 0,
    "region": 61,
    "instance": "FIRST",
    "name": COURT,
    "caseNumber": "1-45/2023 (1-201/2022;)",
    "entryDate": "14.03.2023",
    "names": f"{CANARY} Иван Иванович - ст.337 ч.5 УК РФ",
    "judge": f"{CANARY} И.О.",
    "resultDate": "21.04.2023",
    "decision": "Вынесен ПРИГОВОР",
    "endDate": "06.05.2023",
    "steps": [{"eventName": "Судебное заседание", "additionalInfo": CANARY, "notParsed": {CANARY: CANARY}}],
    "sides": [{"sideType": "Прокурор", "sideName": CANARY, "inn": "7700000000"}],
    "consideredBy": "Рассмотрено единолично судьей",
    "text": f"ПРИГОВОР\nИменем Российской Федерации; {CANARY}",
    "connectedLinks": {"CASE_NUMBER_LOWER": CANARY},
    "links": {"META": CARD, "TEXT": ACT},
    "formed": True,
    "cui": "61GV0012-01-2023-000123-60",
}


def read(*rows: dict[str, Any], encoding: str = "ndjson") -> list[Outcome]:
    return list(LAYOUT.read([Row(f"line {n}", row) for n, row in enumerate(rows, 1)], encoding))


def one(**fields: Any) -> Outcome:
    (outcome,) = read({**ROW, **fields})
    return outcome


def record(**fields: Any) -> Record:
    outcome = one(**fields)
    assert isinstance(outcome, Record), outcome
    return outcome


def refusal(**fields: Any) -> tuple[str, str]:
    outcome = one(**fields)
    assert isinstance(outcome, Refused), outcome
    return outcome.place, outcome.code


def read_file(path: Path) -> list[Outcome]:
    encoding = LAYOUT.encodings[path.suffix]
    return list(LAYOUT.read(read_rows(open_input(path, is_gzip=False), encoding), encoding))


def charge(offence: str, **fields: Any) -> dict[str, Any]:
    filed = {"offence": offence, "role": "filed", "stage": "completed", "episodes": 1, "principal": False}
    return {**filed, **fields}


# ── What is said ───────────────────────────────────────────────────────────────────────────────


def test_a_card_is_read_whole() -> None:
    assert record() == Record(
        place="line 1",
        court="61GV0012",
        instance="first",
        number="1-45/2023",
        number_key="1-45/2023",
        previous=(("1-201/2022", "1-201/2022"),),
        uid="61GV0012-01-2023-000123-60",
        card_guid=GUID,
        seen_on=None,
        said={
            "received_on": "2023-03-14",
            "decided_on": "2023-04-21",
            "in_force_on": "2023-05-06",
            "disposition": "verdict",
            "defendants": [{"ordinal": 1, "charges": [charge("337:5")]}],
            "sources": [
                {"kind": "court_card", "url": CARD.replace("gvs--chn", "gvs.chn")},
                {"kind": "verdict_text", "url": ACT.replace("gvs--chn", "gvs.chn")},
            ],
        },
    )


@pytest.mark.parametrize("nothing", [None, "", "-", "null", " - "])
def test_a_placeholder_is_absent(nothing: str | None) -> None:
    fields = ("entryDate", "resultDate", "decision", "endDate", "names", "judge", "cui", "consideredBy", "text")
    outcome = record(**dict.fromkeys(fields, nothing), links={"META": CARD, "TEXT": nothing})
    assert set(outcome.said) == {"sources"}
    assert outcome.uid is None
    assert outcome.warnings == ("names-empty",)


def test_keys_that_are_missing_or_unheard_of_are_tolerated() -> None:
    fewer = {name: ROW[name] for name in ("instance", "name", "caseNumber", "links")}
    (outcome,) = read({**fewer, "novel": {"x": 1}})
    assert isinstance(outcome, Record)
    assert set(outcome.said) == {"sources"}
    (outcome,) = read({name: item for name, item in ROW.items() if name not in ("caseNumber", "entryDate")})
    assert isinstance(outcome, Record)
    assert (outcome.number, outcome.card_guid) == (None, GUID)
    assert "received_on" not in outcome.said


def test_the_older_export_without_instance_and_links_is_of_first_instance() -> None:
    (outcome,) = read({name: item for name, item in ROW.items() if name not in ("instance", "links", "cui")})
    assert isinstance(outcome, Record)
    assert (outcome.instance, outcome.number_key) == ("first", "1-45/2023")


def test_defendants_are_known_by_position_and_charges_carry_stage_and_episodes() -> None:
    names = "<Информация скрыта> - ст.337 ч.3.1; ст.337 ч.3.1 УК РФ; А. Б. - ст.30 ч.3, ст.338 ч.1 УК РФ; В. Г."
    assert record(names=names).said["defendants"] == [
        {"ordinal": 1, "charges": [charge("337:3.1", episodes=2)]},
        {"ordinal": 2, "charges": [charge("338:1", stage="attempt")]},
        {"ordinal": 3},
    ]


def test_of_bracketed_sets_the_earlier_is_dropped() -> None:
    said = record(names=f"{CANARY} - УК РФ: [ст. 338 ч.1] [ст. 337 ч.4]").said
    assert said["defendants"] == [{"ordinal": 1, "charges": [charge("337:4"), charge("338:1", role="dropped")]}]


def test_charges_that_differ_in_complicity_alone_are_one() -> None:
    said = record(names=f"{CANARY} - ст.33 ч.5-ст.338 ч.1; ст.338 ч.1 УК РФ").said
    assert said["defendants"] == [{"ordinal": 1, "charges": [charge("338:1", episodes=2)]}]


@pytest.mark.parametrize(
    ("instance", "decision", "code"),
    [
        ("FIRST", "Вынесен ПРИГОВОР", "verdict"),
        ("FIRST", "  вынесен   приговор ", "verdict"),
        ("FIRST", "ВОЗВРАЩЕНО ПРОКУРОРУ", "returned_to_prosecutor"),
        ("FIRST", "Дело возвращено прокурору в порядке ст. 237 УПК РФ", "returned_to_prosecutor"),
        ("FIRST", "Уголовное дело ПРЕКРАЩЕНО", "terminated"),
        ("FIRST", "Направлено ПО ПОДСУДНОСТИ (подведомственности)", "transferred_jurisdiction"),
        ("FIRST", "Применены ПРИНУДИТЕЛЬНЫЕ МЕРЫ МЕДИЦИНСКОГО ХАРАКТЕРА", "medical_measures"),
        ("FIRST", "Применены принудительныe мeры медицинского хaрактера", "medical_measures"),  # Latin e, a
        ("FIRST", "Уголовное дело соединено с другим делом", "joined"),
        ("FIRST", "Вынесено другое ПОСТАНОВЛЕНИЕ", "other"),
        ("FIRST", "Апелляционное ПРОИЗВОДСТВО ПРЕКРАЩЕНО", "other"),
        ("FIRST", "Представление (жалоба) ОТОЗВАНЫ", "other"),
        ("FIRST", "СНЯТО с апелляционного рассмотрения", "other"),
        ("FIRST", "Вынесено другое ПОСТАНОВЛЕНИЕ мера пресечения изменена", "other"),
        ("APPELLATION", "Приговор ОСТАВЛЕН БЕЗ ИЗМЕНЕНИЯ", "upheld"),
        ("APPELLATION", "Приговор ИЗМЕНЁН, в остальной части оставлен без изменения", "changed"),
        ("APPELLATION", "отменен с возвращением на новое рассмотрение", "annulled"),
        ("APPELLATION", "ОСТАВЛЕНО БЕЗ РАССМОТРЕНИЯ в связи с отзывом", "other"),
        ("CASSATION", "ВЫНЕСЕНО РЕШЕНИЕ ПО СУЩЕСТВУ ДЕЛА", "other"),
        ("CASSATION", "Жалоба / представление ОСТАВЛЕНО БЕЗ УДОВЛЕТВОРЕНИЯ", "upheld"),
        (
            "CASSATION",
            "АПЕЛЛЯЦИОННОЕ постановление (по существу обвинения) ОТМЕНЕНО и возвращено на НОВОЕ АПЕЛЛЯЦИОННОЕ "
            "РАССМОТРЕНИЕ",
            "annulled",
        ),
    ],
)
def test_results_are_mapped_by_what_they_begin_with(instance: str, decision: str, code: str) -> None:
    outcome = record(instance=instance, decision=decision)
    assert outcome.said["disposition"] == code
    assert outcome.warnings == ()


def test_a_verdict_says_nothing_of_its_persons() -> None:
    assert "disposition" not in record().said["defendants"][0]


@pytest.mark.parametrize(
    ("ground", "person"),
    [
        (" назначена мера уголовно-правового характера - СУДЕБНЫЙ ШТРАФ (ст. 25.1 УПК РФ)", "non_rehabilitating"),
        (" в связи с примирением сторон", "non_rehabilitating"),
        (" за истечением сроков давности", "non_rehabilitating"),
        (" за отсутствием в деянии состава преступления", "rehabilitating"),
        (" в связи с отказом государственного обвинителя от обвинения", "rehabilitating"),
        ("", None),
        (" по другим основаниям", None),
    ],
)
def test_the_ground_of_termination_is_each_persons_where_it_is_stated(ground: str, person: str | None) -> None:
    said = record(decision=f"Уголовное дело ПРЕКРАЩЕНО{ground}", names="А. Б. - ст.337 УК РФ; В. Г.").said
    assert said["disposition"] == "terminated"
    expected = f"terminated_{person}" if person else None
    assert [defendant.get("disposition") for defendant in said["defendants"]] == [expected] * 2


def test_an_unknown_result_is_other_with_a_warning_and_keeps_its_day() -> None:
    outcome = record(decision="Нечто небывалое")
    assert (outcome.said["disposition"], outcome.said["decided_on"]) == ("other", "2023-04-21")
    assert outcome.warnings == ("decision-unknown",)


def test_a_day_of_result_without_a_result_says_nothing_of_how_it_ended() -> None:
    outcome = record(decision=None)
    assert "disposition" not in outcome.said
    assert outcome.said["decided_on"] == "2023-04-21"
    assert outcome.warnings == ("result-date-without-decision",)


@given(text=st.text(max_size=30), instance=st.sampled_from(["first", "appeal", "cassation"]))
def test_every_result_is_a_code(text: str, instance: str) -> None:
    ending = parse_decision(text, instance)
    assert ending.case in CODELISTS["case_disposition"].ids
    assert ending.person is None or ending.person in CODELISTS["person_disposition"].ids


# ── Courts, numbers, links ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", [f" {COURT} ", COURT.replace("о", "o").replace("е", "e"), COURT.replace(" ", "\xa0")])
def test_a_court_is_known_by_its_name_however_typed(name: str) -> None:
    assert record(name=name, links={}, cui=None).court == "61GV0012"


def test_a_court_is_known_by_the_cards_host_or_by_the_uid_where_the_name_is_not() -> None:
    for name in (None, "-", "Суд с другим именем"):
        assert record(name=name, cui=None).court == "61GV0012"
        assert record(name=name, cui=None, links={"META": CARD.replace("--", ".")}).court == "61GV0012"
        assert record(name=name, links=None).court == "61GV0012"


def test_where_name_and_link_differ_the_name_counts_and_a_warning_says_so() -> None:
    outcome = record(links={"META": "https://yovs.ros.sudrf.ru/modules.php?name=sud_delo"})
    assert outcome.court == "61GV0012"
    assert outcome.warnings == ("court-name-and-link-differ",)


def test_the_region_is_not_believed() -> None:
    assert record(region=77) == record()


def test_a_court_that_is_none_of_ours_is_refused() -> None:
    fields = {"name": "Ленинский районный суд", "links": {"META": "http://leninsky.bkr.sudrf.ru/x"}}
    assert refusal(**fields, cui="03RS0003-01-2026-003803-62") == ("line 1 /name", "court-unknown")


@pytest.mark.parametrize(
    ("instance", "expected"), [("FIRST", "first"), ("APPELLATION", "appeal"), ("CASSATION", "cassation")]
)
def test_instances(instance: str, expected: str) -> None:
    assert record(instance=instance).instance == expected


def test_an_unknown_instance_is_refused() -> None:
    for instance in ("SECOND", "first", None):
        assert refusal(instance=instance) == ("line 1 /instance", "instance-unknown")
    assert refusal(instance=1) == ("line 1 /instance", "bad-type")


@pytest.mark.parametrize(
    ("link", "guid"),
    [
        (CARD, GUID),
        (CARD.replace(GUID, GUID.upper()), GUID),
        (CARD.replace("&", "&amp;"), GUID),
        (f"{HOST}case&_id=1&_uid={GUID}&_deloId=1540006", GUID),
        (CARD.replace(GUID, "u"), None),
        (CARD.replace(GUID, "00000000-0000-0000-0000-000000000000"), None),
        (CARD.replace(GUID, GUID + "0"), None),
        (CARD.replace("case_uid", "xcase_uid"), None),
    ],
)
def test_the_card_is_known_by_the_guid_in_its_link(link: str, guid: str | None) -> None:
    assert record(links={"META": link}).card_guid == guid


def test_an_act_on_the_card_itself_is_both_sources() -> None:
    outcome = record(links={"TEXT_AND_META": CARD})
    assert outcome.card_guid == GUID
    assert [source["kind"] for source in outcome.said["sources"]] == ["court_card", "verdict_text"]


@pytest.mark.parametrize(
    "searched",
    [
        "&u1_case__U1_DEFENDANT__NAMESS=ivanov",
        "&x=%CA%E0%ED",
        f"&y={CANARY}",
        f"#{CANARY}",
        f"&u1_case__U1_DEFENDANT__NAMESS=ivanov&x=%CA%E0%ED&y={CANARY}#{CANARY}",
    ],
)
def test_words_of_a_search_are_cut_out_of_links(searched: str) -> None:
    assert record(links={"META": CARD + searched}).said["sources"][0]["url"] == CARD.replace("--", ".")


@pytest.mark.parametrize("link", ["ftp://a.ru/", f"http://a.ru/{CANARY}", "http://u:p@gvs.chn.sudrf.ru/", "x" * 3000])
def test_what_is_no_link_to_keep_is_left_out_with_a_warning(link: str) -> None:
    outcome = record(links={"META": link})
    assert "sources" not in outcome.said
    assert outcome.warnings == ("link-unreadable",)


def test_a_row_without_number_and_guid_is_refused() -> None:
    for number in (None, "-", "null", "б/н"):
        assert refusal(caseNumber=number, links={"META": CARD.replace(GUID, "u")}) == ("line 1", "no-identity")


@pytest.mark.parametrize(
    ("cui", "uid", "warnings"),
    [
        ("61gv0012-01-2023-000123-60", "61GV0012-01-2023-000123-60", ()),
        ("77GV0005-01-2023-000123-45", "77GV0005-01-2023-000123-45", ("uid-check-digits",)),
        ("270008-01-2019-000081-20", "270008-01-2019-000081-20", ("uid-check-digits",)),
        (CANARY, None, ("uid-unreadable",)),
    ],
)
def test_a_doubtful_uid_is_flagged_not_refused(cui: str, uid: str | None, warnings: tuple[str, ...]) -> None:
    outcome = record(cui=cui)
    assert (outcome.uid, outcome.warnings) == (uid, warnings)


# ── Days ───────────────────────────────────────────────────────────────────────────────────────


def ahead(days: int) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).strftime("%d.%m.%Y")


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"entryDate": "31.02.2023"}, "/entryDate", "bad-date"),
        ({"resultDate": "21.04.23"}, "/resultDate", "bad-date"),
        ({"endDate": "2023"}, "/endDate", "bad-date"),
        ({"entryDate": "14.03.1023"}, "/entryDate", "bad-date"),
        ({"resultDate": ahead(2)}, "/resultDate", "date-in-future"),
        ({"entryDate": "22.04.2023"}, "/resultDate", "decided-before-received"),
        ({"entryDate": 14}, "/entryDate", "bad-type"),
        ({"caseNumber": ["1-45/2023"]}, "/caseNumber", "bad-type"),
        ({"links": [CARD]}, "/links", "bad-type"),
        ({"names": {}}, "/names", "bad-type"),
    ],
)
def test_a_wrong_value_is_refused_by_pointer_and_identifiers(fields: dict[str, Any], pointer: str, code: str) -> None:
    assert refusal(**fields) == (f"line 1 {pointer}", code)


def test_a_refused_row_is_known_by_its_identifiers() -> None:
    outcome = one(entryDate="31.02.2023")
    assert isinstance(outcome, Refused)
    assert outcome.identifiers == {
        "court": "61GV0012",
        "number": "1-45/2023",
        "uid": "61GV0012-01-2023-000123-60",
        "card_guid": GUID,
    }


def test_a_force_before_the_judgment_or_still_to_come_is_left_out_with_a_warning() -> None:
    early, future = record(endDate="20.04.2023"), record(endDate=ahead(9))
    assert "in_force_on" not in early.said
    assert "in_force_on" not in future.said
    assert (early.warnings, future.warnings) == (("in-force-before-decided",), ("in-force-in-future",))


def test_words_in_place_of_a_day_are_absent_with_a_warning() -> None:
    outcome = record(resultDate="не рассмотрено", decision=None, endDate=None)
    assert set(outcome.said) == {"received_on", "defendants", "sources"}
    assert outcome.warnings == ("day-in-words",)


# ── Rows that are no case ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"caseNumber": "3/2-15/2023"}, "material"),
        ({"caseNumber": "4/1-15/2023"}, "execution"),
        ({"caseNumber": "5-15/2023"}, "administrative"),
        ({"caseNumber": "ДА-15/2023"}, "disciplinary-arrest"),
        ({"caseNumber": "3/2-15/2023", "entryDate": "31.02.2023", "names": "ст"}, "material"),
        ({"names": f"{CANARY} - ст.20.3.3 ч.1 КоАП РФ"}, "administrative-koap"),
        ({"names": f"{CANARY} - ст.108 УПК РФ"}, "material-upk"),
        ({"caseNumber": "№ дела"}, "header-row"),
        ({"caseNumber": "caseNumber"}, "header-row"),
    ],
)
def test_what_is_no_prosecution_is_skipped_with_its_reason(fields: dict[str, Any], reason: str) -> None:
    assert one(**fields) == Skipped("line 1", reason)


def test_titles_among_steps_and_sides_do_no_harm() -> None:
    titles = {"eventName": "Наименование события", "eventDate": "Дата"}
    assert record(steps=[titles], sides=[{"sideType": "Вид лица", "sideName": "ФИО"}]) == record()


def test_names_that_cannot_be_read_refuse_the_row() -> None:
    parsed = parse_names("А. Б. - ст.99999 ч.1 УК РФ")
    outcome = one(names="А. Б. - ст.99999 ч.1 УК РФ")
    assert isinstance(outcome, Refused)
    assert (outcome.place, outcome.code) == ("line 1 /names", getattr(parsed, "code", None))


# ── The lossy CSV ──────────────────────────────────────────────────────────────────────────────


def as_cells(row: dict[str, Any]) -> dict[str, str]:
    """A row as the scraper's own converter writes it."""
    linked = {"link_meta": "META", "link_text": "TEXT", "link_text_and_meta": "TEXT_AND_META"}
    values = {**row, "court_name": row["name"], **{name: row["links"].get(key) for name, key in linked.items()}}
    cells = {}
    for column in SUDRFSCRAPER_CSV_COLUMNS:
        value = values.get(column)
        nothing = "null" if column in ("caseNumber", "entryDate") else "-"
        cells[column] = nothing if value is None else str(value).replace(";", ",").replace("\n", " ")
    return cells


def as_csv(*rows: dict[str, Any], header: str = ";".join(SUDRFSCRAPER_CSV_COLUMNS)) -> str:
    lines = [header, *(";".join(as_cells(row).values()) for row in rows)]
    return "\n".join(lines) + "\n"


def test_the_csv_says_the_same_after_a_warning_of_what_it_lost(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text(as_csv({**ROW, "caseNumber": "1-45/2023"}, {**ROW, "judge": None, "entryDate": None}))
    warned, first, second = read_file(path)
    assert isinstance(warned, Warned)
    assert warned.code == "lossy-csv"
    assert isinstance(first, Record)
    assert first.place == "line 2"
    assert first.row_hash == record(caseNumber="1-45/2023").row_hash
    assert isinstance(second, Record)
    assert second.number_key == "1-45/2023"
    assert "received_on" not in second.said
    assert CANARY not in repr((warned, first, second))


def test_persons_and_articles_are_told_apart_without_their_semicolons() -> None:
    names = f"<Информация скрыта> - ст.337 ч.3.1, ст.337 ч.5 УК РФ, {CANARY} Иван Иванович - ст.332 ч.2.1 УК РФ"
    _, outcome = read(as_cells({**ROW, "names": names}), encoding="csv-raw")
    assert isinstance(outcome, Record)
    assert outcome.said["defendants"] == [
        {"ordinal": 1, "charges": [charge("337:3.1"), charge("337:5")]},
        {"ordinal": 2, "charges": [charge("332:2.1")]},
    ]


def test_the_header_of_the_csv_is_exact_and_may_stand_again_among_the_rows(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text(as_csv(ROW) + as_csv(ROW))
    assert [type(outcome) for outcome in read_file(path)] == [Warned, Record, Skipped, Record]
    path.write_text(as_csv(ROW, header=";".join(SUDRFSCRAPER_CSV_COLUMNS).replace("court_name", "name")))
    _, refused = read_file(path)
    assert isinstance(refused, Refused)
    assert (refused.place, refused.code) == ("file", "csv-header")
    assert "court_name" in refused.detail


def test_utf8_that_was_read_as_windows_1251_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.csv"
    path.write_text(as_csv(ROW).encode().decode("cp1251", errors="replace"))
    _, refused = read_file(path)
    assert isinstance(refused, Refused)
    assert refused.code == "double-encoded"


# ── Personal data ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("field", sorted(ROW))
@pytest.mark.parametrize("value", [CANARY, f"{CANARY} 1-45/2023", {CANARY: CANARY}, [CANARY]])
def test_a_name_in_any_field_never_leaves(field: str, value: object) -> None:
    outcomes = read({**ROW, field: value}, {**ROW, CANARY: CANARY})
    if field in SUDRFSCRAPER_CSV_COLUMNS:
        outcomes += read({**as_cells(ROW), field: f"{CANARY}"}, encoding="csv-raw")
    assert CANARY.casefold() not in repr(outcomes).casefold()


# ── Laws ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not shipped")
def test_the_shape_samples_are_read() -> None:
    lines = read_file(SAMPLES / "sudrfscraper_shape.json")
    warned, *table = read_file(SAMPLES / "sudrfscraper_shape.csv")
    assert isinstance(warned, Warned)
    told = [outcome.row_hash for outcome in lines if isinstance(outcome, Record)]
    assert len(told) == 2
    assert told == [outcome.row_hash for outcome in table if isinstance(outcome, Record)]


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="the samples are not shipped")
def test_real_names_columns_give_what_their_parser_gives_however_alike_they_are() -> None:
    texts = (SAMPLES / "names_column_real.txt").read_text(encoding="utf-8").splitlines()
    outcomes = read(*({**ROW, "names": text} for text in texts))
    kinds: Counter[str] = Counter()
    for text, outcome in zip(texts, outcomes, strict=True):
        parsed = parse_names(text)
        kinds[type(outcome).__name__] += 1
        if isinstance(outcome, Record):
            persons = getattr(parsed, "persons", ())
            assert len(outcome.said["defendants"]) == len(persons), text
            for person, said in zip(persons, outcome.said["defendants"], strict=True):
                held = {(c["offence"], c["role"], c["stage"]) for c in said.get("charges", ())}
                assert held == {(c.offence, c.role, c.stage) for c in person.charges}, text
            assert set(getattr(parsed, "warnings", ())) == set(outcome.warnings)
        else:
            assert type(parsed).__name__ == type(outcome).__name__, text
    assert kinds["Record"] > 1500


WORDS = ["Иванов", "Статьин", "Частин", "Пункт", "Судаков", "Рф", "Часть", "Мария-Анна", "Ким", "И.", "Оглы", "Уков"]
ARTICLES = ["ст.337 ч.5", "ст. 30 ч.3, ст.338 ч.1", "ст.158 ч.2 п.п.а,б", "ст.33 ч.5-ст.228 ч.1", "ст.337"]
persons = st.tuples(st.lists(st.sampled_from(WORDS), max_size=4), st.lists(st.sampled_from(ARTICLES), max_size=3))


@settings(max_examples=150)
@given(people=st.lists(persons, min_size=1, max_size=3), encoding=st.sampled_from(["ndjson", "csv-raw"]))
def test_names_that_are_remembered_by_their_shape_are_read_as_by_themselves(people: list[Any], encoding: str) -> None:
    text = "; ".join(f"{' '.join(words)} - {'; '.join(articles)} УК РФ" for words, articles in people)
    row = {**ROW, "names": text}
    outcome = read(as_cells(row) if encoding == "csv-raw" else row, encoding=encoding)[-1]
    parsed = parse_names(text.replace(";", ",") if encoding == "csv-raw" else text, is_lossy=encoding == "csv-raw")
    if isinstance(outcome, Record):
        found = [tuple(c["offence"] for c in said.get("charges", ())) for said in outcome.said["defendants"]]
        own = [tuple(dict.fromkeys(c.offence for c in p.charges)) for p in getattr(parsed, "persons", ())]
        assert [tuple(dict.fromkeys(offences)) for offences in found] == own
    else:
        assert type(parsed).__name__ == type(outcome).__name__


KEYWORDS = ["Статья", "Статьи", "Часть", "Пункт", "Подп", "Укрф", "Коап", "Дисциплинарный", "Правонарушение", "России"]
SLOTS = ("{} {} - {} 337 {} 5 УК РФ", "{} {} - ст.337 {} 5 {} РФ", "{} - ст.337 {}; {} - {} 338")


@settings(max_examples=150)
@given(
    shape=st.sampled_from(SLOTS),
    fills=st.lists(st.tuples(*[st.sampled_from([*KEYWORDS, "Иванов", "Слово"])] * 4), min_size=2, max_size=4),
)
@example(shape=SLOTS[0], fills=[("Дисциплинарный",) * 2 + ("Иванов",) * 2, ("Иванов",) * 4])
def test_what_one_row_taught_never_changes_how_another_is_read(shape: str, fills: list[tuple[str, ...]]) -> None:
    texts = [shape.format(*fill) for fill in fills]
    together = read(*({**ROW, "names": text} for text in texts))
    alone = [one(names=text) for text in texts]
    for outcome, expected in zip(together, alone, strict=True):
        assert type(outcome) is type(expected)
        if isinstance(outcome, Record) and isinstance(expected, Record):
            assert (outcome.said, outcome.warnings) == (expected.said, expected.warnings)
        elif isinstance(outcome, Skipped | Refused):
            assert getattr(outcome, "reason", None) == getattr(expected, "reason", None)
            assert getattr(outcome, "code", None) == getattr(expected, "code", None)


def test_no_name_is_remembered_from_row_to_row() -> None:
    scrape = _Scrape(datetime.now(UTC).date(), is_lossy=False)
    for name in (CANARY, CANARY.lower(), CANARY.upper(), f"{CANARY}-{CANARY} {CANARY} А.", f"5{CANARY.lower()}"):
        scrape.outcome("line 1", {**ROW, "names": f"{name} - ст.337 ч.5 УК РФ"})
    assert list(scrape._plain_names) == ["Имя - ст.337 ч.5 УК РФ", "Имя-Имя Имя А. - ст.337 ч.5 УК РФ"]


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["-", "01.01.2023", CARD]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["META", "TEXT", "x"]), inner),
    max_leaves=4,
)


@settings(max_examples=200)
@given(fields=st.dictionaries(st.sampled_from(sorted(ROW)), junk, max_size=4))
def test_no_row_raises(fields: dict[str, Any]) -> None:
    assert isinstance(one(**fields), Record | Skipped | Refused)
    cells = {name: str(item) for name, item in fields.items() if name in SUDRFSCRAPER_CSV_COLUMNS}
    assert len(read({**as_cells(ROW), **cells}, encoding="csv-raw")) == 2


@given(content=st.binary(max_size=300))
@settings(max_examples=60)
def test_no_bytes_raise(tmp_path: Path, content: bytes) -> None:
    for name in ("run.json", "run.csv"):
        (tmp_path / name).write_bytes(content)
        assert read_file(tmp_path / name)


def test_refused_rows_pass_through_unchanged() -> None:
    refused = Refused("line 1", "not-json", "…")
    outcomes = list(LAYOUT.read([refused, Row("line 2", ROW)], "ndjson"))
    assert outcomes[0] is refused
    assert isinstance(outcomes[1], Record)


# ── The description beside the export ──────────────────────────────────────────────────────────


def meta(folder: Path, content: str | None) -> Meta | Warned | None:
    if content is not None:
        (folder / "run_meta.json").write_text(content)
    return read_meta(folder / "run.json")


def test_the_window_of_days_stands_beside_the_export(tmp_path: Path) -> None:
    assert meta(tmp_path, None) is None
    window = {"string_count": "7", "article": "337", "entry_date_from": "01.01.2023", "entry_date_till": "2023-06-30"}
    assert meta(tmp_path, json.dumps(window)) == Meta(date(2023, 1, 1), date(2023, 6, 30), is_by_article=True, rows=7)
    assert meta(tmp_path, json.dumps({"article": "-", "string_count": "x"})) == Meta(None, None)
    by_result = {**window, "result_date_from": "01.02.2023", "entry_date_till": ""}
    assert meta(tmp_path, json.dumps(by_result)) == Meta(
        date(2023, 1, 1), None, is_by_result=True, is_by_article=True, rows=7
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "\udcff",
        '{"entry_date_from": "yesterday"}',
        '{"entry_date_from": 20230101}',
        '{"entry_date_from": "31.02.2023"}',
        '{"entry_date_from": "02.01.2023", "entry_date_till": "01.01.2023"}',
        '{"x": "' + "x" * 2_000_000 + '"}',
    ],
)
def test_a_description_that_cannot_be_used_is_a_warning(tmp_path: Path, content: str) -> None:
    (tmp_path / "run_meta.json").write_bytes(content.encode("utf-8", errors="surrogateescape"))
    found = read_meta(tmp_path / "run.json")
    assert isinstance(found, Warned)
    assert found.code == "meta-malformed"
