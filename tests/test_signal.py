"""The signal: how often chance alone raises it, and that what is unusual does."""

import random
from collections import Counter
from math import exp

import pytest

from app.statistics.signal import BASELINE, FALSE_ALARMS, Signal, expect, judge


def drawn(dice: random.Random, mean: float, spread: float) -> int:
    """A count with this mean and, where the spread is above 1, so many times the variance of chance."""
    rate = mean if spread <= 1 else dice.gammavariate(mean / (spread - 1), spread - 1)
    count, at = 0, dice.expovariate(1)
    while at < rate:
        count, at = count + 1, at + dice.expovariate(1)
    return count


@pytest.mark.parametrize(
    ("level", "trend", "spread"),
    [(5, 0, 1), (20, 0, 1), (80, 0, 1), (20, 0, 2), (80, 0, 3), (60, 0.02, 1.5), (60, -0.02, 1.5)],
)
def test_chance_alone_raises_it_about_as_often_as_is_stated(level: float, trend: float, spread: float) -> None:
    dice = random.Random(20230719)
    rounds = 1500
    found: Counter[Signal] = Counter()
    for _ in range(rounds):
        series = [drawn(dice, level * exp(trend * t), spread) for t in range(-BASELINE, 1)]
        found[judge(series[-1], expect(series[:-1]))] += 1
    alarms = (found[Signal.HIGH] + found[Signal.LOW]) / rounds
    assert 0.1 * FALSE_ALARMS <= alarms <= 1.7 * FALSE_ALARMS, found


def test_a_doubled_week_is_marked_and_a_halved_one_too() -> None:
    dice = random.Random(1)
    past = [drawn(dice, 100, 1) for _ in range(BASELINE)]
    assert judge(200, expect(past)) is Signal.HIGH
    assert judge(50, expect(past)) is Signal.LOW
    assert judge(100, expect(past)) is Signal.USUAL


def test_growth_that_goes_on_is_not_unusual() -> None:
    past = [round(20 * exp(0.05 * t)) for t in range(BASELINE)]
    assert judge(20 * exp(0.05 * BASELINE), expect(past)) is Signal.USUAL
    assert judge(20, expect(past)) is Signal.LOW


def test_an_estimate_is_judged_by_wider_bounds() -> None:
    past = [100.0] * BASELINE
    sure, unsure = expect(past), expect(past, variance=900)
    assert sure is not None
    assert unsure is not None
    assert unsure.low < sure.low < sure.high < unsure.high


@pytest.mark.parametrize("past", [[], [100.0] * (BASELINE - 1), [0.0] * BASELINE, [0.0] * (BASELINE - 1) + [9.0]])
def test_too_little_to_go_by_is_said(past: list[float]) -> None:
    assert judge(1000, expect(past)) is Signal.CANNOT_TELL
