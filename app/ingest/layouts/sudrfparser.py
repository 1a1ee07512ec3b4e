"""Layout sudrfparser: one file for each site and year, or all of a region; first-instance criminal cards by site.

    file  = { website: site | { "srv_1": site, … } }
    site  = { num_cases, cases: [ case ], logs: { driver_error, pagination_error } }
    case  = { case_found, case_id_uid, metadata: { id_text, uid_2, adm_date, decision_result, accused } }

It states no day of decision and none of legal force, so it says nothing of them. Its list of accused may be short, so
nobody is taken out by it. Dropped here: names, judges, the act's text. What each site promised becomes coverage.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from app.ingest.layouts import names
from app.ingest.layouts.cards import DAY_FAULTS, NAMES_REFUSED, Object, defendants_of, read_day, text_of
from app.ingest.layouts.dispositions import parse_decision
from app.ingest.layouts.fields import FieldError, at, case_number, case_uid, guid
from app.ingest.layouts.links import parse_link
from app.ingest.layouts.numbers import classify
from app.ingest.record import Covered, Json, Layout, Outcome, Read, Record, Refused, Row, Skipped, Warned
from app.reference import Court, court_by_host

_YEAR = re.compile(r"_((?:19|20)[0-9]{2})(?:_gzip)?$")
_SERVER = re.compile(r"srv_[0-9]{1,3}")
_CARD = re.compile(r"(?:^|&)(?:case)?_uid=([0-9A-Fa-f-]{36})(?:&|$)")
_CUT_OFF = "article-list-not-closed"  # whoever writes these files cuts the code off every list
_SITE = ("num_cases", "cases", "logs")


def _read(rows: Iterable[Read], encoding: str, name: str = "") -> Iterator[Outcome]:
    reading = _Reading(datetime.now(UTC).date(), _year_of(name))
    for row in rows:
        if isinstance(row, Row):
            yield from reading.file(row)
        else:
            yield row
    yield from reading.told()


SUDRFPARSER = Layout(
    id="sudrfparser",
    caption="Files of sudrfparser: one for each site and year, or all of a region, mostly packed",
    encodings={".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson"},
    read=_read,
    beside=lambda name: str(_year_of(name) or ""),
)


@dataclass(slots=True)
class _Seen:
    """What became of a court's cards on its site; `is_whole` until something is known to be missing."""

    promised: int = 0
    received: int = 0
    failed: int = 0
    years: Counter[int] = field(default_factory=Counter)
    is_whole: bool = True


class _Reading:
    """Reads the sites of a file, and keeps count of what they promised and gave."""

    def __init__(self, today: date, year: int | None) -> None:
        self._today = today
        self._year = year
        self._seen: dict[str, _Seen] = {}
        self._missed: Counter[str] = Counter()

    def file(self, row: Row) -> Iterator[Outcome]:
        """The cases of all sites, in order."""
        base = "" if row.place == "/" else row.place
        for position, (website, content) in enumerate(row.value.items()):
            link = parse_link(website)
            court = court_by_host(link.host) if link else None
            place = f"{base}/{court.subdomain if court else position}"
            if not isinstance(content, dict):
                yield Refused(place, "not-an-object", "A website's object of num_cases, cases and logs was expected.")
            elif content.keys() & set(_SITE):
                yield from self._site(place, court, content)
            else:
                for number, (server, site) in enumerate(content.items()):
                    step = server if _SERVER.fullmatch(server) else number
                    yield from self._site(f"{place}/{step}", court, site)

    def told(self) -> Iterator[Outcome]:
        """What the sites covered, and a warning for each way in which they fell short."""
        for court, seen in self._seen.items():
            year = self._year or (next(iter(seen.years)) if len(seen.years) == 1 else None)
            if year is None:
                self._missed["coverage-unknown"] += 1
                continue
            is_whole = seen.is_whole and seen.received >= seen.promised
            yield Covered(court, date(year, 1, 1), date(year, 12, 31), seen.promised, seen.received, is_whole)
        yield from (Warned(code, _WARNINGS[code].format(n=n)) for code, n in sorted(self._missed.items()))

    def _site(self, place: str, court: Court | None, site: Json) -> Iterator[Outcome]:
        cases = site.get("cases") if isinstance(site, dict) else None
        if not isinstance(cases, list):
            yield Refused(place, "bad-type", "A site's object with a list of cases was expected.")
            return
        if court is None:
            yield from (Skipped(f"{place}/cases/{index}", "other-court") for index in range(len(cases)))
            return
        seen = self._seen.setdefault(court.code, _Seen())
        for index, case in enumerate(cases):
            yield self._case(f"{place}/cases/{index}", court, case, seen)
        self._account(site, len(cases), seen)

    def _account(self, site: Object, cases: int, seen: _Seen) -> None:
        """Compare what the site promised with what is there."""
        promised, logs = site.get("num_cases"), site.get("logs")
        logs = logs if isinstance(logs, dict) else {}
        promised = promised if type(promised) is int and promised >= 0 else cases
        seen.promised += promised
        shortfalls = {
            "cases-missing": max(promised - cases, 0),
            "pages-missed": len(logs["pagination_error"]) if isinstance(logs.get("pagination_error"), list) else 0,
            "driver-error": int(_truth(logs.get("driver_error"))),
        }
        for code, n in shortfalls.items():
            if n:
                self._missed[code] += n
                seen.is_whole = False

    def _case(self, place: str, court: Court, case: Json, seen: _Seen) -> Outcome:
        if not isinstance(case, dict):
            return Refused(place, "not-an-object", "A case is a JSON object, `{…}`.")
        card = case.get("metadata")
        if not isinstance(card, dict) or not _truth(case.get("case_found", True)):
            self._missed["cards-failed"] += 1
            return Skipped(place, "failed-card")
        seen.received += 1
        known = {"court": court.code}
        try:
            record = self._record(place, court, case, card, known)
        except FieldError as error:
            return Refused(at(place, error.pointer), error.code, error.detail, known)
        if isinstance(record, Record) and record.said.get("received_on"):
            seen.years[int(record.said["received_on"][:4])] += 1
        return record

    def _record(self, place: str, court: Court, case: Object, card: Object, known: dict[str, str]) -> Outcome:
        warnings: list[str] = []
        number = case_number(text_of(card, "id_text"))
        found = _CARD.search(text_of(case, "case_id_uid") or "")
        card_guid = _guid(found[1]) if found else None
        uid, doubts = case_uid(text_of(card, "uid_2") or "")
        if "uid_2" in card:
            warnings.extend(doubts)
        keys = {"number": number and number.number, "uid": uid, "card_guid": card_guid}
        known.update({name: key for name, key in keys.items() if key})
        if number and (reason := classify(number.key, court.level)):
            return Skipped(place, reason)
        if number is None and card_guid is None:
            detail = "Neither a case number nor a card's GUID is there to know the case by."
            raise FieldError("no-identity", detail, "/metadata/id_text")
        said = self._said(card, warnings)
        if isinstance(said, str):
            return Skipped(place, said)
        return Record(
            place=place,
            court=court.code,
            instance="first",
            number=number.number if number else None,
            number_key=number.key if number else None,
            previous=tuple((earlier.number, earlier.key) for earlier in number.previous) if number else (),
            uid=uid,
            card_guid=card_guid,
            seen_on=None,
            said=said,
            warnings=tuple(warnings),
        )

    def _said(self, card: Object, warnings: list[str]) -> Object | str:
        """What the card says; the reason why it is no prosecution where it is none."""
        said: Object = {}
        text = text_of(card, "adm_date")
        day, fault = read_day(text, self._today) if text else (None, None)
        if fault == "day-in-words":
            warnings.append(fault)
        elif fault is not None:
            raise FieldError(fault, DAY_FAULTS[fault], "/metadata/adm_date")
        if day:
            said["received_on"] = day
        of_persons = None
        if decision := text_of(card, "decision_result"):
            ending = parse_decision(decision, "first")
            said["disposition"], of_persons = ending.case, ending.person
            if not ending.is_known:
                warnings.append("decision-unknown")
        accused = _accused(card.get("accused"), warnings)
        if isinstance(accused, str):
            return accused
        if accused:
            said["defendants"] = defendants_of(names.ParsedNames(tuple(accused)), of_persons)
        return said


