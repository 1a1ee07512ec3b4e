"""What a scraper's run looked at: the `_meta.json` beside its export."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

import orjson

from app.ingest.layouts.numbers import BadDay, parse_day
from app.ingest.record import Json, Warned

_LIMIT_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Meta:
    """The days of receipt that a run asked for, both included; None where it left that end open.

    `is_by_result` says that it asked by day of result too, so that pending cases are missing; `is_by_article`, that it
    asked for some articles or words alone; `rows`, how many rows it counted.
    """

    starts_on: date | None
    ends_on: date | None
    is_by_result: bool = False
    is_by_article: bool = False
    rows: int | None = None


def read_meta(export: Path) -> Meta | Warned | None:
    """What the file beside an export says; None where there is none, a warning where it cannot be read."""
    path = export.with_name(f"{export.stem}_meta.json")
    if not path.is_file():
        return None
    with path.open("rb") as file:
        content = file.read(_LIMIT_BYTES + 1)
    try:
        meta = orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return _malformed("it is no JSON")
    if len(content) > _LIMIT_BYTES or not isinstance(meta, dict):
        return _malformed("one JSON object was expected")
    return _meta(meta)


def _meta(meta: dict[str, Json]) -> Meta | Warned:
    days = {name: _day(meta.get(name)) for name in ("entry_date_from", "entry_date_till")}
    for name, day in days.items():
        if isinstance(day, BadDay):
            return _malformed(f"{name} is no day, as 01.01.2023 is")
    starts_on, ends_on = (day for day in days.values() if not isinstance(day, BadDay))
    if starts_on and ends_on and ends_on < starts_on:
        return _malformed("entry_date_till is before entry_date_from")
    results = (_day(meta.get(name)) for name in ("result_date_from", "result_date_till"))
    return Meta(
        starts_on,
        ends_on,
        is_by_result=any(result is not None for result in results),
        is_by_article=any(_is_said(meta.get(name)) for name in ("article", "text")),
        rows=_count(meta.get("string_count")),
    )


def _is_said(value: Json) -> bool:
    return isinstance(value, str) and value.strip().casefold() not in ("", "-", "null", "none", "[]")


def _count(value: Json) -> int | None:
    return int(value) if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 10 else None


def _day(value: Json) -> date | BadDay | None:
    if value is None or isinstance(value, str):
        return parse_day(value)
    return BadDay("day-unreadable")


def _malformed(what: str) -> Warned:
    detail = f"The description beside the export cannot be used: {what}. No coverage is noted."
    return Warned("meta-malformed", detail)
