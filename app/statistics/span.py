"""Span: which entries a statement reads: those of a state, of a change between two, or of a state for each period."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from app.statistics.periods import Period, Window
from app.statistics.select import Select


class Span(Protocol):
    """Narrows a statement; `sums` are those of the tally from which it can be read."""

    def sums(self, available: Collection[str]) -> Collection[str]:
        """Which of the sums at hand serve."""

    def narrow(self, select: Select, revision: int, window: Window | None) -> None:
        """Let a statement about a revision read only these entries."""


@dataclass(frozen=True, slots=True)
class Change:
    """What the revisions after `since` wrote for one cause: the ledger alone knows causes."""

    since: int
    cause: str

    def sums(self, available: Collection[str]) -> Collection[str]:
        """None of them."""
        del available
        return ()

    def narrow(self, select: Select, revision: int, window: Window | None) -> None:
        """Let a statement about a revision read only these entries."""
        since, until = select.add(self.since), select.add(revision)
        select.where.append(f"revision > {since} AND revision <= {until} AND cause = {select.add(self.cause)}")
        if window:
            select.between(window)


@dataclass(frozen=True, slots=True)
class History:
    """What each revision until then wrote: the revision becomes the first group."""

    def sums(self, available: Collection[str]) -> Collection[str]:
        """None of them: their blocks hold several revisions."""
        del available
        return ()

    def narrow(self, select: Select, revision: int, window: Window | None) -> None:
        """Let a statement about a revision read only these entries."""
        select.where.append(f"revision <= {select.add(revision)}")
        select.groups.append("revision")
        if window:
            select.between(window)


@dataclass(frozen=True, slots=True)
class Vintages:
    """The state of each period as of a revision of its own, in the window; a period that has none is left out."""

    revisions: Mapping[Period, int]

    def sums(self, available: Collection[str]) -> Collection[str]:
        """All of them: each period is read from the blocks of its own revision."""
        return available

    def narrow(self, select: Select, revision: int, window: Window | None) -> None:
        """Let a statement about a revision read only these entries."""
        del revision  # each period has its own
        select.vintages({_within(period, window): until for period, until in self.revisions.items()})


def _within(period: Period, window: Window | None) -> Period:
    """The days of a period that lie in a window, which touches it."""
    if window is None or not period.is_cut_by(window):
        return period
    return replace(period, first=max(period.first, window.first), last=min(period.last, window.last))
