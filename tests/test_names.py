"""The `names` column: who is charged with what, read exactly, and no name kept."""

import random
import re
import string
import time
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.ingest.layouts.names import ParsedCharge, ParsedNames, ParsedPerson, Refused, Skipped, parse_names

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "samples" / "names_column_real.txt"
TAIL = " Суд (судебный участок) первой инстанции: X Номер дела в первой инстанции: 1-97/9-2014"


def charge(code: str) -> ParsedCharge:
    """`attempt 158:2 x3 dropped` as a charge."""
    words = code.split()
    stage = next((word for word in ("attempt", "preparation") if word in words), "completed")
    episodes = next((int(word[1:]) for word in words if re.fullmatch(r"x\d+", word)), 1)
    offence = next(word for word in words if re.fullmatch(r"[\d.:]+", word))
    role = "dropped" if "dropped" in words else "filed"
    return ParsedCharge(offence, stage, "complicity" in words, episodes, role)  # type: ignore[arg-type]


def persons(*lists: str) -> tuple[ParsedPerson, ...]:
    """One person for each string of charges separated by commas."""
    return tuple(ParsedPerson(tuple(charge(code) for code in codes.split(",") if code.strip())) for codes in lists)


PLAIN = [
    ("Петров Пётр Петрович - ст.337 ч.5 УК РФ", ["337:5"]),
    ("Петров Пётр Петрович - ст.337 ч.3.1 УК РФ", ["337:3.1"]),
    ("<Информация скрыта> - ст.332 ч.2.1 УК РФ", ["332:2.1"]),
    ("Информация скрыта - ст.356.1 ч.1 УК РФ", ["356.1:1"]),
    ("Петров П.П. - ст.352.1 УК РФ", ["352.1"]),
    ("Петров П. П. - ст.30 ч.3, ст.338 ч.1 УК РФ", ["attempt 338:1"]),
    ("Петров - ст.30 ч.1, ст.338 ч.2 УК РФ", ["preparation 338:2"]),
    ("Петров - ст.30, ст.338 ч.2 УК РФ", ["attempt 338:2"]),
    ("Петров - ст.333 ч.2 п.а,б УК РФ", ["333:2"]),
    ("Петров - ст.333 ч.2 п.«а», «б» УК РФ", ["333:2"]),
    ("Петров - ст. 337 ч. 4; ст. 337 ч. 4; ст. 337 ч. 3 УК РФ", ["337:4 x2, 337:3"]),
    ("Петров - ст.158 ч.2 п.а; ст.158 ч.2 п.б УК РФ", ["158:2 x2"]),
    ("Петров - ст.33 ч.5-ст.228 ч.1 УК РФ", ["complicity 228:1"]),
    ("Петров - ст.30 ч.3, ст.33 ч.5-ст.228.1 ч.4 п.г УК РФ", ["attempt complicity 228.1:4"]),
    ("Петров - УК РФ: ст. 33 ч.5; ст. 126 ч.2 пп. а,в,г" + TAIL, ["complicity 126:2"]),
    ("Петров - УК РФ: ст. 30 ч.3 - ст. 228.1 ч.2 пп. а,б" + TAIL, ["attempt 228.1:2"]),
    (
        "Петров - УК РФ: [ст. 160 ч.3; ст. 327 ч.2] [ст. 158 ч.2 п. в; ст. 327 ч.2]",
        ["158:2, 327:2, 160:3 dropped"],
    ),
    ("Петров - УК РФ: [ст. 338 ч.1] [ст. 337 ч.5]", ["337:5, 338:1 dropped"]),
    ("Петров - УК РФ: [ст. 166 ч.2 п. а] [ст. 166 ч.2 п. а]", ["166:2"]),
    ("Петров - УК РФ: [ст. 337 ч.4; ст. 337 ч.4] [ст. 337 ч.4] [ст. 337 ч.5]", ["337:5, 337:4 x2 dropped"]),
    ("Петров - УК РФ: ст. 337 ч.5; [ст. 338 ч.1] [ст. 332 ч.1]", ["337:5, 332:1, 338:1 dropped"]),
    ("Петров - ст.337 ч.5 УК РФ; Иванов-Сухой И.И. - ст.332 ч.2.1 УК РФ", ["337:5", "332:2.1"]),
    (
        "<Информация скрыта> - ст.337 ч.3.1; ст.337 ч.5 УК РФ; <Информация скрыта> - ст.337 ч.5 УК РФ",
        ["337:3.1, 337:5", "337:5"],
    ),
    ("Петров - УК РФ: ст. 337 ч.5; Иванов - УК РФ: ст. 338 ч.3" + TAIL, ["337:5", "338:3"]),
    ("Петров Пётр Петрович", [""]),
    ("Петров Пётр; Иванов Иван", ["", ""]),
    ("Петров Пётр Судья (мировой судья) первой инстанции: Судья И.О.", [""]),
    ("Петров - ст.116 ч.1 УК РФ Судья (мировой судья) первой инстанции: Судья И.О.", ["116:1"]),
    ("Алиева (Петрова) Гюнай Самед кызы - ст.337 ч.5 УК РФ", ["337:5"]),
    ("Мамедов Али Гасан - оглы - ст.337 ч.5 УК РФ", ["337:5"]),
    ("Ли Си Цын - ст.335 ч.1 УК РФ; ООО УК «Жильё» - ст.199 ч.1 УК РФ", ["335:1", "199:1"]),
    ("П. П. Петров - ст.334 ч.1 УК РФ; Ч. Ч. Чен - ст.336 ч.2 УК РФ", ["334:1", "336:2"]),
    ("Петров\u00a0 Пётр  -  ст.\u00a0337  ч. 5  УК\u00a0РФ", ["337:5"]),
    ("Петров – cт.337 ч.5 YK PФ", ["337:5"]),  # Latin c, Y, K, P
    ("Петров - ст337ч5УК РФ", ["337:5"]),
    ("Петров - СТ.337 Ч.2.1 УК РФ", ["337:2.1"]),
    ("Петров - ч.5 ст.337 УК РФ", ["337:5"]),
    ("Петров - п.а ч.2 ст.333, ч.3 ст.30 ч.1 ст.338 УК РФ", ["333:2, attempt 338:1"]),
    ("Петров - ст.ст. 337 ч.5, 338 ч.1 УК РФ", ["337:5, 338:1"]),
    ("Петров - ст.337 ч.3.1,5 УК РФ", ["337:3.1, 337:5"]),
    ("Петров - ст.333 ч.2 п.а, 338 ч.1 УК РФ", ["333:2, 338:1"]),
    ("Петров - ст.337; ч.1 ст.338 УК РФ", ["337, 338:1"]),
    ("Петров (Ли - ст.337 ч.5 УК РФ; Сидоров) - ст.338 ч.1 УК РФ", ["337:5", "338:1"]),
    ("Петров - ст.337 ч.5 (в ред. ФЗ от 24.09.2022 № 365-ФЗ) УК РФ", ["337:5"]),
    ("Петров - статья 337 часть 5 УК Российской Федерации", ["337:5"]),
    ("&lt;Информация скрыта&gt; - ст.337 ч.5 УК РФ", ["337:5"]),
    (
        '<Информация скрытаНа основании ст 5, 14 ФЗ №262 от 22 декабря 2008 г. "О"> - ст.228 ч.1 УК РФ',
        ["228:1"],
    ),
]

