"""Beside: what may be told along with the counts of a question, never in their place."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.errors import Fault
from app.statistics.measure import Kind, Measure
from app.statistics.periods import Grain
from app.statistics.question import Question

LAG_WEEKS_LIMIT = 520


class Vintage(StrEnum):
    """Of which state of the record each cell is."""

    LATEST = "latest"
    FIRST = "first"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Beside:
    """What is asked beside the counts.

    `lag_weeks`  with `first`: weeks after the end of each period; None: not asked
    """

    vintage: Vintage = Vintage.LATEST
    lag_weeks: int | None = None
    has_nowcast: bool = False
    has_signal: bool = False

    def faults(self, question: Question, *, is_rounded: bool = False) -> Iterator[Fault]:
        """What does not go together; `is_rounded`: the caller is told rounded counts only."""
        yield from self._faults_of_vintage(question)
        extras = {"nowcast": self.has_nowcast, "signal": self.has_signal}
        for name in (name for name, is_asked in extras.items() if is_asked):
            if is_rounded:
                detail = f"{name} is reckoned from exact counts, which are told to callers with a key."
                yield Fault("needs-key", detail, parameter=name)
            elif question.grain is None:
                detail = f"{name} speaks of periods, so group_by needs a grain, such as week."
                yield Fault("needs-grain", detail, parameter=name)
            elif self.vintage is not Vintage.LATEST:
                detail = f"{name} speaks of the latest figures; leave out vintage and lag, or ask as_of a day."
                yield Fault("exclusive", detail, parameter=name)
        if self.has_signal and question.grain not in (None, Grain.WEEK):
            detail = f"signal compares a week with those before it, so group_by takes week here, not {question.grain}."
            yield Fault("needs-week", detail, parameter="signal")

    def _faults_of_vintage(self, question: Question) -> Iterator[Fault]:
        name = "vintage" if self.lag_weeks is None else "lag"
        if self.lag_weeks is not None and self.vintage is not Vintage.FIRST:
            detail = "lag says which first vintage is meant; give it with vintage=first."
            yield Fault("exclusive", detail, parameter="lag")
        if self.vintage is Vintage.FIRST and question.grain is None:
            detail = "A first vintage is of a period that has ended, so group_by needs a grain, such as week."
            yield Fault("needs-grain", detail, parameter=name)
        if self.vintage is Vintage.LATEST:
            return
        views = {"transform": question.transform is not None, "bounds": question.has_bounds}
        for view in (view for view, is_asked in views.items() if is_asked):
            detail = f"{view} is of the figures of one state; leave out vintage and lag, or ask as_of a day."
            yield Fault("exclusive", detail, parameter=view)
        for measure in question.measures:
            if not has_vintages(measure, self.vintage):
                detail = f"{measure.id} has no vintage={self.vintage}; ask it as_of a day or at a revision instead."
                yield Fault("no-vintage", detail, parameter=name)


def has_vintages(measure: Measure, vintage: Vintage) -> bool:
    """Whether the measure of one period can be told as of a revision of its own.

    A stock reaches beyond its period, and a base that moves with the record's end has no history of its own. All
    vintages are sums over revisions, which only counts and their shares have.
    """
    ratio = measure.ratio
    if measure.kind is Kind.STOCK or (ratio and (ratio.not_yet or ratio.over)):
        return False
    return vintage is not Vintage.ALL or measure.kind in (Kind.COUNT, Kind.RATIO)
