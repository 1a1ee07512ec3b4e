"""Plan: a question and a revision to SQL statements with parameters; pure.

Names in the text come from our own tables only; every value that was asked for is a parameter.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.statistics.dimensions import DIMENSIONS
from app.statistics.measures import MEASURES, Measure, counts_of
from app.statistics.periods import Grain, Window
from app.statistics.question import Filter, Question
from app.statistics.sums import ALL_COURTS, SUMS, Sum, blocks, choose_sum

_FIRST_DAY = {
    Grain.DAY: "day",
    Grain.WEEK: "date_trunc('week', day::timestamp)::date",
    Grain.MONTH: "date_trunc('month', day::timestamp)::date",
    Grain.QUARTER: "date_trunc('quarter', day::timestamp)::date",
    Grain.HALF_YEAR: "make_date(extract(year FROM day)::int, 1 + 6 * (extract(month FROM day)::int / 7), 1)",
    Grain.YEAR: "date_trunc('year', day::timestamp)::date",
}
BASE_COUNTS = ("sentences_known", "persons_convicted")  # of `coverage`: numerator and denominator


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text and its parameters."""

    sql: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that a statement makes: entries of a measure, of which these learnt dimensions are known."""

    measure: Measure
    known: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """How one question is answered at one revision: all that its statements are made from.

    `available`  names of the sums that may be read; where none covers the question, the ledger is
    """

    question: Question
    revision: int
    window: Window | None
    available: Collection[str] = tuple(SUMS)

    @property
    def has_coverage(self) -> bool:
        """Whether rows state how many sentences are known."""
        return any(measure.ratio for measure in self.question.measures)

    @property
    def has_own_base(self) -> bool:
        """Whether coverage takes a statement of its own, without the learnt groupings and filters."""
        return self.has_coverage and bool(self.question.learnt)

    @property
    def counts(self) -> tuple[str, ...]:
        """Ids of the counts in each row of the main statement, in order."""
        asked = counts_of(self.question.measures)
        base = BASE_COUNTS if self.has_coverage else ()
        return tuple(dict.fromkeys((*asked, *base)))

    @property
    def plain_dimensions(self) -> tuple[str, ...]:
        """Its dimensions that are not learnt, in order."""
        return tuple(name for name in self.question.dimensions if not DIMENSIONS[name].learnt)

    def main(self, limit: int) -> Statement:
        """Columns: first day of the period (with a grain), the dimensions, the counts; none all zero."""
        select = self._main_select()
        return select.statement("SELECT * FROM ({grouped}) AS groups WHERE {counted} LIMIT " + select.add(limit))

    def combinations(self, dimensions: Sequence[str]) -> Statement:
        """One row with one number: how many combinations of these dimensions have any count."""
        select = self._main_select()
        names = [f"g{select.groups.index(DIMENSIONS[name].column)}" for name in dimensions]
        distinct = f"SELECT DISTINCT {', '.join(names)} FROM ({{grouped}}) AS groups WHERE {{counted}}"
        return select.statement(f"SELECT count(*) FROM ({distinct}) AS combinations")

    def base(self, combinations: Sequence[tuple[Any, ...]]) -> Statement:
        """Columns: first day of the period, the plain dimensions, the two counts that coverage is made of.

        Without the learnt groupings and filters; only for these combinations of the plain dimensions.
        """
        plain = [entry for entry in self.question.filters if not DIMENSIONS[entry.dimension].learnt]
        learnt = tuple(entry.column for entry in self.question.learnt)
        known, convicted = (MEASURES[count] for count in BASE_COUNTS)
        select = self._select((Counted(known, learnt), Counted(convicted)), plain, learnt)
        if self.window:
            select.between(self.window)
        select.group(self.question.grain, self.plain_dimensions)
        select.among(self.plain_dimensions, combinations)
        return select.statement("{grouped}")

    def left_out(self) -> Statement:
        """Columns: whether undated, the counts of entries without a day, or after the record's last."""
        select = self._select(self._counted(), self.question.filters)
        last = select.add(self.window.last if self.window and self.question.end is None else None)
        select.where.append(f"(day IS NULL OR day > {last}::date)")
        select.groups.append("day IS NULL")
        return select.statement("{grouped}")

    def changes(self, since: int, limit: int) -> Statement:
        """Columns: the cause, then as in `main`: what the entries of the revisions after `since` add to each row."""
        select = _Select(self._counted(), None)
        select.where.append(f"revision > {select.add(since)} AND revision <= {select.add(self.revision)}")
        for entry in self.question.filters:
            select.filter(entry)
        if self.window:
            select.between(self.window)
        select.groups.append("cause")
        select.group(self.question.grain, self.question.dimensions)
        return select.statement("SELECT * FROM ({grouped}) AS groups WHERE {counted} LIMIT " + select.add(limit))

    def _main_select(self) -> "_Select":
        select = self._select(self._counted(), self.question.filters)
        if self.window:
            select.between(self.window)
        select.group(self.question.grain, self.question.dimensions)
        return select

    def _counted(self) -> tuple[Counted, ...]:
        return tuple(Counted(MEASURES[count]) for count in self.counts)

    def _select(self, counted: tuple[Counted, ...], filters: Iterable[Filter], more: Iterable[str] = ()) -> "_Select":
        filters = tuple(filters)
        columns = {*_columns(filters), *more, *(DIMENSIONS[name].column for name in self.question.dimensions)}
        select = _Select(counted, choose_sum(columns, self.available))
        select.as_of(self.revision)
        for entry in filters:
            select.filter(entry)
        return select


