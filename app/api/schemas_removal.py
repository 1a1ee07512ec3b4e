"""Shapes of the removal of a person's data."""

from typing import Annotated, Literal

from pydantic import Field

from app.api.schemas import Shape, _described


class RemovalOrder(Shape):
    """Why personal data is removed; a code and no words, so that none of them can name anybody."""

    reason: Annotated[
        Literal["request", "court_order", "minor", "mistake", "other"] | None,
        Field(description="At the person's request; by order of a court; a minor; entered by mistake; other."),
    ] = None


class RemovalDone(Shape):
    """What a removal did."""

    id: str
    revision: Annotated[int | None, _described("The revision that tells of it; null where nothing was left to remove.")]
    applied: bool
    identifiers: Annotated[int, _described("How many numbers, cards and UIDs will be recognised and kept out.")]
    related: Annotated[
        list[str],
        _described("Cases by which the person may still be found: of the same UID, or duplicates. Remove them too."),
    ]
