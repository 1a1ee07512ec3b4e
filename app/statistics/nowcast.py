"""Nowcast: what a recent count will come to, from how earlier counts grew; pure.

The chain ladder on the reporting triangle. A count is known at ages: days since its period ended. From one age to the
next it grows by a factor, the same for all periods but for chance; the factor is estimated from the periods that have
passed both ages. Factors below 1 are as good as others: records are corrected downwards too. The count at
`HORIZON_DAYS` is the eventual one; what changes after that is a correction, which a comparison of revisions explains.

Source  Mack 1993, ASTIN Bulletin 23, 213-225: the factors, and the error of what they predict, without assuming a
        distribution. Of the baselinenowcast method (Johnson et al. 2025, Wellcome Open Research 10:614, after the
        reference model of the German nowcast hub) we take that small counts lean on a prior, and that intervals are
        judged by back-tests. The prior weighs one event and has the level of the series, which is its sum over the
        sum of completeness (the Cape Cod method: Stanard 1985, Proc. Casualty Actuarial Society 72, 124-148).
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor, inf, sqrt
from statistics import NormalDist

HORIZON_DAYS = 182
"""Age at which a count is taken as eventual: 26 weeks."""
TRAINED_ON = 26
"""Each factor is estimated from so many periods at most, the latest."""
NEEDED_FOR_COMPLETENESS = 4
NEEDED_FOR_NOWCAST = 8
FINAL_WITHIN = 0.01
"""A figure is final where it usually lies within this share of the eventual one, now and at every later age."""
_STEP_NEEDS_EVENTS = 20  # a factor from fewer events is noise
_Z50, _Z80 = (NormalDist().inv_cdf(0.5 + level / 2) for level in (0.5, 0.8))


@dataclass(frozen=True, slots=True)
class Development:
    """How the count of one period grew: `counts[i]` was published at age `ages[i]` (days since its end).

    Every publication that could have told of it has its place, also where it told nothing new.
    """

    ages: tuple[float, ...]
    counts: tuple[int, ...]

    def at(self, age: float) -> float:
        """The count at an age; between two publications on the line between them, 0 before the first.

        So that a period that was last looked at six days ago is not taken for one that was looked at today.
        """
        place = bisect_right(self.ages, age)
        if place == 0 or place == len(self.ages):
            return float(self.counts[place - 1]) if place else 0.0
        before, after = self.ages[place - 1], self.ages[place]
        way = (age - before) / (after - before)
        return self.counts[place - 1] + way * (self.counts[place] - self.counts[place - 1])


@dataclass(frozen=True, slots=True)
class Past:
    """A period that has ended: its age now, and how its count grew until now."""

    age: float
    development: Development


@dataclass(frozen=True, slots=True)
class Nowcast:
    """What an eventual count is expected to be, with the bounds that hold it in 50 and in 80 of 100 cases."""

    expected: float
    low50: int
    high50: int
    low80: int
    high80: int
    variance: float


@dataclass(frozen=True, slots=True)
class _Step:
    """From one age to the next: factor, variance for each unit known, how much it was estimated from."""

    factor: float
    variance: float
    volume: float
    periods: int


@dataclass(frozen=True, slots=True)
class Ladder:
    """The factors between the ages at hand. `ages` rises; the last is the horizon."""

    ages: tuple[float, ...]
    steps: tuple[_Step | None, ...]  # from ages[i] to ages[i + 1]; None: too little history

    def completeness(self, age: float) -> float | None:
        """The share of the eventual count that is usually known at an age; None: too little history."""
        if age >= HORIZON_DAYS:
            return 1.0
        steps = self._from(age, NEEDED_FOR_COMPLETENESS)
        growth = _product(steps) if steps else 0.0
        return 1 / growth if growth > 0 else None

    def is_final(self, age: float) -> bool:
        """Whether a count of that age is usually close to the eventual one, and stays so."""
        if age >= HORIZON_DAYS:
            return True
        later = (self.completeness(other) for other in self.ages if age <= other < HORIZON_DAYS)
        return all(share is not None and abs(1 - share) <= FINAL_WITHIN for share in later)

    def level(self, counts: Sequence[tuple[float, int]]) -> float:
        """What a series comes to in a period, from ages and known counts of its latest periods."""
        shares = [(known, self.completeness(age)) for age, known in counts[-TRAINED_ON:]]
        told = [(known, share) for known, share in shares if share is not None]
        total = sum(share for _, share in told)
        return max(0.0, sum(known for known, _ in told) / total) if total else 0.0

    def nowcast(self, age: float, known: int, level: float, beside: int = 0) -> Nowcast | None:
        """What a count that is `known` at an age will come to; None: too little history.

        `level`   what the series comes to in a period
        `beside`  is counted as well but does not grow: it came another way than by the courts' ordinary reports
        """
        if age >= HORIZON_DAYS:
            return _certain(known + beside)
        steps = self._from(age, NEEDED_FOR_NOWCAST)
        if not steps or _product(steps) <= 0:
            return None
        growth = _product(steps)
        base = _leaning(known, level, 1 / growth)
        reached, relative = base, 0.0
        for step in steps:
            relative += step.variance / step.factor**2 * (1 / reached + 1 / step.volume) if reached else 0.0
            reached *= step.factor
        expected = max(0.0, beside + known + base * (growth - 1))
        return _around(expected, (base * growth) ** 2 * relative)

    def _from(self, age: float, needed: int) -> Sequence[_Step] | None:
        """The steps from an age to the horizon; None where one of them has too little history."""
        place = bisect_right(self.ages, age) - 1
        if place < 0:
            return None
        steps = [step for step in self.steps[place:] if step is not None and step.periods >= needed]
        return steps if len(steps) == len(self.steps) - place else None


def build_ladder(past: Sequence[Past]) -> Ladder:
    """The ladder of a series, from its ended periods in order, the latest last.

    The rungs are the ages that its recent periods have now, so that each is compared with earlier ones at its own age.
    """
    ages = (*sorted({one.age for one in past if one.age < HORIZON_DAYS}), float(HORIZON_DAYS))
    return Ladder(ages, tuple(_step(past, *pair) for pair in pairwise(ages)))


def _step(past: Sequence[Past], start: float, end: float) -> _Step | None:
    seen = [(one.development.at(start), one.development.at(end)) for one in past if one.age >= end][-TRAINED_ON:]
    volume = sum(before for before, _ in seen)
    if volume < _STEP_NEEDS_EVENTS or len(seen) < NEEDED_FOR_COMPLETENESS:
        return None
    factor = sum(after for _, after in seen) / volume
    if factor <= 0:
        return None
    squares = sum((after - factor * before) ** 2 / max(before, 1) for before, after in seen)
    # never less than what chance alone does to counts
    variance = max(squares / (len(seen) - 1), abs(factor - 1))
    return _Step(factor, variance, volume, len(seen))


def _product(steps: Sequence[_Step]) -> float:
    growth = 1.0
    for step in steps:
        growth *= step.factor
    return growth


def _leaning(known: int, level: float, share: float) -> float:
    """A count leant on one event of prior weight, at the level of its series; as known where counts shrink."""
    if share >= 1:
        return float(max(known, 0))
    return share * (1 + max(known, 0)) / (1 / level + share) if level > 0 else 0.0


def _certain(count: int) -> Nowcast:
    return Nowcast(float(count), count, count, count, count, 0.0)


def _around(expected: float, variance: float) -> Nowcast:
    bounds = [
        bound
        for z in (_Z50, _Z80)
        for bound in (floor(expected - z * sqrt(variance)), ceil(expected + z * sqrt(variance)))
    ]
    low50, high50, low80, high80 = (max(0, bound) for bound in bounds)
    return Nowcast(expected, low50, high50, low80, high80, variance)


# ── How well it did ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Trial:
    """One nowcast made in the past, with what was known then and what came out."""

    age: float
    known: int
    nowcast: Nowcast
    eventual: int


@dataclass(frozen=True, slots=True)
class Skill:
    """How a set of past nowcasts did; shares in 0…1, errors as shares of the eventual counts."""

    n: int
    coverage50: float
    coverage80: float
    bias: float
    error: float
    error_of_count: float


def back_test(past: Sequence[Past], origins: Sequence[float]) -> tuple[Trial, ...]:
    """Nowcasts as they would have been made so many days ago (`origins`), each from what was known then alone.

    An origin is a publication: between two, a development already leans to the one to come.
    Only of periods whose eventual count is known by now.
    """
    trials = []
    for ago in origins:
        then = [Past(one.age - ago, one.development) for one in past if one.age - ago >= 0]
        ladder = build_ladder(then)
        level = ladder.level([(one.age, round(one.development.at(one.age))) for one in then])
        for one in then:
            if one.age < HORIZON_DAYS <= one.age + ago:
                known = round(one.development.at(one.age))
                made = ladder.nowcast(one.age, known, level)
                if made is not None:
                    trials.append(Trial(one.age, known, made, round(one.development.at(HORIZON_DAYS))))
    return tuple(trials)


def skill_of(trials: Sequence[Trial]) -> Skill | None:
    """How trials came out; None where there is none, or nothing ever came to be counted."""
    total = sum(trial.eventual for trial in trials)
    if not trials or total <= 0:
        return None
    n = len(trials)
    return Skill(
        n=n,
        coverage50=sum(trial.nowcast.low50 <= trial.eventual <= trial.nowcast.high50 for trial in trials) / n,
        coverage80=sum(trial.nowcast.low80 <= trial.eventual <= trial.nowcast.high80 for trial in trials) / n,
        bias=sum(trial.nowcast.expected - trial.eventual for trial in trials) / total,
        error=sum(abs(trial.nowcast.expected - trial.eventual) for trial in trials) / total,
        error_of_count=sum(abs(trial.known - trial.eventual) for trial in trials) / total,
    )


AGE_GROUPS: tuple[tuple[str, float, float], ...] = (
    ("0", 0, 7),
    ("1", 7, 14),
    ("2", 14, 21),
    ("3", 21, 28),
    ("4-7", 28, 56),
    ("8-12", 56, 91),
    ("13-25", 91, HORIZON_DAYS),
    ("all", 0, inf),
)
"""Ages in whole weeks under which skill is told: name, from, below (days)."""
