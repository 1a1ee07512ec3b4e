"""Days in memory: any window and grain of what was asked before is what SQL answers, to the byte, and takes no SQL."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.errors import InvalidParameters, TooManyCells
from app.formats import dump, objects
from app.records.revisions import State
from app.statistics import Answer, Codes, Question, find_answer, find_codes, read_question
from app.statistics import days as module
from app.statistics.answer import plan_of
from app.statistics.days import LARGEST_PART, Course, KnownDays
from app.statistics.sums import SUMS
from tests.ledgers import person, post, random_given, random_ledger, state_of, write
from tests.recount import LAST_REVISION
from tests.test_years import LAST, random_question, state_at, years_of

ROOM = 2**24
MOST_CELLS = 10_000  # of which answers are compared: more take too long


class Refusing:
    """A connection over which nothing may be asked."""

    async def fetch(self, statement: str, *args: Any) -> Any:
        raise AssertionError(f"asked: {statement}")


@contextmanager
def eager() -> Iterator[None]:
    """Days are read when a question is asked for the second time, whatever that costs."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "DAYS_A_TIME", 10**9)
        yield


def spelt(answer: Answer) -> bytes:
    """All that an answer says."""
    told = (answer.dimensions, answer.measures, answer.coverage, answer.warnings, answer.question, answer.breaks)
    return dump([objects(answer.table), [vars_of(column) for column in answer.table.columns], *told])


def vars_of(column: Any) -> dict[str, Any]:
    return {name: getattr(column, name) for name in column.__slots__}


async def warm(connection: Any, days: KnownDays, state: State, question: Question, codes: Codes) -> None:
    for _ in range(2 + 1):
        await find_answer(connection, state, question, codes, days=days, cells_limit=10**6)


@settings(max_examples=10, phases=[Phase.generate])  # a smaller example would take minutes to find
@given(st.integers(0, 2**64))
async def test_any_window_of_many_years_is_what_sql_answers(connection: Any, seed: int) -> None:
    async with years_of(connection, seed) as (pick, _):
        revisions = (pick.randint(1, 15), 16, LAST)
        days, known = KnownDays(ROOM), {at: await find_codes(connection, state_at(at)) for at in revisions}
        with eager():
            for one in SUMS.values():
                given_ = random_question(pick, one)
                for revision, codes in known.items():
                    await compare(connection, days, state_at(revision), given_, None, codes, pick)
        assert days.size_bytes


async def compare(
    connection: Any, days: KnownDays, state: State, given_: Any, preset: str | None, codes: Codes, pick: random.Random
) -> None:
    try:
        question = read_question({name: said for name, said in given_.items() if said}, preset, codes)
    except InvalidParameters:
        return
    if question.most_cells(codes) > MOST_CELLS:
        return
    if plan_of(question, state, codes).is_of_days:
        await warm(connection, days, state, question, codes)
    later = question
    if question.end and question.start is None:
        moved = question.end.toordinal() + pick.choice((-400, -7, -1, 1, 30, 365))
        later = replace(question, end=date.fromordinal(min(max(moved, 1), date.max.toordinal())))
    for one in (question, later):
        for rounding in (1, 3):
            options: dict[str, Any] = {"cells_limit": 10**9, "rounding": rounding}
            cold = await find_answer(connection, state, one, codes, **options)
            assert spelt(await find_answer(connection, state, one, codes, days=days, **options)) == spelt(cold), given_


@settings(max_examples=10, phases=[Phase.generate])
@given(st.integers(0, 2**64))
async def test_any_question_at_any_revision_is_what_sql_answers(connection: Any, seed: int) -> None:
    """With filters, presets, transforms, coverage, the undated and the late; those too of which no days are kept."""
    pick = random.Random(seed)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await write(connection, random_ledger(pick))
        days = KnownDays(ROOM)
        known = {at: await find_codes(connection, state_of(at)) for at in range(1, LAST_REVISION + 1)}
        with eager():
            for _ in range(8):
                given_, preset = random_given(pick)
                if pick.random() < 0.3:
                    given_["transform"] = (pick.choice(("chg", "pch", "yoy", "share", "cumulative", "avg4")),)
                for revision, codes in known.items():
                    await compare(connection, days, state_of(revision), given_, preset, codes, pick)
    finally:
        await transaction.rollback()


