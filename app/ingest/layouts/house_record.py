"""The house record, checked field by field; strict, because its writers read its refusals.

    case      = { court, instance, number | card_guid, previous_numbers, uid, days, arrival, disposition,
                  defendants: [ person ], sources: [ source ], deny: [ field ] }
    person    = { ordinal, service_status, disposition, decided_on, charges: [ charge ], sentence, deny }

A field that is absent says nothing, null takes back what the layer said. A case as an export shows it is taken too.
"""

from contextlib import suppress
from datetime import date

from app.ingest.layouts import fields
from app.ingest.layouts.fields import FieldError, Shape, at, case_number, case_uid
from app.ingest.layouts.house_export import is_exported, said_in
from app.ingest.layouts.numbers import parse_day
from app.ingest.record import Json, Record, Refused

CASE_DENIABLE = ("received_on", "arrival", "decided_on", "disposition", "in_force_on")
PERSON_DENIABLE = ("service_status", "disposition", "decided_on", "charges", "sentence")
_IDENTITY = frozenset(("court", "instance", "number", "previous_numbers", "uid", "card_guid"))
_LAST_ORDINAL = 9999
_LAST_MONTH = 600
_LAST_ROUBLE = 10**12
_CHARGE_DEFAULTS = {"role": "filed", "stage": "completed", "episodes": 1, "principal": False}


class HouseShapes:
    """The checks of a house record, as of one day."""

    def __init__(self, today: date) -> None:
        day = fields.day(today)
        self.charge = Shape(
            {
                "offence": fields.offence,
                "role": fields.code("charge_role"),
                "stage": fields.code("charge_stage"),
                "episodes": fields.whole(1, 99),
                "principal": fields.truth,
            },
            needed=("offence",),
        )
        self.sentence = Shape(
            {
                "kind": fields.code("sentence_kind"),
                "execution": fields.code("sentence_execution"),
                "term_months": fields.whole(0, _LAST_MONTH),
                "probation_months": fields.whole(0, _LAST_MONTH),
                "fine_rub": fields.whole(0, _LAST_ROUBLE),
                "regime": fields.code("regime"),
                "source": fields.code("sentence_source"),
            }
        )
        self.source = Shape({"kind": fields.code("source_kind"), "url": fields.url, "seen_on": day}, needed=("kind",))
        self.person = Shape(
            {
                "ordinal": fields.whole(1, _LAST_ORDINAL),
                "service_status": fields.code("service_status"),
                "disposition": fields.code("person_disposition"),
                "decided_on": day,
                "charges": fields.list_of(self._charge),
                "sentence": self.sentence.read,
                "deny": fields.names_of(PERSON_DENIABLE),
            }
        )
        self.case = Shape(
            {
                "court": fields.court,
                "instance": fields.code("instance"),
                "number": fields.text,
                "previous_numbers": fields.list_of(fields.text),
                "uid": fields.text,
                "card_guid": fields.guid,
                "received_on": day,
                "arrival": fields.code("arrival", "unknown"),
                "decided_on": day,
                "disposition": fields.code("case_disposition", "unknown"),
                "in_force_on": day,
                "defendants": fields.list_of(self.person.read),
                "sources": fields.list_of(self.source.read),
                "deny": fields.names_of(CASE_DENIABLE),
            },
            needed=("court", "instance"),
        )

    def _charge(self, value: Json) -> dict[str, Json]:
        """A charge with its defaults, so that equal charges are equal bytes."""
        said = self.charge.read(value)
        if None in said.values():
            said = {name: item for name, item in said.items() if item is not None}
        return {**_CHARGE_DEFAULTS, **said}


def read_record(place: str, value: dict[str, Json], shapes: HouseShapes, *, needs_key: bool = True) -> Record | Refused:
    """One house object as a record, or refused at the first field that is wrong.

    It `needs_key`, a number or a card_guid, unless its case is known already.
    """
    try:
        said = said_in(value) if needs_key and is_exported(value) else value
        return _record(place, shapes.case.read(said), needs_key=needs_key)
    except FieldError as error:
        return Refused(at(place, error.pointer), error.code, error.detail, identifiers(value))


def identifiers(value: dict[str, Json]) -> dict[str, str]:
    """What a refused object may be known by: a court, number or GUID that is one; never other text."""
    known = {}
    for name, check in (("court", fields.court), ("card_guid", fields.guid), ("number", fields.text)):
        with suppress(FieldError):
            known[name] = check(value.get(name))
    parsed = case_number(known.pop("number", None))
    return {**known, "number": parsed.number} if parsed else known


