"""Ledgers of several years: every sum, grain and window against a naive reckoning, day by day."""

import random
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from statistics import quantiles
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.records.revisions import State
from app.statistics import Codes, find_answer, find_codes, read_question
from app.statistics.answer import plan_of
from app.statistics.periods import Grain, list_periods
from app.statistics.span import Vintages
from app.statistics.sums import SUMS, WHOLE, Sum
from tests.ledgers import person, post, random_entry, rows_of, state_of
from tests.recount import COUNTS, KEYS, Entry, Given, Posted, is_imprisoned, key_of

PUBLISHED = datetime(2029, 6, 30, 12, tzinfo=UTC)
LAST = 18  # revisions: block 8 holds 1 to 8, block 16 holds 9 to 16
EDGES = [  # days at which some period begins or ends: weeks 53 and 1, leap days, half-years
    *(date(year, month, day) for year in (2020, 2026) for month, day in ((12, 27), (12, 28), (12, 31))),
    *(date(year, 1, day) for year in (2020, 2021, 2024, 2025, 2027) for day in (1, 3, 4)),
    *(date(2024, 2, 28) + timedelta(step) for step in range(3)),
    *(date(2023, 6, 30) + timedelta(step) for step in range(3)),
    date(2019, 12, 29), date(2019, 12, 30), date(2022, 9, 30), date(2028, 12, 31),
]  # fmt: skip
OUTSIDE = (date(1, 1, 1), date(1969, 12, 31), date(2019, 1, 1), date(2029, 6, 30), date(2029, 12, 31), date.max)


def random_day(pick: random.Random) -> date:
    """Most at the edges of periods, some anywhere in ten years."""
    edge = pick.choice(EDGES) + timedelta(pick.choice((0, 0, 0, -1, 1)))
    return edge if pick.random() < 0.7 else date(2019, 7, 1) + timedelta(pick.randrange(3650))


def long_ledger(pick: random.Random) -> list[Posted]:
    """Entries of many years; later some go, and some move: to the next day, over a year's end, or to another year."""
    posted: list[Posted] = []
    for _ in range(pick.choice((5, 60, 150))):
        revision, entry = pick.randint(1, LAST - 1), random_entry(pick)
        if entry.day:
            entry = replace(entry, day=random_day(pick))
        posted.append((revision, entry, 1))
        while revision < LAST and pick.random() < 0.4:
            revision = pick.randint(revision + 1, LAST)
            posted.append((revision, entry, -1))
            if pick.random() < 0.3:
                break
            day = pick.choice((random_day(pick), entry.day and entry.day + timedelta(pick.choice((-1, 1))), None))
            entry = replace(entry, day=day)
            posted.append((revision, entry, 1))
    return posted


def caused(posted: Iterable[Posted]) -> Iterable[tuple[int, str, Entry, int]]:
    return ((revision, "new", entry, n) for revision, entry, n in posted)


def state_at(revision: int) -> State:
    return replace(state_of(revision), published_at=PUBLISHED)


# ── The naive reckoning ────────────────────────────────────────────────────────────────────────


def held_at(posted: Iterable[Posted], revision: int) -> Counter[Entry]:
    held: Counter[Entry] = Counter()
    for at, entry, n in posted:
        held[entry] += n if at <= revision else 0
    return +held


def window_of(given: Given, held: Mapping[Entry, int]) -> tuple[date, date] | None:
    days = [entry.day for entry in held if entry.day]
    first, last = (date.fromisoformat(given[name][0]) if name in given else None for name in BOUNDS)
    if not first and not last and not any(name in KEYS for name in given["group_by"]):
        return None
    if not days and not (first and last):
        return date(1, 1, 2), date(1, 1, 1)
    return first or min(days), last or min(max(days), PUBLISHED.date())


BOUNDS = ("start_period", "end_period")


def periods_of(grain: str, window: tuple[date, date]) -> dict[str, bool]:
    """The keys of the periods that days of a window lie in, in order, and whether the window cuts them."""
    first, last = window
    days = (first + timedelta(step) for step in range((last - first).days + 1))
    found = dict.fromkeys((key_of(grain, day) for day in days), False)
    for inside, beyond in ((first, first - timedelta(1)), (last, last + timedelta(1))):
        if found and key_of(grain, inside) == key_of(grain, beyond):
            found[key_of(grain, inside)] = True
    return found


Cells = dict[tuple[str | None, tuple[str, ...]], dict[str, Any]]


