"""Who is who: matches the defendants of a new row with those already held, so that each keeps the lasting id.

By charge set and day of decision first, by position only among equals. Where that is ambiguous, or one would
disappear about whom the newsroom has said anything, nothing moves and the case says so.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

Person = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Matched:
    """Pairs of (what the layer held of a person, what it says now); the first is `{"id": n}` for a new one."""

    pairs: tuple[tuple[Person, Person], ...] = ()
    is_ambiguous: bool = False


def match_defendants(new: list[Person], own: Person, other: Person, *, is_complete: bool) -> Matched:
    """Match the defendants of a row with those that its layer's body (`own`) and the other layer's hold.

    A complete list drops those it does not mention; any other list leaves them as they are. Where the row names them by
    `id`, there is nothing to match.
    """
    next_id = 1 + max(last_defendant(own), last_defendant(other))
    if not own.get("defendants") and not other.get("defendants"):
        return Matched(pairs=tuple(({"id": number}, person) for number, person in enumerate(new, next_id)))
    held = {person["id"]: person for person in own.get("defendants", ())}
    if any("id" in person for person in new):
        return _paired(new, [person["id"] for person in new], held, is_complete=is_complete)
    known = _known(held, other, is_complete=is_complete)
    found = _pair(new, known, by_ordinal=not is_complete) if len(new) > 1 or len(known) > 1 else {}
    left_new = [index for index in range(len(new)) if index not in found]
    left_known = [person for person in known if person["id"] not in found.values()]
    if len(left_new) == 1 and len(left_known) == 1:
        found[left_new[0]] = left_known[0]["id"]
        left_new, left_known = [], []
    if left_new and left_known:
        return Matched(is_ambiguous=True)
    if is_complete and _would_lose(left_known, known, other):
        return Matched(is_ambiguous=True)
    for offset, index in enumerate(left_new):
        found[index] = next_id + offset
    return _paired(new, [found[index] for index in range(len(new))], held, is_complete=is_complete)


def _paired(new: list[Person], ids: list[int], held: dict[int, Person], *, is_complete: bool) -> Matched:
    """The persons of a row with what is held under their ids; whom an incomplete row leaves out stays."""
    pairs = [(held.get(person_id, {"id": person_id}), person) for person_id, person in zip(ids, new, strict=True)]
    if not is_complete:
        pairs += [(person, {}) for person_id, person in held.items() if person_id not in ids]
    return Matched(pairs=tuple(sorted(pairs, key=lambda pair: pair[0]["id"])))


def last_defendant(body: Person) -> int:
    """The highest id ever given in a body; 0 where none was."""
    return max((*(person["id"] for person in body.get("defendants", ())), body.get("last_defendant", 0)), default=0)


def _known(held: dict[int, Person], other: Person, *, is_complete: bool) -> list[Person]:
    """Whom a row may mean, by position: a card its own earlier list where there is one, else anyone held."""
    others = {person["id"]: person for person in other.get("defendants", ())}
    if is_complete:
        known = dict(held or others)
    else:
        known = {i: {**others.get(i, {}), **held.get(i, {})} for i in others.keys() | held.keys()}
    return sorted(known.values(), key=lambda person: (person.get("ordinal", person["id"]), person["id"]))


def _pair(new: list[Person], known: list[Person], *, by_ordinal: bool) -> dict[int, int]:
    """Index of a new person → id of the known one."""
    found: dict[int, int] = {}
    keys: list[Callable[[Person], Hashable]] = [
        lambda person: (_charge_set(person), person.get("decided_on")),
        _charge_set,
    ]
    if by_ordinal:
        keys.append(lambda person: person.get("ordinal"))
    for key in keys:
        _pair_equals(new, known, key, found)
    return found


def _pair_equals(
    new: list[Person], known: list[Person], key: Callable[[Person], Hashable], found: dict[int, int]
) -> None:
    """Pair those whose keys are equal; among several equals the same ordinal first, then in order."""
    waiting: dict[Hashable, list[Person]] = defaultdict(list)
    for person in known:
        if person["id"] not in found.values():
            waiting[key(person)].append(person)
    asking: dict[Hashable, list[int]] = defaultdict(list)
    for index, person in enumerate(new):
        if index not in found:
            asking[key(person)].append(index)
    for value, indexes in asking.items():
        equals = waiting.get(value, [])
        if value is None or not equals:
            continue
        for index in list(indexes):
            same = next((p for p in equals if p.get("ordinal") == new[index].get("ordinal")), None)
            if same is not None:
                found[index] = same["id"]
                equals.remove(same)
                indexes.remove(index)
        for index, person in zip(indexes, equals, strict=False):
            found[index] = person["id"]


def _charge_set(person: Person) -> Hashable:
    """The offences of a person, or None where nothing is said of them."""
    charges = person.get("charges")
    return None if charges is None else tuple(sorted({charge["offence"] for charge in charges}))


def _would_lose(lost: list[Person], known: list[Person], other: Person) -> bool:
    """Whether the other layer has spoken of one who would disappear, or of an equal with whom he may be confused."""
    spoken = {person["id"] for person in other.get("defendants", ())}
    alike = {_charge_set(person) for person in lost}
    return any(person["id"] in spoken for person in known if person in lost or _charge_set(person) in alike)
