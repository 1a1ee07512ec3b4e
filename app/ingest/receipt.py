"""The receipt of a batch: what became of its rows, and what its sender should know."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.ingest.record import Refused

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

    def refuse(self, refusal: Refused) -> None:
        """Count a refused row, and keep its place and reason."""
        self.counts["refused"] += 1
        if len(self.refused) < REFUSED_KEPT:
            self.refused.append(refusal)

    def skip(self, reason: str) -> None:
        """Count a row that is no case of ours."""
        self.counts["skipped"] += 1
        self.skipped[reason] += 1

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
    """What a batch did. `applied` is false where nothing was written to the record."""

    batch_id: UUID
    revision: int | None
    published_at: datetime | None
    applied: bool
    tallied: Tallied

    def as_json(self) -> dict[str, Any]:
        """The receipt as it is shown and kept; the first hundred refused rows stand in it."""
        counts = self.tallied.counts
        return {
            "batch_id": str(self.batch_id),
            "revision": self.revision,
            "published_at": self.published_at.isoformat() if self.published_at else None,
            "applied": self.applied,
            "counts": {"received": self.tallied.received, **{outcome: counts[outcome] for outcome in OUTCOMES}},
            "skipped": dict(sorted(self.tallied.skipped.items())),
            "refused": [_refusal(refusal) for refusal in self.tallied.refused[:SHOWN]],
            "warnings": list(self.tallied.warnings.values()),
            "possible_duplicates": self.tallied.possible_duplicates,
        }


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


def _refusal(refusal: Refused) -> dict[str, Any]:
    return {"pointer": refusal.place, "code": refusal.code, "detail": refusal.detail, **refusal.identifiers}
