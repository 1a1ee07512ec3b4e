"""The demonstration record, read back from its files by simple rules of the test's own."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.demo import DemoFile, write_demonstration
from app.demo.history import history
from app.demo.targets import EXACT, NEAR, Figure, Measure
from app.demo.timeline import convicted_in, received_in
from app.ingest.encodings import open_input, read_rows
from app.ingest.layouts.house import HOUSE
from app.ingest.layouts.sudrfscraper import SUDRFSCRAPER, Meta, read_meta
from app.ingest.record import Record, Skipped
from app.reference import courts, max_months, offences

Json = dict[str, Any]

PUBLISHED_ON = [date.fromisoformat(day) for day in ("2023-05-12", "2023-07-19", "2023-11-24", "2023-12-29")]
PUBLISHED_ON += [date.fromisoformat(day) for day in ("2024-04-12", "2024-06-18", "2024-12-27", "2025-06-26")]


# ── Reading back: identity, latest state, principal offence ────────────────────────────────────


@dataclass(slots=True)
class Held:
    """What the files have said of one case so far."""

    received_on: date
    is_first_instance: bool
    persons: tuple[tuple[str, ...], ...] = ()
    decided_on: date | None = None
    decision: str | None = None
    stated: Json = field(default_factory=dict)  # the newsroom's word on the single defendant


@dataclass(frozen=True, slots=True)
class Fact:
    """One case as of a day: its principal offence, and those of the persons convicted in it."""

    received_on: date
    offence: str
    decided_on: date | None
    convicted: tuple[str, ...]
    stated: Json


class Reader:
    """Cases by card GUID, by number and by former numbers, as the files come."""

    def __init__(self) -> None:
        self.cases: list[Held] = []
        self._by_key: dict[tuple[str, str, str], Held] = {}

    def read(self, file: DemoFile) -> None:
        rows = [orjson.loads(line) for line in file.path.read_bytes().splitlines()]
        if file.layout == "house":
            for row in rows:
                self._hear(row)
            return
        # Of two states of one case in a file the decided one counts: it comes last here.
        for row in sorted(rows, key=lambda row: row["resultDate"] not in (None, "-")):
            if not row["caseNumber"].startswith("3/"):
                self._see(row)

    def facts(self) -> list[Fact]:
        return [fact(held) for held in self.cases if held.is_first_instance]

    def _see(self, row: Json) -> None:
        keys = list(card_keys(row))
        held = next((self._by_key[key] for key in keys if key in self._by_key), None)
        if held is None:
            held = Held(parse_day(row["entryDate"]), row["instance"] == "FIRST")
            self.cases.append(held)
        self._by_key |= dict.fromkeys(keys, held)
        held.persons = parse_names(row["names"])
        if row["resultDate"] not in (None, "-"):
            held.decided_on, held.decision = parse_day(row["resultDate"]), row["decision"]

    def _hear(self, row: Json) -> None:
        site = str(courts()[row["court"]].subdomain)
        (person,) = row["defendants"]
        stated = self._by_key[site, "FIRST", row["number"]].stated
        stated |= {name: value for name, value in person.items() if name != "sentence"}
        stated["sentence"] = stated.get("sentence", {}) | person.get("sentence", {})


def card_keys(row: Json) -> Iterator[tuple[str, str, str]]:
    host, guid = re.findall(r"//([^/]+)/.*case_uid=([0-9a-f-]+)", row["links"]["META"])[0]
    site = host.replace("--", ".")
    for value in (guid, *re.findall(r"\d+-\d+/\d{4}", row["caseNumber"])):
        yield site, row["instance"], value


def parse_day(text: str) -> date:
    day, month, year = text.split(".")
    return date(int(year), int(month), int(day))


@cache
def parse_names(text: str) -> tuple[tuple[str, ...], ...]:
    charges = re.split(r" Суд \(судебный участок\)", text)[0]
    persons = re.split(r"; (?=Фамилия|<)", charges)
    return tuple(parse_charges(re.split(r"\[", person)[-1]) for person in persons)


def parse_charges(text: str) -> tuple[str, ...]:
    found = re.findall(r"ст\. ?(\d+(?:\.\d)?)(?: ч\.(\d(?:\.\d)?))?", text)
    return tuple(f"{article}:{part}" if part else article for article, part in found if article != "30")


@cache
def gravity(offence: str, on: date) -> tuple[bool, int]:
    """Own offences before others; then by the longest imprisonment known."""
    is_own = offence in offences() or offence.partition(":")[0] in offences()
    return is_own, max_months(offence, on) or 0


def principal(charges: Iterable[str], on: date) -> str:
    return max(charges, key=lambda offence: gravity(offence, on))


def fact(held: Held) -> Fact:
    own = [principal(person, held.received_on) for person in held.persons]
    is_verdict = (held.decision or "").upper().startswith("ВЫНЕСЕН ПРИГОВОР")
    is_convicted = is_verdict and held.stated.get("disposition") != "acquitted"
    charged = [charge["offence"] for charge in held.stated.get("charges", ()) if charge["role"] == "convicted"]
    convicted = tuple(charged or own) if is_convicted else ()
    return Fact(held.received_on, principal(own, held.received_on), held.decided_on, convicted, dict(held.stated))


def article_of(offence: str) -> str:
    return offence.partition(":")[0]


def is_wartime(offence: str) -> bool:
    known = offences().get(offence)
    return known is not None and known.is_wartime


def received(facts: Iterable[Fact], figure: Figure) -> int:
    return sum(figure.covers(fact.received_on) and is_meant(fact.offence, figure) for fact in facts)


def convicted(facts: Iterable[Fact], figure: Figure) -> int:
    decided = (fact for fact in facts if fact.decided_on and figure.covers(fact.decided_on))
    return sum(is_meant(offence, figure) for fact in decided for offence in fact.convicted)


def is_meant(offence: str, figure: Figure) -> bool:
    return article_of(offence) in figure.articles and (not figure.is_wartime or is_wartime(offence))


COUNTED = {"received": received, "convicted": convicted}


# ── The files, made and read once ──────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[DemoFile, ...]:
    return write_demonstration(tmp_path_factory.mktemp("demonstration"))


@pytest.fixture(scope="module")
def record(files: tuple[DemoFile, ...]) -> dict[date, list[Fact]]:
    """The record as of the end of each day of publication."""
    reader, as_of = Reader(), {}
    for at, file in enumerate(files):
        reader.read(file)
        is_last_of_day = at + 1 == len(files) or files[at + 1].seen_on != file.seen_on
        if is_last_of_day and file.seen_on in PUBLISHED_ON:
            as_of[file.seen_on] = reader.facts()
    return as_of


@pytest.fixture(scope="module")
def rows(files: tuple[DemoFile, ...]) -> list[Json]:
    """The rows of a few scrapes: the first, a year's turn, days of publication, the last."""
    chosen = {date(2022, 10, 3), date(2023, 1, 16), date(2023, 1, 23), *PUBLISHED_ON[4:]}
    paths = [file.path for file in files if file.layout == "sudrfscraper" and file.seen_on in chosen]
    return [orjson.loads(line) for path in paths for line in path.read_bytes().splitlines()]


