"""A curator's correction of one case: a batch of one newsroom record, known by the case's id and not by its keys."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.db.database import Database
from app.errors import Fault, InvalidBody
from app.ingest.acting import Act, Acting, acting
from app.ingest.curation import Held, Wanted, hold, refuse_merged, say
from app.ingest.layouts.fields import FieldError
from app.ingest.layouts.house_record import HouseShapes, read_record
from app.ingest.receipt import Receipt
from app.ingest.record import Record, Refused
from app.records.defendants import last_defendant
from app.records.ids import show_id
from app.records.resolve import Body, Effective, overlay, resolve

Said = Mapping[str, Any]
_FIXED = ("court", "instance")
_KEYS = ("number", "card_guid", "previous_numbers")
_DAYS = ("received_on", "decided_on", "in_force_on")


async def correct(database: Database, wanted: Wanted, act: Act, *, said: Said, writer_wait_s: float = 30.0) -> Receipt:
    """Let the newsroom say what `said` says of a case: fields of the house record, with its checks.

    Defendants are named by `id` or by `ordinal`; those not named are untouched. One whose ordinal follows the last is
    new. A number or card GUID is learnt as one more key of the case.

    Errors  NotFound; PreconditionFailed; CaseState for a merged case or one of which nothing stands; InvalidBody;
            Unavailable
    """
    async with acting(database, act, writer_wait_s=writer_wait_s) as now:
        held = await hold(now, wanted)
        refuse_merged(held)
        record, row = await _read(now, held, said)
        before = held.newsroom or {}
        is_new = await _learn(now, held, record)
        if overlay(before, held.card, row, is_complete=False) == before and not is_new:
            return await say(now, held, held.newsroom, seen_on=now.today, row_hash=record.row_hash)
        body = overlay(held.known(), held.card, row, is_complete=False)
        _refuse_disorder(said, resolve(held.card, body, now.gravity))
        return await say(now, held, body, seen_on=now.today, row_hash=record.row_hash, is_new=is_new)


async def _read(now: Acting, held: Held, said: Said) -> tuple[Record, Body]:
    """What a correction says, checked as a house record is, and as a row for the newsroom's layer."""
    if not said:
        raise _refused("empty", "Say at least one field of the record.", "")
    for name in _FIXED:
        if name in said and said[name] != getattr(held, name):
            raise _refused("fixed", f"The {name} of a case does not change; withdraw one that is at a wrong one.", name)
    for name in _KEYS:
        if name in said and said[name] is None:
            raise _refused("bad-value", "What a case was known by is not taken back; leave the field out.", name)
    shapes = HouseShapes(datetime.now(UTC).date())
    people = await _named(now, held, said, shapes)
    value = {**said, **{name: getattr(held, name) for name in _FIXED}}
    if people:
        value["defendants"] = [_nameless(person) for person in said["defendants"]]
    record = read_record("", value, shapes, needs_key=False)
    if isinstance(record, Refused):
        raise InvalidBody(record.detail, [Fault(record.code, record.detail, pointer=record.place)])
    for warning in record.warnings:
        if warning == "number-unreadable":
            raise _refused("bad-number", "This is no case number, as 1-45/2023 is.", "number")
        now.tallied.warn(warning)
    row: Body = dict(record.said)
    if people:
        row["defendants"] = [
            {**person, "id": person_id, "ordinal": ordinal}
            for person, (person_id, ordinal) in zip(row["defendants"], people, strict=True)
        ]
    keys = {"number": record.number, "number_key": record.number_key, "card_guid": record.card_guid}
    row |= {name: key for name, key in keys.items() if key}
    if record.previous:
        row["previous"] = record.previous
    if "uid" in said:
        row["uid"] = record.uid
    return record, row


