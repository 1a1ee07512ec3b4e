"""An export of cases on its way back in: what the service worked out or keeps is left aside, the rest was said.

A field that is denied and shows a value all the same was worked out: nobody said it.
"""

from collections.abc import Container, Mapping
from typing import Any

from app.ingest.layouts.fields import FieldError
from app.ingest.record import Json

_TYPES = {"case_number": "number", "uid": "uid", "card_guid": "card_guid"}
_OF_CASE = ("id", "etag", "version", "revision", "identifiers", "is_withdrawn", "merged_into", "layers", "conflicts")
_DERIVED = (*_OF_CASE, "related")
_DERIVED_OF_PERSON = ("id", "is_presumed", "principal_offence")
# Columns of the CSV that hold the same.
DERIVED_COLUMNS = (
    *(name for name in _OF_CASE if name not in ("etag", "identifiers", "layers")),
    *(f"defendant.{name}" for name in _DERIVED_OF_PERSON),
    "sentence.class",
)


def is_exported(case: Mapping[str, Json]) -> bool:
    """Whether an object is a case as an export shows it: a house record has no list of identifiers."""
    return "identifiers" in case


def said_in(case: Mapping[str, Json]) -> dict[str, Json]:
    """The house record of a case that was exported as JSON; what is null or empty there says nothing.

    Errors  FieldError
    """
    said = {**_keys(case["identifiers"]), **_said(case, _DERIVED)}
    if "defendants" in said:
        said["defendants"] = [_person(person) for person in _objects(said["defendants"], "/defendants")]
    return said


def said_in_cells(cells: Mapping[str, str]) -> dict[str, str]:
    """The cells of a row that say something; of a row without an id, which no export gave, all of the house record."""
    left_out = set(DERIVED_COLUMNS)
    if cells.get("defendant.is_presumed") == "true":
        left_out.add("defendant.disposition")
    if cells.get("id"):
        left_out |= set(_names(cells.get("deny")))
        for name in _names(cells.get("defendant.deny")):
            part = {"charges": "charge.", "sentence": "sentence."}.get(name, f"defendant.{name}")
            left_out |= {column for column in cells if column == part or (part[-1] == "." and column.startswith(part))}
    return {name: cell for name, cell in cells.items() if name not in left_out}


def _names(cell: str | None) -> list[str]:
    return cell.split("|") if cell else []


def _keys(identifiers: Json) -> dict[str, Json]:
    """The keys of a case: the current one of each type, and the earlier numbers."""
    keys: dict[str, Json] = {}
    for index, one in enumerate(_objects(identifiers, "/identifiers")):
        name = _TYPES.get(str(one.get("type")))
        if name is None:
            detail = f"An identifier has one of the types {', '.join(_TYPES)}."
            raise FieldError("unknown-code", detail, f"/identifiers/{index}/type")
        if one.get("current") is True:
            keys[name] = one.get("value")
        elif name == "number":
            keys.setdefault("previous_numbers", []).append(one.get("value"))
    return keys


def _person(person: Mapping[str, Json]) -> dict[str, Json]:
    presumed = ("disposition",) if person.get("is_presumed") is True else ()
    said = _said(person, (*_DERIVED_OF_PERSON, *presumed))
    if isinstance(said.get("sentence"), dict):
        said["sentence"] = _said(said["sentence"], ("class",))
    return said


def _said(shown: Mapping[str, Json], left_out: Container[str]) -> dict[str, Json]:
    denied = shown.get("deny") or ()
    return {
        name: value
        for name, value in shown.items()
        if name not in left_out and name not in denied and value not in (None, [], {})
    }


def _objects(value: Json, pointer: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise FieldError("bad-type", "A list of JSON objects was expected here.", pointer)
    return value