@dataclass(frozen=True, slots=True)
class Card:
    """What a card is known by, without its former number."""

    site: str
    instance: str
    number: str
    case_id: str
    uid: str | None


@pytest.fixture(scope="module")
def cards(files: tuple[DemoFile, ...]) -> set[Card]:
    scrapes = (file.path for file in files if file.layout == "sudrfscraper")
    rows = (orjson.loads(line) for path in scrapes for line in path.read_bytes().splitlines())
    return {card_of(row) for row in rows if row["links"]}


def card_of(row: Json) -> Card:
    host, case_id = re.findall(r"//([^/]+)/.*case_id=(\d+)", row["links"]["META"])[0]
    number = row["caseNumber"].partition(" ")[0]
    return Card(host.replace("--", "."), row["instance"], number, case_id, row["cui"])


# ── Published figures ──────────────────────────────────────────────────────────────────────────


def asked(measure: Measure, articles: str, start: str, end: str, as_of: str) -> Figure:
    first, last, day = (date.fromisoformat(text) for text in (start, end, as_of))
    return Figure(measure, tuple(articles.split("+")), first, last, day, count=0)


@pytest.mark.parametrize(
    ("as_of", "article", "start", "end", "cases"),
    [
        ("2023-05-12", "337", "2022-01-01", "2022-12-31", 1001),
        ("2023-05-12", "337", "2023-01-01", "2023-05-07", 1053),
        ("2023-07-19", "337", "2023-01-01", "2023-06-30", 2076),
        ("2023-07-19", "337", "2022-01-01", "2022-12-31", 1001),
        ("2023-07-19", "337", "2021-01-01", "2021-12-31", 615),
        ("2023-12-29", "337", "2021-01-01", "2021-12-31", 615),
        ("2023-12-29", "337", "2023-01-01", "2023-12-29", 5024),
        ("2023-12-29", "338", "2023-01-01", "2023-12-29", 148),
        ("2023-12-29", "332", "2023-01-01", "2023-12-29", 421),
        ("2023-12-29", "332+337+338", "2023-01-01", "2023-12-29", 5593),
        ("2024-04-12", "337", "2024-02-01", "2024-02-29", 718),
        ("2024-06-18", "337", "2024-05-01", "2024-05-31", 844),
        ("2024-06-18", "332", "2024-05-01", "2024-05-31", 43),
        ("2024-06-18", "338", "2024-05-01", "2024-05-31", 42),
    ],
)
def test_cases_received_are_those_published(
    record: dict[date, list[Fact]], as_of: str, article: str, start: str, end: str, cases: int
) -> None:
    figure = asked("received", article, start, end, as_of)
    assert received(record[figure.as_of], figure) == cases


