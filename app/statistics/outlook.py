"""Outlook: how complete the recent periods of an answer are, what they will come to, and which are unusual."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.records.revisions import State
from app.statistics.answer import Answer, find_answer
from app.statistics.beside import Beside
from app.statistics.codes import Codes
from app.statistics.delays import Delays, KnownDelays, count_behind, has_nowcast
from app.statistics.grid import Combination
from app.statistics.measure import Measure
from app.statistics.nowcast import HORIZON_DAYS, Nowcast
from app.statistics.periods import Period, period_of
from app.statistics.question import Question
from app.statistics.signal import BASELINE, FALSE_ALARMS, LEAST_COMPLETE, Expectation, Signal, expect, judge
from app.table import Column, Row, Table

_PERIOD_WIDTH = 4
_LAST_DAY = 2  # the place of a period's last day in its row
_BOUNDS = ("expected", "low50", "high50", "low80", "high80")
_SHORT = "too_little_history"
_TOO_LITTLE = {
    "code": _SHORT,
    "detail": "Of some recent periods it is not known how complete they are: too few periods have been observed from"
    " their end until they were complete. Their completeness is null, and they have no nowcast.",
}
_TOO_LITTLE_TO_NOWCAST = {
    "code": _SHORT,
    "detail": "Of some recent periods it is known how complete they usually are, and no more: a nowcast, whose error"
    " has to be known too, takes more periods that were observed until they were complete.",
}


async def with_outlook(
    connection: Connection,
    state: State,
    question: Question,
    known: Codes,
    answer: Answer,
    beside: Beside,
    *,
    is_rounded: bool = False,
    delays_at: KnownDelays | None = None,
) -> Answer:
    """The answer with `status` and `completeness` for each period, and what else is asked beside the counts.

    The counts stay as they are. Without a grain, or a row, there is nothing to add. Where counts are rounded, what
    derives from exact ones is not told: a recent period is provisional, and its completeness null. `delays_at` keeps
    the delays of series that were asked for before.
    """
    if question.grain is None or not answer.table.rows:
        return answer
    size = len(answer.table.rows)
    ends = [row[_LAST_DAY] for row in answer.table.rows]
    if not _is_recent(max(ends), state) and not (beside.has_nowcast or beside.has_signal):
        return await aside(size, lambda: _told(answer, [("final", 1.0)] * size, (), (), ()))
    cells = await aside(size, lambda: _Cells(question, answer.table))
    if is_rounded:
        by_age = _Teller(question, Delays(question.grain, state.published_at, (), (), {}, {}, {}))
        return await aside(size, lambda: _told(answer, [by_age.standing(*place) for place in cells.places], (), (), ()))
    with_cells = beside.has_nowcast or beside.has_signal
    delays = await (delays_at or KnownDelays()).at(connection, state, question, with_cells=with_cells)
    teller = _Teller(question, delays)
    standing = await aside(size, lambda: [teller.standing(period, codes) for period, codes in cells.places])
    more: list[list[Any]] = [[] for _ in answer.table.rows]
    columns: list[Column] = []
    if beside.has_nowcast:
        columns += [column for measure in _counts(question) for column in _nowcast_columns(measure)]
        more = await aside(size, lambda: _nowcasts(question, teller, cells))
    if beside.has_signal:
        columns += [column for measure in _counts(question) for column in _signal_columns(measure)]
        judged = await _find_signals(connection, state, question, known, teller, cells)
        more = [[*told, *signals] for told, signals in zip(more, judged, strict=True)]
    warnings = tuple(_warn_short(standing, more))
    return await aside(size, lambda: _told(answer, standing, columns, more, warnings))


def _warn_short(
    standing: Sequence[tuple[str, float | None]], more: Sequence[Sequence[Any]]
) -> Iterable[dict[str, Any]]:
    """The warnings that history is too short, for completeness or for the nowcast that was asked alone."""
    if any(share is None and status != "not_over" for status, share in standing):
        yield _TOO_LITTLE
    if any(share is not None and _SHORT in told for (_, share), told in zip(standing, more, strict=True)):
        yield _TOO_LITTLE_TO_NOWCAST


def _nowcasts(question: Question, teller: "_Teller", cells: "_Cells") -> list[list[Any]]:
    return [
        [
            value
            for measure in _counts(question)
            for value in teller.nowcast(measure, period, codes, cells.value(place, measure), cells.is_cut(place))
        ]
        for place, (period, codes) in enumerate(cells.places)
    ]


def _is_recent(last: date, state: State) -> bool:
    return last >= state.published_at.date() - timedelta(days=HORIZON_DAYS + 1)


def _counts(question: Question) -> Sequence[Measure]:
    return [measure for measure in question.measures if has_nowcast(measure)]


@dataclass(frozen=True, slots=True)
class _Cells:
    """The rows of an answer by period and codes."""

    question: Question
    table: Table
    places: Sequence[tuple[Period, Combination]] = field(init=False)
    """Period and codes of each row."""

    def __post_init__(self) -> None:
        grain, width = self.question.grain, _PERIOD_WIDTH + len(self.question.dimensions)
        assert grain
        places = [(period_of(grain, row[1]), tuple(row[_PERIOD_WIDTH:width])) for row in self.table.rows]
        object.__setattr__(self, "places", places)

    @property
    def periods(self) -> Iterable[Period]:
        """The period of each row."""
        return (period for period, _ in self.places)

    def value(self, place: int, measure: Measure) -> int:
        """The count in a row."""
        return int(self.table.rows[place][self.table.column_ids.index(measure.id)])

    def is_cut(self, place: int) -> bool:
        """Whether the window cuts a row's period."""
        return bool(self.table.rows[place][3])