WARNED = [
    ("Петров - ст.337 ч.5", ["337:5"], ["article-list-not-closed"]),
    ("Петров - ст.337 ч.5 УК", ["337:5"], []),
    ("ст.337 ч.5 УК РФ", ["337:5"], ["name-missing"]),
    ("Петров - ст.3521 УК РФ", ["352.1"], ["flattened-superscript"]),
    ("Петров - ст.352¹ УК РФ", ["352.1"], []),
    ("Петров - ст.228-1 ч.4 УК РФ", ["228.1:4"], []),
    ("Петров - ст.337 ч.31 УК РФ", ["337:3.1"], ["flattened-superscript"]),
    ("Петров - ст.246 п.а УК РСФСР", [""], ["repealed-code"]),
    ("Петров - ст.73 ч.1; ст.337 ч.5 УК РФ", ["337:5"], ["general-part-article"]),
    ("Петров - ст.400 УК РФ", ["400"], ["article-out-of-range"]),
    ("Петров - ст.30 ч.3 УК РФ", [""], ["stage-without-offence"]),
    ("Петров - ст.337 ч.5 УК РФ; Сидоров - ст.125 УПК РФ", ["337:5"], ["mixed-codes"]),
    ("Петров - ст.337 ч.5 УК РФ; ст.125 УПК РФ", ["337:5"], ["mixed-codes"]),
    (
        "Петров - ст.337 ч.5 УК РФ Сидоров - ст.338 ч.1 УК РФ",
        ["337:5", "338:1"],
        ["person-separator-missing"],
    ),
    ("Петров - ст.337 ч.5 УК РФ; УПК РФ ст.125", ["337:5"], ["mixed-codes"]),
    ("Петров - ст.337 ч.5 УК РФ; ст.338 ч.1 Эпизод УК РФ", ["337:5, 338:1"], ["words-ignored"]),
    ("Петров - ст.337 ч.5 эпизод УК РФ", ["337:5"], ["words-ignored"]),
    ("Петров - ст.337 ч.5 (в ред. УК РФ", ["337:5"], ["parenthesis-not-closed", "words-ignored"]),
]