@pytest.mark.parametrize(
    ("as_of", "start", "end", "persons"),
    [
        ("2023-11-24", "2023-08-01", "2023-08-31", 457),
        ("2024-04-12", "2024-03-01", "2024-03-31", 684),
    ],
)
def test_persons_convicted_are_those_published(
    record: dict[date, list[Fact]], as_of: str, start: str, end: str, persons: int
) -> None:
    figure = asked("convicted", "337", start, end, as_of)
    assert convicted(record[figure.as_of], figure) == persons


def weekly_convicted(facts: Iterable[Fact]) -> Counter[tuple[int, int]]:
    weeks: Counter[tuple[int, int]] = Counter()
    for known in facts:
        if known.decided_on and known.convicted:
            year, week, _ = known.decided_on.isocalendar()
            weeks[year, week] += sum(article_of(offence) == "337" for offence in known.convicted)
    return weeks


def test_weeks_rise_to_a_hundred_convicted_by_june_2023(record: dict[date, list[Fact]]) -> None:
    weeks = weekly_convicted(record[date(2023, 7, 19)])
    assert 95 <= sum(weeks[2023, week] for week in (23, 24, 25)) / 3 <= 105
    assert max(weeks[2023, week] for week in range(1, 10)) < 100
    assert 30 <= sum(weeks[2023, week] for week in (3, 4)) / 2 <= 50


def sentences(facts: Iterable[Fact]) -> Counter[tuple[str, str]]:
    """Known sentences for article 337 by service status and class."""
    known: Counter[tuple[str, str]] = Counter()
    for one in facts:
        sentence = one.stated.get("sentence")
        if sentence and one.convicted and article_of(one.convicted[0]) == "337":
            known[one.stated["service_status"], sentence_class(sentence)] += 1
    return known


def sentence_class(sentence: Json) -> str:
    if sentence["execution"] == "suspended":
        return "suspended"
    return "custodial" if sentence["kind"] in ("imprisonment", "disciplinary_unit", "arrest") else "non_custodial"


def percent(known: Counter[tuple[str, str]], sentence: str, *statuses: str) -> float:
    chosen = {key: n for key, n in known.items() if not statuses or key[0] in statuses}
    return 100 * sum(n for key, n in chosen.items() if key[1] == sentence) / sum(chosen.values())


def test_shares_of_sentences_are_those_published_in_july_2023(record: dict[date, list[Fact]]) -> None:
    known = sentences(record[date(2023, 7, 19)])
    assert known.total() == 330
    assert percent(known, "custodial", "mobilised") == pytest.approx(35, abs=0.5)
    assert percent(known, "custodial", "contract") == pytest.approx(28, abs=0.5)
    assert 58.0 <= percent(known, "suspended") <= 59.9