@pytest.fixture
async def decided(connection: Any) -> Any:
    """A few persons sentenced over some years, of whom one has no day, in two revisions; one is of another court."""
    terms = [
        (f"20{year}-0{month}-1{step}", 12 * step + year) for year in (20, 21) for month in (1, 7) for step in (1, 2)
    ]
    persons = [
        person(day, sentence_class="custodial", sentence_kind="imprisonment", term_months=term)
        for day, term in [*terms, (None, 60)]
    ]
    received = [replace(one, unit="case", event="received") for one in persons]
    received.append(replace(received[0], court="77GV0001"))
    posted = [(1 + place % 2, "new", one, 1) for place, one in enumerate((*persons, *received))]
    await post(connection, posted, LAST)
    return connection


WEEKLY = {"measures": ("cases_received",), "court": ("61GV0001",), "group_by": ("week",)}
TERMS = {"measures": ("term_months_median", "term_months_mean"), "group_by": ("offence", "month")}


BY_OFFENCE = {"measures": ("persons_convicted", "custodial_share"), "group_by": ("offence", "week")}


@pytest.mark.parametrize("given_", [WEEKLY, TERMS, BY_OFFENCE])
async def test_what_was_asked_before_takes_no_sql_in_any_window_and_grain(decided: Any, given_: Any) -> None:
    days, state = KnownDays(ROOM), state_at(LAST)
    codes = await find_codes(decided, state)
    with eager():
        await warm(decided, days, state, read_question(given_, None, codes), codes)
    some = {"start_period": ("2020-W28",), "end_period": ("2021-07-11",)}
    none = {"start_period": ("2020-09",), "end_period": ("2020-10",)}
    for grain in ("day", "week", "month", "quarter", "half_year", "year", None):
        for window in (some, none, *([{}, {"last_n": ("3",)}] if grain else [])):
            group_by = (*given_["group_by"][:-1], *([grain] if grain else []))
            asked = {**given_, **window, "group_by": group_by}
            question = read_question({name: said for name, said in asked.items() if said}, None, codes)
            cold = await find_answer(decided, state, question, codes)
            found = await find_answer(Refusing(), state, question, codes, days=days)
            assert spelt(found) == spelt(cold)
            assert found.table.rows or window is none


@pytest.mark.parametrize("given_", [WEEKLY, TERMS])
async def test_what_is_left_out_is_told_as_ever(decided: Any, given_: Any) -> None:
    """What has no day, and what has one after the publication."""
    days, state = KnownDays(ROOM), replace(state_at(LAST), published_at=state_at(LAST).published_at.replace(year=2021))
    state = replace(state, published_at=state.published_at - timedelta(300))
    codes = await find_codes(decided, state)
    question = read_question(given_, None, codes)
    with eager():
        await warm(decided, days, state, question, codes)
    cold = await find_answer(decided, state, question, codes)
    found = await find_answer(Refusing(), state, question, codes, days=days)
    assert spelt(found) == spelt(cold)
    assert {warning["code"] for warning in found.warnings} >= {"undated", "after_publication"}


async def test_days_are_of_one_revision_court_and_measure(decided: Any) -> None:
    days, codes = KnownDays(ROOM), {at: await find_codes(decided, state_at(at)) for at in (1, LAST)}
    with eager():
        await warm(decided, days, state_at(LAST), read_question(WEEKLY, None, codes[LAST]), codes[LAST])
    for given_, state in (
        (WEEKLY, state_at(1)),
        (WEEKLY, replace(state_at(LAST), published_at=state_at(LAST).published_at + timedelta(1))),  # another history
        ({**WEEKLY, "court": ("77GV0001",)}, state_at(LAST)),
        ({**WEEKLY, "court": (), "court__ne": ("61GV0001",)}, state_at(LAST)),
        ({**WEEKLY, "measures": ("persons_convicted",)}, state_at(LAST)),
        ({**WEEKLY, "group_by": ("week", "offence")}, state_at(LAST)),
    ):
        question = read_question({name: said for name, said in given_.items() if said}, None, codes[state.revision])
        with pytest.raises(AssertionError, match="asked"):
            await find_answer(Refusing(), state, question, codes[state.revision], days=days)