def _told(
    answer: Answer,
    standing: Sequence[tuple[str, float | None]],
    columns: Sequence[Column],
    more: Sequence[Sequence[Any]],
    warnings: Iterable[dict[str, Any]],
) -> Answer:
    """The answer with all that was added."""
    table = answer.table
    own = (
        Column("status", caption="final, provisional, or not_over"),
        Column("completeness", "number", "share", caption="Share of the eventual figure usually known at this age"),
    )
    rows: list[Row] = [
        (*row[:_PERIOD_WIDTH], *told, *row[_PERIOD_WIDTH:], *added)
        for row, told, added in zip(table.rows, standing, more or [()] * len(table.rows), strict=True)
    ]
    head, rest = table.columns[:_PERIOD_WIDTH], table.columns[_PERIOD_WIDTH:]
    all_warnings = (*answer.warnings, *warnings)
    table = replace(table, columns=(*head, *own, *rest, *columns), rows=rows, warnings=all_warnings)
    return replace(answer, table=table, warnings=all_warnings)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Says what the delays tell of one cell."""

    question: Question
    delays: Delays

    def standing(self, period: Period, codes: Combination) -> tuple[str, float | None]:
        """Status and completeness of a row: of the measure that is least complete."""
        age = self.delays.age(period)
        if age is None:
            return "not_over", None
        if age >= HORIZON_DAYS:
            return "final", 1.0
        ladders = [
            self.delays.ladder(name, codes) if name else None for name in map(count_behind, self.question.measures)
        ]
        shares = [ladder.completeness(age) if ladder else None for ladder in ladders]
        is_final = all(ladder is not None and ladder.is_final(age) for ladder in ladders)
        told = [share for share in shares if share is not None]
        share = round(min(told), 4) if len(told) == len(shares) else None
        return ("final" if is_final else "provisional"), share

    def expected(self, measure: Measure, period: Period, codes: Combination, value: int) -> Nowcast | None:
        """What a count will come to."""
        age, name = self.delays.age(period), count_behind(measure)
        ladder = self.delays.ladder(name, codes) if name else None
        if age is not None and age >= HORIZON_DAYS:
            return Nowcast(float(value), value, value, value, value, 0.0)
        if age is None or ladder is None or name is None:
            return None
        known = self.delays.ordinary.get(name, {}).get((period.first, codes), 0)
        level = ladder.level(self.delays.known(name, codes))
        return ladder.nowcast(age, known, level, beside=value - known)

    def nowcast(self, measure: Measure, period: Period, codes: Combination, value: int, is_cut: bool) -> Sequence[Any]:
        """The values under the columns of a nowcast."""
        if self.delays.age(period) is None:
            return (*(None for _ in _BOUNDS), "not_over")
        found = self.expected(measure, period, codes, value)
        if found is None or (is_cut and found.variance):
            return (*(None for _ in _BOUNDS), "partial" if is_cut else _SHORT)
        return (round(found.expected, 1), found.low50, found.high50, found.low80, found.high80, "normal")

    def is_complete_enough(self, measure: Measure, period: Period, codes: Combination) -> bool:
        """Whether a count is complete enough to be judged."""
        age, name = self.delays.age(period), count_behind(measure)
        if age is None or name is None:
            return False
        ladder = self.delays.ladder(name, codes)
        share = 1.0 if age >= HORIZON_DAYS else ladder.completeness(age) if ladder else None
        return share is not None and share >= LEAST_COMPLETE


def _nowcast_columns(measure: Measure) -> Iterable[Column]:
    caption = f"{measure.caption}: expected figure {HORIZON_DAYS // 7} weeks after the period's end"
    yield Column(f"{measure.id}_expected", "number", measure.unit.value, caption=caption)
    for bound in _BOUNDS[1:]:
        yield Column(f"{measure.id}_{bound}", "integer", measure.unit.value, caption=caption)
    yield Column(f"{measure.id}_nowcast_status", caption="normal, not_over, partial, or too_little_history")


def _signal_columns(measure: Measure) -> Iterable[Column]:
    caption = f"{measure.caption}: outside what the past {BASELINE} weeks lead to expect ({FALSE_ALARMS:.0%} by chance)"
    yield Column(f"{measure.id}_signal", caption=caption)
    yield Column(f"{measure.id}_usual_low", "number", measure.unit.value, caption=caption)
    yield Column(f"{measure.id}_usual_high", "number", measure.unit.value, caption=caption)


async def _find_signals(
    connection: Connection, state: State, question: Question, known: Codes, teller: _Teller, cells: _Cells
) -> list[list[Any]]:
    """For each row and count: the signal, and the bounds of the usual."""
    first = min(period.first for period in cells.periods)
    last = max(period.last for period in cells.periods)
    start = max(first - timedelta(weeks=BASELINE), date.min + timedelta(days=7))
    asked = replace(question, measures=tuple(_counts(question)), start=start, end=last, last_n=None)
    if not asked.measures:
        return [[] for _ in cells.table.rows]
    table = (await find_answer(connection, state, asked, known, cells_limit=10**7)).table
    return await aside(len(table.rows), lambda: _signals(_Cells(asked, table), known, teller, cells))


def _signals(longer: _Cells, known: Codes, teller: _Teller, cells: _Cells) -> list[list[Any]]:
    measures = longer.question.measures
    begun = known.covered.first if known.covered else date.max
    series: dict[tuple[str, Combination], dict[date, Nowcast | None]] = {}
    for place, (period, codes) in enumerate(longer.places):
        for measure in measures:
            value = longer.value(place, measure)
            found = teller.expected(measure, period, codes, value) if period.first >= begun else None
            series.setdefault((measure.id, codes), {})[period.first] = found
    judged = []
    for period, codes in cells.places:
        told: list[Any] = []
        for measure in measures:
            can_tell = teller.is_complete_enough(measure, period, codes)
            told += _judged(series.get((measure.id, codes), {}), period, can_tell=can_tell)
        judged.append(told)
    return judged


def _judged(series: Mapping[date, Nowcast | None], period: Period, *, can_tell: bool) -> Sequence[Any]:
    past = [series.get(period.first - timedelta(weeks=back)) for back in range(BASELINE, 0, -1)]
    own = series.get(period.first)
    expectation: Expectation | None = None
    if own is not None and all(one is not None for one in past):
        expectation = expect([one.expected for one in past if one is not None], own.variance)
    if own is None or expectation is None or not can_tell:
        return (Signal.CANNOT_TELL.value, None, None)
    return (judge(own.expected, expectation).value, round(expectation.low, 1), round(expectation.high, 1))
