"""From what the layers say to what is held: statements in, the effective version out. Pure.

A statement's body holds what one layer has said so far: case fields, `defendants` with their lasting ids, `deny`,
`sources`. `overlay` adds a row to it, `resolve` makes the version of a card's and a newsroom's body, `arrivals` tells
how the cases of one UID came to their courts. The rules are those of `docs/concepts/model.md`.
"""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

from app.records.defendants import last_defendant, match_defendants

Body = dict[str, Any]
Gravity = Callable[[str, date | None], tuple[int, int]]
"""Sort key of an offence on a day, gravest first."""

CASE_FIELDS = ("received_on", "arrival", "decided_on", "disposition", "in_force_on")
PERSON_FIELDS = ("service_status", "disposition", "decided_on", "charges")
SENTENCE_FIELDS = ("kind", "execution", "term_months", "probation_months", "fine_rub", "regime", "source")
_OPEN = (None, "unknown", "pending")
_IDENTIFIERS = ("number", "number_key", "uid", "card_guid")
_SAID = frozenset((*_IDENTIFIERS, *CASE_FIELDS, "deny"))
_SAID_OF_PERSON = frozenset((*PERSON_FIELDS, "ordinal", "deny"))

_PERSON_OF_CASE = {
    "verdict": "convicted",
    "terminated": "terminated",
    "returned_to_prosecutor": "returned",
    "transferred_jurisdiction": "transferred",
    "medical_measures": "medical_measures",
    "joined": "joined",
    "other": "other",
}
_JUDGED = ("convicted", "acquitted")
_WITHOUT_PENALTY = (
    "acquitted",
    "terminated",
    "terminated_rehabilitating",
    "terminated_non_rehabilitating",
    "medical_measures",
)
_ALWAYS_CUSTODIAL = ("life_imprisonment", "arrest")
_CUSTODIAL = ("imprisonment", "disciplinary_unit")
_MAY_BE_SUSPENDED = (
    "imprisonment",
    "disciplinary_unit",
    "restriction_of_military_service",
    "corrective_labour",
)


# Neither frozen, which would double the time of making them, nor with slots, which would double that of `content_hash`.
@dataclass
class Charge:
    """One offence alleged against one person."""

    offence: str
    role: str
    stage: str
    episodes: int
    is_principal: bool


@dataclass
class Person:
    """One defendant of a version; dispositions and the class of the sentence are worked out."""

    id: int
    ordinal: int
    service_status: str
    disposition: str
    is_presumed: bool
    decided_on: date | None
    offence_received: str
    offence_decided: str
    sentence_class: str
    sentence_kind: str
    sentence_execution: str
    term_months: int | None
    probation_months: int | None
    fine_rub: int | None
    regime: str | None
    sentence_source: str | None
    charges: tuple[Charge, ...]


