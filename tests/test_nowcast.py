"""The nowcast, on invented reporting whose truth is known."""

import random
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statistics.nowcast import (
    HORIZON_DAYS,
    NEEDED_FOR_NOWCAST,
    TRAINED_ON,
    Development,
    Ladder,
    Past,
    _Step,
    back_test,
    build_ladder,
    skill_of,
)

WEEKS = HORIZON_DAYS // 7
SHARES = (0.3, 0.3, 0.15, 0.1, 0.05, 0.04, 0.03, 0.02, 0.01)  # of a week's cases, by week of reporting


def grown(steps: dict[float, int]) -> Development:
    """A development that was looked at every week."""
    ages = tuple(sorted({*steps, *(7.0 * week for week in range(WEEKS + 60))}))
    return Development(ages, tuple(accumulate(steps.get(age, 0) for age in ages)))


def reported(total: int, dice: random.Random, withdrawn: float = 0.0) -> Development:
    """A week whose cases are reported one by one with the delays above, some taken back eight weeks later."""
    steps: dict[float, int] = {}
    for week in dice.choices(range(len(SHARES)), SHARES, k=total):
        steps[week * 7.0] = steps.get(week * 7.0, 0) + 1
        if dice.random() < withdrawn:
            steps[week * 7.0 + 56] = steps.get(week * 7.0 + 56, 0) - 1
    return grown(steps)


def history(dice: random.Random, weeks: int, level: int = 100, withdrawn: float = 0.0) -> list[Past]:
    """So many weeks, each about as high as the level, the last ended today."""
    totals = [max(0, round(dice.gauss(level, level**0.5))) for _ in range(weeks)]
    return [Past(7.0 * (weeks - 1 - n), reported(total, dice, withdrawn)) for n, total in enumerate(totals)]


def test_completeness_is_the_share_that_was_reported_by_that_age() -> None:
    ladder = build_ladder(history(random.Random(1), 80, level=2000))
    for week, share in enumerate(accumulate(SHARES)):
        assert ladder.completeness(week * 7.0) == pytest.approx(share, abs=0.02)
    assert ladder.completeness(HORIZON_DAYS) == 1
    assert [ladder.is_final(7.0 * week) for week in (0, 5, 8, 20, 60)] == [False, False, True, True, True]


def test_a_count_that_is_corrected_downwards_is_expected_to_fall() -> None:
    ladder = build_ladder(history(random.Random(2), 80, level=2000, withdrawn=0.2))
    share = ladder.completeness(63.0)
    assert share is not None
    assert share > 1.03
    nowcast = ladder.nowcast(63.0, 1000, 2000)
    assert nowcast is not None
    assert nowcast.expected < 1000
    assert nowcast.low80 <= nowcast.low50 <= nowcast.expected <= nowcast.high50 <= nowcast.high80
    assert not ladder.is_final(63.0)


def test_intervals_hold_what_they_promise_on_average() -> None:
    trials = [
        trial
        for seed in range(12)
        for trial in back_test(history(random.Random(seed), 90), [7.0 * ago for ago in range(26, 44)])
        if trial.age < 56
    ]
    skill = skill_of(trials)
    assert skill is not None
    assert skill.n > 1000
    assert 0.5 <= skill.coverage50 <= 0.72
    assert 0.8 <= skill.coverage80 <= 0.95
    assert abs(skill.bias) < 0.02
    assert skill.error < skill.error_of_count / 2


def test_small_counts_are_covered_too_and_a_zero_is_not_taken_for_the_end() -> None:
    trials = [
        trial
        for seed in range(12)
        for trial in back_test(history(random.Random(seed), 90, level=6), [7.0 * ago for ago in range(26, 44)])
        if trial.age < 56
    ]
    skill = skill_of(trials)
    assert skill is not None
    assert skill.coverage50 >= 0.5
    assert skill.coverage80 >= 0.8
    assert abs(skill.bias) < 0.06
    ladder = build_ladder(history(random.Random(3), 90, level=6))
    nowcast = ladder.nowcast(0.0, 0, 6)
    assert nowcast is not None
    assert nowcast.expected > 0
    assert nowcast.high80 > 0


