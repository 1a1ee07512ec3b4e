"""Checks of single values: each takes what a row says and gives it back, or says what would be right.

A detail never repeats the value: what stands in the wrong field may be a name.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

from app.errors import near
from app.ingest.layouts.numbers import CaseNumber, normalise_uid, parse_case_number, parse_day
from app.ingest.record import Json
from app.records.uid import has_check_digits
from app.reference import courts, offences
from app.vocabulary import CODELISTS, MIXED

Check = Callable[[Json], Json]

FIRST_DAY = "1990-01-01"
LONGEST_URL = 2000
_LONGEST_SHOWN = 40
_LONGEST_TEXT = 200
_MOST_ITEMS = 1000


class FieldError(Exception):
    """A value that cannot be taken: the pointer to it, a code, what would be right."""

    def __init__(self, code: str, detail: str, pointer: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.pointer = pointer

    def under(self, step: object) -> "FieldError":
        """The same error seen from one level up."""
        self.pointer = f"/{step}{self.pointer}"
        return self


def at(place: str, pointer: str) -> str:
    """A place and the pointer within it: `line 3 /received_on`, `row 3, column received_on`, `/4/received_on`."""
    if not pointer:
        return place
    if place.startswith("row"):
        return f"{place}, column {pointer[1:]}" if pointer.count("/") == 1 else f"{place} {pointer}"
    return f"{place} {pointer}" if place.startswith("line") else place.removesuffix("/") + pointer


@dataclass(frozen=True, slots=True)
class Shape:
    """An object's fields and their checks; `needed` ones must be there and not be null."""

    fields: Mapping[str, Check]
    needed: tuple[str, ...] = ()

    def read(self, value: Json) -> dict[str, Json]:
        """The object's fields, checked; null is kept as None.

        Errors  FieldError
        """
        if type(value) is not dict:
            raise FieldError("bad-type", "A JSON object was expected here.")
        said = {}
        fields = self.fields
        for name, item in value.items():
            if name not in fields:
                raise _unknown_field(name, fields)
            try:
                said[name] = None if item is None else fields[name](item)
            except FieldError as error:
                raise error.under(name) from None
        for name in self.needed:
            if said.get(name) is None:
                raise FieldError("missing-field", f"{name} is needed here.", f"/{name}")
        return said


_PLAIN_NAME = re.compile(r"[a-z][a-z0-9_.]*")


def _unknown_field(name: str, known: Iterable[str]) -> FieldError:
    """A field that is none of ours; one that is not named like a field may be a name, and is not shown."""
    is_plain = len(name) <= _LONGEST_SHOWN and _PLAIN_NAME.fullmatch(name)
    detail = f"There is no such field here.{hint(name, known)}"
    return FieldError("unknown-field", detail, f"/{name}" if is_plain else "")


def hint(word: str, known: Iterable[str]) -> str:
    """` did_you_mean: …`, where known words resemble it; none of the word itself."""
    found = near(word, tuple(known)) if len(word) <= _LONGEST_SHOWN else ()
    return f" did_you_mean: {', '.join(found)}" if found else ""


# ── Checks ─────────────────────────────────────────────────────────────────────────────────────


def text(value: Json) -> str:
    """A short text, without the blanks around it."""
    if type(value) is not str:
        raise FieldError("bad-type", "Text was expected here.")
    if len(value) > _LONGEST_TEXT:
        raise FieldError("bad-value", f"At most {_LONGEST_TEXT} characters were expected here.")
    return value.strip()


def truth(value: Json) -> bool:
    """true or false."""
    if type(value) is not bool:
        raise FieldError("bad-type", "true or false was expected here.")
    return value


def whole(first: int, last: int) -> Check:
    """A check for a whole number from first to last."""

    def check(value: Json) -> int:
        if type(value) is not int:
            raise FieldError("bad-type", "A whole number was expected here.")
        if not first <= value <= last:
            raise FieldError("bad-value", f"A whole number from {first} to {last} was expected here.")
        return value

    return check


def code(codelist: str, *further: str) -> Check:
    """A check for a code of a list, or one of a few further words; `mixed` is worked out, never stated."""
    codes = tuple(known for known in CODELISTS[codelist].ids if known != MIXED.id)
    known = frozenset((*codes, *further))

    def check(value: Json) -> str:
        if type(value) is str and value in known:
            return value
        if type(value) is not str:
            raise FieldError("bad-type", f"A code of the list {codelist} was expected here.")
        detail = f"This is no code of the list {codelist}.{hint(value, codes)}"
        raise FieldError("unknown-code", detail)

    return check


def court(value: Json) -> str:
    """The code of a court that we know."""
    if type(value) is str and value in courts():
        return value
    guess = hint(value.strip().upper(), courts()) if type(value) is str else ""
    raise FieldError("court-unknown", f"This is no code of a military court, as 61GV0012 is.{guess}")