LOSSY = [
    ("Петров - ст.337 ч.3.1, ст.337 ч.5 УК РФ, Иванов - ст.332 ч.2.1 УК РФ", ["337:3.1, 337:5", "332:2.1"]),
    ("Петров - ст.30 ч.3, ст.158 ч.2 п.п.а,б, ст.337 ч.5 УК РФ", ["attempt 158:2, 337:5"]),
    ("Петров - УК РФ: ст. 158 ч.2 пп. а,б, Иванов - УК РФ: ст. 161 ч.1", ["158:2", "161:1"]),
    ("Петров - УК РФ: ст. 158 ч.2 пп. а,б, А. Б. Иванов - УК РФ: ст. 161 ч.1", ["158:2", "161:1"]),
    ("Петров - ст.333 ч.2 п.а,б УК РФ, П.П. Иванов - ст.337 ч.4 УК РФ", ["333:2", "337:4"]),
    ("Петров Пётр, Иванов Иван", ["", ""]),
    (
        "Алиева (Петрова, Сидорова) Гюнай - ст.337 ч.5 УК РФ, <Информация скрыта> - ст.338 ч.1 УК РФ",
        ["337:5", "338:1"],
    ),
]


@pytest.mark.parametrize(("text", "lists"), PLAIN)
def test_a_plain_row_is_read_without_a_warning(text: str, lists: list[str]) -> None:
    assert parse_names(text) == ParsedNames(persons(*lists), ())


@pytest.mark.parametrize(("text", "lists", "warnings"), WARNED)
def test_what_is_not_plain_is_read_with_a_warning(text: str, lists: list[str], warnings: list[str]) -> None:
    assert parse_names(text) == ParsedNames(persons(*lists), tuple(warnings))


@pytest.mark.parametrize(("text", "lists"), LOSSY)
def test_commas_for_semicolons_are_told_apart(text: str, lists: list[str]) -> None:
    assert parse_names(text, is_lossy=True) == ParsedNames(persons(*lists), ("lossy-separators",))


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("<Информация скрыта> - ст.125 УПК РФ" + TAIL, Skipped("material-upk")),
        ("<Информация скрыта> - УПК РФ: ст. 125" + TAIL, Skipped("material-upk")),
        ("Петров - ст.20.25 ч.1 КоАП РФ", Skipped("administrative-koap")),
        ("Петров - КоАП: ст. 12.8 ч.1", Skipped("administrative-koap")),
        ("Петров - ст.20.3.3 ч.1", Skipped("administrative-koap")),
        ("Петров - грубый дисциплинарный проступок", Skipped("disciplinary-arrest")),
        ("Петров - ст.18 ФЗ «О статусе военнослужащих»", Skipped("other-law")),
        ("Петров - ст.219 КАС РФ", Skipped("administrative-kas")),
        ("", Refused("names-empty")),
        ("  \u00a0", Refused("names-empty")),
        ("-", Refused("names-empty")),
        ("null", Refused("names-empty")),
        (TAIL, Refused("no-person")),
        (";;;", Refused("no-person")),
        ("Петров - ст.99999 УК РФ", Refused("article-unreadable")),
        ("Петров - ст.337.1.2 УК РФ", Refused("article-unreadable")),
        ("Петров - ст.337 ч.100 УК РФ", Refused("article-unreadable")),
        ("Петров - ст." + "9" * 5000 + " УК РФ", Refused("article-unreadable")),
    ],
)
def test_other_rows_are_skipped_or_refused_with_a_code(text: str, outcome: Skipped | Refused) -> None:
    assert parse_names(text) == outcome


# ── Real strings ───────────────────────────────────────────────────────────────────────────────


@cache
def real_strings() -> list[str]:
    if not SAMPLES.exists():
        pytest.skip("the sample of real strings is not on this machine")
    return SAMPLES.read_text(encoding="utf-8").splitlines()