@pytest.mark.parametrize("weeks", [1, WEEKS, WEEKS + 2])
def test_too_little_history_gives_nothing(weeks: int) -> None:
    ladder = build_ladder(history(random.Random(4), weeks))
    assert ladder.nowcast(0.0, 50, 100) is None
    assert ladder.completeness(0.0) is None
    assert not ladder.is_final(0.0)


def test_a_little_more_gives_completeness_alone_and_then_both() -> None:
    some = build_ladder(history(random.Random(5), WEEKS + NEEDED_FOR_NOWCAST - 1))
    assert some.completeness(0.0) is not None
    assert some.nowcast(0.0, 50, 100) is None
    enough = build_ladder(history(random.Random(5), WEEKS + NEEDED_FOR_NOWCAST))
    assert enough.nowcast(0.0, 50, 100) is not None


def test_a_nowcast_knows_nothing_of_what_came_after_its_day() -> None:
    """Two histories that part after a day: what was nowcast on that day is the same."""
    past = history(random.Random(6), 80)
    ago = 35.0
    cut = []
    for one in past:
        kept = {age: round(one.development.at(age)) for age in one.development.ages if age <= one.age - ago}
        counts = tuple(kept.values())
        cut.append(Past(one.age, Development((*kept, one.age - ago + 1), (*counts, 10**6))))
    then, other = ([Past(p.age - ago, p.development) for p in known if p.age >= ago] for known in (past, cut))
    assert build_ladder(then) == build_ladder(other)


def test_what_came_another_way_is_counted_and_does_not_grow() -> None:
    ladder = build_ladder(history(random.Random(7), 80))
    alone, beside = ladder.nowcast(0.0, 30, 100), ladder.nowcast(0.0, 30, 100, beside=500)
    assert alone is not None
    assert beside is not None
    assert beside.expected == pytest.approx(alone.expected + 500)
    assert beside.high80 - beside.low80 == pytest.approx(alone.high80 - alone.low80, abs=1)


def test_only_the_latest_periods_teach() -> None:
    """Reporting became quicker: the factors follow."""
    dice = random.Random(8)
    slow = [grown({21.0: 100}) for _ in range(100)]
    quick = [grown({0.0: 90, 7.0: 10}) for _ in range(TRAINED_ON + WEEKS)]
    past = [Past(7.0 * n, development) for n, development in enumerate(reversed([*slow, *quick]))][::-1]
    assert dice
    assert build_ladder(past).completeness(0.0) == pytest.approx(0.9)


@given(
    st.lists(
        st.dictionaries(st.integers(0, 200).map(float), st.integers(-5, 60), min_size=1, max_size=6),
        min_size=1,
        max_size=60,
    ),
    st.integers(0, 300),
    st.integers(0, 300),
    st.floats(0, 500),
)
def test_whatever_the_history_bounds_are_in_order_and_nothing_is_negative(
    steps: list[dict[float, int]], age: int, known: int, level: float
) -> None:
    developments = [grown(one) for one in steps]
    past = [Past(7.0 * n, one) for n, one in enumerate(developments)][::-1]
    ladder: Ladder = build_ladder(past)
    share, nowcast = ladder.completeness(float(age)), ladder.nowcast(float(age), known, level)
    assert share is None or share > 0
    if nowcast is not None:
        assert 0 <= nowcast.low80 <= nowcast.low50 <= nowcast.high50 <= nowcast.high80
        assert nowcast.low50 <= nowcast.expected <= nowcast.high50


def test_the_error_is_macks_by_hand() -> None:
    """What the factor scatters by, on what is known and on what the factor was estimated from."""
    ladder = Ladder((0.0, float(HORIZON_DAYS)), (_Step(factor=2.0, variance=1.5, volume=100.0, periods=20),))
    nowcast = ladder.nowcast(0.0, 50, level=100.0)  # leant on its level, 50 stays 50
    assert nowcast is not None
    assert nowcast.expected == pytest.approx(100)
    assert nowcast.variance == pytest.approx(100**2 * 1.5 / 2**2 * (1 / 50 + 1 / 100))
    assert (nowcast.low50, nowcast.high50, nowcast.low80, nowcast.high80) == (92, 108, 86, 114)


def test_between_two_publications_a_count_is_on_its_way() -> None:
    development = Development((0.5, 7.5), (10, 24))
    assert [development.at(age) for age in (0.0, 0.5, 4.0, 7.5, 99.0)] == [0, 10, 17, 24, 24]
