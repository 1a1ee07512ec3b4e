"""What moved between two versions of a case, field by field. Pure.

A case as shown becomes a flat mapping of dotted names, as in its `layers`: `decided_on`, `defendants.d1.charges`,
`defendants.d1.sentence.term_months`, `layers.decided_on`. What is null is not there. So differences applied to the
fields of the earlier version give those of the later, and all differences of a case one after another give the case.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Fields = dict[str, Any]
Difference = dict[str, Any]
"""`field`, its value `before` and `after` (null where it was or is not there), and the `layer` that says so."""

_NOT_CONTENT = ("id", "etag", "version", "revision", "defendants", "layers")


def fields_of(case: Mapping[str, Any] | None) -> Fields:
    """The content of a case as shown; none of a case that is not there."""
    if case is None:
        return {}
    fields = {name: value for name, value in case.items() if name not in _NOT_CONTENT}
    for person in case["defendants"]:
        path = f"defendants.{person['id']}"
        own = {name: value for name, value in person.items() if name not in ("id", "sentence")}
        fields |= {f"{path}.{name}": value for name, value in own.items()}
        fields |= {f"{path}.sentence.{name}": value for name, value in person["sentence"].items()}
    fields |= {f"layers.{path}": layer for path, layer in case["layers"].items()}
    return {name: value for name, value in fields.items() if value is not None}


def differences(earlier: Mapping[str, Any] | None, later: Mapping[str, Any] | None) -> list[Difference]:
    """What moved from one version of a case to another, by name of field; None is a case that is not there."""
    before, after = fields_of(earlier), fields_of(later)
    layers: Mapping[str, str] = (later or earlier or {}).get("layers", {})
    return [
        {"field": name, "before": before.get(name), "after": after.get(name), "layer": _layer_of(name, layers)}
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def apply(fields: Fields, moved: Iterable[Difference]) -> Fields:
    """The fields of a version after some differences."""
    changed = {**fields, **{difference["field"]: difference["after"] for difference in moved}}
    return {name: value for name, value in changed.items() if value is not None}


def _layer_of(name: str, layers: Mapping[str, str]) -> str | None:
    """The layer that a field comes from: its own, or that of the field it is part of. None where it is worked out."""
    name = name.removeprefix("layers.")
    while name not in layers and "." in name:
        name = name.rpartition(".")[0]
    return layers.get(name)
