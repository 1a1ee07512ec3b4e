"""Question: what is asked of the record, read from parsed parameters; pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from urllib.parse import urlencode

from app.errors import Fault, InvalidParameters, near
from app.statistics.codes import Codes
from app.statistics.dimensions import DIMENSIONS, GRAINS, Dimension
from app.statistics.measures import MEASURES, Measure
from app.statistics.periods import Grain, Period, Window, count_periods, number_of, numbered, parse_period
from app.statistics.presets import PRESETS, Preset
from app.statistics.transforms import TRANSFORMS, Transform

Given = Mapping[str, tuple[str, ...]]
LAST_N_LIMIT = 100_000

HIGHEST_GROUP_BY = 6
"""Dimensions and grain by which one question may group."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a question: a list joined by commas, or a single value.

    `is_view`  it changes how the answer is seen, not what is counted
    `codes`    what it may be, where that is one of a few
    """

    id: str
    is_list: bool
    caption: str
    dimension: str | None = None
    is_view: bool = False
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Filter:
    """Only (or, with `is_not`, everything but) the entries with one of these codes; codes are sorted."""

    dimension: str
    codes: tuple[str, ...]
    is_not: bool = False

    @property
    def parameter(self) -> str:
        """The parameter that asks for it."""
        return f"{self.dimension}__ne" if self.is_not else self.dimension


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: measures, at most one grain, dimensions, filters (all hold), and a stretch of time."""

    preset: Preset
    measures: tuple[Measure, ...]
    grain: Grain | None = None
    dimensions: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()
    start: date | None = None
    end: date | None = None
    last_n: int | None = None
    transform: Transform | None = None
    has_bounds: bool = False

    @property
    def learnt(self) -> tuple[Dimension, ...]:
        """Dimensions learnt from a text by which it groups or filters."""
        named = {*self.dimensions, *(entry.dimension for entry in self.filters)}
        return tuple(entry for entry in DIMENSIONS.values() if entry.learnt and entry.id in named)

    @property
    def has_window(self) -> bool:
        """Whether a stretch of time is asked for."""
        return self.start is not None or self.end is not None or self.last_n is not None

    def within(self, said: Mapping[str, str]) -> "Question":
        """The same question with other periods under the names under which it has some.

        Errors  ValueError for what is no period, and for an end before the start
        """
        start = parse_period(said["start_period"]).first if "start_period" in said else self.start
        end = parse_period(said["end_period"]).last if "end_period" in said else self.end
        if start and end and start > end:
            raise ValueError(f"{start} is after {end}")
        return replace(self, start=start, end=end)

    @property
    def canonical(self) -> str:
        """The query string that asks the same of the same path: one for all spellings of a question."""
        group_by = (*([self.grain.value] if self.grain else []), *self.dimensions)
        parts = {
            "measures": ",".join(measure.id for measure in self.measures) if self.preset.takes_measures else "",
            "group_by": ",".join(group_by),
            **{entry.parameter: ",".join(entry.codes) for entry in self.filters},
            "start_period": self.start.isoformat() if self.start else "",
            "end_period": self.end.isoformat() if self.end else "",
            "last_n": str(self.last_n or ""),
            "transform": self.transform.id if self.transform else "",
            "bounds": "true" if self.has_bounds else "",
        }
        return urlencode({name: value for name, value in parts.items() if value}, safe=",:")

    def most_cells(self, known: Codes) -> int:
        """How many cells an answer has at most, known without looking: a row for each period and combination."""
        window = self.window(known.covered)
        rows = count_periods(self.grain, window) if self.grain and window else 1
        for name in self.dimensions:
            chosen = [len(entry.codes) for entry in self.filters if entry.dimension == name and not entry.is_not]
            rows *= min(len(known.ids(name)) + 1, *chosen) if chosen else len(known.ids(name)) + 1
        return rows * len(self.measures)

    def window(self, covered: Window | None) -> Window | None:
        """The days that are counted; None: all, the undated included. `covered` bounds what was not asked."""
        if self.grain is None and not self.has_window:
            return None
        if covered is None:
            nothing = Window(date(1, 1, 2), date(1, 1, 1))
            return Window(self.start, self.end) if self.start and self.end else nothing
        last = self.end or covered.last
        if self.last_n is None or self.grain is None:
            return Window(self.start or covered.first, last)
        number = number_of(self.grain, last) - self.last_n + 1
        first = numbered(self.grain, max(number, number_of(self.grain, covered.first))).first
        return Window(max(first, covered.first), last)