@dataclass
class Effective:
    """What is held of a case; `arrival` is None where no layer states it and it must be derived."""

    number: str | None
    uid: str | None
    received_on: date | None
    arrival: str | None
    decided_on: date | None
    disposition: str
    in_force_on: date | None
    offence_received: str
    offence_decided: str
    is_withdrawn: bool
    merged_into: str | None
    layers: dict[str, str]
    conflicts: list[dict[str, Any]]
    sources: list[dict[str, Any]]
    persons: tuple[Person, ...]

    @property
    def is_set_aside(self) -> bool:
        """Whether it counts nowhere, and says nothing of its kin."""
        return self.is_withdrawn or self.merged_into is not None

    def content_hash(self) -> bytes:
        """16 bytes that are equal for equal content, the derived arrival aside."""
        return blake2b(orjson.dumps(self, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


def is_closed(value: object) -> bool:
    """Whether a layer speaks with this value: not absent, unknown or pending."""
    return value not in _OPEN


def overlay(before: Body | None, other: Body | None, row: Body, *, is_complete: bool) -> Body:
    """A layer's body after one more row of it.

    `other` is the other layer's body, for matching defendants; `is_complete` says that a list of defendants is all of
    them (a card), not only those mentioned (a newsroom row).
    """
    body = dict(before or {})
    _add(body, row, _SAID)
    if row.get("previous"):
        body["previous"] = _union(body.get("previous", ()), [list(pair) for pair in row["previous"]])
    if "sources" in row:
        said = row["sources"]
        _set(body, "sources", None if said is None else _join_sources(body.get("sources", ()), said))
    if row.get("defendants") is not None or ("defendants" in row and is_complete):
        _overlay_defendants(body, other or {}, row["defendants"] or [], is_complete=is_complete)
    elif "defendants" in row:
        _take_back_defendants(body)
    return body


def keys_of(body: Body | None) -> tuple[Any, ...]:
    """What a layer's body says the case is known by: it is shown, so a version begins where it moves."""
    return tuple((body or {}).get(field) for field in (*_IDENTIFIERS, "previous"))


def resolve(card: Body | None, newsroom: Body | None, gravity: Gravity) -> Effective:
    """The effective version of a case: closed values of the newsroom first, then the card's.

    A case of which neither layer says anything any more is withdrawn.
    """
    reading = _Reading(card or {}, newsroom or {}) if card and newsroom else _Alone(card or {}, newsroom or {})
    received_on = _day(reading.pick("received_on"))
    stated_arrival = reading.pick("arrival")
    disposition = reading.pick("disposition") or "pending"
    decided_on = _day(reading.pick("decided_on"))
    in_force_on = _day(reading.pick("in_force_on"))
    people = [_person(said, disposition, decided_on, received_on, gravity) for said in reading.persons()]
    if len(people) > 1:
        people.sort(key=lambda person: (person.ordinal, person.id))
    persons = tuple(people)
    if not is_closed(disposition):
        disposition = "pending"
        if persons and all(person.disposition in _JUDGED for person in persons):
            disposition = "verdict"  # a known sentence implies a judgment
            decided_on = decided_on or max((p.decided_on for p in persons if p.decided_on), default=None)
    if reading.card.get("defendants_changed") or reading.newsroom.get("defendants_changed"):
        reading.conflicts.append({"field": "defendants", "kind": "defendants_changed"})
    return Effective(
        # a newsroom's number tells whose case it is, not what it is called now
        number=reading.card.get("number") or reading.newsroom.get("number") or None,
        uid=reading.newsroom.get("uid") or reading.card.get("uid") or None,
        received_on=received_on,
        arrival=stated_arrival if is_closed(stated_arrival) else None,
        decided_on=decided_on,
        disposition=disposition,
        in_force_on=in_force_on,
        offence_received=_gravest([p.offence_received for p in persons], received_on, gravity),
        offence_decided=_gravest([p.offence_decided for p in persons], received_on, gravity),
        is_withdrawn=bool(reading.newsroom.get("withdrawn")) or (card is None and newsroom is None),
        merged_into=reading.newsroom.get("merged_into"),
        layers=reading.layers,
        conflicts=reading.conflicts,
        sources=_join_sources(reading.card.get("sources", ()), reading.newsroom.get("sources", ())),
        persons=persons,
    )


def sentence_class(disposition: str, kind: str, execution: str) -> str:
    """The class of a sentence (`docs/concepts/model.md`): suspension is a way of executing it, not a kind."""
    if disposition in _WITHOUT_PENALTY:
        return "no_penalty"
    if disposition != "convicted" or kind == "unknown":
        return "unknown"
    if kind == "none":
        return "no_penalty"
    if kind in _ALWAYS_CUSTODIAL:
        return "custodial"
    if execution in ("suspended", "deferred"):
        return execution
    if execution == "unknown" and kind in _MAY_BE_SUSPENDED:
        return "unknown"
    return "custodial" if kind in _CUSTODIAL else "non_custodial"


@dataclass(frozen=True, slots=True)
class Kin:
    """What `arrivals` needs of one case of a UID; `key` identifies it and is carried through."""

    key: Any
    court: str
    instance: str
    number: str | None
    received_on: date | None
    decided_on: date | None
    disposition: str
    stated: str | None


def arrivals(kin: Sequence[Kin]) -> dict[Any, str]:
    """How each first-instance case of one UID came to its court: the source's word, else derived."""
    firsts = sorted((k for k in kin if k.instance == "first"), key=_by_receipt)
    annulled_on = [k.decided_on for k in kin if k.instance != "first" and k.disposition == "annulled"]
    return {
        case.key: case.stated or _arrival(case, firsts[:position], annulled_on) for position, case in enumerate(firsts)
    }


def _by_receipt(kin: Kin) -> tuple[date, date, str, str]:
    return (kin.received_on or date.max, kin.decided_on or date.max, kin.court, kin.number or "")


def _arrival(case: Kin, earlier: Sequence[Kin], annulled_on: Sequence[date | None]) -> str:
    if any(k.court != case.court and k.disposition == "transferred_jurisdiction" for k in earlier):
        return "transfer"
    if any(k.disposition == "returned_to_prosecutor" for k in earlier):
        return "return"
    if earlier and any(day is None or case.received_on is None or day <= case.received_on for day in annulled_on):
        return "retrial"
    same_court = [k for k in earlier if k.court == case.court]
    if same_court and not any(is_closed(k.disposition) for k in same_court):
        return "severed"
    return "new"


class _Reading:
    """Two bodies read together: each field from the layer that speaks; who spoke and where they disagree."""

    def __init__(self, card: Body, newsroom: Body) -> None:
        self.card = card
        self.newsroom = newsroom
        self.layers: dict[str, str] = {}
        self.conflicts: list[dict[str, Any]] = []

    def pick(self, field: str) -> Any:
        return self._pick(field, field, self.card, self.newsroom)

    def persons(self) -> list[Body]:
        """What is said of each who is spoken of."""
        cards, newsrooms = _by_id(self.card), _by_id(self.newsroom)
        return [
            self._person(person_id, cards.get(person_id, {}), newsrooms.get(person_id, {}))
            for person_id in sorted(cards.keys() | newsrooms.keys())
        ]

    def _person(self, person_id: int, card: Body, newsroom: Body) -> Body:
        paths = _paths(person_id)
        person = {field: self._pick(field, paths[field], card, newsroom) for field in PERSON_FIELDS}
        person["sentence"] = self._pick_sentence(paths["sentence"], card, newsroom)
        person["id"] = person_id
        person["ordinal"] = card.get("ordinal", newsroom.get("ordinal", person_id))
        return person

    def _pick(self, field: str, path: str, card: Body, newsroom: Body) -> Any:
        ours, theirs = newsroom.get(field), card.get(field)
        if field in newsroom.get("deny", ()):
            self._disagree(path, theirs, ours, kind="denied")
            theirs = None
        if is_closed(ours):
            self.layers[path] = "newsroom"
            if theirs != ours:
                self._disagree(path, theirs, ours)
            return ours
        if is_closed(theirs):
            self.layers[path] = "court_card"
            return theirs
        return ours or theirs

    def _pick_sentence(self, path: str, card: Body, newsroom: Body) -> Body:
        ours, theirs = newsroom.get("sentence") or {}, card.get("sentence") or {}
        if "sentence" in newsroom.get("deny", ()):
            self._disagree(path, theirs or None, ours or None, kind="denied")
            theirs = {}
        spoken = [
            layer for layer, said in (("newsroom", ours), ("court_card", theirs)) if any(map(is_closed, said.values()))
        ]
        if spoken:
            self.layers[path] = spoken[0]
        if (
            ours
            and theirs
            and any(is_closed(theirs[f]) and is_closed(ours.get(f)) and theirs[f] != ours[f] for f in theirs)
        ):
            self._disagree(path, theirs, ours)
        return {f: ours[f] if is_closed(ours.get(f)) else theirs.get(f) for f in SENTENCE_FIELDS}

    def _disagree(self, path: str, theirs: Any, ours: Any, *, kind: str = "values_differ") -> None:
        if is_closed(theirs):
            self.conflicts.append({"field": path, "kind": kind, "court_card": theirs, "newsroom": ours})


class _Alone(_Reading):
    """The same where one layer has said nothing: the other is not disagreed with. Most cases are read so."""

    def __init__(self, card: Body, newsroom: Body) -> None:
        super().__init__(card, newsroom)
        self.body = card or newsroom
        self.layer = "court_card" if card else "newsroom"

    def pick(self, field: str) -> Any:
        value = self.body.get(field)
        if value not in _OPEN:
            self.layers[field] = self.layer
        return value

    def persons(self) -> list[Body]:
        return [self._alone(said) for said in self.body.get("defendants", ())]

    def _alone(self, said: Body) -> Body:
        paths = _paths(said["id"])
        for field in PERSON_FIELDS:
            if said.get(field) not in _OPEN:
                self.layers[paths[field]] = self.layer
        sentence = said.get("sentence")
        if not sentence:
            return said
        closed = {field: value for field, value in sentence.items() if value not in _OPEN}
        if closed:
            self.layers[paths["sentence"]] = self.layer
        return {**said, "sentence": closed} if self.layer == "newsroom" else said


@lru_cache(1024)
def _paths(person_id: int) -> dict[str, str]:
    """What a person's fields are called among those of the case: made once, as nearly all are called alike."""
    return {field: f"defendants.d{person_id}.{field}" for field in (*PERSON_FIELDS, "sentence")}


def _person(
    said: Body, case_disposition: str, case_decided_on: date | None, received_on: date | None, gravity: Gravity
) -> Person:
    person_id: int = said["id"]
    sentence = said.get("sentence") or {}
    kind = sentence.get("kind") or "unknown"
    execution = sentence.get("execution") or "unknown"
    disposition, is_presumed = _disposition(said.get("disposition"), kind, case_disposition)
    charges = [
        Charge(c["offence"], c["role"], c["stage"], c["episodes"], bool(c["principal"]))
        for c in said.get("charges") or ()
    ]
    is_decided = disposition not in ("pending", "unknown")
    return Person(
        id=person_id,
        ordinal=said.get("ordinal", person_id),
        service_status=said.get("service_status") or "unknown",
        disposition=disposition,
        is_presumed=is_presumed,
        decided_on=(_day(said.get("decided_on")) or case_decided_on) if is_decided else None,
        offence_received=_principal(charges, ("filed", "convicted"), received_on, gravity),
        offence_decided=_principal(charges, ("convicted", "filed"), received_on, gravity),
        sentence_class=sentence_class(disposition, kind, execution),
        sentence_kind=kind,
        sentence_execution=execution,
        term_months=sentence.get("term_months"),
        probation_months=sentence.get("probation_months"),
        fine_rub=sentence.get("fine_rub"),
        regime=sentence.get("regime"),
        sentence_source=sentence.get("source"),
        charges=tuple(charges),
    )


def _disposition(own: str | None, kind: str, of_case: str) -> tuple[str, bool]:
    """A person's disposition, and whether the conviction is presumed from the case's verdict."""
    if own is not None and is_closed(own):
        return own, False
    if kind != "unknown":
        return "convicted", False
    return _PERSON_OF_CASE.get(of_case, "pending"), of_case == "verdict"


def _principal(charges: Sequence[Charge], roles: Sequence[str], received_on: date | None, gravity: Gravity) -> str:
    """The principal offence among the charges of the first role that occurs: the curator's word, else the gravest."""
    if len(charges) == 1:
        return charges[0].offence if charges[0].role in roles else "unknown"
    for role in roles:
        of_role = [charge for charge in charges if charge.role == role]
        marked = [charge.offence for charge in of_role if charge.is_principal]
        if of_role:
            return _gravest(marked or [charge.offence for charge in of_role], received_on, gravity)
    return "unknown"


def _gravest(offences: Sequence[str], received_on: date | None, gravity: Gravity) -> str:
    if len(offences) == 1:
        return offences[0]
    known = [offence for offence in offences if offence != "unknown"]
    return min(known, key=lambda offence: gravity(offence, received_on)) if known else "unknown"


def _overlay_defendants(body: Body, other: Body, rows: list[Body], *, is_complete: bool) -> None:
    if "last_defendant" not in body and "last_defendant" not in other:  # nobody was ever spoken of
        body["defendants"] = [_overlay_person({"id": number}, person) for number, person in enumerate(rows, 1)]
        body["last_defendant"] = len(rows)
        return
    matched = match_defendants(rows, body, other, is_complete=is_complete)
    if matched.is_ambiguous:
        body["defendants_changed"] = True
        return
    body.pop("defendants_changed", None)
    body["defendants"] = [_overlay_person(old, new) for old, new in matched.pairs]
    body["last_defendant"] = max(last_defendant(body), last_defendant(other))


def _take_back_defendants(body: Body) -> None:
    """Forget all that the layer said of defendants, but not which ids were given."""
    last = last_defendant(body)
    body.pop("defendants_changed", None)
    if body.pop("defendants", None):
        body["last_defendant"] = last


def _overlay_person(old: Body, new: Body) -> Body:
    person = dict(old)
    _add(person, new, _SAID_OF_PERSON)
    if "sentence" in new:
        said = {**(person.get("sentence") or {}), **new["sentence"]} if new["sentence"] else {}
        _set(person, "sentence", {f: v for f, v in said.items() if v is not None} or None)
    return person


def _by_id(body: Body) -> Mapping[int, Body]:
    return {person["id"]: person for person in body.get("defendants", ())}


def _add(body: Body, row: Body, fields: Container[str]) -> None:
    for field, value in row.items():
        if field in fields:
            if value is None:
                body.pop(field, None)
            else:
                body[field] = value


def _set(body: Body, field: str, value: Any) -> None:
    if value is None:
        body.pop(field, None)
    else:
        body[field] = value


def _union(old: Sequence[Any], new: Sequence[Any]) -> list[Any]:
    return [*old, *(item for item in new if item not in old)]


def _join_sources(old: Sequence[Body], new: Sequence[Body]) -> list[Body]:
    """All sources; of one kind and address the newer word."""
    if len(old) + len(new) < 2:
        return [*old, *new]
    joined = {(source.get("kind"), source.get("url")): source for source in (*old, *new)}
    return list(joined.values())


def _day(value: str | None) -> date | None:
    return date.fromisoformat(value) if value else None
