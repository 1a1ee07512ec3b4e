"""Case numbers, unique identifiers (УИД) and days, as cards write them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.reference.spelling import tidy, to_cyrillic, to_latin

# ── Case numbers ───────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class PreviousNumber:
    """Another number of the same case: an earlier year's, or that of the complaint or intake."""

    number: str
    key: str


@dataclass(frozen=True, slots=True)
class CaseNumber:
    """A case number as shown, its normalised key for identity, and the case's other numbers."""

    number: str
    key: str
    previous: tuple[PreviousNumber, ...] = ()


_LONGEST_NUMBER = 60
_NUMBER = re.compile(r"[^\W_]+(?:[-./\\]+[^\W_]+)+")
# A long word is no index: a column that slipped must not bring a name in as a number.
_LONG_WORD = re.compile(r"[^\W\d_]{4}")
_TITLE = re.compile(r"^(?:[^\W\d_]{4,}\s+)*№\s*|^(?:дело|материал)\s+", re.IGNORECASE)
_OTHERS = re.compile(r"[()\[\];~,]")
_BLANK_BEFORE_YEAR = re.compile(r"(?<=\d) (?=(?:19|20)\d\d$)")
# The year is the last of at least three groups: «1-48-2021», «3/10-279/15/2013», but not «1-2013».
_FULL_YEAR = re.compile(r"(.*[-/].*)[-/]((?:19|20)\d\d)")
# Two digits are a year after a slash, or after two hyphens: «1-348/22», «1-48-21», but not «3/1-10».
_SHORT_YEAR = re.compile(r"(.*-.*/|.*-.*-)(\d\d)")
_CENTURY_TURN = 70


def parse_case_number(text: str | None) -> CaseNumber | None:
    """The number of a case, or None where there is none to know it by («б/н», empty).

    Shape  a number in brackets, parentheses or after «~» is a previous one, in the order given
    """
    pieces = [_display(piece) for piece in _OTHERS.split(text or "")]
    numbers = [piece for piece in pieces if _is_number(piece)]
    if not numbers:
        return None
    others = {_key(number): number for number in numbers[:0:-1]}
    others.pop(_key(numbers[0]), None)
    previous = tuple(PreviousNumber(number, key) for key, number in reversed(others.items()))
    return CaseNumber(numbers[0], _key(numbers[0]), previous)


def _display(piece: str) -> str:
    bare = _TITLE.sub("", tidy(piece))
    return _BLANK_BEFORE_YEAR.sub("/", bare).replace(" ", "").strip(".")


def _is_number(piece: str) -> bool:
    if len(piece) > _LONGEST_NUMBER or _LONG_WORD.search(piece):
        return False
    has_digit = any(character.isdecimal() for character in piece)
    return has_digit and _NUMBER.fullmatch(piece) is not None


def _key(number: str) -> str:
    key = to_cyrillic(number.upper()).replace("\\", "/")
    if full := _FULL_YEAR.fullmatch(key):
        return f"{full[1]}/{full[2]}"
    if short := _SHORT_YEAR.fullmatch(key):
        century = "20" if int(short[2]) < _CENTURY_TURN else "19"
        return f"{short[1][:-1]}/{century}{short[2]}"
    return key


def index_of(key: str) -> str:
    """The index of a normalised number: what stands before its first hyphen («1», «3/10», «22К»)."""
    return key.partition("-")[0]


_NO_PROSECUTION: Mapping[str, Mapping[str, str]] = {
    "garrison": {
        "2": "civil",
        "2А": "administrative-claim",
        "3": "material",
        "4": "execution",
        "5": "administrative",
        "ДА": "disciplinary-arrest",
    },
    "district": {
        "1": "correspondence",
        "22К": "material",
        "3": "material",
        "4": "execution",
        "5": "administrative",
        "ДА": "disciplinary-arrest",
    },
}


def classify(key: str, court_level: str) -> str | None:
    """Why a number is no prosecution at a court of that level; None if it is one or is unknown.

    Source  the classifier of case indices, as read in domain notes: garrison 1, district 2 and 22,
            appeal 55, cassation 7У and 77 are criminal cases
    """
    head = re.split(r"[/.]", index_of(key), maxsplit=1)[0]
    return _NO_PROSECUTION.get(court_level, {}).get(head)


# ── Unique identifiers ─────────────────────────────────────────────────────────────────────────

_UID = re.compile(r"([0-9]{2}[A-Z]{2}[0-9]{4})-?([0-9]{2})-?([0-9]{4})-?([0-9]{6})-?([0-9]{2})")
_COURT_CODE = re.compile(r"[0-9]{2}[A-Z]{2}[0-9]{4}")
_MALFORMED_UID = re.compile(r"(?=.*[0-9]{4})(?!.*[^\W\d_]{3})[^\W_]+(?:-+[^\W_]+)*")


def normalise_uid(text: str | None) -> str | None:
    """The identifier in capitals, Latin letters and its five groups; None where there is none.

    A malformed one is kept, so that it is seen and flagged, unless it could be words.
    """
    bare = to_latin(tidy(text or "").upper()).replace(" ", "")
    if found := _UID.fullmatch(bare):
        return "-".join(found.groups())
    return bare if len(bare) <= _LONGEST_NUMBER and _MALFORMED_UID.fullmatch(bare) else None


def court_of_uid(uid: str) -> str | None:
    """The code of the court that gave the identifier; it need not be the court that hears the case."""
    return uid[:8] if _COURT_CODE.fullmatch(uid[:8]) else None


# ── Days ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class BadDay:
    """A day that cannot be read: `day-unreadable`, or `day-impossible` as 31 February is."""

    code: str


_NO_DAY = {"", "-", "null", "none", "nan"}
_DAY = re.compile(
    r"(?:(?P<d>\d{1,2})\.(?P<m>\d{1,2})\.(?P<y>\d{4})|(?P<Y>\d{4})-(?P<M>\d\d)-(?P<D>\d\d))"
    r"(?:[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?)?",
    re.ASCII,
)
_FIRST_YEAR, _LAST_YEAR = 1991, 2099


def parse_day(text: str | None) -> date | BadDay | None:
    """A day written `dd.MM.yyyy` or as ISO 8601, a time of day ignored; None for a placeholder."""
    bare = tidy(text or "")
    if bare.casefold() in _NO_DAY:
        return None
    found = _DAY.fullmatch(bare)
    if not found:
        return BadDay("day-unreadable")
    year, month, day = (int(found[name.lower()] or found[name]) for name in "YMD")
    if not _FIRST_YEAR <= year <= _LAST_YEAR:
        return BadDay("day-impossible")
    try:
        return date(year, month, day)
    except ValueError:
        return BadDay("day-impossible")
