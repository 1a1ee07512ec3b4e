"""Intervals hold the share, and are those of the literature."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.statistics.intervals import wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    [  # Newcombe 1998, Stat. Med. 17, 857-872, table I, method 3
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_the_interval_is_that_of_the_paper(successes: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(successes, trials) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(0, 10**7).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_bounds_are_shares_around_the_share_and_mirror_each_other(counts: tuple[int, int]) -> None:
    successes, trials = counts
    low, high = wilson_interval(successes, trials)
    mirrored = wilson_interval(trials - successes, trials)
    assert 0 <= low <= high <= 1
    assert trials == 0 or low <= successes / trials <= high
    assert (1 - high, 1 - low) == pytest.approx(mirrored, abs=1e-12)


@given(st.integers(1, 10**6).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_the_bounds_solve_the_score_equation(counts: tuple[int, int]) -> None:
    successes, trials = counts
    z = 1.959963984540054
    for bound in wilson_interval(successes, trials):
        distance = (successes / trials - bound) ** 2
        assert distance == pytest.approx(z**2 * bound * (1 - bound) / trials, abs=1e-9)


def test_more_confidence_is_a_wider_interval() -> None:
    narrow, wide = wilson_interval(11, 19, confidence=0.8), wilson_interval(11, 19, confidence=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_without_trials_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize("counts", [(-1, 3), (4, 3), (1, 0), (0, -1)])
def test_impossible_counts_are_refused(counts: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="successes"):
        wilson_interval(*counts)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0, float("nan")])
def test_impossible_confidence_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 2, confidence)