def test_every_real_string_is_parsed_or_skipped_and_none_refused() -> None:
    outcomes = Counter(type(parse_names(text)).__name__ for text in real_strings())
    skipped = {text for text in real_strings() if parse_names(text) == Skipped("material-upk")}
    assert outcomes == {"ParsedNames": 1908, "Skipped": 92}
    assert skipped == {text for text in real_strings() if "УПК" in text}


def test_real_persons_and_charges_are_as_many_as_a_plain_count_finds() -> None:
    for text in real_strings():
        parsed = parse_names(text)
        if isinstance(parsed, ParsedNames):
            row = re.sub("<[^>]*>", "Фамилия Имя Отчество", text)
            row = re.split(r" ?(?:Суд|Судья) \(", row)[0]
            assert len(parsed.persons) == row.count("Фамилия Имя Отчество")
            charges = [charge for person in parsed.persons for charge in person.charges]
            current = re.sub(r"\[[^]]*\] (?=\[)", "", row)  # earlier sets
            articles = [int(article) for article in re.findall(r"ст\. ?(\d+)", current)]
            filed = [charge for charge in charges if charge.role == "filed"]
            assert sum(charge.episodes for charge in filed) == sum(article >= 105 for article in articles)
            assert sum(charge.episodes for charge in filed if charge.stage != "completed") == articles.count(30)
            assert sum(charge.episodes for charge in filed if charge.complicity) == articles.count(33)
            assert {charge.role for charge in charges} <= {"filed", "dropped" if "[" in row else "filed"}


def test_real_strings_lose_nothing_when_their_semicolons_become_commas() -> None:
    for text in real_strings():
        lossless = parse_names(text)
        lossy = parse_names(text.replace(";", ","), is_lossy=True)
        if isinstance(lossless, ParsedNames):
            assert isinstance(lossy, ParsedNames)
            assert lossy.persons == lossless.persons
        else:
            assert lossy == lossless


# ── Laws ───────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(
    [
        "Фамилия Имя Отчество",
        "<Информация скрыта>",
        "Петров-Водкин К.С.",
        "П. П. Чен",
        "Мамедов Али Гасан - оглы",
        "Алиева (Петрова) Гюнай кызы",
        "Иванов",
    ]
)
ARTICLES = st.sampled_from(["105", "158", "228.1", "332", "333", "337", "338", "352.1", "356.1"])
PARTS = st.sampled_from(["", "1", "2", "2.1", "3", "3.1", "5"])
POINTS = st.sampled_from(["", " п.в", " п.п.а,б", " пп.а,б,в", " п. в", " п.п. а, б"])
STAGES = {"completed": "", "preparation": "ст.30 ч.1", "attempt": "ст.30 ч.3"}
PLAIN_CHARGES = st.builds(
    ParsedCharge,
    st.builds(lambda article, part: article + (part and f":{part}"), ARTICLES, PARTS),
    st.sampled_from(sorted(STAGES)),
    st.booleans(),
)
SETS = st.lists(st.tuples(PLAIN_CHARGES, POINTS), max_size=5)


def written(charge: ParsedCharge, points: str, joint: str) -> str:
    article, _, part = charge.offence.partition(":")
    provision = f"ст.{article}" + (f" ч.{part}{points}" if part else "")
    complicity = f"ст.33 ч.5-{provision}" if charge.complicity else provision
    stage = STAGES[charge.stage]
    return f"{stage}{joint}{complicity}" if stage else complicity


def counted(charges: list[ParsedCharge]) -> tuple[ParsedCharge, ...]:
    return tuple(replace(charge, episodes=episodes) for charge, episodes in Counter(charges).items())


@given(st.lists(st.tuples(NAMES, SETS), min_size=1, max_size=4), st.booleans(), st.booleans(), st.booleans())
def test_a_row_of_either_dialect_is_read_back(
    row: list[tuple[str, list[tuple[ParsedCharge, str]]]], is_headed: bool, has_tail: bool, is_lossy: bool
) -> None:
    pieces = []
    for name, charges in row:
        joint = " - " if is_headed else ", "
        codes = "; ".join(written(charge, points, joint) for charge, points in charges)
        listed = f"УК РФ: {codes}" if is_headed else f"{codes} УК РФ"
        pieces.append(f"{name} - {listed}" if charges else name)
    text = "; ".join(pieces) + TAIL * has_tail
    parsed = parse_names(text.replace(";", ",") if is_lossy else text, is_lossy=is_lossy)
    assert isinstance(parsed, ParsedNames)
    assert parsed.persons == tuple(ParsedPerson(counted([charge for charge, _ in charges])) for _, charges in row)
    assert set(parsed.warnings) <= {"lossy-separators"}


