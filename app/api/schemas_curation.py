"""Shapes of what curators send and are answered."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, StringConstraints

from app.api.schemas import Case, Moved, Receipt, Shape

Note = Annotated[
    str | None,
    StringConstraints(strip_whitespace=True, max_length=2000),
    Field(description="Why, in the curator's words. It is shown with the revision: no names of persons."),
]


def _said(description: str, kind: str, **schema: Any) -> Any:
    return Field(description=description, json_schema_extra={"type": [kind, "null"], **schema})


_A_DAY = {"format": "date"}


class Correction(Shape):
    """What the newsroom says of a case: fields of the house record, checked as there.

    A field that is absent changes nothing; null takes back what the newsroom said.
    """

    model_config = ConfigDict(
        defer_build=True, extra="allow"
    )  # the house record's checks say more of a field that is none
    cause: Annotated[
        Literal["correction", "reclassification", "late_report"],
        Field(description="Under which cause the statistics list it: `corrected`, `reclassified`, `late_reported`."),
    ]
    note: Note = None
    received_on: Annotated[Any, _said("Day on which the court received the case.", "string", **_A_DAY)] = None
    arrival: Annotated[Any, _said("How it came to its court.", "string")] = None
    decided_on: Annotated[Any, _said("Day on which the court closed the case.", "string", **_A_DAY)] = None
    disposition: Annotated[Any, _said("How it ended.", "string")] = None
    in_force_on: Annotated[Any, _said("Day on which the decision came into force.", "string", **_A_DAY)] = None
    number: Annotated[Any, _said("One more number by which it is known.", "string")] = None
    previous_numbers: Annotated[Any, _said("Earlier numbers.", "array", items={"type": "string"})] = None
    uid: Annotated[Any, _said("Unique identifier (УИД).", "string")] = None
    card_guid: Annotated[Any, _said("GUID of the court's card.", "string")] = None
    defendants: Annotated[
        Any,
        _said(
            "Those spoken of, each by `id` or `ordinal`, with any of `service_status`, `disposition`, `decided_on`,"
            " `charges` (replaced together), `sentence` (field by field), `deny`. The next ordinal is a new one.",
            "array",
            items={"type": "object"},
        ),
    ] = None
    sources: Annotated[Any, _said("Where it was seen.", "array", items={"type": "object"})] = None
    deny: Annotated[
        Any,
        _said(
            "Fields in which the card is wrong though the right value is unknown.", "array", items={"type": "string"}
        ),
    ] = None


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
    effect: Annotated[list[Moved], Field(description="Which published numbers moved; the first 600.")]
    effect_total: int
    case: Case


class Resolution(Shape):
    """How a conflict is settled."""

    cause: Literal["resolution"] = "resolution"
    resolution: Annotated[
        Literal["court_card", "newsroom", "not_duplicates"],
        Field(
            description="`court_card`: the newsroom takes its value or its denial back. `newsroom`: it stays as it is."
            " `not_duplicates`: the two cases are two; a duplicate is merged instead."
        ),
    ]
    note: Note = None


class Undoing(Shape):
    """Why a batch is taken back."""

    cause: Literal["undo"] = "undo"
    note: Note = None


class NotUndone(Shape):
    """What stays as it is: a case and layer, and why. `revision` is that of the statement that stands."""

    id: str
    court: str
    layer: str
    reason: Literal["later_statement", "survivor", "no_survivor", "keys_of_another_case"]
    revision: int | None


class NotUndoneList(Shape):
    """How many cases and layers could not be taken back, and the first hundred."""

    count: int
    first: list[NotUndone]


class UndoReceipt(Receipt):
    """What an undo did, case by case and layer by layer."""

    undoes: Annotated[UUID, Field(description="The batch that was taken back.")]
    not_undone: NotUndoneList
