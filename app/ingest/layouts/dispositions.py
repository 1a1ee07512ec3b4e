"""How a card says that a case ended, as codes: «Решение» and its grounds, by what the text begins with.

Letter case, ё and look-alike letters vary, and a ground may follow; the text itself is not kept.
"""

import re
from dataclasses import dataclass

from app.reference import tidy, to_cyrillic


@dataclass(frozen=True, slots=True)
class Ending:
    """The case's disposition; its persons' where the text states the ground; whether we know the text."""

    case: str
    person: str | None = None
    is_known: bool = True


def parse_decision(text: str, instance: str) -> Ending:
    """What a card's result means; `other`, and not known, for a text that is on no list of ours.

    Source  values of the courts' search form, of a real card, and of the courts' own statistical card
    """
    plain = to_cyrillic(tidy(text)).casefold()
    if instance != "first" and (review := _review(plain)):
        return Ending(review)
    case = next((code for beginning, code in _BEGINNINGS if plain.startswith(beginning)), None)
    if case is None:
        return Ending("other", is_known=False)
    return Ending(case, _ground(plain) if case == "terminated" else None)


_MATTER = ("", "уголовное ", "дело ", "уголовное дело ", "производство по делу ", "производство по уголовному делу ")
_ENDINGS = (
    ("прекращен", "terminated"),
    ("возвращено прокурору", "returned_to_prosecutor"),
    ("возвращено в связи с отказом", "returned_to_prosecutor"),  # ст. 446.2 УПК
    ("направлено по подсудности", "transferred_jurisdiction"),
    ("передано по подсудности", "transferred_jurisdiction"),
    ("направлено по подведомственности", "other"),  # to the prosecutor or the investigator
    ("соединен", "joined"),
    ("присоединен", "joined"),
)
_BEGINNINGS = (
    ("вынесен приговор", "verdict"),
    ("постановлен приговор", "verdict"),
    ("применены принудительные меры медицинского характера", "medical_measures"),
    ("вынесено другое", "other"),
    ("вынесено решение по существу", "other"),
    ("апелляционное производство прекращен", "other"),
    ("кассационное производство прекращен", "other"),
    ("представление", "other"),
    ("жалоба", "other"),
    ("снято с ", "other"),
    ("оставлено без рассмотрения", "other"),
    ("роспуск коллегии присяжных", "other"),
    *((matter + ending, code) for matter in _MATTER for ending, code in _ENDINGS),
)

_REHABILITATING = (
    "отсутстви",
    "непричастн",
    "отказом государственного обвинителя",
    "отказом обвинителя",
    "отказом прокурора",
)
_NON_REHABILITATING = (
    "судебный штраф",
    "судебного штрафа",
    "примирени",
    "раскаяни",
    "давност",
    "амнисти",
    "смерт",
    "возмещени",  # ст. 28.1 УПК: damage made good
    "помилован",
)


def _ground(plain: str) -> str | None:
    """Articles 24 to 28.1 of the code of procedure, by their words; None for no ground, or two that differ."""
    clears = any(word in plain for word in _REHABILITATING)
    if clears == any(word in plain for word in _NON_REHABILITATING):
        return None
    return "terminated_rehabilitating" if clears else "terminated_non_rehabilitating"


_UNCHANGED = re.compile(r"без (?:изменени|удовлетворени)\w*")


def _review(plain: str) -> str | None:
    """What a higher court made of the judgment before it: the farthest-reaching of what the text says."""
    rest, unchanged = _UNCHANGED.subn("", plain)
    if "отменен" in rest:
        return "annulled"
    if "изменен" in rest:
        return "changed"
    return "upheld" if unchanged else None
