"""Delays: how the counts of past periods grew from revision to revision, read from the ledger."""

import asyncio
from bisect import bisect_left
from collections import OrderedDict, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.records.revisions import State
from app.statistics.grid import Combination, fetch, learnt_places
from app.statistics.measure import Kind, Measure
from app.statistics.measures import COUNTS
from app.statistics.nowcast import HORIZON_DAYS, TRAINED_ON, Development, Ladder, Past, build_ladder
from app.statistics.periods import Grain, Period, Window, list_periods, number_of, numbered
from app.statistics.question import Question
from app.statistics.select import Counted, Select, Statement
from app.statistics.vintages import Published, after, find_published, start_of

ORDINARY = ("new", "late_reported", "corrected")
"""Causes by which a count grows as courts report. Other changes are no delay."""
_LOADS = """
SELECT l.court, r.published_at::date AS loaded_on
FROM (SELECT court, min(revision) AS revision
      FROM (SELECT court, revision FROM cases WHERE revision <= $1
            UNION ALL SELECT court, revision FROM coverage_windows WHERE revision <= $1) AS seen
      GROUP BY court) AS l
JOIN revisions r ON r.revision = l.revision
"""
_FIRST_OF_SOURCES = "SELECT min(revision) AS revision FROM revisions WHERE revision <= $1 GROUP BY source"
_DAY = timedelta(days=1)
_KEPT = 64  # series; one holds a few numbers for each period and combination


def count_behind(measure: Measure) -> str | None:
    """The count whose growth a measure follows: its own, its denominator, its population; None where it has none."""
    if measure.kind in (Kind.STOCK, Kind.ANY_CHARGE):
        return None
    return measure.counted_in if measure.counted_in in COUNTS else None


def has_nowcast(measure: Measure) -> bool:
    """Whether it is a plain count: those that a nowcast and a signal are made for."""
    return measure.kind is Kind.COUNT and count_behind(measure) is not None


@dataclass(frozen=True, slots=True)
class Delays:
    """What is known of the delays of one question as of one state.

    `ladders`   by count and by the codes of its learnt dimensions (others share theirs)
    `past`      by the same: the periods that taught it
    `ordinary`  by count, first day of the period and codes of all dimensions: what was reported in the ordinary way;
                only where it was asked for
    """

    grain: Grain
    published_at: datetime
    learnt: tuple[int, ...]
    periods: tuple[Period, ...]
    ladders: Mapping[tuple[str, Combination], Ladder]
    past: Mapping[tuple[str, Combination], tuple[Past, ...]]
    ordinary: Mapping[str, Mapping[tuple[date, Combination], int]]

    def age(self, period: Period) -> float | None:
        """Days from the end of a period to the publication of the state; None: it is not over."""
        return age_at(period, self.published_at)

    def ladder(self, count: str, codes: Combination) -> Ladder | None:
        """The ladder of a cell."""
        return self.ladders.get((count, tuple(codes[place] for place in self.learnt)))

    def known(self, count: str, codes: Combination) -> list[tuple[float, int]]:
        """Ages and ordinary counts of the latest periods of a cell, in order."""
        held = self.ordinary.get(count, {})
        ages = ((self.age(period), held.get((period.first, codes), 0)) for period in self.periods)
        return [(age, n) for age, n in ages if age is not None]


def age_at(period: Period, instant: datetime) -> float | None:
    """Days from the end of a period to an instant; None: it is not over."""
    ended = after(period)
    if ended is None or ended > instant:
        return None
    return (instant - ended) / _DAY


async def find_delays(
    connection: Connection, state: State, question: Question, *, with_cells: bool, periods_back: int = TRAINED_ON
) -> Delays:
    """How the counts of a question grew, as of a state; `with_cells` also what is known in each cell.

    Delays are estimated for the question with its filters: once for all courts, offences and other dimensions of the
    card together, apart for each value of a dimension learnt from a text, which becomes known at a pace of its own.
    Left out are the first revision of a source, days until the first load of their court, and other causes.

    Reads   of the ledger, the ordinary entries of the periods that teach (`periods_back` and the horizon), which
            revisions since then wrote
    """
    assert question.grain, "delays are of periods"
    published = await find_published(connection, state)
    periods = _teaching(question.grain, state, published, periods_back)
    learnt = learnt_places(question)
    counts = tuple(dict.fromkeys(name for name in map(count_behind, question.measures) if name))
    empty = Delays(question.grain, state.published_at, learnt, periods, {}, {}, {})
    if not counts or not periods:
        return empty
    reading = _Reading(question, counts, periods, state, published)
    loads = await connection.fetch(_LOADS, state.revision)
    firsts = [row["revision"] for row in await connection.fetch(_FIRST_OF_SOURCES, state.revision)]
    by_court = {row["court"]: row["loaded_on"] for row in loads}
    names = tuple(question.dimensions[place] for place in learnt)
    grown = await fetch(connection, reading.statement(("revision",), names, by_court, firsts))
    cells = await fetch(connection, reading.statement((), question.dimensions, by_court, firsts)) if with_cells else []

    def told() -> Delays:
        past = _past(grown, counts, periods, published, state.published_at)
        ladders = {key: build_ladder(one) for key, one in past.items()}
        ordinary = _ordinary(cells, counts, len(question.dimensions))
        return replace(empty, ladders=ladders, past=past, ordinary=ordinary)

    # each rung of a ladder is reckoned from all periods before it
    return await aside(len(grown) + len(cells) + len(periods) ** 2, told)


