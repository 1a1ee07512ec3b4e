"""Shapes of what curators send and are answered."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from app.api.schemas import Case, Shape

Note = Annotated[
    str | None,
    StringConstraints(strip_whitespace=True, max_length=2000),
    Field(description="Why, in the curator's words. It is shown with the revision: no names of persons."),
]


class Withdrawal(Shape):
    """Why a case is withdrawn."""

    cause: Literal["withdrawal"] = "withdrawal"
    note: Note = None


class Restoration(Shape):
    """Why a withdrawal or a merge is taken back."""

    cause: Literal["restoration"] = "restoration"
    note: Note = None


class Merger(Shape):
    """Why a case is the duplicate of another."""

    cause: Literal["duplicate"] = "duplicate"
    note: Note = None


class CaseAct(Shape):
    """What an act on a case did: its batch, its revision (null where nothing changed), and the case as it is now."""

    batch_id: UUID
    revision: int | None
    applied: bool
    case: Case
