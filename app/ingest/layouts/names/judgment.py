"""What the provisions read in a `names` column amount to: a prosecution, something else, or nothing readable."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.ingest.layouts.names.lexer import CRIMINAL, REPEALED
from app.ingest.layouts.names.parser import Draft, PersonDraft

Stage = Literal["completed", "preparation", "attempt"]
Role = Literal["filed", "dropped"]


@dataclass(frozen=True, slots=True)
class ParsedCharge:
    """One offence alleged against one person; `episodes` says how often the row repeats it."""

    offence: str
    stage: Stage = "completed"
    complicity: bool = False
    episodes: int = 1
    role: Role = "filed"


@dataclass(frozen=True, slots=True)
class ParsedPerson:
    """One person, by position in the row; no charges when the row names no article."""

    charges: tuple[ParsedCharge, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedNames:
    """The persons of a prosecution, in the row's order, and codes of what was not plain."""

    persons: tuple[ParsedPerson, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no prosecution: a material, an administrative or a disciplinary matter."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be read: `names-empty`, `no-person` or `article-unreadable`."""

    code: str


_READABLE_ARTICLE = re.compile(r"[1-9][0-9]{0,2}(?:\.[1-9][0-9]?)?")
_READABLE_PART = re.compile(r"[1-9](?:\.[1-9][0-9]?)?")
# «3521», «31»: 352.1 and 3.1 whose raised digit was lost; no article has four digits, no part two.
_FLAT_ARTICLE = re.compile(r"[1-3][0-9]{2}[1-9]")
_FLAT_PART = re.compile(r"[1-9][1-9]")
_KOAP_ARTICLE = re.compile(r"(?:[1-9]|[12][0-9]|3[0-2])(?:\.[0-9]{1,2}){1,2}")
_MODIFIERS: dict[str, Literal["stage", "complicity"]] = {"30": "stage", "33": "complicity"}
_FIRST_OFFENCE, _LAST_OFFENCE = 105, 361


def judge(persons: list[PersonDraft], warnings: dict[str, None], is_lossy: bool) -> ParsedNames | Skipped | Refused:
    """Persons and charges, or why there are none; adds to the warnings."""
    if not persons:
        return Refused("no-person")
    if _looks_administrative(persons):
        return Skipped("administrative-koap")
    foreign = _foreign_law(persons)
    accused = [person for person in persons if not _is_foreign(person)]
    if foreign and not any(map(_has_criminal_law, accused)):
        return Skipped(foreign)
    if foreign:
        warnings["mixed-codes"] = None
    if is_lossy:
        warnings["lossy-separators"] = None
    try:
        parsed = tuple(_parsed(person, warnings) for person in accused)
    except _UnreadableError:
        return Refused("article-unreadable")
    return ParsedNames(parsed, tuple(warnings))


def _parsed(person: PersonDraft, warnings: dict[str, None]) -> ParsedPerson:
    return ParsedPerson(tuple(_charges(person.provisions, warnings)) if person.provisions else ())


def _is_criminal(law: str | None) -> bool:
    return law in (None, CRIMINAL, REPEALED)


def _has_criminal_law(person: PersonDraft) -> bool:
    laws = [*person.laws, *(provision.law for provision in person.provisions)]
    return any(map(_is_criminal, laws))


def _is_foreign(person: PersonDraft) -> bool:
    return bool(person.laws) and not _has_criminal_law(person)


def _foreign_law(persons: list[PersonDraft]) -> str | None:
    """The first law named in the row that is no criminal code."""
    laws = (law for person in persons for law in person.laws)
    return next((law for law in laws if not _is_criminal(law)), None)


def _looks_administrative(persons: list[PersonDraft]) -> bool:
    """Whether a row without any code's name has КоАП articles only («12.8»)."""
    provisions = [provision for person in persons for provision in person.provisions]
    return bool(provisions) and all(
        provision.law is None and _KOAP_ARTICLE.fullmatch(provision.article) for provision in provisions
    )


class _UnreadableError(Exception):
    """An article or a part that no code can stand for."""


def _charges(provisions: list[Draft], warnings: dict[str, None]) -> Iterator[ParsedCharge]:
    """Equal charges made one; charges of earlier sets only, dropped."""
    criminal = [provision for provision in provisions if _is_criminal(provision.law)]
    current = max((provision.set_number for provision in criminal), default=0)
    sets: dict[int, Counter[ParsedCharge]] = {}
    for set_number, charge in _bound(criminal, warnings):
        sets.setdefault(set_number if set_number else current, Counter())[charge] += 1
    filed = sets.pop(current, Counter())
    yield from _counted(filed, "filed")
    # Earlier sets are earlier states of one charge sheet: their episodes are not added up.
    earlier: Counter[ParsedCharge] = Counter()
    for charges in sets.values():
        earlier |= charges
    yield from _counted({charge: n for charge, n in earlier.items() if charge not in filed}, "dropped")


def _counted(charges: dict[ParsedCharge, int], role: Role) -> Iterable[ParsedCharge]:
    for charge, episodes in charges.items():
        yield ParsedCharge(charge.offence, charge.stage, charge.complicity, episodes, role)


def _bound(provisions: list[Draft], warnings: dict[str, None]) -> Iterator[tuple[int, ParsedCharge]]:
    """Each offence with the ст.30 and ст.33 before it, and the number of its set."""
    stage: Stage = "completed"
    complicity = False
    for provision in provisions:
        modifier = _MODIFIERS.get(provision.article)
        if modifier == "stage":
            stage = "preparation" if provision.part == "1" else "attempt"
        elif modifier == "complicity":
            complicity = True
        else:
            if (offence := _offence(provision, warnings)) is not None:
                yield provision.set_number, ParsedCharge(offence, stage, complicity)
            stage, complicity = "completed", False
    if stage != "completed" or complicity:
        warnings["stage-without-offence"] = None


def _offence(provision: Draft, warnings: dict[str, None]) -> str | None:
    """The code of what is an offence today; rules on sentencing (ст.62, 73) and the old code are none."""
    if provision.law == REPEALED:
        warnings["repealed-code"] = None
        return None
    article = _readable(provision.article, _READABLE_ARTICLE, _FLAT_ARTICLE, warnings)
    number = int(article.partition(".")[0])
    if number < _FIRST_OFFENCE:
        warnings["general-part-article"] = None
        return None
    if number > _LAST_OFFENCE:
        warnings["article-out-of-range"] = None
    if provision.part is None:
        return article
    return f"{article}:{_readable(provision.part, _READABLE_PART, _FLAT_PART, warnings)}"


def _readable(number: str, readable: re.Pattern[str], flat: re.Pattern[str], warnings: dict[str, None]) -> str:
    if readable.fullmatch(number):
        return number
    if not flat.fullmatch(number):
        raise _UnreadableError
    warnings["flattened-superscript"] = None
    return f"{number[:-1]}.{number[-1]}"
