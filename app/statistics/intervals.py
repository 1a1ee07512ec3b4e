"""Intervals: how far a share may be from what was observed."""

from math import sqrt
from statistics import NormalDist
from typing import NamedTuple


class Interval(NamedTuple):
    """Two bounds, the lower first."""

    low: float
    high: float


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Score interval of a binomial proportion.

    Units    bounds are shares in [0, 1]; (0, 1) when trials is 0
    Errors   ValueError when successes is outside 0…trials, or confidence outside 0…1
    Source   Wilson 1927, J. Am. Stat. Assoc. 22, 209-212
    """
    if not 0 <= successes <= trials:
        raise ValueError(f"successes must be within 0…{trials}, not {successes}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, not {confidence}")
    if trials == 0:
        return Interval(0.0, 1.0)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = successes / trials
    middle = share + z * z / (2 * trials)
    reach = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # at the ends the bound is exact, which the subtraction would miss by a rounding error
    low = 0.0 if successes == 0 else (middle - reach) / scale
    high = 1.0 if successes == trials else (middle + reach) / scale
    return Interval(low, high)