async def _named(now: Acting, held: Held, said: Said, shapes: HouseShapes) -> list[tuple[int, int]]:
    """Id and ordinal of each defendant that a correction speaks of, in its order.

    Errors  InvalidBody for one that is not there, or that is named twice
    """
    persons = said.get("defendants")
    if not isinstance(persons, list):
        return []
    ordinals = {row["defendant"]: row["ordinal"] for row in await now.fetch("people", held.court, held.case_id)}
    next_id = 1 + max(*ordinals, *(last_defendant(body or {}) for body in (held.card, held.newsroom)), 0)
    named: list[tuple[int, int]] = []
    for index, person in enumerate(persons):
        pointer = f"defendants/{index}"
        if not isinstance(person, dict):
            raise _refused("bad-type", "A JSON object was expected here.", pointer)
        found = _find(person, ordinals, next_id, pointer, shapes)
        if found[0] in [person_id for person_id, _ in named]:
            raise _refused("repeated", "This defendant is named twice; say everything of one at once.", pointer)
        named.append(found)
        ordinals[found[0]] = found[1]
        next_id = max(next_id, found[0] + 1)
    return named


def _find(
    person: Mapping[str, Any], ordinals: Mapping[int, int], next_id: int, pointer: str, shapes: HouseShapes
) -> tuple[int, int]:
    shown = ", ".join(f"d{person_id} (ordinal {ordinal})" for person_id, ordinal in sorted(ordinals.items())) or "none"
    unknown = _refused("unknown-defendant", f"Name a defendant of the case by id or ordinal: {shown}.", pointer)
    ordinal = person.get("ordinal")
    if ordinal is not None:
        try:
            shapes.person.fields["ordinal"](ordinal)
        except FieldError as error:
            raise _refused(error.code, error.detail, f"{pointer}/ordinal") from None
    if person.get("id") is not None:
        person_id = next((known for known in ordinals if person["id"] == f"d{known}"), None)
        if person_id is None or ordinal not in (None, ordinals[person_id]):
            raise unknown
        return person_id, ordinals[person_id]
    alike = [person_id for person_id, known in ordinals.items() if known == ordinal]
    if len(alike) == 1:
        return alike[0], ordinals[alike[0]]
    if ordinal is None or alike or ordinal != 1 + max(ordinals.values(), default=0):
        raise unknown
    return next_id, ordinal


def _nameless(person: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in person.items() if name not in ("id", "ordinal")}


async def _learn(now: Acting, held: Held, record: Record) -> bool:
    """Learn the keys that a record has for its case; whether any was new.

    Errors  InvalidBody for a key of another case
    """
    keys = {("number", key): (shown, "previous_numbers") for shown, key in record.previous}
    if record.number_key:
        keys["number", record.number_key] = (record.number or "", "number")
    if record.card_guid:
        keys["guid", record.card_guid] = (record.card_guid, "card_guid")
    asked = [kind for kind, _ in keys], [key for _, key in keys]
    new = []
    for row in await now.fetch("owners", held.court, held.instance, *asked):
        shown, name = keys[row["kind"], row["key"]]
        if row["case_id"] is None:
            new.append((row["kind"], row["key"], shown))
        elif row["case_id"] != held.case_id:
            detail = f"This is known of {show_id(row['case_id'])} already; if the two are one case, merge them."
            raise _refused("key-of-another-case", detail, name)
    if new:
        columns = [list(column) for column in zip(*new, strict=True)]
        await now.execute("write_identifiers", held.court, held.case_id, held.instance, *columns)
    return bool(new)


def _refuse_disorder(said: Said, effective: Effective) -> None:
    """Refuse days that do not follow one another once they stand beside those of the card."""
    days = {name: getattr(effective, name) for name in _DAYS}
    for earlier, later in (
        ("received_on", "decided_on"),
        ("received_on", "in_force_on"),
        ("decided_on", "in_force_on"),
    ):
        named = next((name for name in (later, earlier) if name in said), None)
        if named and days[earlier] and days[later] and days[later] < days[earlier]:
            detail = f"With this, {later} ({days[later]}) would be before {earlier} ({days[earlier]})."
            raise _refused("days-out-of-order", detail, named)


def _refused(code: str, detail: str, pointer: str) -> InvalidBody:
    return InvalidBody(detail, [Fault(code, detail, pointer=f"/{pointer}" if pointer else "")])
