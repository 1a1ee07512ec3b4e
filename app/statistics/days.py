"""Days: what was counted on each day as of one revision, kept in memory, so that any window and grain is cut from it.

A revision never changes, and a count of any stretch of days is one running sum less another. So a question that is
asked again and again is read once for all time, day by day, by the statements that answer it anyway; whatever window
and grain it is then asked with takes no SQL. What is kept are counts, as in the tally: nothing that a removal takes.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from math import ceil, floor
from operator import sub
from typing import Any

from app.db.database import Connection
from app.db.turns import LARGE_ROWS, aside
from app.records.revisions import State
from app.statistics.grid import Combination, Grid, LeftOut, Place, Values, fetch_each, rows_limit, taken_out
from app.statistics.measure import Measure
from app.statistics.periods import Grain, Window, period_with
from app.statistics.plan import Plan

DAYS_A_TIME = 8192
"""So many days are reckoned to take as long to read as one answer by SQL spares."""
MOST_DAYS = 1_000_000
"""A question of more is never read day by day."""
LARGEST_PART = 8
"""No question takes more than this part of the room."""
_VALUES = 64  # reckoned of each combination, where values are ranked
_SPARSE = 8  # of the days of one value, one in so many is reckoned to have any
_MOST_ASKED = 4096  # questions of which it is remembered how often they were asked
_COURSE_BYTES = 512  # of a course, beside its numbers
_ENTRY_BYTES = 2048
_ROW_DAYS = 50  # so many take as long to add up as a row to make
_QUARTILES = (0.25, 0.5, 0.75)
_SIGNIFICANT, _DIGITS = 16, 4  # of Postgres's numeric: digits of a quotient at least, and of one of its own places


@dataclass(frozen=True, slots=True)
class Course:
    """Some counts of one combination over time.

    `days`  numbers of the days on which there is any, rising; 1 is 0001-01-01
    `sums`  for each count, what it came to before each of these days; at the end, in all
    """

    days: "array[int]"
    sums: "tuple[array[int], ...]"

    @classmethod
    def of(cls, days: Sequence[int], counts: Iterable[Sequence[int]]) -> "Course":
        """From days, rising, and the counts on them."""
        return cls(array("i", days), tuple(array("q", accumulate(one, initial=0)) for one in counts))

    @property
    def size_bytes(self) -> int:
        """What it takes, roughly."""
        return _COURSE_BYTES + sum(one.itemsize * len(one) for one in (self.days, *self.sums))

    def within(self, first: int, last: int) -> tuple[int, ...]:
        """Each count from a day to another, both included."""
        place, end = bisect_left(self.days, first), bisect_right(self.days, last)
        return tuple([one[end] - one[place] for one in self.sums])

    def by_period(self, grain: Grain, first: int, last: int) -> Iterator[tuple[date, tuple[int, ...]]]:
        """The first day of each period with any day from a day to another, and each count in it."""
        days, starts = self.days, list[date]()
        place, end = bisect_left(days, first), bisect_right(days, last)
        places = [place]
        while place < end:
            day = days[place]
            period = period_with(grain, day)
            starts.append(period.first)
            left = period.last.toordinal() - day + 1  # more days than these the period cannot have
            place = bisect_left(days, day + left, place, min(end, place + left))
            places.append(place)
        sums = [[one[place] for place in places] for one in self.sums]
        return zip(starts, zip(*(map(sub, one[1:], one) for one in sums), strict=True), strict=True)

    def after(self, last: int) -> tuple[int, ...]:
        """Each count after a day."""
        place = bisect_right(self.days, last)
        return tuple([one[-1] - one[place] for one in self.sums])


@dataclass(frozen=True, slots=True)
class Days:
    """What one question counts, day by day, whatever its window and grain.

    `names`    of the counts of a course
    `courses`  by combination
    `ranked`   by the column whose values are ranked: for each combination values, rising, and the course of each
    `undated`  by count, how many have no day
    """

    names: tuple[str, ...]
    courses: Mapping[Combination, Course]
    ranked: Mapping[str, Mapping[Combination, Sequence[tuple[int, Course]]]]
    undated: Mapping[str, int]

    @property
    def size_bytes(self) -> int:
        """What it takes, roughly."""
        return _ENTRY_BYTES + sum(course.size_bytes for course in self._all())

    def _all(self) -> Iterator[Course]:
        yield from self.courses.values()
        for held in self.ranked.values():
            yield from (course for values in held.values() for _, course in values)

    def values(self, plan: Plan) -> dict[Place, dict[str, Any]]:
        """The values of a plan of this question, by place: those of its statements, but for their order."""
        assert plan.window
        grain, first, last = plan.question.grain, plan.window.first.toordinal(), plan.window.last.toordinal()
        values: dict[Place, dict[str, Any]] = {}
        for combination, course in self.courses.items():
            for day, counts in _parts(course, grain, first, last):
                if any(counts):
                    values[day, combination] = dict(zip(self.names, counts, strict=True))
        for column, held in self.ranked.items():
            for combination, courses in held.items():
                found: dict[date | None, list[tuple[int, int]]] = {}
                for value, course in courses:
                    for day, (n,) in _parts(course, grain, first, last):
                        if n > 0:
                            found.setdefault(day, []).append((value, n))
                for day, counted in found.items():
                    values.setdefault((day, combination), {}).update(_spread(column, counted))
        return values

    def left_out(self, plan: Plan) -> LeftOut:
        """What a plan of this question leaves out, by count: without a day (True), or after the record's last."""
        late: dict[str, int] = {}
        if plan.last_counted is not None:
            last = plan.last_counted.toordinal()
            late = dict.fromkeys((*self.names, *plan.ranked), 0)
            for course in self.courses.values():
                for name, n in zip(self.names, course.after(last), strict=True):
                    late[name] += n
            for population, measure in plan.ranked.items():
                for values in self.ranked[_column(measure)].values():
                    late[population] += sum(course.after(last)[0] for _, course in values)
        return {True: dict(self.undated), False: late}

    def work(self, plan: Plan) -> int:
        """How many pieces are cut for a plan, each about as much work as a row to make."""
        courses = list(self._all())
        if plan.question.grain is None:
            return len(courses)
        return min(len(courses) * plan.periods, sum(len(course.days) for course in courses))