async def test_they_are_read_once_answers_by_sql_have_taken_as_long(decided: Any) -> None:
    days, state = KnownDays(ROOM), state_at(LAST)
    codes = await find_codes(decided, state)
    question = read_question(TERMS, None, codes)
    assert codes.covered
    reckoned = module._VALUES * ((codes.covered.last - codes.covered.first).days + 1)
    needed = 2 + reckoned // module.DAYS_A_TIME
    assert needed > 2  # many values of one offence: dearer than one course
    for _ in range(needed):
        assert not days.size_bytes
        await find_answer(decided, state, question, codes, days=days)
    await find_answer(decided, state, question, codes, days=days)
    assert days.size_bytes


async def test_what_would_be_too_many_days_is_never_read(decided: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    state = state_at(LAST)
    codes = await find_codes(decided, state)
    assert codes.covered
    covered = (codes.covered.last - codes.covered.first).days + 1
    question = read_question(WEEKLY, None, codes)
    for most, is_read in ((covered - 1, False), (covered, True)):
        monkeypatch.setattr(module, "MOST_DAYS", most)
        days = KnownDays(ROOM)
        with eager():
            for _ in range(5):
                await find_answer(decided, state, question, codes, days=days)
        assert bool(days.size_bytes) is is_read


async def test_no_more_room_is_taken_than_there_is(decided: Any) -> None:
    state = state_at(LAST)
    codes = await find_codes(decided, state)
    others = [{**WEEKLY, "offence": (str(article),)} for article in range(200, 220)]
    questions = [read_question(given_, None, codes) for given_ in (WEEKLY, *others)]
    with eager():
        one = KnownDays(ROOM)
        await warm(decided, one, state, questions[0], codes)
        days = KnownDays(one.size_bytes * LARGEST_PART)
        for question in questions:
            await warm(decided, days, state, question, codes)
            assert days.size_bytes == sum(held.size_bytes for held in days._kept.values()) <= days._limit_bytes
        assert len(days._kept) < len(questions)
        await find_answer(Refusing(), state, questions[-1], codes, days=days)
        with pytest.raises(AssertionError, match="asked"):  # the one used longest ago is gone
            await find_answer(Refusing(), state, questions[0], codes, days=days)
        for limit in (0, one.size_bytes * LARGEST_PART - 1):
            small = KnownDays(limit)
            await warm(decided, small, state, questions[0], codes)
            assert small.size_bytes == 0


async def test_too_many_cells_are_refused_alike(decided: Any) -> None:
    days, state = KnownDays(ROOM), state_at(LAST)
    codes = await find_codes(decided, state)
    for group_by in (("day",), ("day", "offence"), ("week", "court")):
        question = read_question({"measures": ("cases_received",), "group_by": group_by}, None, codes)
        with eager():
            await warm(decided, days, state, question, codes)
        for limit in (1, 2, 5, 20):
            refused = []
            for known in (None, days):
                with pytest.raises(TooManyCells) as problem:
                    await find_answer(decided, state, question, codes, cells_limit=limit, days=known)
                refused.append((problem.value.detail, problem.value.members))
            assert refused[0] == refused[1]


async def test_a_course_is_cut_where_its_days_are() -> None:
    course = Course.of([3, 8, 10], [[1, 2, 3], [0, -2, 5]])
    assert course.within(1, 2) == course.within(4, 7) == course.within(11, 99) == (0, 0)
    assert course.within(3, 8) == (3, -2)
    assert course.after(8) == (3, 5)
    assert course.after(10) == (0, 0)


async def test_a_mean_is_that_of_postgres_to_the_last_digit(connection: Any) -> None:
    pick = random.Random(16)
    pairs = [
        (pick.randrange(1, 10 ** pick.randint(1, 9)), pick.randrange(1, 10 ** pick.randint(1, 7)))
        for _ in range(20_000)
    ]
    totals, counts = ([pair[place] for pair in pairs] for place in range(2))
    told = await connection.fetch(
        "SELECT (total::numeric / n::numeric)::float8 AS mean FROM unnest($1::bigint[], $2::bigint[]) AS s (total, n)",
        totals, counts,
    )  # fmt: skip
    assert list(map(module._quotient, totals, counts)) == [row["mean"] for row in told]
