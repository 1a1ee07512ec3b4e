"""Measure: what an entry of the table of measures says, and what kinds there are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from app.statistics.dimensions import DIMENSIONS, GRAINS


class Unit(StrEnum):
    """Who or what one entry of the ledger is."""

    CASE = "case"
    PERSON = "person"
    CHARGE = "charge"


class Event(StrEnum):
    """Whose day places an entry on the time axis."""

    RECEIVED = "received"
    DECIDED = "decided"


class Kind(StrEnum):
    """How a measure is reckoned: the one table of what each kind adds up over."""

    COUNT = "count"
    RATIO = "ratio"
    SPREAD = "spread"
    STOCK = "stock"
    ANY_CHARGE = "any_charge"


@dataclass(frozen=True, slots=True)
class Predicate:
    """Which ledger entries count; an empty tuple, None and False mean any.

    `within_days`, `beyond_days`  decided at most, or more than, so many days after receipt
    `past_horizon`     so many days after receipt are over by the last day to which the court was looked at
    `ended_horizon`    the same, and a decision has its day
    `running_horizon`  they are not over yet
    `has_term`         the length of the sentence is known
    `has_days`, `lacks_days`  the days from receipt to decision are known, or not
    """

    disposition: tuple[str, ...] = ()
    sentence_class: tuple[str, ...] = ()
    sentence_kind: tuple[str, ...] = ()
    is_presumed: bool | None = None
    within_days: int | None = None
    beyond_days: int | None = None
    past_horizon: int | None = None
    ended_horizon: int | None = None
    running_horizon: int | None = None
    has_term: bool = False
    has_days: bool = False
    lacks_days: bool = False

    @property
    def results(self) -> frozenset[str]:
        """Columns of results that it reads."""
        read = {"disposition": self.disposition, "sentence_class": self.sentence_class}
        found = frozenset(name for name, codes in read.items() if codes)
        return found if self.is_presumed is None else found | {"is_presumed"}

    @property
    def columns(self) -> frozenset[str]:
        """Other columns that it reads, one of them at least that no sum keeps."""
        horizons = (self.within_days, self.beyond_days, self.past_horizon, self.ended_horizon, self.running_horizon)
        read = {
            "sentence_kind": bool(self.sentence_kind),
            "days": self.has_days or self.lacks_days or any(days is not None for days in horizons),
            "court": any(days is not None for days in horizons[2:]),
            "term_months": self.has_term,
        }
        return frozenset(name for name, is_read in read.items() if is_read)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One count over another.

    `over`     a dimension of the question that is summed away in the denominator
    `not_yet`  the count of those who are left out because it is too early to tell
    `others`, `perhaps_others`  who is in the denominator alone: certainly, or possibly (by any of these)
    """

    numerator: str
    denominator: str
    has_interval: bool = True
    over: str | None = None
    not_yet: str | None = None
    others: tuple[Predicate, ...] = ()
    perhaps_others: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Spread:
    """A statistic of a whole number that entries carry.

    `place`  0, 1, 2: the quartiles, interpolated linearly; None: the mean
    """

    column: str
    unit: str
    place: int | None


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that can be asked for.

    `certain`, `possible`  who counts at the least, and (by any of these) at the most; without them, `predicate`
    `no_bounds`            why what is not known sets it no bounds
    `is_sentence`          it speaks of sentences, so that coverage stands beside it
    `population`           the count that tells how many of it lack a day; without it, itself or its denominator
    """

    id: str
    unit: Unit
    event: Event
    caption: str
    caption_ru: str
    definition: str
    predicate: Predicate = field(default=Predicate())
    ratio: Ratio | None = None
    spread: Spread | None = None
    is_stock: bool = False
    is_any_charge: bool = False
    is_sentence: bool = False
    no_bounds: str = ""
    certain: Predicate | None = None
    possible: tuple[Predicate, ...] = ()
    population: str | None = None
    definition_version: int = 1
    kind: Kind = field(init=False)
    """How it is reckoned."""

    def __post_init__(self) -> None:
        found = {
            Kind.RATIO: self.ratio is not None,
            Kind.SPREAD: self.spread is not None,
            Kind.STOCK: self.is_stock,
            Kind.ANY_CHARGE: self.is_any_charge,
        }
        kind = next((kind for kind, holds in found.items() if holds), Kind.COUNT)
        object.__setattr__(self, "kind", kind)

    @property
    def has_bounds(self) -> bool:
        """Whether there is a least and a most that it could be."""
        return not self.no_bounds

    @property
    def additive(self) -> bool:
        """Whether it adds up over time and every dimension."""
        return self.kind is Kind.COUNT

    @property
    def additive_over(self) -> tuple[str, ...]:
        """Grains and dimensions over which it adds up."""
        return ADDITIVE_OVER[self.kind]

    @property
    def unit_of_value(self) -> str:
        """In what the value is given: `case`, `person`, `charge`, `share`, `month` or `day`."""
        if self.spread:
            return self.spread.unit
        return str(self.unit) if self.ratio is None else "share"

    @property
    def counted_in(self) -> str:
        """The count of which some may lack a day."""
        return self.population or (self.ratio.denominator if self.ratio else self.id)

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption


OFFENCE_DIMENSIONS = tuple(entry.id for entry in DIMENSIONS.values() if entry.is_of_charge)
ADDITIVE_OVER: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {
        Kind.COUNT: (*GRAINS, *DIMENSIONS),
        Kind.STOCK: tuple(DIMENSIONS),
        Kind.ANY_CHARGE: (*GRAINS, *(name for name in DIMENSIONS if name not in OFFENCE_DIMENSIONS)),
        Kind.RATIO: (),
        Kind.SPREAD: (),
    }
)


def counts_of(measures: Iterable[Measure]) -> tuple[str, ...]:
    """Ids of the counts that the measures are made of, each once, in order."""
    found: dict[str, None] = {}
    for measure in measures:
        if measure.ratio:
            parts = (measure.ratio.numerator, measure.ratio.denominator, measure.ratio.not_yet)
            found |= dict.fromkeys(name for name in parts if name)
        elif measure.kind in (Kind.COUNT, Kind.ANY_CHARGE):
            found |= {measure.id: None}
    return tuple(found)