def reckon(given: Given, held: Mapping[Entry, int]) -> Cells:
    """What is not 0, by period and codes."""
    grain = next((name for name in given["group_by"] if name in KEYS), None)
    dimensions = [name for name in given["group_by"] if name not in KEYS]
    window = window_of(given, held)
    cells: defaultdict[Any, defaultdict[str, Any]] = defaultdict(lambda: defaultdict(int))
    terms: defaultdict[Any, list[int]] = defaultdict(list)
    for entry, n in held.items():
        if window and not (entry.day and window[0] <= entry.day <= window[1]):
            continue
        place = key_of(grain, entry.day) if grain and entry.day else None, tuple(getattr(entry, d) for d in dimensions)
        for name in given["measures"]:
            if name in COUNTS and COUNTS[name](entry):
                cells[place][name] += n
            elif name not in COUNTS and is_imprisoned(entry):
                terms[place] += [entry.term_months or 0] * n
    for place, values in terms.items():
        twice = values * 2 if len(values) == 1 else values
        cells[place]["term_months_median"] = pytest.approx(quantiles(twice, n=4, method="inclusive")[1])
    return {place: dict(values) for place, values in cells.items()}


def told(rows: Iterable[Mapping[str, Any]], given: Given) -> Cells:
    """The same of an answer."""
    grain = next((name for name in given["group_by"] if name in KEYS), None)
    dimensions = [name for name in given["group_by"] if name not in KEYS]
    cells: Cells = {}
    for row in rows:
        values = {name: row[name] for name in given["measures"] if row[name]}
        if values:
            cells[row[grain] if grain else None, tuple(row[name] for name in dimensions)] = values
    return cells


# ── Questions ──────────────────────────────────────────────────────────────────────────────────


def random_question(pick: random.Random, one: Sum) -> Given:
    """A question that a sum keeps: any of its dimensions, any grain, any window."""
    if one.is_of_terms:
        measures = ["term_months_median"]
    else:
        received = ["cases_received", "persons_received", "charges"]
        has_results = {"disposition", "sentence_class", "is_presumed"} <= (one.keeps | one.results)
        decided = [name for name in COUNTS if name not in received] if has_results else []
        measures = pick.sample([*received, *decided], 2)
    has_received = not one.is_of_terms and any("received" in name or name == "charges" for name in measures)
    kept = one.keeps if has_received else one.keeps | one.results
    dimensions = sorted(kept - {"is_presumed"})
    grain = pick.choice((None, *KEYS))
    group_by = (*pick.sample(dimensions, min(len(dimensions), pick.choice((0, 0, 1, 2)))), *([grain] if grain else []))
    given: Given = {"measures": tuple(measures), "group_by": group_by}
    ends = [random_day(pick), random_day(pick)]
    if pick.random() < 0.2:
        ends[1] = ends[0] + timedelta(pick.choice((0, 1, 6, 7, 31)))
    if pick.random() < 0.3:
        ends[pick.randrange(2)] = pick.choice(OUTSIDE[2:5] if grain else OUTSIDE)
    for name, day in zip(BOUNDS, sorted(ends), strict=True):
        if pick.random() < 0.75:
            given[name] = (day.isoformat(),)
    return given


async def compare(connection: Any, given: Given, posted: list[Posted], revision: int, codes: Codes, sum_: str) -> None:
    held = held_at(posted, revision)
    question = read_question({k: v for k, v in given.items() if v}, None, codes)
    window = window_of(given, held)
    if window and window[0] > window[1]:
        return  # an end before the record's first day, or a beginning after its last
    for sums in ((sum_,), ()):
        answer = await find_answer(connection, state_at(revision), question, codes, sums=sums, cells_limit=10**6)
        rows = rows_of(answer)
        assert told(rows, given) == reckon(given, held), (given, revision, sums)
        if question.grain and rows and window:
            shown = {row[question.grain.value]: row["partial"] for row in rows}
            assert shown == periods_of(question.grain.value, window)


@asynccontextmanager
async def years_of(connection: Any, seed: int) -> AsyncIterator[tuple[random.Random, Any]]:
    """A long ledger, posted as long as the context lasts; with what chose it."""
    pick = random.Random(seed)
    posted = long_ledger(pick)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await post(connection, caused(posted), LAST)
        yield pick, posted
    finally:
        await transaction.rollback()