def test_shares_of_sentences_are_those_published_in_november_2023(record: dict[date, list[Fact]]) -> None:
    known = sentences(record[date(2023, 11, 24)])
    assert percent(known, "suspended", "mobilised") == pytest.approx(56, abs=0.5)
    assert percent(known, "suspended", "contract") == pytest.approx(63, abs=0.5)


@pytest.mark.parametrize("as_of", ["2023-07-19", "2023-11-24", "2025-06-26"])
def test_sentences_are_known_for_a_minority(record: dict[date, list[Fact]], as_of: str) -> None:
    day = date.fromisoformat(as_of)
    since_mobilisation = Figure("convicted", ("337",), date(2022, 9, 21), day, day, 0)
    known = sentences(record[day]).total()
    assert 0.15 <= known / convicted(record[day], since_mobilisation) <= 0.30


@pytest.mark.parametrize("figure", NEAR, ids=str)
def test_further_published_figures_come_out_within_a_tenth(record: dict[date, list[Fact]], figure: Figure) -> None:
    assert COUNTED[figure.measure](record[figure.as_of], figure) == pytest.approx(figure.count, rel=0.1)


@pytest.mark.parametrize("figure", [figure for figure in EXACT if figure.start.year > 2021], ids=str)
def test_today_differs_wherever_records_came_late(record: dict[date, list[Fact]], figure: Figure) -> None:
    assert COUNTED[figure.measure](record[PUBLISHED_ON[-1]], figure) > figure.count


def test_about_two_percent_of_cases_have_several_defendants(rows: list[Json]) -> None:
    persons = [len(parse_names(row["names"])) for row in rows if not row["caseNumber"].startswith("3/")]
    assert 0.01 < sum(n > 1 for n in persons) / len(persons) < 0.03


def test_no_court_of_occupied_territory_publishes_and_moscow_oblast_leads(rows: list[Json]) -> None:
    by_site = {court.subdomain: court for court in courts().values() if court.subdomain}
    sites = (re.findall(r"//([^/]+)/", row["links"]["META"])[0] for row in rows if row["links"])
    regions = Counter(by_site[site.replace("--", ".")].region_code for site in sites)
    assert not {"90", "93", "94", "96"} & set(regions)
    assert {region for region, _ in regions.most_common(6)} >= {"50", "61"}


# ── Another seed; the same bytes ───────────────────────────────────────────────────────────────


def test_another_seed_is_another_record_with_the_same_published_figures() -> None:
    cases = history(1)
    counted = {"received": received_in, "convicted": convicted_in}
    for figure in EXACT:
        assert sum(counted[figure.measure](case, figure) for case in cases) == figure.count