@dataclass(slots=True)
class _Asked:
    """A question that SQL answered.

    `is_of_days`  whether it adds up days
    `values`      how many are reckoned to be ranked in each combination; 1 where none are
    `days`        how many there may be to read for it, of each value
    """

    is_of_days: bool
    values: int
    times: int = 0
    days: int = 0
    is_being_read: bool = False

    @property
    def is_worth_it(self) -> bool:
        """Whether reading it for all time takes no longer than answering it has taken by now, and is not too much."""
        if not self.is_of_days or self.days * self.values > MOST_DAYS * (_SPARSE if self.values > 1 else 1):
            return False
        return self.times > 1 + self.days * self.values // DAYS_A_TIME


class KnownDays:
    """Days of the questions that are asked most, at most `limit_bytes` of them; those used longest ago go first.

    A question is read for all time once its answers by SQL have taken about as long: what is asked once costs no more
    than it did. Who asks while it is being read is answered by SQL.
    """

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self._kept: OrderedDict[Hashable, Days] = OrderedDict()
        self._asked: OrderedDict[Hashable, _Asked] = OrderedDict()

    async def read(self, connection: Connection, plan: Plan, state: State, cells_limit: int) -> "Cut | None":
        """What a plan about a state counts; None where SQL has to answer, which also tells of too many cells."""
        days = await self._find(connection, plan, state) if plan.window and not plan.span else None
        if days is None:
            return None
        work = days.work(plan)
        cut = await aside(work, lambda: Cut.of(days, plan, is_small=work < LARGE_ROWS))
        return cut if len(cut.grid.values) <= rows_limit(plan, cells_limit) else None

    def note(self, plan: Plan, state: State, grid: Grid, covered: Window) -> None:
        """Take note of an answer by SQL, about a record that covers so many days."""
        if not self._limit_bytes or not plan.window or plan.span:
            return
        key = _key(plan, state)
        asked = self._asked.get(key)
        if asked is None:
            asked = self._asked[key] = _Asked(plan.is_of_days, _VALUES if plan.ranked else 1)
        combinations = len({combination for _, combination in grid.values})
        asked.times += 1
        asked.days = max(asked.days, combinations * ((covered.last - covered.first).days + 1))
        self._asked.move_to_end(key)
        if len(self._asked) > _MOST_ASKED:
            self._asked.popitem(last=False)

    async def _find(self, connection: Connection, plan: Plan, state: State) -> Days | None:
        key = _key(plan, state)
        days = self._kept.get(key)
        if days is not None:
            self._kept.move_to_end(key)
            return days
        asked = self._asked.get(key)
        if asked is None or asked.is_being_read or not asked.is_worth_it:
            return None
        asked.is_being_read = True
        try:
            days = await _read(connection, plan)
        finally:
            asked.is_being_read = False
        asked.times = 0  # where it proves too large, it is not soon read again
        size_bytes = days.size_bytes
        if size_bytes > self._limit_bytes // LARGEST_PART:
            return days
        self._kept[key] = days
        self.size_bytes += size_bytes
        while self.size_bytes > self._limit_bytes:
            _, gone = self._kept.popitem(last=False)
            self.size_bytes -= gone.size_bytes
        return days