_OFFENCE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,2})?(:[0-9]{1,2}(\.[0-9]{1,2})?)?")


def offence(value: Json) -> str:
    """An article, or an article and its part; it need not be one of our table."""
    if type(value) is str and (value in offences() or _OFFENCE.fullmatch(value)):
        return value
    detail = "An offence is written article:part, as 337:5, 332:2.1, 352.1 or 337."
    raise FieldError("bad-offence", detail)


_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_NO_GUID = "00000000-0000-0000-0000-000000000000"


def guid(value: Json) -> str:
    """A card's GUID, in small letters; the one of zeros names no card."""
    lowered = value.strip().lower() if type(value) is str else ""
    if not _GUID.fullmatch(lowered) or lowered == _NO_GUID:
        raise FieldError("bad-guid", "A GUID has five groups of 8, 4, 4, 4 and 12 hexadecimal digits.")
    return lowered


_USUAL_NUMBER = re.compile(r"[1-9][0-9]{0,2}-[1-9][0-9]{0,5}/20[0-9]{2}")


def is_usual_number(value: str) -> bool:
    """Whether a number has the form that most have, which is its own key: it saves most of the time of reading it."""
    return _USUAL_NUMBER.fullmatch(value) is not None


def case_number(value: str | None) -> CaseNumber | None:
    """The number of a case."""
    if value and is_usual_number(value):
        return CaseNumber(value, value)
    return parse_case_number(value)


def refuse_day(number: str | None, pointer: str) -> None:
    """Spreadsheets make a day of what looks like one, `1-5/2023` among it; such a number is lost.

    Errors  FieldError
    """
    if number and isinstance(parse_day(number), date):
        detail = "This is a day, no case number; a spreadsheet may have made it one. Format the column as text."
        raise FieldError("number-is-a-day", detail, pointer)


_USUAL_UID = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{4}-[0-9]{2}-[0-9]{4}-[0-9]{6}-[0-9]{2}")


def case_uid(value: str) -> tuple[str | None, tuple[str, ...]]:
    """A UID in its one spelling, None where it is none; with a warning where it is doubtful."""
    uid = value if _USUAL_UID.fullmatch(value) else normalise_uid(value)
    if uid is None:
        return None, ("uid-unreadable",)
    return uid, () if has_check_digits(uid) else ("uid-check-digits",)


_URL = re.compile(r"https?://([^/?#\s\\]+)(?:[/?#][^\s\\]*)?", re.IGNORECASE)
_CONTROL = re.compile(r"[\x00-\x20\x7f-\x9f]")


def url(value: Json) -> str:
    """An http or https address without a user in it."""
    if type(value) is not str or len(value) > LONGEST_URL:
        raise FieldError("bad-url", f"A URL of at most {LONGEST_URL} characters was expected here.")
    found = _URL.fullmatch(value)
    if not found or _CONTROL.search(value):
        raise FieldError("bad-url", "A URL that begins with http:// or https:// was expected here.")
    if "@" in found[1]:
        raise FieldError("bad-url", "A URL must not carry a user or a password before its host.")
    return value


_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def day(today: date) -> Check:
    """A check for an ISO day from 1990 to today; it remembers the days that it has seen."""
    last = today.isoformat()
    seen: set[str] = set()

    def check(value: Json) -> str:
        if type(value) is str and value in seen:
            return value
        checked = _day(value, last)
        seen.add(checked)
        return checked

    return check


def _day(value: Json, last: str) -> str:
    if type(value) is not str or not _DAY.fullmatch(value):
        raise FieldError("bad-date", "A day is written YYYY-MM-DD.")
    try:
        date.fromisoformat(value)
    except ValueError:
        raise FieldError("bad-date", "There is no such day in the calendar.") from None
    if value < FIRST_DAY:
        raise FieldError("bad-date", f"The record begins on {FIRST_DAY}.")
    if value > last:
        raise FieldError("date-in-future", f"The day is after today, {last} (UTC).")
    return value


def list_of(check: Check) -> Check:
    """A check for a list whose items each pass."""

    def check_all(values: Json) -> list[Json]:
        if type(values) is not list:
            raise FieldError("bad-type", "A list was expected here.")
        if len(values) > _MOST_ITEMS:
            raise FieldError("bad-value", f"At most {_MOST_ITEMS} items were expected here.")
        checked: list[Json] = []
        try:
            for value in values:
                checked.append(check(value))
        except FieldError as error:
            raise error.under(len(checked)) from None
        return checked

    return check_all


def names_of(known: tuple[str, ...]) -> Check:
    """A check for a list of some of the names known."""

    def check(value: Json) -> str:
        if type(value) is str and value in known:
            return value
        guess = hint(value, known) if type(value) is str else ""
        raise FieldError("unknown-field", f"One of {', '.join(known)} was expected here.{guess}")

    return list_of(check)