_WARNINGS = {
    "cards-failed": "{n} cards could not be opened by the parser; they are missing.",
    "cases-missing": "The sites promised {n} cases more than are there.",
    "coverage-unknown": "Of {n} courts nobody says which year was asked for: no year stands in the file's name."
    " No coverage is noted of them.",
    "driver-error": "The parser's browser failed on {n} sites; what they gave is not whole.",
    "pages-missed": "{n} pages of lists were missed; their cases are missing.",
}


def _year_of(name: str) -> int | None:
    """The year in a file's name, as in `50_gvs_chn_1_2019.json` or `50_2019_gzip.json`."""
    found = _YEAR.search(name.partition(".")[0])
    return int(found[1]) if found else None


def _truth(value: Json) -> bool:
    """A truth, which this format writes as the words True and False."""
    return value is True or (isinstance(value, str) and value.strip().casefold() == "true")


def _guid(text: str) -> str | None:
    try:
        return guid(text)
    except FieldError:
        return None


def _accused(stated: Json, warnings: list[str]) -> list[names.ParsedPerson] | str:
    """The persons by position; where all are of another law, the reason why the case is none of ours.

    Errors  FieldError
    """
    if stated is None or stated == []:
        warnings.append("names-empty")
        return []
    if not isinstance(stated, list):
        raise FieldError("bad-type", "A list of accused was expected here.", "/metadata/accused")
    persons: list[names.ParsedPerson] = []
    reasons: list[str] = []
    for index, person in enumerate(stated):
        parsed = _person(person, f"/metadata/accused/{index}")
        if isinstance(parsed, names.Skipped):
            reasons.append(parsed.reason)
            continue
        warnings.extend(warning for warning in parsed.warnings if warning != _CUT_OFF)
        persons += parsed.persons
    if reasons and persons:
        warnings.append("mixed-codes")
    return persons or reasons[0]


def _person(person: Json, pointer: str) -> names.ParsedNames | names.Skipped:
    articles = person.get("article", []) if isinstance(person, dict) else None
    if not isinstance(articles, list) or not all(isinstance(article, str) for article in articles):
        raise FieldError("bad-type", "An object with a list of articles was expected here.", pointer)
    listed = "; ".join(article for article in articles if article.strip())
    if not listed:
        return names.ParsedNames((names.ParsedPerson(),))
    parsed = names.parse_names(f"Имя - {listed}")
    if isinstance(parsed, names.ParsedNames) and len(parsed.persons) == 1:
        return parsed
    if isinstance(parsed, names.Skipped):
        return parsed
    raise FieldError("article-unreadable", NAMES_REFUSED["article-unreadable"], f"{pointer}/article")
