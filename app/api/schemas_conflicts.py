"""Shapes of conflicts."""

from datetime import date
from typing import Annotated, Any

from app.api.schemas import Listed, Meta, Shape, Source, _code, _described


class Word(Shape):
    """What one layer says."""

    value: Annotated[Any, _described("Null where the layer denies the other's value and states none.")]
    seen_on: date
    revision: Annotated[int, _described("The revision that brought the statement.")]
    sources: list[Source]


class Conflict(Shape):
    """Something about a case that a curator should settle."""

    id: Annotated[str, _described("Lasting while the conflict stands; once a value moves it is another.")]
    kind: Annotated[str, _code("conflict_kind")]
    court: str
    case: Annotated[str, _described("Id of the case.")]
    other: Annotated[str | None, _described("Id of the case that may be the same.")]
    field: Annotated[str | None, _described("Dotted name of the field in dispute.")]
    court_card: Word | None
    newsroom: Word | None
    reasons: Annotated[list[str], _described("Why two cases may be one: two-keys, same-uid-and-receipt.")]
    since: Annotated[int, _described("Revision from which on it stands.")]


class ConflictAnswer(Conflict):
    """One conflict, and of which state it tells."""

    meta: Meta


class ConflictList(Listed):
    """A page of conflicts."""

    results: list[Conflict]