class KnownDelays:
    """Delays as of a revision, kept for the last series asked for: they never change.

    What several ask for at once is found once; should that fail, the next of them tries.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Delays] = OrderedDict()
        self._sought: dict[Hashable, asyncio.Event] = {}

    async def at(self, connection: Connection, state: State, question: Question, *, with_cells: bool) -> Delays:
        """As `find_delays`, without the periods that taught."""
        learnt = learnt_places(question)
        names = question.dimensions if with_cells else tuple(question.dimensions[place] for place in learnt)
        counts = tuple(map(count_behind, question.measures))
        key = (state.revision, state.published_at, question.grain, question.filters, counts, names, with_cells)
        while key not in self._kept and key in self._sought:
            await self._sought[key].wait()
        if key not in self._kept:
            self._sought[key] = found = asyncio.Event()
            try:
                self._kept[key] = replace(
                    await find_delays(connection, state, question, with_cells=with_cells), past={}
                )
            finally:
                del self._sought[key]
                found.set()
        self._kept.move_to_end(key)
        while len(self._kept) > _KEPT:
            self._kept.popitem(last=False)
        return replace(self._kept[key], learnt=learnt)


def _teaching(grain: Grain, state: State, published: Published, back: int) -> tuple[Period, ...]:
    """The periods that teach: wholly after the first publication, ended by now, no older than is needed."""
    today = state.published_at.astimezone(UTC).date()
    number = max(0, number_of(grain, today - timedelta(days=HORIZON_DAYS)) - back)
    begun = published.instants[0].astimezone(UTC).date()
    periods = list_periods(grain, Window(numbered(grain, number).first, today))
    return tuple(one for one in periods if one.first > begun and age_at(one, state.published_at) is not None)


@dataclass(frozen=True, slots=True)
class _Reading:
    """Statements over the ordinary entries of the periods that teach."""

    question: Question
    counts: Sequence[str]
    periods: Sequence[Period]
    state: State
    published: Published

    def statement(
        self,
        before: Sequence[str],
        dimensions: Iterable[str],
        loads: Mapping[str, date],
        firsts: Sequence[int],
    ) -> Statement:
        """Columns: those before, first day of the period, the dimensions, the counts."""
        select = Select(None)
        courts, loaded = select.add(list(loads)), select.add(list(loads.values()))
        select.joined = (
            f" JOIN unnest({courts}::text[], {loaded}::date[]) AS loads (loaded_court, loaded_on)"
            " ON loaded_court = court AND day > loaded_on"
        )
        since = self.published.first_since(start_of(self.periods[0].first)) or self.state.revision
        select.where.append(f"revision BETWEEN {select.add(since)} AND {select.add(self.state.revision)}")
        select.where.append(f"cause = ANY({select.add(list(ORDINARY))})")
        select.where.append(f"revision <> ALL({select.add(list(firsts))}::int[])")
        for entry in self.question.filters:
            select.filter(entry)
        select.between(Window(self.periods[0].first, self.periods[-1].last))
        select.groups += before
        select.group(self.question.grain, dimensions)
        reading = select.counts([Counted.of(COUNTS[name]) for name in self.counts], self.counts)
        return Statement(f"SELECT * FROM ({reading.grouped}) AS groups WHERE {reading.counted}", reading.args)


def _ordinary(rows: Iterable[Any], counts: Sequence[str], width: int) -> dict[str, dict[tuple[date, Combination], int]]:
    """By count, first day and codes, from rows of first day, codes, counts."""
    ordinary: dict[str, dict[tuple[date, Combination], int]] = {}
    for first, *row in rows:
        for name, n in zip(counts, row[width:], strict=True):
            ordinary.setdefault(name, {})[(first, tuple(row[:width]))] = n
    return ordinary


def _past(
    rows: Iterable[Any],
    counts: Sequence[str],
    periods: Sequence[Period],
    published: Published,
    now: datetime,
) -> dict[tuple[str, Combination], tuple[Past, ...]]:
    """Each series of developments, from rows of revision, first day, codes, counts."""
    at = dict(zip(published.revisions, published.instants, strict=True))
    steps: defaultdict[tuple[str, Combination], defaultdict[date, dict[datetime, int]]]
    steps = defaultdict(lambda: defaultdict(dict))
    active: set[datetime] = set()
    for revision, first, *row in rows:
        width, instant = len(row) - len(counts), at[revision]
        active.add(instant)
        for name, n in zip(counts, row[width:], strict=True):
            of = steps[(name, tuple(row[:width]))][first]
            of[instant] = of.get(instant, 0) + n
    instants = sorted(active)
    return {
        key: tuple(_developed(period, by_period.get(period.first, {}), instants, now) for period in periods)
        for key, by_period in steps.items()
    }


def _developed(period: Period, steps: Mapping[datetime, int], instants: Sequence[datetime], now: datetime) -> Past:
    """How the count of a period grew, with a place for every publication of the series since it began."""
    age, ended = age_at(period, now), after(period)
    assert age is not None
    assert ended is not None
    since = instants[bisect_left(instants, start_of(period.first)) :]
    ages = tuple((instant - ended) / _DAY for instant in since)
    return Past(age, Development(ages, tuple(accumulate(steps.get(instant, 0) for instant in since))))
