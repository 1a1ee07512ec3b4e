"""Rounding: lists whose results hold counts, for a caller to whom counts are told rounded down."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from app.api.lists import Resource
from app.db.database import Connection
from app.records.listing import Page, Wanted
from app.records.revisions import State


def rounded(resource: Resource, rounding: int, fields: Sequence[str], hidden: Sequence[str] = ()) -> Resource:
    """The same list; every whole number in these fields of a result, however deep, rounded down to a multiple.

    `hidden` are fields that tell of single events, and are null.
    """
    if rounding == 1:
        return resource

    async def find(connection: Connection, wanted: Wanted, state: State) -> Page:
        page = await resource.find(connection, wanted, state)
        nothing = dict.fromkeys(hidden)
        rows = ({**row, **{name: _round_down(row[name], rounding) for name in fields}, **nothing} for row in page.rows)
        return replace(page, rows=tuple(rows))

    return replace(resource, find=find)


def _round_down(value: Any, rounding: int) -> Any:
    if isinstance(value, dict):
        return {name: _round_down(one, rounding) for name, one in value.items()}
    if isinstance(value, list):
        return [_round_down(one, rounding) for one in value]
    return value // rounding * rounding if isinstance(value, int) and not isinstance(value, bool) else value