def _record(place: str, case: dict[str, Json], *, needs_key: bool) -> Record:
    warnings: list[str] = []
    number, previous = _numbers(case, warnings)
    if needs_key and number is None and case.get("card_guid") is None:
        detail = "A number or a card_guid is needed to know the case by; «б/н» is none."
        raise FieldError("no-identity", detail)
    _check_order(case)
    if "deny" in case:
        _check_denials(case)
    said = {name: value for name, value in case.items() if name not in _IDENTITY}
    if "uid" in case and case["uid"] is None:
        said["uid"] = None
    if said.get("defendants"):
        said["defendants"] = _persons(said["defendants"], case.get("received_on"))
    if len(said.get("sources") or ()) > 1:
        said["sources"] = _distinct(said["sources"])
    return Record(
        place=place,
        court=case["court"],
        instance=case["instance"],
        number=number and number[0],
        number_key=number and number[1],
        previous=previous,
        uid=_uid(case.get("uid"), warnings),
        card_guid=case.get("card_guid"),
        seen_on=_seen_on(case.get("sources")),
        said=said,
        warnings=tuple(warnings),
    )


_Number = tuple[str, str]
_NO_NUMBER = {"", "-", "null", "б/н", "бн", "без номера"}


def _numbers(case: dict[str, Json], warnings: list[str]) -> tuple[_Number | None, tuple[_Number, ...]]:
    """The number, and the earlier ones: those in its parentheses, then those listed."""
    shown = case.get("number") or ""
    if fields.is_usual_number(shown) and not case.get("previous_numbers"):
        return (shown, shown), ()
    fields.refuse_day(shown, "/number")
    number = case_number(shown)
    if number is None and shown.casefold() not in _NO_NUMBER:
        warnings.append("number-unreadable")
    previous = {earlier.key: earlier.number for earlier in number.previous} if number else {}
    for index, listed in enumerate(case.get("previous_numbers") or ()):
        parsed = None if isinstance(parse_day(listed), date) else case_number(listed)
        if parsed is None:
            detail = "This is no case number, as 1-45/2023 is."
            raise FieldError("bad-number", detail, f"/previous_numbers/{index}")
        previous.setdefault(parsed.key, parsed.number)
    current = None
    if number is not None:
        previous.pop(number.key, None)
        current = number.number, number.key
    return current, tuple((shown, key) for key, shown in previous.items())


def _uid(text: str | None, warnings: list[str]) -> str | None:
    if not text:
        return None
    uid, doubts = case_uid(text)
    if uid is None:
        detail = "A UID looks like 61GV0012-01-2023-000123-60."
        raise FieldError("bad-uid", detail, "/uid")
    warnings.extend(doubts)
    return uid


def _seen_on(sources: list[dict[str, Json]] | None) -> date | None:
    if not sources:
        return None
    days = [source["seen_on"] for source in sources if source.get("seen_on")]
    return date.fromisoformat(max(days)) if days else None


def _distinct(sources: list[dict[str, Json]]) -> list[dict[str, Json]]:
    """Each source once, in order: CSV repeats them from row to row, and says the same."""
    return list({tuple(sorted(source.items(), key=_by_name)): source for source in sources}.values())


def _by_name(item: tuple[str, Json]) -> str:
    return item[0]


def _check_order(case: dict[str, Json]) -> None:
    """Days as text compare as days do, because all are ISO."""
    received, decided, in_force = case.get("received_on"), case.get("decided_on"), case.get("in_force_on")
    if received and decided and decided < received:
        raise _decided_too_early("/decided_on")
    earliest = decided or received
    if in_force and earliest and in_force < earliest:
        detail = "A judgment cannot be in force before it was given, nor before the case was received."
        raise FieldError("in-force-before-decided", detail, "/in_force_on")


def _decided_too_early(pointer: str) -> FieldError:
    detail = "A case cannot be decided before it was received; one of the two days is wrong."
    return FieldError("decided-before-received", detail, pointer)


def _check_denials(said: dict[str, Json], pointer: str = "") -> None:
    for index, name in enumerate(said.get("deny") or ()):
        if said.get(name) is not None:
            detail = f"{name} is both said and denied; do one of them."
            raise FieldError("denied-and-said", detail, f"{pointer}/deny/{index}")


def _persons(persons: list[dict[str, Json]], received_on: str | None) -> list[dict[str, Json]]:
    """The defendants by ordinal; one without an ordinal has the place where it stands."""
    taken: dict[int, dict[str, Json]] = {}
    for index, person in enumerate(persons):
        ordinal = person.get("ordinal") or index + 1
        if ordinal in taken:
            detail = f"Ordinal {ordinal} is given twice; each defendant has an own one."
            raise FieldError("doubled-ordinal", detail, f"/defendants/{index}/ordinal")
        decided_on = person.get("decided_on")
        if received_on and decided_on and decided_on < received_on:
            raise _decided_too_early(f"/defendants/{index}/decided_on")
        if "deny" in person:
            _check_denials(person, f"/defendants/{index}")
        taken[ordinal] = {**person, "ordinal": ordinal}
    return [taken[ordinal] for ordinal in sorted(taken)]
