"""Definitions: what counts, numbered. An earlier one stays, so that what it counted can be counted again."""

from collections.abc import Callable
from dataclasses import dataclass

from app.db.database import load_sql
from app.records.resolve import Body, Effective, Gravity, resolve

Resolve = Callable[[Body | None, Body | None, Gravity], Effective]


@dataclass(frozen=True, slots=True)
class Definition:
    """One meaning of the numbers.

    `entries`  the statement that says what a version adds to the ledger, as `entries_sql` fills it in
    `resolve`  what makes a version of a card's and a newsroom's statement
    """

    entries: str
    resolve: Resolve = resolve


DEFINITIONS: dict[int, Definition] = {1: Definition(load_sql(__file__, "entries.sql"))}


def current() -> int:
    """The number of the definition by which this release counts."""
    return max(DEFINITIONS)


@dataclass(frozen=True, slots=True)
class Method:
    """By what a revision was counted: its set of courts and offences, and its definition."""

    reference: int
    definition: int
