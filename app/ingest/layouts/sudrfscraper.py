"""Layout sudrfscraper: the NDJSON of the SUDRF Scraper, and its `;`-CSV, which has lost a part of it.

Dropped here: names, judges, sides, steps, the act's text.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache

from app.ingest.layouts import names
from app.ingest.layouts.cards import DAY_FAULTS, NAMES_REFUSED, NOTHING, Object, defendants_of, read_day, text_of
from app.ingest.layouts.dispositions import Ending, parse_decision
from app.ingest.layouts.fields import FieldError, at, case_number, case_uid, refuse_day
from app.ingest.layouts.links import Link, parse_link
from app.ingest.layouts.numbers import (
    CaseNumber,
    classify,
    court_of_uid,
)
from app.ingest.layouts.sudrfscraper_meta import Meta, read_meta
from app.ingest.record import Layout, Outcome, Read, Record, Refused, Row, Skipped, Warned
from app.reference import Court, court_by_host, court_by_name, courts

__all__ = ["SUDRFSCRAPER", "SUDRFSCRAPER_CSV_COLUMNS", "Meta", "read_meta"]

SUDRFSCRAPER_CSV_COLUMNS = (
    "id",
    "region",
    "instance",
    "court_name",
    "caseNumber",
    "entryDate",
    "names",
    "judge",
    "resultDate",
    "decision",
    "endDate",
    "consideredBy",
    "cui",
    "link_meta",
    "link_text",
    "link_text_and_meta",
    "connected_links_1",
    "connected_links_2",
    "connected_links_3",
    "connected_links_4",
    "text",
)
_LOSSY = Warned(
    "lossy-csv",
    "This CSV has lost what its JSON holds: it writes `;` as `,`, so persons and articles can run together, "
    "and it leaves out steps and sides. Give the .json of the same run where there is one.",
)
_INSTANCES = {"FIRST": "first", "APPELLATION": "appeal", "CASSATION": "cassation"}
_TITLES = frozenset(("casenumber", "case_number", "номер дела", "№ дела", "дело №", "номер", "№"))
# «суд», which every court's name holds, in UTF-8 that was read as windows-1251 and written again.
_DOUBLE_ENCODED = "суд".encode().decode("cp1251")
_MOST_REMEMBERED = 4096


def _read(rows: Iterable[Read], encoding: str, name: str = "") -> Iterator[Outcome]:
    is_lossy = encoding in ("csv-raw", "xlsx")
    scrape = _Scrape(datetime.now(UTC).date(), is_lossy=is_lossy)
    if is_lossy:
        yield _LOSSY
    is_first = True
    for row in rows:
        if not isinstance(row, Row):
            yield row
            continue
        if is_lossy and is_first and tuple(row.value) != SUDRFSCRAPER_CSV_COLUMNS:
            detail = f"The header of this layout is {';'.join(SUDRFSCRAPER_CSV_COLUMNS)}."
            yield Refused("file", "csv-header", detail)
            return
        is_first = False
        yield scrape.outcome(row.place, _as_json(row.value) if is_lossy else row.value)


SUDRFSCRAPER = Layout(
    id="sudrfscraper",
    caption="Export of the SUDRF Scraper: NDJSON, or the CSV made from it, also once saved as XLSX",
    encodings={".json": "ndjson", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv-raw", ".xlsx": "xlsx"},
    read=_read,
    lists_all_defendants=True,
)

# ── One row ────────────────────────────────────────────────────────────────────────────────────


def _as_json(cells: Object) -> Object:
    """A row of the CSV in the shape of the NDJSON."""
    linked = {"META": "link_meta", "TEXT": "link_text", "TEXT_AND_META": "link_text_and_meta"}
    found = {key: cells[column] for key, column in linked.items()}
    return {**cells, "name": cells["court_name"], "links": found}


@dataclass(frozen=True, slots=True)
class _Key:
    """What a row is known by."""

    court: Court
    instance: str
    number: CaseNumber | None
    uid: str | None
    card_guid: str | None
    sources: tuple[tuple[str, str], ...]  # kind and URL

    @property
    def shown(self) -> dict[str, str]:
        """The identifiers that a refusal may show."""
        known = {
            "court": self.court.code,
            "number": self.number and self.number.number,
            "uid": self.uid,
            "card_guid": self.card_guid,
        }
        return {name: value for name, value in known.items() if value}


class _Scrape:
    """Reads the rows of one export. What repeats from row to row (courts, days, results) is read once."""

    def __init__(self, today: date, *, is_lossy: bool) -> None:
        self._today = today
        self._is_lossy = is_lossy
        self._court_by_name = lru_cache(1024)(court_by_name)
        self._court_by_host = lru_cache(1024)(court_by_host)
        self._ending: Callable[[str, str], Ending] = lru_cache(1024)(parse_decision)
        self._plain_names: dict[str, names.ParsedNames | names.Skipped | names.Refused] = {}
        self._read_day = lru_cache(16384)(read_day)

    def outcome(self, place: str, row: Object) -> Outcome:
        """The row as a record, a skip or a refusal."""
        key: _Key | None = None
        warnings: list[str] = []
        try:
            if _is_header(row):
                return Skipped(place, "header-row")
            key = self._key(row, warnings)
            if key.number and (reason := classify(key.number.key, key.court.level)):
                return Skipped(place, reason)
            persons = self._persons(row)
            if isinstance(persons, names.Skipped):
                return Skipped(place, persons.reason)
            return self._record(place, key, self._said(row, key, persons, warnings), warnings)
        except FieldError as error:
            return Refused(at(place, error.pointer), error.code, error.detail, key.shown if key else {})

    def _record(self, place: str, key: _Key, said: Object, warnings: list[str]) -> Record:
        number = key.number
        if number is None and key.card_guid is None:
            detail = "Neither a case number nor a card link with a GUID is there to know the case by."
            raise FieldError("no-identity", detail)
        return Record(
            place=place,
            court=key.court.code,
            instance=key.instance,
            number=number.number if number else None,
            number_key=number.key if number else None,
            previous=tuple((earlier.number, earlier.key) for earlier in number.previous) if number else (),
            uid=key.uid,
            card_guid=key.card_guid,
            seen_on=None,
            said=said,
            warnings=tuple(warnings),
        )

    # ── Identity ───────────────────────────────────────────────────────────────────────────────

    def _key(self, row: Object, warnings: list[str]) -> _Key:
        found = _links(row, warnings)
        both = found.get("TEXT_AND_META")  # an act that stands on the card itself
        card, act = found.get("META", both), found.get("TEXT", both)
        uid = _uid(row, warnings)
        kinds = (("court_card", card), ("verdict_text", act))
        return _Key(
            court=self._court(row, card, uid, warnings),
            instance=_instance(row),
            number=_number(row),
            uid=uid,
            card_guid=card.card_guid if card else None,
            sources=tuple((kind, link.url) for kind, link in kinds if link),
        )

    def _court(self, row: Object, card: Link | None, uid: str | None, warnings: list[str]) -> Court:
        """By name, else by the card's host, else by the UID, which names the court that gave it.

        Where name and host differ the name counts: the scraper takes it from its own list of courts with the
        search it made, while the site may redirect to a merged or renamed court's host.
        """
        name = text_of(row, "name")
        if name and _DOUBLE_ENCODED in name:
            detail = "The text is UTF-8 that was read as windows-1251; make the file again, or give the JSON."
            raise FieldError("double-encoded", detail, "/name")
        by_name = self._court_by_name(name) if name else None
        by_host = self._court_by_host(card.host) if card else None
        if by_name and by_host and by_name.code != by_host.code:
            warnings.append("court-name-and-link-differ")
        court = by_name or by_host or courts().get(court_of_uid(uid or "") or "")
        if court is None:
            detail = "Neither the court's name nor the card's host nor the UID is that of a military court."
            raise FieldError("court-unknown", detail, "/name")
        return court

    # ── What it says ───────────────────────────────────────────────────────────────────────────

    def _said(self, row: Object, key: _Key, persons: names.ParsedNames | None, warnings: list[str]) -> Object:
        said: Object = self._days(row, warnings)
        person_disposition = None
        decision = text_of(row, "decision")
        if decision is not None:
            ending = self._ending(decision, key.instance)
            said["disposition"] = ending.case
            person_disposition = ending.person
            if not ending.is_known:
                warnings.append("decision-unknown")
        elif "decided_on" in said:
            # The day is kept, since it is said; whether the case is closed, nobody says.
            warnings.append("result-date-without-decision")
        if persons is None:
            warnings.append("names-empty")
        else:
            warnings.extend(persons.warnings)
            said["defendants"] = defendants_of(persons, person_disposition)
        if key.sources:
            said["sources"] = [{"kind": kind, "url": url} for kind, url in key.sources]
        return said

    def _persons(self, row: Object) -> names.ParsedNames | names.Skipped | None:
        """The persons and their charges; None where the column is empty."""
        text = text_of(row, "names")
        if text is None:
            return None
        parsed = self._parse_names(text)
        if not isinstance(parsed, names.Refused):
            return parsed
        if parsed.code == "names-empty":
            return None
        detail = NAMES_REFUSED.get(parsed.code, "The names column cannot be read.")
        raise FieldError(parsed.code, detail, "/names")

    def _parse_names(self, text: str) -> names.ParsedNames | names.Skipped | names.Refused:
        """The column read; once for all rows that are alike but for the names in them.

        To the parser one capitalised word is like another, so all become the same; what still holds a word that
        is not of the charges is not remembered.
        """
        plain = _NAME_WORD.sub("Имя", text)
        known = self._plain_names.get(plain)
        if known is not None:
            return known
        parsed = names.parse_names(text, is_lossy=self._is_lossy)
        if len(self._plain_names) < _MOST_REMEMBERED and not _FURTHER_WORD.search(plain):
            self._plain_names[plain] = parsed
        return parsed

    def _days(self, row: Object, warnings: list[str]) -> Object:
        received = self._day(row, "entryDate", warnings)
        decided = self._day(row, "resultDate", warnings)
        in_force = self._day(row, "endDate", warnings, can_be_ahead=True)
        if received and decided and decided < received:
            detail = "A case cannot be decided before it was received; one of the two days is wrong."
            raise FieldError("decided-before-received", detail, "/resultDate")
        earliest = decided or received
        if in_force and earliest and in_force < earliest:
            warnings.append("in-force-before-decided")
            in_force = None
        days = {"received_on": received, "decided_on": decided, "in_force_on": in_force}
        return {name: day for name, day in days.items() if day}

    def _day(self, row: Object, name: str, warnings: list[str], *, can_be_ahead: bool = False) -> str | None:
        """A day as ISO text; None for a placeholder, for words, and for a legal force still to come."""
        text = text_of(row, name)
        if text is None:
            return None
        day, fault = self._read_day(text, self._today)
        if fault is None:
            return day
        if fault == "day-in-words":
            warnings.append(fault)
        elif fault == "date-in-future" and can_be_ahead:
            warnings.append("in-force-in-future")
        else:
            raise FieldError(fault, DAY_FAULTS[fault], f"/{name}")
        return None


# A capitalised word of four letters or more, unless it begins as one that means something to the parser of names:
# статья, часть, пункт, подпункт, России, Федерации, УПК, КоАП, дисциплинарный, правонарушение, судья, номер, регион.
_NAME_WORD = re.compile(
    r"[А-ЯЁ](?!тст|тать|аст[ьи]|ункт|одп|осси|едер|крф|крсфср|сфср|пк|оап|исципл|равонар|удь|удебн|омер|егион)[а-яё]{3,}"
)
# A word that is none of a list of charges; such a text is not remembered, since it may hold a name.
_FURTHER_WORD = re.compile(r"(?<![^\W\d_])(?!(?:Имя|скрыта|ст|п|пп|ч|УК|РФ|[^\W\d_])(?![^\W\d_]))[^\W\d_]")


def _is_header(row: Object) -> bool:
    """Whether the row is the titles of the columns, read as data."""
    number = row.get("caseNumber")
    return type(number) is str and number.strip().casefold() in _TITLES


def _instance(row: Object) -> str:
    if "instance" not in row and "links" not in row:
        return "first"  # the scraper's older form, which reads nothing else, has neither
    instance = _INSTANCES.get(text_of(row, "instance") or "")
    if instance is None:
        detail = f"One of {', '.join(_INSTANCES)} was expected here."
        raise FieldError("instance-unknown", detail, "/instance")
    return instance


def _number(row: Object) -> CaseNumber | None:
    shown = text_of(row, "caseNumber")
    refuse_day(shown, "/caseNumber")
    return case_number(shown)


def _uid(row: Object, warnings: list[str]) -> str | None:
    text = text_of(row, "cui")
    if text is None:
        return None
    uid, doubts = case_uid(text)
    warnings.extend(doubts)
    return uid


def _links(row: Object, warnings: list[str]) -> dict[str, Link]:
    """The card's links by kind; one that is none is left out with a warning."""
    stated = row.get("links")
    if stated is None:
        return {}
    if type(stated) is not dict:
        raise FieldError("bad-type", "An object of links was expected here.", "/links")
    links = {}
    for kind in ("META", "TEXT", "TEXT_AND_META"):
        text = stated.get(kind)
        if type(text) is not str or text.strip() in NOTHING:
            continue
        if link := parse_link(text):
            links[kind] = link
        else:
            warnings.append("link-unreadable")
    return links
