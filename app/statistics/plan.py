"""Plan: a question and a revision to statements; pure. What no sum of the tally keeps is read from the ledger."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any

from app.statistics.bounds import extremes_of, relaxed, strict
from app.statistics.dimensions import DIMENSIONS
from app.statistics.measure import OFFENCE_DIMENSIONS, Event, Measure, Unit, counts_of
from app.statistics.measures import COUNTS, OPEN_CASE
from app.statistics.offence_kind import IS_WARTIME, OFFENCE_GROUP, looked_up
from app.statistics.periods import Grain, Window, count_periods
from app.statistics.question import Filter, Question
from app.statistics.select import Counted, Reading, Select, Statement, choose_sum, columns_of_filters, first_day
from app.statistics.span import Span
from app.statistics.sums import SUMS, Sum

BASE_COUNTS = ("sentences_known", "persons_convicted")  # of `coverage`: numerator and denominator
OWN_BASE = tuple(f"base:{name}" for name in BASE_COUNTS)
QUARTILES = ("0.25::float8", "0.5::float8", "0.75::float8")
STOCK = "cases_pending"
CERTAIN, POSSIBLE = "certain", "possible"  # who is counted at the least, and at the most


@dataclass(frozen=True, slots=True)
class Plan:
    """How one question is answered at one revision: all that its statements are made from.

    `available`  names of the sums that may be read; where none covers the question, the ledger is
    `last`       the last day that the record covers, or to which each court was looked at
    `reference`  the set of courts and offences in force
    `span`       which entries are read, where that is not the state as of the revision
    """

    question: Question
    revision: int
    window: Window | None
    available: Collection[str] = tuple(SUMS)
    last: date | Mapping[str, date] | None = None
    reference: int = 0
    span: Span | None = None

    @property
    def has_coverage(self) -> bool:
        """Whether rows state how many sentences are known: beside what is learnt from texts, in whatever place."""
        return self._is_of_sentences or bool(self.question.learnt)

    @property
    def has_own_base(self) -> bool:
        """Whether coverage takes a statement of its own, without the learnt groupings and filters."""
        return bool(self.question.learnt)

    @property
    def has_base_in_rows(self) -> bool:
        """Whether the rows add up to what coverage is made of, once they hold that too: no filter leaves any out."""
        has_learnt_filter = any(DIMENSIONS[entry.dimension].learnt for entry in self.question.filters)
        return self.has_own_base and bool(self.counts) and not has_learnt_filter

    @property
    def counts(self) -> tuple[str, ...]:
        """Ids of the counts in each row of the main statement, in order."""
        asked = counts_of(self.question.measures)
        base = BASE_COUNTS if self._is_of_sentences else ()
        apart = {*self._any_charge, *filter(_needs_more, asked)}
        return tuple(name for name in dict.fromkeys((*asked, *base)) if name not in apart)

    @property
    def overlapping(self) -> tuple[Measure, ...]:
        """Its measures whose rows overlap, so that adding them up counts some twice."""
        is_by_charge = any(name in OFFENCE_DIMENSIONS for name in self.question.dimensions)
        return tuple(measure for measure in self.question.measures if is_by_charge and measure.is_any_charge)

    def distinct(self) -> "Plan":
        """The totals of those: each once, whatever rows it is in."""
        kept = tuple(name for name in self.question.dimensions if name not in OFFENCE_DIMENSIONS)
        return replace(self, question=replace(self.question, measures=self.overlapping, dimensions=kept))

    @property
    def plain_dimensions(self) -> tuple[str, ...]:
        """Its dimensions that are not learnt, in order."""
        return tuple(name for name in self.question.dimensions if not DIMENSIONS[name].learnt)

    @property
    def needs_day(self) -> bool:
        """Whether entries without a day are left out even where no time is asked."""
        return any(measure.ratio is not None and measure.ratio.not_yet for measure in self.question.measures)

    @property
    def ranked(self) -> dict[str, Measure]:
        """A measure of each spread among its measures, by the population whose values are ranked."""
        return {
            measure.population: measure for measure in self.question.measures if measure.spread and measure.population
        }

    @property
    def periods(self) -> int:
        """How many periods its answer has; without a grain one."""
        return count_periods(self.question.grain, self.window) if self.question.grain and self.window else 1

    @property
    def is_of_days(self) -> bool:
        """Whether all that it reads is the state's counts, added up day by day from sums of the tally."""
        if self.window is None or self.span or self.has_stock or self._any_charge or self.needs_day:
            return False
        if any(map(_needs_more, counts_of(self.question.measures))) or self.has_own_base > self.has_base_in_rows:
            return False
        counted = [self._counted(self.counts)] if self.counts else []
        counted += [(Counted.of(measure),) for measure in self.ranked.values()]
        return all(self._sum_for(one, self.question.filters, self.question.dimensions) for one in counted)

    def day_by_day(self) -> "Plan":
        """The same question by day, over all time."""
        asked = replace(self.question, grain=Grain.DAY, start=date.min, end=date.max, last_n=None, transform=None)
        return replace(self, question=asked, window=Window(date.min, date.max))

    @property
    def last_counted(self) -> date | None:
        """The last day that is counted, where no end was asked for: what comes after is told to be left out."""
        return self.window.last if self.window and self.question.end is None else None

    def readings(self, *, with_base: bool = False) -> Iterator[Reading]:
        """All that has to be read for the rows; each row begins with period and dimensions.

        `with_base`: the first also has what coverage is made of, under names of their own.
        """
        if self.counts:
            yield self.main(with_base=with_base)
        apart = list(filter(_needs_more, counts_of(self.question.measures)))
        if apart:
            yield self._main_select(self._counted(apart)).counts(self._counted(apart), apart)
        yield from (self._spread(measure) for measure in self.ranked.values())
        yield from (self._charged(COUNTS[name]) for name in self._any_charge)
        if self.has_stock:
            yield self._stock()

    @property
    def has_stock(self) -> bool:
        """Whether one of its measures is a stock."""
        return any(measure.is_stock for measure in self.question.measures)

    def main(self, *, with_base: bool = False) -> Reading:
        """The counts that sums of the tally keep."""
        counted, names = self._counted(self.counts), self.counts
        if with_base:
            counted, names = (*counted, *self._base_counted()), (*names, *OWN_BASE)
        return self._main_select(counted).counts(counted, names)

    def _base_counted(self) -> tuple[Counted, ...]:
        learnt = tuple(entry.column for entry in self.question.learnt)
        known, convicted = (COUNTS[count] for count in BASE_COUNTS)
        return Counted.of(known, learnt), Counted.of(convicted)

    def base(self, combinations: Sequence[tuple[Any, ...]]) -> Statement:
        """Columns: first day of the period, the plain dimensions, the two counts that coverage is made of.

        Without the learnt groupings and filters; only for these combinations of the plain dimensions.
        """
        plain = [entry for entry in self.question.filters if not DIMENSIONS[entry.dimension].learnt]
        counted = self._base_counted()
        select = self._select(counted, plain, self.plain_dimensions)
        select.group(self.question.grain, self.plain_dimensions)
        select.among(self.plain_dimensions, combinations)
        return select.counts(counted, BASE_COUNTS).all()

    def bounds(self) -> Iterator[Reading]:
        """Who is certainly and who possibly in each row; filters let those pass of whom it is not known."""
        apart = {*self._any_charge, STOCK}
        plain = tuple(measure for measure in self.question.measures if measure.id not in apart)
        if plain:
            yield self._bounds_of(plain)
        filters = self.question.filters
        sides = {CERTAIN: (*filters, *strict(filters)), POSSIBLE: relaxed(filters)}
        for side, narrowed in sides.items():
            plan = replace(self, question=replace(self.question, filters=narrowed))
            for name in self._any_charge:
                yield replace(plan._charged(COUNTS[name]), names=(f"{name}:{side}",))
            if self.has_stock:
                yield replace(plan._stock(side), names=(f"{STOCK}:{side}",))

    def _bounds_of(self, measures: Iterable[Measure]) -> Reading:
        extremes = extremes_of(self.question, measures)
        counted = [one for entry in extremes for one in (entry.certain, entry.possible)]
        names = [f"{entry.name}:{side}" for entry in extremes for side in (CERTAIN, POSSIBLE)]
        select = self._select(counted, relaxed(self.question.filters), self.question.dimensions)
        select.group(self.question.grain, self.question.dimensions)
        return select.counts(counted, names)

    def left_out(self) -> Iterator[Reading]:
        """Columns: whether undated, the counts of entries without a day, or after the record's last."""
        by_need = groupby(sorted(self.populations, key=_needs_more), key=_needs_more)
        for names in (tuple(group) for _, group in by_need):
            counted = self._counted(names)
            select = Select(self._sum_for(counted, self.question.filters, ()), self.last)
            self._leave_out(select, self.question.filters)
            yield select.counts(counted, names)
        yield from (self._charged(COUNTS[name], is_left_out=True) for name in self._any_charge)

    def _leave_out(self, select: Select, filters: Iterable[Filter]) -> None:
        select.left_out_of(self.revision, self.last_counted)
        for entry in filters:
            select.filter(entry)

    @property
    def populations(self) -> tuple[str, ...]:
        """The counts by which it is told how many entries are left out."""
        named = dict.fromkeys(measure.counted_in for measure in self.question.measures)
        return tuple(name for name in named if name not in self._any_charge)

    def changes(self, since: int, limit: int) -> Statement:
        """Columns: the cause, then as in `main`: what the entries of the revisions after `since` add to each row."""
        select = Select(None, self.last)
        select.where.append(f"revision > {select.add(since)} AND revision <= {select.add(self.revision)}")
        for entry in self.question.filters:
            select.filter(entry)
        if self.window:
            select.between(self.window)
        select.groups.append("cause")
        select.group(self.question.grain, self.question.dimensions)
        return select.counts(self._counted(self.counts), self.counts).rows(limit)

    @property
    def _is_of_sentences(self) -> bool:
        return any(measure.is_sentence for measure in self.question.measures)

    @property
    def _any_charge(self) -> tuple[str, ...]:
        """Counts by any charge. Where nothing asks for the charge, they are plain counts."""
        asked = (*self.question.dimensions, *(entry.dimension for entry in self.question.filters))
        if not any(name in OFFENCE_DIMENSIONS for name in asked):
            return ()
        return tuple(measure.id for measure in self.question.measures if measure.is_any_charge)

    def _counted(self, names: Iterable[str]) -> tuple[Counted, ...]:
        return tuple(Counted.of(COUNTS[name]) for name in names)

    def _main_select(self, counted: Sequence[Counted]) -> Select:
        select = self._select(counted, self.question.filters, self.question.dimensions)
        select.group(self.question.grain, self.question.dimensions)
        return select

    def _select(self, counted: Sequence[Counted], filters: Iterable[Filter], dimensions: Iterable[str]) -> Select:
        """A statement as of the revision over the window, from the smallest sum that has all that it reads."""
        filters = tuple(filters)
        return self._narrowed(Select(self._sum_for(counted, filters, dimensions), self.last), filters, self.window)

    def _sum_for(self, counted: Iterable[Counted], filters: Iterable[Filter], dimensions: Iterable[str]) -> Sum | None:
        columns = {*columns_of_filters(filters), *(DIMENSIONS[name].column for name in dimensions)}
        available = self.span.sums(self.available) if self.span else self.available
        return choose_sum(counted, columns, available)

    def _narrowed(self, select: Select, filters: Iterable[Filter], window: Window | None) -> Select:
        if self.span:
            self.span.narrow(select, self.revision, window)
        else:
            select.as_of(self.revision, window, self.question.grain)
        for entry in filters:
            select.filter(entry)
        return select

    def by_value(self, measure: Measure) -> Reading:
        """How many there are of each value that a spread ranks; the value is the last group."""
        select = self._by_value(measure)
        return select.reading(select.grouped(["sum(n)"]), ("n",), "c0 <> 0")

    def _by_value(self, measure: Measure) -> Select:
        assert measure.spread
        counted = Counted.of(measure)
        select = self._select((counted,), self.question.filters, self.question.dimensions)
        select.where.append(select.condition(counted))
        select.group(self.question.grain, self.question.dimensions)
        select.groups.append(measure.spread.column)
        return select

    def _spread(self, measure: Measure) -> Reading:
        """How many values there are, their quartiles, and their mean."""
        assert measure.spread and measure.population
        select = self._by_value(measure)
        held = f"{select.grouped(['sum(n)'])} HAVING sum(n) > 0"
        select.groups.pop()
        width = len(select.groups)
        groups = [f"g{place}" for place in range(width)]
        value, apart = f"g{width}", f"PARTITION BY {', '.join(groups)}" if groups else ""
        # As percentile_cont would have it, of as many as there are of each value: none is spelt out.
        ranked = (
            f"SELECT *, sum(c0) OVER ({apart} ORDER BY {value}) AS upto, (sum(c0) OVER ({apart}) - 1)::float8 AS rest"
            f" FROM ({held}) AS held"
        )
        quartiles = ", ".join(_quantile(value, part) for part in QUARTILES)
        outputs = [
            *groups,
            "sum(c0)::bigint AS c0",
            f"ARRAY[{quartiles}]::float8[] AS c1",
            f"(sum({value} * c0)::numeric / sum(c0))::float8 AS c2",
        ]
        grouped = f"SELECT {', '.join(outputs)} FROM ({ranked}) AS ranked"
        grouped += f" GROUP BY {select.ordinals()}" if groups else ""
        name = measure.spread.column
        return select.reading(grouped, (f"{name}_n", f"{name}_quartiles", f"{name}_mean"), "c0 > 0")

    def _stock(self, side: str | None = None) -> Reading:
        """By how much the stock changes in each period; in the first of the window, all that was before it.

        Without a window, what is open. Of a closed case without its day nobody knows until when it was open: it is not
        counted, but possibly open ever since; nor is it certain of one of which no result is known.
        """
        counted = Counted(Unit.CASE, Event.RECEIVED)
        select = self._narrowed(Select(None, self.last), self.question.filters, None)
        select.of((counted,))
        if self.window is None:
            is_open = OPEN_CASE if side != CERTAIN else ("pending",)
            select.where.append(f"disposition = ANY({select.add(list(is_open))})")
            select.group(None, self.question.dimensions)
            return select.reading(select.grouped(["coalesce(sum(n), 0)"]), (STOCK,), "c0 <> 0")
        if side == CERTAIN:
            select.where.append("(days IS NOT NULL OR disposition = 'pending')")
        elif side is None:
            select.where.append(select.is_open_or_dated())
        select.where.append(f"moved_on <= {select.add(self.window.last)}")
        if self.question.grain:
            moved_on = f"greatest(moved_on, {select.add(self.window.first)})"
            select.groups.append(first_day(self.question.grain, moved_on))
        select.group(None, self.question.dimensions)
        grouped = select.grouped(
            ["coalesce(sum(n * change), 0)"],
            ", LATERAL (VALUES (day, 1), (day + days, -1)) AS moved (moved_on, change)",
        )
        return select.reading(grouped, (STOCK,), "c0 <> 0")

    def _charged(self, measure: Measure, *, is_left_out: bool = False) -> Reading:
        """Each entry once in every offence among its charges."""
        question = self.question
        dimensions = () if is_left_out else question.dimensions
        of_charge = [name for name in dimensions if name in OFFENCE_DIMENSIONS]
        plain = [name for name in dimensions if name not in OFFENCE_DIMENSIONS]
        filters = [entry for entry in question.filters if entry.dimension not in OFFENCE_DIMENSIONS]
        select = Select(None, self.last)
        if is_left_out:
            self._leave_out(select, filters)
        else:
            self._narrowed(select, filters, self.window)
            select.group(question.grain, plain)
        select.where.append(select.condition(Counted.of(measure)))
        width = len(select.groups)
        select.groups.append("offences")
        held = f"{select.grouped(['sum(n)'])} HAVING sum(n) <> 0"
        charges = (
            "SELECT o.code AS offence_part, split_part(o.code, ':', 1) AS offence,"
            f" {OFFENCE_GROUP} AS offence_group, {IS_WARTIME} AS is_wartime"
            f" FROM unnest(CASE WHEN held.g{width} = '{{}}' THEN '{{unknown}}' ELSE held.g{width} END) AS o (code)"
            f" {looked_up('o.code', select.add(self.reference))}"
        )
        passes = [select.passes(entry) for entry in question.filters if entry.dimension in OFFENCE_DIMENSIONS]
        columns = ", ".join(of_charge) or "1"
        distinct = f"SELECT DISTINCT {columns} FROM ({charges}) AS charges WHERE {' AND '.join(passes) or 'true'}"
        before = width - len(plain)
        place = {name: f"held.g{before + number}" for number, name in enumerate(plain)}
        place |= {name: f"charge.{name}" for name in of_charge}
        select.groups = [*(f"held.g{number}" for number in range(before)), *(place[name] for name in dimensions)]
        shown = [f"{expression} AS g{number}" for number, expression in enumerate(select.groups)]
        grouped = (
            f"SELECT {', '.join([*shown, 'coalesce(sum(held.c0), 0)::bigint AS c0'])}"
            f" FROM ({held}) AS held, LATERAL ({distinct}) AS charge"
        )
        grouped += f" GROUP BY {select.ordinals()}" if select.groups else ""
        return select.reading(grouped, (measure.id,), "c0 <> 0")


def _needs_more(name: str) -> bool:
    """Whether a count reads what no sum of counts keeps; others are read without it, and sooner."""
    return bool(COUNTS[name].predicate.columns)


def _quantile(value: str, part: str) -> str:
    """SQL: a quantile of ranked values, on the line between its neighbours."""
    below, above = (f"min({value}) FILTER (WHERE upto > {side}({part} * rest))" for side in ("floor", "ceil"))
    return f"{below} + (max({part} * rest) - floor(max({part} * rest))) * ({above} - {below})"
