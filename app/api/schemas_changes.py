"""Shapes of what moved: changes, and the history of one case."""

from datetime import datetime
from typing import Annotated, Any

from app.api.schemas import Listed, Shape, _code, _described


class Difference(Shape):
    """One field of a case that moved."""

    field: Annotated[str, _described("Dotted name as in `layers`: decided_on, defendants.d1.sentence.term_months.")]
    before: Annotated[Any, _described("Its value in the version before; null where there was none.")]
    after: Annotated[Any, _described("Its value from this revision on; null where there is none any more.")]
    layer: Annotated[str | None, _described("The layer it comes from; null where it is worked out.")]


class Change(Shape):
    """What one revision did to one case."""

    revision: int
    published_at: datetime
    id: Annotated[str, _described("Id of the case.")]
    court: str
    version: Annotated[int, _described("The version that it has from then on.")]
    change: Annotated[str, _code("change")]
    cause: Annotated[str, _described("Why the revision was made.")]
    causes: Annotated[list[str], _described("Causes of what moved in the statistics; empty where nothing did.")]
    source: str
    layer: str | None
    author: Annotated[str, _described("Id of the key that brought it in.")]
    note: str | None
    differences: Annotated[list[Difference], _described("By field; applied to the version before they give this one.")]


class ChangeList(Listed):
    """A page of changes."""

    results: list[Change]
