"""What the layouts of court cards share: placeholders, days as courts write them, persons by position."""

from collections.abc import Iterable
from datetime import date

from app.ingest.layouts import names
from app.ingest.layouts.fields import FIRST_DAY, FieldError
from app.ingest.layouts.numbers import BadDay, parse_day
from app.ingest.record import Json

Object = dict[str, Json]

NOTHING = frozenset(("", "-", "null"))
_MOST_EPISODES = 99
NAMES_REFUSED = {
    "no-person": "The names column holds no person; `name - ст.337 ч.5 УК РФ` was expected.",
    "article-unreadable": "The names column holds an article that cannot be read.",
}


def text_of(row: Object, name: str) -> str | None:
    """A field's text; None where it is missing or a placeholder.

    Errors  FieldError where it is no text
    """
    value = row.get(name)
    if value is None:
        return None
    if type(value) is not str:
        raise FieldError("bad-type", "Text or null was expected here.", f"/{name}")
    bare = value.strip()
    return None if bare in NOTHING else bare


DAY_FAULTS = {
    "bad-date": f"A real day since {FIRST_DAY} was expected here, as 14.03.2023.",
    "date-in-future": "The day is after today (UTC).",
}


def read_day(text: str, today: date) -> tuple[str | None, str | None]:
    """A day as ISO text, or None and what is wrong with it; two of None for a placeholder."""
    day = parse_day(text)
    if isinstance(day, BadDay):
        is_worded = not any(character.isdigit() for character in text)
        return None, "day-in-words" if is_worded else "bad-date"
    if day is None:
        return None, None
    if day > today:
        return None, "date-in-future"
    iso = day.isoformat()
    return (iso, None) if iso >= FIRST_DAY else (None, "bad-date")


def defendants_of(persons: names.ParsedNames, disposition: str | None) -> list[Object]:
    return [_defendant(ordinal, person, disposition) for ordinal, person in enumerate(persons.persons, 1)]


def _defendant(ordinal: int, person: names.ParsedPerson, disposition: str | None) -> Object:
    said: Object = {"ordinal": ordinal}
    if disposition is not None:
        said["disposition"] = disposition
    if person.charges:
        said["charges"] = _charges(person.charges)
    return said


def _charges(parsed: Iterable[names.ParsedCharge]) -> list[Object]:
    """Charges that differ in complicity alone are one here: the record does not hold it."""
    charges: dict[tuple[str, str, str], Object] = {}
    for charge in parsed:
        key = charge.offence, charge.role, charge.stage
        held = charges.get(key)
        episodes = charge.episodes + (held["episodes"] if held else 0)
        charges[key] = {
            "offence": charge.offence,
            "role": charge.role,
            "stage": charge.stage,
            "episodes": min(episodes, _MOST_EPISODES),
            "principal": False,
        }
    return list(charges.values())
