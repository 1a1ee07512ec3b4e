"""Settling: cards are moved a little earlier or later until published figures come out to the unit."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from random import Random

from app.demo.calendar import NEVER, first_from, scrape_days, within
from app.demo.targets import Figure
from app.demo.timeline import Case

_FILES_LATER = 4


@dataclass(frozen=True, slots=True)
class Sight:
    """What of a case is counted, for which day, when it was first seen, and how to move that."""

    counted: Callable[[Case, Figure], int]
    is_movable: Callable[[Case], bool]  # it counts once, and nothing else hangs on that day
    counts_on: Callable[[Case], date | None]
    seen_on: Callable[[Case], date]
    possible_from: Callable[[Case], date]
    moved: Callable[[Case, date], Case]


def settled(cases: Iterable[Case], figures: Sequence[Figure], sight: Sight, chance: Random) -> tuple[Case, ...]:
    """The same cases, some seen on other days, so that each figure is met as of its own day.

    figures  in order of their days, so that no later one disturbs an earlier one
    Errors   ValueError when a figure cannot be met
    """
    by_id = {case.id: case for case in cases}
    met: list[Figure] = []
    for figure in figures:
        for case in _moves(tuple(by_id.values()), figure, tuple(met), sight, chance):
            by_id[case.id] = case
        met.append(figure)
    return tuple(by_id.values())


def _moves(cases: Sequence[Case], figure: Figure, met: Sequence[Figure], sight: Sight, chance: Random) -> list[Case]:
    surplus = sum(sight.counted(case, figure) for case in cases) - figure.count
    candidates = [case for case in cases if _is_movable(case, figure, met, sight)]
    seen = [case for case in candidates if sight.seen_on(case) <= figure.as_of]
    unseen = [case for case in candidates if sight.seen_on(case) > figure.as_of >= sight.possible_from(case)]
    seen.sort(key=lambda case: (sight.seen_on(case), case.id), reverse=True)
    unseen.sort(key=lambda case: (sight.seen_on(case), case.id))
    if surplus > len(seen) or -surplus > len(unseen):
        raise ValueError(f"cannot meet {figure}: off by {surplus}, movable {len(seen)} and {len(unseen)}")
    if surplus > 0:
        return [sight.moved(case, _later(figure.as_of, chance)) for case in seen[:surplus]]
    return [sight.moved(case, _earlier(case, figure, met, sight, chance)) for case in unseen[:-surplus]]


def _is_movable(case: Case, figure: Figure, met: Sequence[Figure], sight: Sight) -> bool:
    return sight.is_movable(case) and _concerns(figure, case, sight) and sight.seen_on(case) > _floor(case, met, sight)


def _concerns(figure: Figure, case: Case, sight: Sight) -> bool:
    """Whether the figure counts this movable case once it is seen."""
    day = sight.counts_on(case)
    return day is not None and figure.covers(day) and case.persons[0].principal.article in figure.articles


def _floor(case: Case, met: Sequence[Figure], sight: Sight) -> date:
    """The last day up to which what was seen of this case is already settled."""
    return max((figure.as_of for figure in met if _concerns(figure, case, sight)), default=date.min)


def _later(day: date, chance: Random) -> date:
    after = within(scrape_days(), day, NEVER)
    return chance.choice(after[:_FILES_LATER])


def _earlier(case: Case, figure: Figure, met: Sequence[Figure], sight: Sight, chance: Random) -> date:
    floor = _floor(case, met, sight)
    first = first_from(scrape_days(), sight.possible_from(case))
    return chance.choice([day for day in within(scrape_days(), floor, figure.as_of) if day >= first][-_FILES_LATER:])