@given(NAMES, st.lists(SETS.filter(len), min_size=1, max_size=4))
def test_the_last_of_bracketed_sets_is_filed_and_the_rest_dropped(
    name: str, sets: list[list[tuple[ParsedCharge, str]]]
) -> None:
    brackets = ("[" + "; ".join(written(*charge, " - ") for charge in charges) + "]" for charges in sets)
    parsed = parse_names(f"{name} - УК РФ: {' '.join(brackets)}{TAIL}")
    assert isinstance(parsed, ParsedNames)
    (person,) = parsed.persons
    current = [charge for charge, _ in sets[-1]]
    earlier = {charge for charges in sets[:-1] for charge, _ in charges}
    dropped = {replace(charge, role="filed", episodes=1) for charge in person.charges if charge.role == "dropped"}
    assert tuple(charge for charge in person.charges if charge.role == "filed") == counted(current)
    assert dropped == earlier - set(current)


FRAGMENTS = st.sampled_from(
    [
        "ст.", "ст.30 ч.3", "ч.", "п.", "п.п.", "а", "А.", "337", "3.1", "УК", " РФ", "УПК РФ",
        "ФЗ", ";", ",", "-", ":", "[", "]", "(", ")", "<", ">", " ",
        "Слово", "слово", ".", "¹", "&lt;", "Суд (", "№",
    ]
)  # fmt: skip


@given(st.one_of(st.text(), st.lists(FRAGMENTS, max_size=40).map("".join)), st.booleans())
@settings(max_examples=500)
def test_no_text_raises_and_every_code_is_one_the_record_takes(text: str, is_lossy: bool) -> None:
    parsed = parse_names(text, is_lossy=is_lossy)
    assert isinstance(parsed, (ParsedNames, Skipped, Refused))
    if isinstance(parsed, ParsedNames):
        assert parsed.persons
        for person in parsed.persons:
            for charge in person.charges:
                assert re.fullmatch(r"\d{3}(\.\d{1,2})?(:\d(\.\d{1,2})?)?", charge.offence)


@given(st.text(string.ascii_letters + "абвгдежзФЦЩЪ ", min_size=12, max_size=40), st.booleans())
def test_no_name_is_in_what_comes_out(name: str, is_lossy: bool) -> None:
    secret = f"Зюзюкин{name}Зюзюкин"
    for text in (f"{secret} - ст.337 ч.5 УК РФ", secret, f"{secret} - ст.99999 УК РФ", f"ст.1 {secret} УПК"):
        assert "Зюзюкин" not in repr(parse_names(text, is_lossy=is_lossy))


HOSTILE = [
    "Фамилия Имя Отчество - ст.337 ч.5 УК РФ; ", "ст.158 УК РФ ", "п.а,", "ст ", "1.", ";", "(", "<",
    "[ ", "-", "суд ", "УК ", "Слово фз ", "слово фз ", "Слово - фз ",
    "ст.158 ч.1 слово фз - ", "ст.158 ч.1 УК РФ А ", "&lt;", "&#1", "¹",
    "б ", "a", ". ", ".;", "()",
]  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
@pytest.mark.parametrize("is_lossy", [False, True])
def test_time_is_linear_in_any_text(unit: str, is_lossy: bool) -> None:
    text = "Петров - ст.337 УК РФ " + unit * (200_000 // len(unit))
    begun = time.process_time()
    parse_names(text, is_lossy=is_lossy)
    assert time.process_time() - begun < 10  # under a second; quadratic time would be many minutes


def test_a_megabyte_of_persons_is_read_whole() -> None:
    row = "Фамилия Имя Отчество - ст.337 ч.5; ст.30 ч.3, ст.338 ч.1 УК РФ; "
    parsed = parse_names(row * (1_000_000 // len(row)))
    assert isinstance(parsed, ParsedNames)
    assert parsed.persons == persons("337:5, attempt 338:1") * (1_000_000 // len(row))


def test_sixty_real_strings_drawn_once_and_checked_by_eye_stay_as_they_were() -> None:
    drawn = random.Random(33).sample(real_strings(), 60)
    parsed = [names for names in map(parse_names, drawn) if isinstance(names, ParsedNames)]
    charges = [charge for names in parsed for person in names.persons for charge in person.charges]
    assert (len(parsed), sum(len(names.persons) for names in parsed), len(charges)) == (56, 58, 70)
