"""The articles and parts of military crimes, and the penalties known for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from types import MappingProxyType

from app.reference.files import day, rows, truth, whole
from app.vocabulary import Code

OFFENCE_GROUPS = (
    Code("absence", "Absence without leave", "Самовольное оставление части", "Article 337."),
    Code("desertion", "Desertion", "Дезертирство", "Article 338."),
    Code("insubordination", "Failure to carry out an order", "Неисполнение приказа", "Article 332."),
    Code("evasion", "Evasion of duties by feigning illness", "Уклонение от службы", "Article 339."),
    Code("surrender", "Voluntary surrender", "Добровольная сдача в плен", "Article 352.1."),
    Code("looting", "Looting", "Мародерство", "Article 356.1, of chapter 34."),
    Code("violence", "Violence against superiors", "Насилие над начальником", "Articles 333 and 334."),
    Code("relations", "Hazing and insult", "Неуставные отношения и оскорбление", "Articles 335 and 336."),
    Code("duty_rules", "Breach of duty rules", "Нарушение правил службы", "Articles 340 to 345."),
    Code("property", "Military property", "Военное имущество", "Articles 346 to 348."),
    Code("weapons_vehicles", "Weapons and vehicles", "Оружие и техника", "Articles 349 to 352."),
    Code("definition", "Definition", "Понятие", "Article 331 defines; nobody is charged with it."),
)


@dataclass(frozen=True, slots=True)
class Offence:
    """One article, or one part of it whose number is verified; penalties are None where unknown."""

    code: str  # 337, 337:5, 352.1
    article: str
    part: str | None
    chapter: str
    offence_group: str
    title_ru: str | None
    title_en: str
    imprisonment_min_months: int | None
    imprisonment_max_months: int | None
    other_penalties: str | None
    is_wartime: bool
    in_force_from: date | None
    in_force_to: date | None
    basis: str
    confidence: str  # high, medium, low

    def is_in_force(self, on: date | None) -> bool:
        """Whether the provision is law on that day; on any day, for None."""
        return on is None or (self.in_force_from or on) <= on <= (self.in_force_to or on)


@dataclass(frozen=True, slots=True)
class UnverifiedPart:
    """A part that an act is known to have added, but whose number is not verified: for display only."""

    article: str
    label: str
    title_en: str
    imprisonment_min_months: int | None
    imprisonment_max_months: int | None
    is_wartime: bool
    in_force_from: date | None
    basis: str
    confidence: str


@cache
def offences() -> Mapping[str, Offence]:
    """Every article and verified part by its code; an article before its parts, in numeric order."""
    return MappingProxyType({row["code"]: _offence(row) for row in rows("offences.csv")})


@cache
def unverified_parts() -> tuple[UnverifiedPart, ...]:
    """The parts without a verified number; none of them can match a charge or give a maximum."""
    return tuple(UnverifiedPart(**{**row, **_values(row)}) for row in rows("unverified_parts.csv"))  # type: ignore[arg-type]


@lru_cache(maxsize=10_000)
def max_months(offence_code: str, on: date | None = None) -> int | None:
    """The longest imprisonment known for an article or part that is law on that day.

    Shape  of a bare article, the longest among itself and its parts
    Units  months; None where nothing is known, where no imprisonment is provided for, and where
           the provision is not in force on that day
    """
    known = (
        offence.imprisonment_max_months or 0
        for offence in offences().values()
        if offence_code in (offence.code, offence.article) and offence.is_in_force(on)
    )
    return max(known, default=0) or None


def _offence(row: Mapping[str, str]) -> Offence:
    optional = {name: row[name] or None for name in ("part", "title_ru", "other_penalties")}
    return Offence(**{**row, **optional, **_values(row)})  # type: ignore[arg-type]


def _values(row: Mapping[str, str]) -> dict[str, int | bool | date | None]:
    months = {name: whole(cell) for name, cell in row.items() if name.endswith("_months")}
    days = {name: day(cell) for name, cell in row.items() if name.startswith("in_force_")}
    return {**months, **days, "is_wartime": truth(row["is_wartime"])}
