"""Vintages: the figures as they were first published, or at every revision that changed them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.records.revisions import State
from app.statistics.answer import Answer, find_answer, plan_of
from app.statistics.breaks import warn_across_method
from app.statistics.cells import Cell, values_of
from app.statistics.codes import Codes
from app.statistics.grid import (
    Place,
    disclosable,
    fetch,
    learnt_places,
    order_combinations,
    read_left_out,
    reading_limit,
    refuse_beyond,
    without,
)
from app.statistics.notes import (
    describe_days,
    describe_dimensions,
    describe_measure,
    warn_left_out,
    warn_outside,
    warn_rounded,
)
from app.statistics.periods import Period, list_periods
from app.statistics.plan import BASE_COUNTS, Plan
from app.statistics.question import Question
from app.statistics.rows import columns_for
from app.statistics.span import History, Vintages
from app.table import Column, Row, Table

_REVISIONS = "SELECT revision, published_at FROM revisions WHERE revision <= $1 ORDER BY revision"


@dataclass(frozen=True, slots=True)
class Published:
    """Every revision until a state, in order, and when it was published."""

    revisions: tuple[int, ...]
    instants: tuple[datetime, ...]

    def first_since(self, instant: datetime) -> int | None:
        """The first revision published at or after an instant; None: not yet."""
        place = bisect_left(self.instants, instant)
        return self.revisions[place] if place < len(self.revisions) else None

    def at(self, revision: int) -> datetime:
        """When a revision was published."""
        return self.instants[self.revisions.index(revision)]


async def find_published(connection: Connection, state: State) -> Published:
    """The revisions until a state."""
    rows = await connection.fetch(_REVISIONS, state.revision)
    return Published(tuple(row["revision"] for row in rows), tuple(row["published_at"] for row in rows))


def start_of(day: date) -> datetime:
    """The first instant of a day, UTC."""
    return datetime.combine(day, time(), UTC)


def after(period: Period, *, weeks: int = 0) -> datetime | None:
    """The instant at which a period has ended, or so many weeks later; None beyond the calendar."""
    try:
        return start_of(period.last + timedelta(days=1 + 7 * weeks))
    except OverflowError:
        return None


# ── As first published ─────────────────────────────────────────────────────────────────────────


async def find_first(
    connection: Connection,
    state: State,
    question: Question,
    known: Codes,
    *,
    lag_weeks: int = 0,
    cells_limit: int = 50_000,
    lang: str = "en",
    rounding: int = 1,
) -> Answer:
    """The figure of each period in the first revision published after it had ended, or so many weeks after that.

    Shape   as of an answer, each cell once; with the revision and its publication, or `not_yet` and nulls
    Reads   for each period the blocks of its own revision, of the tally where that keeps the question
    """
    published = await find_published(connection, state)
    window = question.window(known.covered)
    assert question.grain and window, "a first vintage has a grain"
    cuts = {period: _cut(period, published, lag_weeks) for period in list_periods(question.grain, window)}
    span = Vintages({period: revision for period, revision in cuts.items() if revision is not None})
    answer = await find_answer(
        connection, state, question, known, cells_limit=cells_limit, lang=lang, span=span, rounding=rounding
    )
    by_start = {period.first: revision for period, revision in cuts.items()}
    shown = list(span.revisions.values()) or [state.revision]
    return _warned(
        await aside(len(answer.table.rows), lambda: _with_vintage(answer, question, by_start, published)),
        await warn_across_method(connection, min(shown), max(shown)),
    )


def _warned(answer: Answer, more: Iterable[dict[str, Any]]) -> Answer:
    """The answer with more warnings."""
    warnings = (*answer.warnings, *more)
    return replace(answer, table=replace(answer.table, warnings=warnings), warnings=warnings)


def _cut(period: Period, published: Published, lag_weeks: int) -> int | None:
    ended = after(period, weeks=lag_weeks)
    return published.first_since(ended) if ended else None


def _with_vintage(
    answer: Answer, question: Question, revisions: Mapping[date, int | None], published: Published
) -> Answer:
    """The answer with three columns after those of the period; a period without a vintage has no figures."""
    assert question.grain
    columns = answer.table.columns
    start = [column.id for column in columns].index(f"{question.grain}_start")
    told = _width(question) + len(question.dimensions)
    rows: list[Row] = []
    for row in answer.table.rows:
        revision = revisions[row[start]]
        is_there = revision is not None
        values = row[told:] if is_there else (None,) * (len(row) - told)
        beside = (revision, published.at(revision) if revision else None, "normal" if is_there else "not_yet")
        rows.append((*row[: _width(question)], *beside, *row[_width(question) : told], *values))
    own = (
        Column("vintage_revision", "integer", caption="Revision of which the figures are"),
        Column("vintage_published_at", "instant", caption="When that was published"),
        Column("vintage_status", caption="not_yet: no revision has been published so long after the period"),
    )
    table = replace(answer.table, columns=_inserted(columns, own, question), rows=rows)
    return replace(answer, table=table)


def _width(question: Question) -> int:
    """How many columns tell the period."""
    return 4 if question.grain else 0


def _inserted(columns: Sequence[Column], own: Sequence[Column], question: Question) -> tuple[Column, ...]:
    return (*columns[: _width(question)], *own, *columns[_width(question) :])


# ── Every vintage ──────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Track:
    """What each revision added to the counts of one place, in order of revisions."""

    steps: dict[int, dict[str, int]]


async def find_all(
    connection: Connection,
    state: State,
    question: Question,
    known: Codes,
    *,
    cells_limit: int = 50_000,
    lang: str = "en",
    rounding: int = 1,
) -> Answer:
    """Every figure that each cell has had, with the instants from which and until which it was published.

    A cell begins with the first revision published since its period began, or that counted anything in it if that
    came before; without a grain with the first revision. The last vintage has no end.

    Shape   one row for each cell and vintage, by period, combination and time; neighbours differ
    Reads   the ledger, once: the sum of each revision's entries
    Errors  TooManyCells
    """
    plan = replace(plan_of(question, state, known), span=History())
    published = await find_published(connection, state)
    read_limit = reading_limit(question, known, cells_limit, rounding, states=len(published.revisions))
    rows = await fetch(connection, plan.main().rows(read_limit // len(question.measures) + 1))
    refuse_beyond(len(rows), question, read_limit)
    steps = await aside(len(rows), lambda: _by_place(rows, question, plan.counts))
    combinations = await aside(len(rows), lambda: order_combinations(_disclosable(steps, rounding), question, known))
    bases: dict[Place, dict[int, dict[str, int]]] = {}
    if plan.has_own_base:
        plain = sorted({without(entry, learnt_places(question)) for entry in combinations})
        held = await fetch(connection, plan.base(plain))
        bases = await aside(len(held), lambda: _by_place(held, question, BASE_COUNTS, len(plan.plain_dimensions)))
    window = plan.window
    periods: Sequence[Period | None] = list_periods(question.grain, window) if question.grain and window else (None,)

    def tell() -> list[Row]:
        told: list[Row] = []
        for period in periods:
            for entry in combinations:
                place = (period.first if period else None, entry)
                base = bases.get((place[0], without(entry, learnt_places(question))), {})
                vintages = _vintages(plan, place, steps.get(place, {}), base, period, published, rounding)
                for start, end, values in vintages:
                    at = () if period is None or window is None else _period_values(period, period.is_cut_by(window))
                    since, until = published.at(start), published.at(end) if end else None
                    told.append((*at, start, since, until, *entry, *values))
            refuse_beyond(len(told), question, cells_limit)
        return told

    told = await aside(len(rows) + len(periods) * len(combinations), tell)
    left_out = await read_left_out(connection, replace(plan, span=None))
    own = (
        Column("vintage_revision", "integer", caption="Revision that brought the figures"),
        Column("valid_from", "instant", caption="Published from"),
        Column("valid_to", "instant", caption="Published until; null: still"),
    )
    first = min((row[_width(question)] for row in told), default=state.revision)
    warnings = (
        *warn_outside(question, known),
        *warn_left_out(plan, left_out, rounding),
        *await warn_across_method(connection, first, state.revision),
        *warn_rounded(rounding),
    )
    columns = _inserted(columns_for(plan, lang, is_rounded=rounding > 1), own, question)
    return Answer(
        table=Table(columns, told, total=len(told), warnings=warnings),
        dimensions=tuple(describe_dimensions(question)),
        measures=tuple(describe_measure(measure) for measure in question.measures),
        coverage=describe_days(known.covered),
        warnings=warnings,
        question=question.canonical,
    )


def _disclosable(steps: Mapping[Place, Mapping[int, Mapping[str, int]]], rounding: int) -> Iterable[Place]:
    """The places that may be shown: of each, all that was ever added stands for the most that it held."""
    added: dict[Place, dict[str, int]] = {}
    for place, by_revision in steps.items():
        held = added.setdefault(place, {})
        for counts in by_revision.values():
            for name, n in counts.items():
                held[name] = held.get(name, 0) + max(n, 0)
    return disclosable(added, rounding)


def _period_values(period: Period, is_cut: bool) -> Row:
    return period.key, period.first, period.last, is_cut


def _by_place(
    rows: Iterable[Any], question: Question, names: Sequence[str], width: int | None = None
) -> dict[Place, dict[int, dict[str, int]]]:
    """Rows of a statement (revision, period, dimensions, counts) by place and revision."""
    found: defaultdict[Place, dict[int, dict[str, int]]] = defaultdict(dict)
    start = 2 if question.grain else 1
    end = start + (len(question.dimensions) if width is None else width)
    for row in rows:
        place = (row[1] if question.grain else None, tuple(row[start:end]))
        found[place][row[0]] = dict(zip(names, row[end:], strict=True))
    return dict(found)


def _vintages(
    plan: Plan,
    place: Place,
    steps: Mapping[int, Mapping[str, int]],
    base: Mapping[int, Mapping[str, int]],
    period: Period | None,
    published: Published,
    rounding: int,
) -> Iterable[tuple[int, int | None, tuple[Any, ...]]]:
    """Each vintage of a place: the revision that brought it, the one that replaced it, the values."""
    begun = published.first_since(start_of(period.first)) if period else published.revisions[0]
    first = begun or published.revisions[-1]
    counts: defaultdict[str, int] = defaultdict(int)
    sentences: defaultdict[str, int] = defaultdict(int)
    found: list[tuple[int, tuple[Any, ...]]] = []
    for revision in sorted({first, *steps, *base}):
        for added, held in ((steps, counts), (base, sentences)):
            for name, n in added.get(revision, {}).items():
                held[name] += n
        values = _values(plan, place, counts, sentences if plan.has_own_base else counts, rounding)
        if not found and revision < first and values == _values(plan, place, {}, defaultdict(int), rounding):
            continue  # too few to be told of before the period has begun
        if not found or found[-1][1] != values:
            found.append((revision, values))
    ends = [revision for revision, _ in found[1:]]
    for (revision, values), end in zip(found, [*ends, None], strict=True):
        yield revision, end, values


def _values(
    plan: Plan, place: Place, counts: Mapping[str, int], base: Mapping[str, int], rounding: int
) -> tuple[Any, ...]:
    question = plan.question
    known, convicted = (base[name] for name in BASE_COUNTS) if plan.has_coverage else (0, 0)
    cell = Cell(
        dict(counts),
        dict(zip(question.dimensions, place[1], strict=True)),
        {},
        (known, convicted) if plan.has_coverage else None,
        question.learnt,
        rounding,
    )
    return tuple(values_of(question.measures, cell).values())
