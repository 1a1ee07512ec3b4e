"""The receipt of a batch: what became of its rows, and what its sender should know."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.ingest.record import Refused
from app.statistics.effect import Moved

OUTCOMES = (
    "created",
    "changed",
    "unchanged",
    "stale",
    "superseded_in_file",
    "suppressed",
    "skipped",
    "refused",
)
SHOWN = 100  # refused rows and possible duplicates shown in a receipt
EFFECT_SHOWN = 600  # numbers moved that a receipt shows; it counts all
REFUSED_KEPT = 200_000  # refused rows kept to be listed beside the input


@dataclass(slots=True)
class Tallied:
    """What is learnt of a batch while its rows are read and merged."""

    received: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    refused: list[Refused] = field(default_factory=list)
    warnings: dict[str, dict[str, Any]] = field(default_factory=dict)
    possible_duplicates: list[dict[str, Any]] = field(default_factory=list)
    defendants_changed: list[dict[str, Any]] = field(default_factory=list)

    def confuse(self, place: str, court: str, case_id: str) -> None:
        """Keep a row whose defendants could not be told apart from those held, so that nothing moved."""
        if len(self.defendants_changed) < SHOWN:
            self.defendants_changed.append({"place": place, "court": court, "case": case_id})

    def refuse(self, refusal: Refused) -> None:
        """Count a refused row, and keep its place and reason."""
        self.counts["refused"] += 1
        if len(self.refused) < REFUSED_KEPT:
            self.refused.append(refusal)

    def skip(self, reason: str) -> None:
        """Count a row that is no case of ours."""
        self.counts["skipped"] += 1
        self.skipped[reason] += 1

    def take_as_unchanged(self, receipt: Mapping[str, Any]) -> None:
        """Tell of a file what the kept receipt of the same file tells, of whose rows nothing is new any more."""
        counts = receipt["counts"]
        self.received = counts["received"]
        self.skipped = Counter(receipt["skipped"])
        self.counts.update({outcome: counts[outcome] for outcome in ("skipped", "suppressed")})
        self.counts["unchanged"] = self.received - counts["skipped"] - counts["suppressed"]
        self.warnings = {warning["code"]: warning for warning in receipt["warnings"]}

    def warn(self, code: str, detail: str | None = None, place: str | None = None) -> None:
        """Count a warning under its code; the first place stands for all."""
        warning = self.warnings.setdefault(code, {"code": code, "count": 0})
        warning["count"] += 1
        if detail is not None:
            warning.setdefault("detail", detail)
        if place is not None:
            warning.setdefault("first", place)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a batch did, or would do.

    `applied` is false where nothing was written to the record; `is_refused`: because rows were refused; `more` is what
    only some receipts say.
    """

    batch_id: UUID
    revision: int | None
    applied: bool
    tallied: Tallied
    effect: tuple[Moved, ...] = ()
    is_refused: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The receipt as it is shown and kept; the first hundred refused rows stand in it."""
        counts = self.tallied.counts
        shown = {
            "batch_id": str(self.batch_id),
            "revision": self.revision,
            "applied": self.applied,
            "counts": {"received": self.tallied.received, **{outcome: counts[outcome] for outcome in OUTCOMES}},
            "skipped": dict(sorted(self.tallied.skipped.items())),
            "refused": [_refusal(refusal) for refusal in self.tallied.refused[:SHOWN]],
            "warnings": list(self.tallied.warnings.values()),
            "possible_duplicates": self.tallied.possible_duplicates,
            "defendants_changed": self.tallied.defendants_changed,
            "effect": [asdict(moved) for moved in self.effect[:EFFECT_SHOWN]],
            "effect_total": len(self.effect),
            **self.more,
        }
        return in_order(shown)


@dataclass(frozen=True, slots=True)
class Options:
    """How a batch is to be taken."""

    layout: str
    layer: str
    source: str
    author: str
    seen_on: date | None = None  # of rows that do not say; else the day of loading
    published_at: datetime | None = None  # backdated: synthetic or archive revisions only
    is_synthetic: bool = False
    is_trial: bool = False  # validate only
    skips_refused: bool = False
    max_affected: int | None = None  # existing cases that it may change


_ORDER = {  # of the members of what stands in a receipt; others follow by name
    "": (
        *("batch_id", "revision", "applied", "counts", "skipped", "refused", "warnings"),
        *("possible_duplicates", "defendants_changed", "effect", "effect_total"),
    ),
    "counts": ("received", *OUTCOMES),
    "refused": ("pointer", "code", "detail"),
    "warnings": ("code", "count", "detail", "first"),
    "possible_duplicates": ("place", "court", "reason", "one", "other"),
    "defendants_changed": ("place", "court", "case"),
    "effect": ("measure", "period", "before", "after"),
}


def in_order(receipt: dict[str, Any]) -> dict[str, Any]:
    """A receipt with all members in their order, which jsonb does not keep; an older one had fewer."""
    whole = {"defendants_changed": [], "effect": [], "effect_total": 0, **receipt}
    return {name: _put_in_order(name, value) for name, value in _put_in_order("", whole).items()}


def _put_in_order(name: str, value: Any) -> Any:
    if isinstance(value, list):
        return [_put_in_order(name, item) for item in value]
    if not isinstance(value, dict):
        return value
    first = [member for member in _ORDER.get(name, ()) if member in value]
    return {member: value[member] for member in (*first, *sorted(value.keys() - set(first)))}


def _refusal(refusal: Refused) -> dict[str, Any]:
    return {"pointer": refusal.place, "code": refusal.code, "detail": refusal.detail, **refusal.identifiers}
