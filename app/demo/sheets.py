"""Charge sheets: which parts are alleged, of how many persons, with what beside."""

from collections.abc import Sequence
from datetime import date
from random import Random
from typing import TypeVar

from app.demo.targets import WARTIME_PARTS_IN_FORCE, WARTIME_SHARE
from app.demo.timeline import Charge, Person

T = TypeVar("T")
Weighted = tuple[tuple[str, float], ...]

_WARTIME: dict[str, Weighted] = {
    "337": (("337:5", 0.62), ("337:3.1", 0.20), ("337:2.1", 0.18)),
    "332": (("332:2.1", 0.95), ("332:2.2", 0.05)),
    "338": (("338:3", 0.88), ("338:1", 0.12)),
}
_PEACETIME: dict[str, Weighted] = {
    "337": (("337:4", 0.50), ("337:3", 0.35), ("337:1", 0.15)),
    "332": (("332:1", 1.0),),
    "338": (("338:1", 0.9), ("338:2", 0.1)),
}
_OTHERS: Weighted = (
    ("335:1", 0.14),
    ("335:2", 0.05),
    ("335:3", 0.03),
    ("334:1", 0.09),
    ("333:1", 0.06),
    ("339:1", 0.04),
    ("344:1", 0.03),
    ("346:1", 0.05),
    ("348", 0.04),
    ("349:1", 0.05),
    ("350:1", 0.07),
    ("158:2", 0.25),
    ("228:2", 0.10),
)
_WARTIME_OTHERS: Weighted = (
    ("334:3", 0.10),
    ("333:3", 0.06),
    ("339:3", 0.05),
    ("352.1", 0.05),
    ("356.1:1", 0.05),
)
_WARTIME_OTHER_FROM = date(2023, 1, 1)

# What stands beside a principal charge; the principal is the graver of the two by known maximum.
_BESIDE: dict[str, tuple[str, ...]] = {
    "337:5": ("348", "158:2", "337:3.1", "332:2.1", "335:1"),
    "337:3.1": ("158:2", "337:2.1", "335:1"),
    "337:4": ("158:2", "337:3"),
    "332:2.1": ("348", "158:2"),
    "338:3": ("337:5", "158:2", "222:1"),
    "334:3": ("337:5",),
}
_PERSONS: tuple[tuple[int, float], ...] = ((1, 0.98), (2, 0.016), (3, 0.003), (4, 0.001))
_MIXED, _REPEATED, _ATTEMPTED = 0.03, 0.08, 0.05


def charge_sheet(article: str, received_on: date, chance: Random) -> tuple[Person, ...]:
    """Defendants and their charges, each person's gravest first; all share the principal offence."""
    principal = principal_offence(article, received_on, chance)
    number = _drawn(_PERSONS, chance)
    return tuple(Person(_charges(principal, chance)) for _ in range(number))


def principal_offence(article: str, received_on: date, chance: Random) -> str:
    """The part of an article, or some other offence, that such a case is about."""
    if article == "other":
        is_late = received_on >= _WARTIME_OTHER_FROM
        return _drawn(_OTHERS + _WARTIME_OTHERS if is_late else _OTHERS, chance)
    is_wartime = chance.random() < _wartime_share(article, received_on)
    return _drawn((_WARTIME if is_wartime else _PEACETIME)[article], chance)


def other_part(offence: str) -> str | None:
    """The part that a card may first give in place of this one."""
    return {"337:5": "337:3.1", "337:3.1": "337:2.1", "337:4": "337:3"}.get(offence)


def _charges(principal: str, chance: Random) -> tuple[Charge, ...]:
    episodes = chance.randint(2, 3) if principal.startswith("337") and chance.random() < _REPEATED else 1
    is_attempt = principal.startswith("338") and chance.random() < _ATTEMPTED
    first = Charge(principal, is_attempt=is_attempt, episodes=episodes)
    beside = _BESIDE.get(principal)
    if beside and chance.random() < _MIXED:
        return first, Charge(chance.choice(beside))
    return (first,)


def _wartime_share(article: str, day: date) -> float:
    if day < WARTIME_PARTS_IN_FORCE:
        return 0.0
    return max((share for start, share in WARTIME_SHARE if start <= day), default=0.0) if article == "337" else 0.8


def _drawn(weighted: Sequence[tuple[T, float]], chance: Random) -> T:
    return chance.choices([value for value, _ in weighted], [weight for _, weight in weighted])[0]
