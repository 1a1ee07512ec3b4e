"""Signal: which counts lie outside what a series' own past leads to expect; pure.

A line through the last 26 counts on the logarithmic scale, fitted as quasi-Poisson, says what to expect next, and how
far chance takes it: the spread of the past about its own line, and the uncertainty of the line. A count is marked where
it lies beyond bounds that chance alone passes once in a hundred times.

Source  Farrington et al. 1996, J. R. Stat. Soc. A 159, 547-563: the model, and bounds on the scale of the 2/3 power,
        on which counts are nearly symmetrical. Here with bounds on both sides, Student's t for the estimated spread,
        and without the reweighting of earlier outbreaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, log, sqrt

BASELINE = 26
"""How many counts before it a count is compared with."""
FALSE_ALARMS = 0.01
"""How often chance alone marks a count: half of it above, half below."""
LEAST_COMPLETE = 0.8
"""Of which share a count has to be known before it can be judged."""
_T = 2.7969395  # Student's t, 0.995, BASELINE - 2 degrees of freedom
_LEAST_TOTAL = BASELINE  # with fewer than one each on average, the line means nothing
_ROUNDS = 25
_ENOUGH = 1e-8


class Signal(StrEnum):
    """What is said of one count."""

    HIGH = "high"
    LOW = "low"
    USUAL = "usual"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Expectation:
    """What the past leads to expect, and within which bounds."""

    expected: float
    low: float
    high: float


def expect(past: Sequence[float], variance: float = 0.0) -> Expectation | None:
    """What should follow some counts, the latest last; None where they are not `BASELINE` many, or too few events.

    `variance` of the count to be judged, where that is itself an estimate
    """
    if len(past) != BASELINE or sum(past) < _LEAST_TOTAL:
        return None
    fitted = _fit(past)
    if fitted is None:
        return None
    mean, variance_of_mean, spread = fitted
    reach = 2 / 3 * _T * sqrt(spread * mean + variance_of_mean + variance) / mean
    return Expectation(mean, mean * max(0.0, 1 - reach) ** 1.5, mean * (1 + reach) ** 1.5)


def judge(value: float, expectation: Expectation | None) -> Signal:
    """Whether a count is usual."""
    if expectation is None:
        return Signal.CANNOT_TELL
    if value > expectation.high:
        return Signal.HIGH
    return Signal.LOW if value < expectation.low else Signal.USUAL


def _fit(past: Sequence[float]) -> tuple[float, float, float] | None:
    """The next value of the line, its variance, and the spread; None where the line cannot be found.

    Iteratively reweighted least squares of log(mean) = a + b * t, with t = 0 for the value to come.
    """
    times = range(-len(past), 0)
    a, b = log(max(sum(past) / len(past), 0.1)), 0.0
    for _ in range(_ROUNDS):
        means = [exp(a + b * t) for t in times]
        w, wt, wtt = (sum(m * t**power for m, t in zip(means, times, strict=True)) for power in (0, 1, 2))
        residuals = [y - m for y, m in zip(past, means, strict=True)]
        r, rt = sum(residuals), sum(residual * t for residual, t in zip(residuals, times, strict=True))
        determinant = w * wtt - wt * wt
        if determinant <= 0:
            return None
        step_a, step_b = (wtt * r - wt * rt) / determinant, (w * rt - wt * r) / determinant
        a, b = a + step_a, b + step_b
        if abs(a) > 50 or abs(b) > 5:
            return None
        if abs(step_a) + abs(step_b) < _ENOUGH:
            break
    means = [exp(a + b * t) for t in times]
    spread = max(1.0, sum((y - m) ** 2 / m for y, m in zip(past, means, strict=True)) / (len(past) - 2))
    mean = exp(a)
    return mean, mean * mean * spread * wtt / determinant, spread