def digest(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


def test_the_same_seed_gives_the_same_bytes_in_another_process(files: tuple[DemoFile, ...], tmp_path: Path) -> None:
    program = "import sys, pathlib, app.demo; app.demo.write_demonstration(pathlib.Path(sys.argv[1]))"
    environment = {**os.environ, "PYTHONHASHSEED": "11", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, env=environment)
    assert digest(tmp_path) == digest(files[0].path.parent)


# ── Files ──────────────────────────────────────────────────────────────────────────────────────


def test_files_come_in_order_of_publication_and_each_is_of_its_day(files: tuple[DemoFile, ...]) -> None:
    published = [file.published_at for file in files]
    assert all(before < after for before, after in pairwise(published))
    assert all(file.published_at.date() == file.seen_on for file in files)
    scrapes = [file.seen_on for file in files if file.layer == "court_card"]
    assert scrapes[0] == date(2022, 10, 3)
    assert max(after - before for before, after in pairwise(scrapes)) == timedelta(days=7)
    newsroom = {file.seen_on for file in files if file.layer == "newsroom"}
    assert set(PUBLISHED_ON) <= newsroom & set(scrapes)


def test_everything_is_marked_synthetic(files: tuple[DemoFile, ...]) -> None:
    assert {file.source for file in files} == {"synthetic-scrape", "synthetic-newsroom"}
    assert "invented" in (files[0].path.parent / "README.txt").read_text(encoding="utf-8")
    for file in files:
        if file.layout == "sudrfscraper":
            meta = orjson.loads(file.path.with_name(f"{file.path.stem}_meta.json").read_bytes())
            assert meta["synthetic"] == "true"
            assert meta["string_count"] == str(file.path.read_bytes().count(b"\n"))


def test_each_scrape_says_which_days_it_covers(files: tuple[DemoFile, ...]) -> None:
    first, *later = [file for file in files if file.layout == "sudrfscraper"]
    told = read_meta(first.path)
    assert isinstance(told, Meta)
    assert (told.starts_on, told.ends_on, told.is_by_article) == (date(2021, 1, 1), first.seen_on, False)
    for file in later:
        meta = read_meta(file.path)
        assert isinstance(meta, Meta)
        assert meta.ends_on == file.seen_on
        assert meta.starts_on is not None
        assert meta.starts_on < file.seen_on - timedelta(days=14)


def test_the_record_is_of_a_bearable_size(files: tuple[DemoFile, ...]) -> None:
    sizes = [(path.stat().st_size, path.read_bytes().count(b"\n")) for path in (file.path for file in files)]
    assert sum(size for size, _ in sizes) < 250_000_000
    assert 80_000 < sum(lines for _, lines in sizes) < 160_000


def test_the_layouts_refuse_nothing(files: tuple[DemoFile, ...]) -> None:
    reasons: Counter[str] = Counter()
    for file in files:
        layout = SUDRFSCRAPER if file.layout == "sudrfscraper" else HOUSE
        if file.seen_on in (date(2023, 1, 16), date(2023, 5, 12), date(2024, 4, 12)) or file.layout == "house":
            encoding = layout.encodings[file.path.suffix]
            for outcome in layout.read(read_rows(open_input(file.path), encoding), encoding):
                assert isinstance(outcome, Record | Skipped), outcome
                reasons[outcome.reason if isinstance(outcome, Skipped) else "record"] += 1
    assert reasons["material"] == 18
    assert reasons["record"] > 5_000


# ── What real files have, these have ───────────────────────────────────────────────────────────


def test_rows_have_the_keys_of_the_scraper(rows: list[Json]) -> None:
    keys = (
        "id region instance name caseNumber entryDate names judge resultDate decision endDate steps sides"
        " consideredBy text connectedLinks links formed cui"
    )
    assert {tuple(row) for row in rows} == {tuple(keys.split())}


def test_persons_are_placeholders(rows: list[Json]) -> None:
    for row in rows:
        before_lists = re.findall(r"(?:^|; )([^;]+?) - (?:УК|ст)", row["names"])
        assert before_lists
        assert set(before_lists) <= {"Фамилия Имя Отчество", "<Информация скрыта>"}
        assert row["judge"] in ("Судья И.О.", "null")


@pytest.mark.parametrize(
    ("where", "pattern"),
    [
        ("names", r"^<Информация скрыта>"),
        ("names", r"УК РФ: ст\. "),
        ("names", r"УК РФ: \[.+\] \[.+\]"),
        ("names", r"ст\. ?30 ч\.3, ст"),
        ("names", r"(ст\.337 ч\.5; )+ст\.337 ч\.5"),
        ("names", r"УК РФ; "),
        ("names", r"Номер дела в первой инстанции: 1-"),
        ("names", r"ст\. ?352\.1"),
        ("names", r"ст\. ?356\.1 ч\.1"),
        ("names", r"ст\. ?158 ч\.2 п\.в"),
        ("names", r"УПК РФ"),
        ("caseNumber", r"^1-\d+/2023 \(1-\d+/2022;\)$"),
        ("caseNumber", r"^22-\d+/\d{4}$"),
        ("caseNumber", r"^3/1-"),
        ("judge", r"^null$"),
        ("resultDate", r"^-$"),
        ("name", r" $"),
        ("name", r"cуд"),
        ("name", "\u00a0"),
        ("decision", r"^Вынесен приговор$"),
        ("decision", r"^ВОЗВРАЩЕНО ПРОКУРОРУ"),
        ("decision", r"^Направлено ПО ПОДСУДНОСТИ"),
        ("decision", r"^Уголовное дело ПРЕКРАЩЕНО назначена"),
    ],
)
def test_the_oddities_of_real_rows_occur(rows: list[Json], where: str, pattern: str) -> None:
    found = sum(re.search(pattern, row[where] or "") is not None for row in rows)
    assert 0 < found < len(rows) / 4


def test_hosts_are_written_with_dots_and_with_two_hyphens(rows: list[Json]) -> None:
    hosts = [row["links"]["META"].split("/")[2] for row in rows if row["links"]]
    doubled = sum("--" in host for host in hosts)
    assert 0.3 < doubled / len(hosts) < 0.7


def test_some_courts_repeat_the_titles_of_columns(rows: list[Json]) -> None:
    firsts = Counter(row["steps"][0]["eventName"] for row in rows if row["steps"])
    assert 0 < firsts["Наименование события"] < firsts["Регистрация поступившего в суд дела"]


def check_digits_are_right(uid: str) -> bool:
    return int("".join(str(int(sign, 36)) for sign in uid.replace("-", ""))) % 97 == 1


def test_identifiers_have_right_check_digits_but_for_a_few(rows: list[Json]) -> None:
    uids = [row["cui"] for row in rows if row["cui"]]
    wrong = [uid for uid in uids if not check_digits_are_right(uid)]
    assert 0 < len(wrong) < len(uids) / 200
    assert any(row["cui"] is None for row in rows)


def test_a_number_is_given_once_at_a_court(cards: set[Card]) -> None:
    holders = Counter(key for key, _ in {((card.site, card.instance, card.number), card.case_id) for card in cards})
    assert len(holders) > 20_000
    assert set(holders.values()) == {1}


def test_two_states_of_a_case_stand_in_one_file(files: tuple[DemoFile, ...]) -> None:
    path = next(file.path for file in files if file.path.name == "2024-04-15_cards.json")
    known = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    states: dict[str, set[bool]] = {}
    for row in known:
        if row["links"]:
            states.setdefault(row["links"]["META"], set()).add(row["resultDate"] in (None, "-"))
    assert any(len(both) == 2 for both in states.values())


def test_one_identifier_runs_through_transfers_refilings_and_appeals(cards: set[Card]) -> None:
    seen: dict[str, set[tuple[str, str, str]]] = {}
    for card in cards:
        if card.uid:
            seen.setdefault(card.uid, set()).add((card.instance, card.site, card.case_id))
    appealed = [chain for chain in seen.values() if {instance for instance, _, _ in chain} > {"FIRST"}]
    repeated = [chain for chain in seen.values() if sum(instance == "FIRST" for instance, _, _ in chain) > 1]
    transferred = [chain for chain in repeated if len({site for _, site, _ in chain}) > 1]
    assert len(appealed) > len(repeated) > len(transferred) > 20


def test_cards_vanish_from_later_files_though_they_are_recent(files: tuple[DemoFile, ...]) -> None:
    scrapes = [file for file in files if file.layout == "sudrfscraper" and file.seen_on.year == 2024]
    gone: set[str] = set()
    for before, after in pairwise(scrapes):
        start = after.seen_on - timedelta(days=21)
        due = {number for number, day in numbers_and_days(before) if day >= start}
        gone |= due - {number for number, _ in numbers_and_days(after)}
    assert 0 < len(gone) < 100


def numbers_and_days(file: DemoFile) -> Iterator[tuple[str, date]]:
    for line in file.path.read_bytes().splitlines():
        row = orjson.loads(line)
        if row["links"]:
            yield row["links"]["META"].split("case_id=")[1], parse_day(row["entryDate"])


def test_some_defendants_are_found_to_be_acquitted_or_convicted_of_less(files: tuple[DemoFile, ...]) -> None:
    stated = [
        person
        for file in files
        if file.layout == "house"
        for line in file.path.read_bytes().splitlines()
        for person in orjson.loads(line)["defendants"]
    ]
    assert 5 <= sum(person.get("disposition") == "acquitted" for person in stated) <= 60
    roles = [{charge["role"] for charge in person["charges"]} for person in stated if "charges" in person]
    assert roles.count({"filed", "convicted"}) == len(roles) >= 5
