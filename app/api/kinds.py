"""Kinds of parameter: how one value is read, and what JSON Schema says of it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from types import MappingProxyType
from typing import Any

Value = str | int | bool | date | datetime

_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})"
)
_WHOLE = re.compile(r"[0-9]{1,9}")
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of value. `read` raises ValueError, which says what would be right."""

    read: Callable[[str], Value]
    schema: Mapping[str, Any]


def spell(value: Value) -> str:
    """The one spelling of a value in a canonical query."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else str(value)


def _read_text(text: str) -> str:
    return text


def _read_whole(text: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise ValueError("write a whole number in digits, such as 100")
    return int(text)


def _read_truth(text: str) -> bool:
    if text not in _TRUTHS:
        raise ValueError("write true or false")
    return _TRUTHS[text]


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text if _DAY.fullmatch(text) else "")
    except ValueError:
        raise ValueError("write a day of the calendar as YYYY-MM-DD, such as 2023-07-19") from None


def _read_instant(text: str) -> datetime:
    plain = text.replace(" ", "+")  # a plus sign in a query string is a blank
    try:
        return datetime.fromisoformat(plain if _INSTANT.fullmatch(plain) else "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("write an instant with its zone, such as 2023-07-19T12:00:00Z") from None


def _read_state(text: str) -> date | datetime:
    return _read_day(text) if "T" not in text else _read_instant(text)


def _read_revision(text: str) -> int | date | datetime:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return _read_state(text)
    except ValueError:
        raise ValueError("write the number of a revision, or a day such as 2023-07-19") from None


def _schema(**members: Any) -> Mapping[str, Any]:
    return MappingProxyType(members)


TEXT = Kind(_read_text, _schema(type="string"))
WHOLE = Kind(_read_whole, _schema(type="integer", minimum=0))
TRUTH = Kind(_read_truth, _schema(type="boolean"))
DAY = Kind(_read_day, _schema(type="string", format="date"))
INSTANT = Kind(_read_instant, _schema(type="string", format="date-time"))
DAY_OR_INSTANT = Kind(
    _read_state,
    _schema(anyOf=[{"type": "string", "format": "date"}, {"type": "string", "format": "date-time"}]),
)
REVISION = Kind(
    _read_revision,
    _schema(
        anyOf=[
            {"type": "integer", "minimum": 1},
            {"type": "string", "format": "date"},
            {"type": "string", "format": "date-time"},
        ]
    ),
)