def _columns(filters: Iterable[Filter]) -> set[str]:
    """The columns that filters read; an offence with its part needs another than an article."""
    found = set()
    for entry in filters:
        if entry.dimension == "offence":
            found |= {"offence_part" if ":" in code else "offence" for code in entry.codes}
        else:
            found.add(DIMENSIONS[entry.dimension].column)
    return found


@dataclass(slots=True)
class _Select:
    """One statement in the making."""

    counted: tuple[Counted, ...]
    sum: Sum | None
    groups: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)

    def add(self, value: Any) -> str:
        """A parameter with this value."""
        self.args.append(value)
        return f"${len(self.args)}"

    def as_of(self, revision: int) -> None:
        if self.sum is None:
            self.where.append(f"revision <= {self.add(revision)}")
            return
        self.where.append(f"sum = {self.add(self.sum.name)} AND block = ANY({self.add(list(blocks(revision)))})")
        if not self.sum.is_by_court:
            self.where.append(f"court = '{ALL_COURTS}'")

    def filter(self, entry: Filter) -> None:
        condition = self._offences(entry.codes) if entry.dimension == "offence" else self._equals(entry)
        self.where.append(f"NOT ({condition})" if entry.is_not else f"({condition})")

    def between(self, window: Window) -> None:
        self.where.append(f"day BETWEEN {self.add(window.first)} AND {self.add(window.last)}")

    def group(self, grain: Grain | None, dimensions: Iterable[str]) -> None:
        self.groups += [_FIRST_DAY[grain]] if grain else []
        self.groups += [DIMENSIONS[name].column for name in dimensions]

    def among(self, dimensions: Sequence[str], combinations: Sequence[tuple[Any, ...]]) -> None:
        if not dimensions:
            return
        arrays = [list(values) for values in zip(*combinations, strict=True)] or [[] for _ in dimensions]
        unnested = ", ".join(f"{self.add(values)}::text[]" for values in arrays)
        columns = ", ".join(DIMENSIONS[name].column for name in dimensions)
        self.where.append(f"({columns}) IN (SELECT * FROM unnest({unnested}))")

    def statement(self, template: str) -> Statement:
        """Fill `{grouped}` (the grouped rows) and `{counted}` (any count is not 0)."""
        counts = [f"coalesce(sum(n) FILTER (WHERE {self._condition(entry)}), 0)" for entry in self.counted]
        outputs = [f"{expression} AS g{place}" for place, expression in enumerate(self.groups)]
        outputs += [f"{expression} AS c{place}" for place, expression in enumerate(counts)]
        grouped = (
            f"SELECT {', '.join(outputs)} FROM {'ledger' if self.sum is None else 'tally'}"
            f" WHERE {' AND '.join((*self.where, self._events()))}"
        )
        if self.groups:
            grouped += f" GROUP BY {', '.join(str(place + 1) for place in range(len(self.groups)))}"
        counted = " OR ".join(f"c{place} <> 0" for place in range(len(counts)))
        return Statement(template.format(grouped=grouped, counted=counted), tuple(self.args))

    def _events(self) -> str:
        pairs = dict.fromkeys((entry.measure.unit, entry.measure.event) for entry in self.counted)
        parts = [f"unit = {self.add(unit.value)} AND event = {self.add(event.value)}" for unit, event in pairs]
        return f"({' OR '.join(parts)})"

    def _condition(self, entry: Counted) -> str:
        measure, predicate = entry.measure, entry.measure.predicate
        parts = [f"unit = {self.add(measure.unit.value)}", f"event = {self.add(measure.event.value)}"]
        if predicate.disposition:
            parts.append(f"disposition = ANY({self.add(list(predicate.disposition))})")
        if predicate.sentence_class:
            parts.append(f"sentence_class = ANY({self.add(list(predicate.sentence_class))})")
        if predicate.is_presumed is not None:
            parts.append(f"is_presumed = {self.add(predicate.is_presumed)}")
        parts += [f"{column} <> 'unknown'" for column in entry.known]
        return " AND ".join(parts)

    def _equals(self, entry: Filter) -> str:
        return f"{DIMENSIONS[entry.dimension].column} = ANY({self.add(list(entry.codes))})"

    def _offences(self, codes: tuple[str, ...]) -> str:
        """An article matches all its parts and itself; a code with a part matches that part."""
        articles = [code for code in codes if ":" not in code]
        parts = [code for code in codes if ":" in code]
        conditions = [f"offence = ANY({self.add(articles)})"] if articles else []
        conditions += [f"offence_part = ANY({self.add(parts)})"] if parts else []
        return " OR ".join(conditions)
