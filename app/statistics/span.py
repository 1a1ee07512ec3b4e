"""Span: which entries a statement reads: those of a state, of a change between two, or of a state for each period."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from app.statistics.periods import Period
from app.statistics.select import Select
from app.statistics.sums import ALL_COURTS, blocks


class Span(Protocol):
    """Narrows a statement; `sums` are those of the tally from which it can be read."""

    def sums(self, available: Collection[str]) -> Collection[str]:
        """Which of the sums at hand serve."""

    def narrow(self, select: Select, revision: int) -> None:
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

    def narrow(self, select: Select, revision: int) -> None:
        """Let a statement about a revision read only these entries."""
        since, until = select.add(self.since), select.add(revision)
        select.where.append(f"revision > {since} AND revision <= {until} AND cause = {select.add(self.cause)}")


@dataclass(frozen=True, slots=True)
class History:
    """What each revision until then wrote: the revision becomes the first group."""

    def sums(self, available: Collection[str]) -> Collection[str]:
        """None of them: their blocks hold several revisions."""
        del available
        return ()

    def narrow(self, select: Select, revision: int) -> None:
        """Let a statement about a revision read only these entries."""
        select.where.append(f"revision <= {select.add(revision)}")
        select.groups.append("revision")


@dataclass(frozen=True, slots=True)
class Vintages:
    """The state of each period as of a revision of its own; a period that has none is left out."""

    revisions: Mapping[Period, int]

    def sums(self, available: Collection[str]) -> Collection[str]:
        """All of them: each period is read from the blocks of its own revision."""
        return available

    def narrow(self, select: Select, revision: int) -> None:
        """Let a statement about a revision read only these entries."""
        del revision
        by_block = select.source is not None
        cuts = [
            (period.first, period.last, number)
            for period, until in self.revisions.items()
            for number in (blocks(until) if by_block else (until,))
        ]
        firsts, lasts, ats = ([cut[place] for cut in cuts] for place in range(3))
        arrays = f"{select.add(firsts)}::date[], {select.add(lasts)}::date[], {select.add(ats)}::int[]"
        on = "day BETWEEN cut_first AND cut_last"
        select.joined = f" JOIN unnest({arrays}) AS cuts (cut_first, cut_last, cut_at) ON {on}"
        if select.source is None:
            select.where.append("revision <= cut_at")
            return
        select.where.append(f"sum = {select.add(select.source.name)} AND block = cut_at")
        if not select.source.is_by_court:
            select.where.append(f"court = '{ALL_COURTS}'")