@dataclass(frozen=True, slots=True)
class Cut:
    """What a plan's statements would have found; `is_small`: with little work."""

    grid: Grid
    left_out: LeftOut
    is_small: bool

    @classmethod
    def of(cls, days: Days, plan: Plan, *, is_small: bool) -> "Cut":
        """The window and grain of a plan, cut out of its question's days."""
        values = days.values(plan)
        base = taken_out(values, plan) if plan.has_base_in_rows else None
        return cls(Grid(values, base), days.left_out(plan), is_small)


def _key(plan: Plan, state: State) -> Hashable:
    """All that days depend on. A number alone would do, were it not for databases that are restored."""
    question = plan.question
    measures = tuple(measure.id for measure in question.measures)
    return state.revision, state.published_at, measures, question.dimensions, question.filters, tuple(plan.available)


async def _read(connection: Connection, plan: Plan) -> Days:
    """One round trip for all that a question counts, on every day and on none."""
    plan = plan.day_by_day()
    main = [plan.main(with_base=plan.has_base_in_rows)] if plan.counts else []
    ranked = list(plan.ranked.values())
    left_out = list(plan.left_out())
    statements = [reading.courses() for reading in (*main, *map(plan.by_value, ranked))]
    found = await fetch_each(connection, [*statements, *(reading.all() for reading in left_out)])

    def made() -> Days:
        rows = iter(found)
        names = main[0].names if main else ()
        courses = {tuple(row[: -1 - len(names)]): _course(row, len(names)) for row in next(rows)} if main else {}
        values = {_column(measure): _by_combination(next(rows)) for measure in ranked}
        undated = dict[str, int]()
        for reading in left_out:
            for is_undated, *counts in next(rows):
                undated |= zip(reading.names, counts, strict=True) if is_undated else ()
        return Days(names, courses, values, undated)

    return await aside(sum(len(row[-1]) for rows in found[: len(statements)] for row in rows) // _ROW_DAYS, made)


def _column(measure: Measure) -> str:
    """The column whose values a measure ranks."""
    assert measure.spread
    return measure.spread.column


def _course(row: Sequence[Any], counts: int = 1) -> Course:
    """From the end of a row: its days, and each count on them."""
    return Course.of(row[-1 - counts], row[len(row) - counts :])


def _by_combination(rows: Iterable[Sequence[Any]]) -> dict[Combination, list[tuple[int, Course]]]:
    """From rows of codes, a value, its days and counts."""
    found: dict[Combination, list[tuple[int, Course]]] = {}
    for row in sorted(rows, key=lambda row: row[-3]):
        found.setdefault(tuple(row[:-3]), []).append((row[-3], _course(row)))
    return found


def _parts(course: Course, grain: Grain | None, first: int, last: int) -> Iterable[tuple[date | None, tuple[int, ...]]]:
    """By period, or in all where there is no grain."""
    if grain is None:
        return ((None, course.within(first, last)),)
    return course.by_period(grain, first, last)


def _spread(column: str, counted: Sequence[tuple[int, int]]) -> Values:
    """How many values there are, their quartiles and mean, from values, rising, and how many there are of each."""
    upto = list(accumulate(n for _, n in counted))
    n, total = upto[-1], sum(value * n for value, n in counted)
    quartiles = [_quantile(counted, upto, part * (n - 1)) for part in _QUARTILES]
    return {f"{column}_n": n, f"{column}_quartiles": quartiles, f"{column}_mean": _quotient(total, n)}


def _quantile(counted: Sequence[tuple[int, int]], upto: Sequence[int], place: float) -> float:
    """The value at a place, the first being 0, on the line between its neighbours; reckoned as `plan` has it in SQL."""
    below, above = (counted[bisect_right(upto, side(place))][0] for side in (floor, ceil))
    return below + (place - floor(place)) * (above - below)


def _quotient(total: int, n: int) -> float:
    """A mean as Postgres's numeric has it: of digits that tell it keeps sixteen at least (`select_div_scale`)."""
    (weight, first), (by_weight, by_first) = _leading(total), _leading(n)
    scale: int = max(0, _SIGNIFICANT - _DIGITS * (weight - by_weight - (first <= by_first)))
    power: int = 10**scale
    return (2 * total * power + n) // (2 * n) / power


def _leading(number: int) -> tuple[int, int]:
    """Which of Postgres's places of four digits is a number's first, and what stands there."""
    weight = 0
    while number >= 10**_DIGITS:
        number //= 10**_DIGITS
        weight += 1
    return weight, number