@settings(max_examples=25, phases=[Phase.generate])  # a smaller example would take minutes to find
@given(st.integers(0, 2**64))
async def test_any_window_of_any_sum_over_many_years_is_the_reckoning(connection: Any, seed: int) -> None:
    async with years_of(connection, seed) as (pick, posted):
        for revision in (pick.randint(1, 7), 8, pick.randint(9, 15), 16, LAST):
            codes = await find_codes(connection, state_at(revision))
            for one in SUMS.values():
                given = random_question(pick, one)
                await compare(connection, given, posted, revision, codes, one.name)


@settings(max_examples=10, phases=[Phase.generate])
@given(st.integers(0, 2**64))
async def test_each_period_of_its_own_revision_is_the_reckoning(connection: Any, seed: int) -> None:
    """As vintages are read: of each period the blocks of another revision, over the years' ends."""
    async with years_of(connection, seed) as (pick, posted):
        codes = await find_codes(connection, state_at(LAST))
        for one in SUMS.values():
            given = random_question(pick, one) | {"start_period": ("2020-06-03",), "end_period": ("2027-02-03",)}
            grain = pick.choice(("week", "month", "quarter", "half_year", "year"))
            given["group_by"] = (*(name for name in given["group_by"] if name not in KEYS), grain)
            question = read_question(given, None, codes)
            window = question.window(codes.covered)
            assert window
            revisions = {period: pick.randint(1, LAST) for period in list_periods(Grain(grain), window)}
            span = Vintages(revisions)
            sums = (one.name,)
            answer = await find_answer(
                connection, state_at(LAST), question, codes, sums=sums, span=span, cells_limit=10**6
            )
            expected: Cells = {}
            for period, revision in revisions.items():
                cells = reckon(given, held_at(posted, revision))
                expected |= {place: values for place, values in cells.items() if place[0] == period.key}
            assert told(rows_of(answer), given) == expected, (given, revisions)


@pytest.mark.parametrize(("year", "before", "after"), [(2020, "2020-W52", "2021-W01"), (2026, "2026-W52", "2027-W01")])
async def test_week_53_holds_seven_days_of_two_years_in_every_sum(
    connection: Any, year: int, before: str, after: str
) -> None:
    sunday = date(year, 12, 27)
    days = [sunday + timedelta(step) for step in range(9)]  # one of week 52, seven of week 53, one of week 1
    convicted = [
        person(str(day), sentence_class="custodial", sentence_kind="imprisonment", term_months=12 + step)
        for step, day in enumerate(days)
    ]
    received = [replace(entry, event="received", unit=unit) for entry in convicted for unit in ("case", "charge")]
    transaction = connection.transaction()
    await transaction.start()
    try:
        held = enumerate((*convicted, *received))
        await post(connection, ((number % LAST + 1, "new", entry, 1) for number, entry in held), LAST)
        codes = await find_codes(connection, state_at(LAST))
        for one in SUMS.values():
            name = "term_months_median" if one.is_of_terms else "cases_received"
            question = read_question({"measures": (name,), "group_by": ("week",)}, None, codes)
            rows = rows_of(await find_answer(connection, state_at(LAST), question, codes, sums=(one.name,)))
            counts = [row.get("term_months_median_n", row[name]) for row in rows]
            weeks = [before, f"{year}-W53", after]
            assert [(row["week"], n) for row, n in zip(rows, counts, strict=True)] == [
                *zip(weeks, (1, 7, 1), strict=True)
            ]
    finally:
        await transaction.rollback()


async def test_each_sum_is_read_where_it_is_named(connection: Any) -> None:
    """What the laws above compare is read from the sum that they name, or the days that it is made from."""
    pick = random.Random(53)
    await post(connection, caused(long_ledger(pick)), LAST)
    codes = await find_codes(connection, state_at(LAST))
    for one in SUMS.values():
        coarse = daily = False
        for _ in range(60):
            given = random_question(pick, one)
            question = read_question({k: v for k, v in given.items() if v}, None, codes)
            plan = plan_of(question, state_at(LAST), codes, (one.name,))
            *_, reading = plan.readings()  # beside median terms coverage is read elsewhere, before them
            base = SUMS[one.base].number
            assert "ledger" not in reading.grouped, (one.name, given)
            assert f"sum = {one.number} " in reading.grouped or f"sum = {base} " in reading.grouped
            coarse = coarse or f"year = {WHOLE}" in reading.grouped
            daily = daily or "year BETWEEN" in reading.grouped
        assert (coarse, daily) == (one.has_spans, True), one.name