@cache
def parameters() -> tuple[Parameter, ...]:
    """Every parameter of a question, in the order in which documentation shows them."""
    return (
        Parameter("measures", True, "What to count; the catalogue lists the measures."),
        Parameter("group_by", True, "Dimensions to break down by, and at most one grain of time."),
        *(
            Parameter(f"{dimension.id}{suffix}", True, f"{word} these codes: {dimension.caption}.", dimension.id)
            for dimension in DIMENSIONS.values()
            for suffix, word in (("", "Only"), ("__ne", "All but"))
        ),
        Parameter("start_period", False, "First day, or period whose first day: 2023, 2023-H1, 2023-Q2, 2023-W23 …"),
        Parameter("end_period", False, "Last day, or period whose last day."),
        Parameter("last_n", False, "The last so many periods of the grain, within the record."),
        Parameter(
            "transform", False, "Each measure also seen against its own past, or against all rows of its period."
        ),
        Parameter("bounds", False, "Also the least and the most that each figure could be, whatever is not known."),
    )


def read_question(given: Given, preset: str | None, known: Codes) -> Question:
    """Read a question from its parameters: each name with its values, split at commas and joined.

    `preset` is `weekly`, `sentences`, or None for any question. Parameters of other concerns, such as format
    and revision, are not to be given.

    Errors  InvalidParameters with every fault: unknown names and codes, contradictions in time
    """
    reader = _Reader(given, PRESETS[preset or "any"], known)
    question = reader.read()
    if reader.faults:
        raise InvalidParameters(_summary(reader.faults), reader.faults)
    return question


def _summary(faults: list[Fault]) -> str:
    others = len(faults) - 1
    return faults[0].detail + (f" And {others} more; see errors." if others else "")


