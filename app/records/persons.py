"""Persons of a version as every answer shows them: JSON that is made once, when the version is written.

It holds what defendants and charges hold, which no removal takes away, and neither numbers nor links nor anybody's
words. What the newsroom denies of a person is of its statement and not of the version; it is put in by whoever reads.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

import orjson

from app.records.resolve import Person

Shown = dict[str, Any]
_NONE_DENIED = '"deny":[]'


def write_persons(persons: Iterable[Person]) -> str:
    """Persons as JSON without blanks."""
    return orjson.dumps([_shown(person) for person in persons]).decode()


def read_persons(text: str, denied: Mapping[int | None, Sequence[str]]) -> list[Shown]:
    """The same as objects, days as days, with the fields denied of each by its number within the case."""
    persons: list[Shown] = orjson.loads(text)
    for person in persons:
        person["decided_on"] = person["decided_on"] and date.fromisoformat(person["decided_on"])
        person["deny"] = denied.get(int(person["id"][1:]), [])
    return persons


def persons_in_sql(text: str, denied: str) -> str:
    """The same JSON with what is denied in it: `denied` is a list in SQL, of the one whom `p.shown` shows."""
    shown = f"replace(p.shown::text, '{_NONE_DENIED}', concat('\"deny\":', {denied}))"
    return (
        f"concat('[', (SELECT string_agg({shown}, ',' ORDER BY p.place)"
        f" FROM json_array_elements({text}::json) WITH ORDINALITY AS p (shown, place)), ']')"
    )


def _shown(person: Person) -> Shown:
    offence = person.offence_decided
    return {
        "id": f"d{person.id}",
        "ordinal": person.ordinal,
        "service_status": person.service_status,
        "disposition": person.disposition,
        "is_presumed": person.is_presumed,
        "decided_on": person.decided_on,
        "principal_offence": None if offence == "unknown" else offence,
        "deny": (),
        "charges": [
            {
                "offence": charge.offence,
                "role": charge.role,
                "stage": charge.stage,
                "episodes": charge.episodes,
                "principal": charge.is_principal,
            }
            for charge in person.charges
        ],
        "sentence": {
            "class": person.sentence_class,
            "kind": person.sentence_kind,
            "execution": person.sentence_execution,
            "term_months": person.term_months,
            "probation_months": person.probation_months,
            "fine_rub": person.fine_rub,
            "regime": person.regime,
            "source": person.sentence_source,
        },
    }