@dataclass(slots=True)
class _Reader:
    """Reads one question, and collects what is wrong with it."""

    given: Given
    preset: Preset
    known: Codes
    faults: list[Fault] = field(default_factory=list)

    def read(self) -> Question:
        self._refuse_unknown_parameters()
        grain, dimensions = self._group_by()
        start, end = self._day("start_period", first=True), self._day("end_period", first=False)
        last_n = self._last_n(grain)
        measures = self._measures()
        if start and end and start > end:
            self._fault(
                "period-order",
                f"start_period ({start}) is after end_period ({end}); swap them.",
                "start_period",
            )
        return Question(
            self.preset,
            measures,
            grain,
            dimensions,
            self._filters(),
            start=start,
            end=end,
            last_n=last_n,
            transform=self._transform(measures, grain, dimensions),
            has_bounds=self._bounds(measures),
        )

    def _fault(self, code: str, detail: str, parameter: str, near_to: tuple[str, ...] = ()) -> None:
        self.faults.append(Fault(code, detail, parameter=parameter, did_you_mean=near_to))

    def _refuse_unknown_parameters(self) -> None:
        names = tuple(parameter.id for parameter in parameters())
        for name in self.given:
            if name not in names:
                detail = f"{name} is no parameter of a question; the catalogue lists what may be asked."
                self._fault("unknown-parameter", detail, name, near(name, names))

    def _known(self, parameter: str, names: Iterable[str], code: str, what: str) -> tuple[str, ...]:
        """The given values of a list, each once; those not among the names are faults."""
        allowed = tuple(names)
        values = tuple(dict.fromkeys(self.given.get(parameter, ())))
        if parameter in self.given and not values:
            self._fault("empty-value", f"{parameter} needs at least one {what}.", parameter)
        for value in values:
            if value not in allowed:
                detail = f"{value!r} is no {what}" + _offer(near(value, allowed), allowed)
                self._fault(code, detail, parameter, near(value, allowed))
        return tuple(value for value in values if value in allowed)

    def _measures(self) -> tuple[Measure, ...]:
        if "measures" in self.given and not self.preset.takes_measures:
            detail = "measures is fixed here; leave it out, or ask /v1/statistics."
            self._fault("fixed-parameter", detail, "measures")
            return self.preset.measures
        asked = self._known("measures", MEASURES, "unknown-measure", "measure")
        return tuple(MEASURES[measure_id] for measure_id in asked) or self.preset.measures

    def _group_by(self) -> tuple[Grain | None, tuple[str, ...]]:
        names = self._known("group_by", (*DIMENSIONS, *GRAINS), "unknown-dimension", "dimension or grain")
        grains = [Grain(name) for name in names if name in GRAINS]
        fixed = self.preset.grain
        if fixed and [grain for grain in grains if grain is not fixed]:
            detail = f"This path groups by {fixed}; ask /v1/statistics for another grain."
            self._fault("fixed-parameter", detail, "group_by")
        elif len(grains) > 1:
            self._fault("two-grains", f"Give one grain, not {' and '.join(grains)}.", "group_by")
        dimensions = tuple(name for name in names if name in DIMENSIONS)
        added = self.preset.dimension
        if added and added not in dimensions:
            dimensions = (*dimensions, added)
        grain = fixed or next(iter(grains), None)
        held = len(dimensions) + (grain is not None)
        if held > HIGHEST_GROUP_BY:
            own = ", what this path groups by itself included" if fixed or added else ""
            self._fault("too-many", f"Group by {HIGHEST_GROUP_BY} at most, not {held}{own}.", "group_by")
        return grain, dimensions

    def _filters(self) -> tuple[Filter, ...]:
        found = []
        for parameter in sorted(parameters(), key=lambda entry: entry.id):
            if parameter.dimension is None or parameter.id not in self.given:
                continue
            if parameter.dimension == self.preset.dimension:
                detail = f"The rows are the codes of {parameter.dimension} here, so it takes no filter."
                self._fault("fixed-parameter", detail, parameter.id)
                continue
            dimension, given = parameter.dimension, self.given[parameter.id]
            allowed = (*self.known.ids(dimension), *(code for code in given if self.known.admits(dimension, code)))
            codes = self._known(parameter.id, allowed, "unknown-code", f"code of {parameter.dimension}")
            found.append(Filter(parameter.dimension, tuple(sorted(codes)), parameter.id.endswith("__ne")))
        return tuple(found)

    def _single(self, parameter: str) -> str | None:
        values = self.given.get(parameter, ())
        if len(values) > 1:
            self._fault("repeated", f"{parameter} takes one value, not {len(values)}.", parameter)
            return None
        if parameter in self.given and not values:
            self._fault("empty-value", f"{parameter} needs a value.", parameter)
        return values[0] if values else None

    def _day(self, parameter: str, *, first: bool) -> date | None:
        text = self._single(parameter)
        if text is None:
            return None
        try:
            period: Period = parse_period(text)
        except ValueError:
            examples = ", ".join(entry.example for entry in GRAINS.values())
            self._fault("bad-period", f"{text!r} is no period of the calendar; write it like {examples}.", parameter)
            return None
        return period.first if first else period.last

    def _last_n(self, grain: Grain | None) -> int | None:
        text = self._single("last_n")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 7 and 0 < int(text) <= LAST_N_LIMIT):
            self._fault("bad-number", f"last_n is a whole number from 1 to {LAST_N_LIMIT}.", "last_n")
            return None
        if grain is None:
            detail = f"last_n counts periods, so group_by needs a grain: {', '.join(GRAINS)}."
            self._fault("needs-grain", detail, "last_n")
        if "start_period" in self.given:
            self._fault("exclusive", "Leave out one of last_n and start_period.", "last_n")
        return int(text)

    def _transform(
        self, measures: tuple[Measure, ...], grain: Grain | None, dimensions: tuple[str, ...]
    ) -> Transform | None:
        text = self._single("transform")
        if text is None:
            return None
        if text not in TRANSFORMS:
            detail = f"{text!r} is no transform" + _offer(near(text, tuple(TRANSFORMS)), tuple(TRANSFORMS))
            self._fault("unknown-transform", detail, "transform", near(text, tuple(TRANSFORMS)))
            return None
        transform = TRANSFORMS[text]
        if transform.needs_grain and grain is None:
            self._fault(
                "needs-grain", f"{text} is over time, so group_by needs a grain: {', '.join(GRAINS)}.", "transform"
            )
        if transform.needs_dimension and not dimensions:
            self._fault("needs-dimension", f"{text} is a part of all rows, so group_by needs a dimension.", "transform")
        overlapping = [
            measure.id
            for measure in measures
            if transform.needs_dimension and not set(dimensions) <= set(measure.additive_over)
        ]
        for measure in measures:
            if not transform.fits(measure) or measure.id in overlapping:
                also = (entry for entry in MEASURES.values() if not (overlapping and entry.is_any_charge))
                fitting = ", ".join(entry.id for entry in also if transform.fits(entry))
                why = ": its rows overlap" if measure.id in overlapping else ""
                detail = f"{text} of {measure.id} has no meaning here{why}; it has one for {fitting}."
                self._fault("no-meaning", detail, "transform")
        return transform

    def _bounds(self, measures: tuple[Measure, ...]) -> bool:
        text = self._single("bounds")
        if text not in (None, "true", "false"):
            self._fault("bad-value", "bounds is true or false.", "bounds")
        for measure in measures if text == "true" else ():
            if not measure.has_bounds:
                fitting = ", ".join(entry.id for entry in MEASURES.values() if entry.has_bounds)
                detail = f"{measure.id} has no bounds: {measure.no_bounds}. These have some: {fitting}."
                self._fault("no-meaning", detail, "bounds")
        return text == "true"


def _offer(similar: tuple[str, ...], allowed: tuple[str, ...]) -> str:
    if similar:
        return f"; did you mean {' or '.join(similar)}?"
    return f"; one of {', '.join(allowed)}." if len(allowed) <= 40 else "; the catalogue says where its codes are."
