"""Select: one statement over the ledger or a sum of the tally, put together part by part; pure.

Names in the text come from our own tables only; every value that was asked for is a parameter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.statistics.dimensions import DIMENSIONS
from app.statistics.measure import Event, Measure, Predicate, Unit
from app.statistics.measures import OPEN_CASE
from app.statistics.periods import Grain, Window
from app.statistics.question import Filter
from app.statistics.sums import ALL_COURTS, Sum, blocks

_FIRST_DAY = {
    Grain.DAY: "{day}",
    Grain.WEEK: "date_trunc('week', {day}::timestamp)::date",
    Grain.MONTH: "date_trunc('month', {day}::timestamp)::date",
    Grain.QUARTER: "date_trunc('quarter', {day}::timestamp)::date",
    Grain.HALF_YEAR: "make_date(extract(year FROM {day})::int, 1 + 6 * (extract(month FROM {day})::int / 7), 1)",
    Grain.YEAR: "date_trunc('year', {day}::timestamp)::date",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text and its parameters."""

    sql: str
    args: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counted:
    """A count that a statement makes: entries that meet any of the predicates, all filters, and are known on these."""

    unit: Unit
    event: Event
    predicates: tuple[Predicate, ...] = (Predicate(),)
    known: tuple[str, ...] = ()
    filters: tuple[Filter, ...] = ()

    @classmethod
    def of(cls, measure: Measure, known: tuple[str, ...] = ()) -> "Counted":
        """The entries of a measure."""
        return cls(measure.unit, measure.event, (measure.predicate,), known)

    @property
    def columns(self) -> frozenset[str]:
        """Columns that it reads beside unit, event and day."""
        read = [predicate.columns | predicate.results for predicate in self.predicates]
        return frozenset().union(*read, self.known, columns_of_filters(self.filters))


@dataclass(frozen=True, slots=True)
class Reading:
    """A grouped statement in parts, so that its rows can be fetched, limited or counted.

    `names`    what its values are called, after the period and the dimensions
    `counted`  which rows are there at all
    `groups`   names of the columns before the values
    """

    names: tuple[str, ...]
    grouped: str
    counted: str
    groups: tuple[str, ...]
    args: tuple[Any, ...]

    def rows(self, limit: int) -> Statement:
        """Columns: first day of the period (with a grain), the dimensions, the values; none all zero."""
        sql = f"SELECT * FROM ({self.grouped}) AS groups WHERE {self.counted} LIMIT ${len(self.args) + 1}"
        return Statement(sql, (*self.args, limit))

    def all(self) -> Statement:
        """All rows, those of zeros too."""
        return Statement(self.grouped, self.args)

    def combinations(self, places: Sequence[int]) -> Statement:
        """One row with one number: how many combinations of these groups have a row."""
        names = ", ".join(self.groups[place] for place in places)
        distinct = f"SELECT DISTINCT {names} FROM ({self.grouped}) AS groups WHERE {self.counted}"
        return Statement(f"SELECT count(*) FROM ({distinct}) AS combinations", self.args)


def columns_of_filters(filters: Iterable[Filter]) -> frozenset[str]:
    """The columns that filters read; an offence with its part needs another than an article."""
    found: set[str] = set()
    for entry in filters:
        if entry.dimension == "offence":
            found |= {"offence_part" if ":" in code else "offence" for code in entry.codes}
        else:
            found.add(DIMENSIONS[entry.dimension].column)
    return frozenset(found)


def first_day(grain: Grain, day: str) -> str:
    """The first day of the period that holds a day."""
    return _FIRST_DAY[grain].format(day=day)


@dataclass(slots=True)
class Select:
    """One statement in the making; `joined` to its table.

    `last`     the day by which horizons end: the record's last, or by court where courts were looked at to other days
    `entries`  the table that is read where no sum is
    """

    source: Sum | None
    last: date | Mapping[str, date] | None = None
    joined: str = ""
    entries: str = "ledger"
    groups: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)

    @property
    def table(self) -> str:
        """What it reads."""
        return (self.entries if self.source is None else "tally") + self.joined

    def add(self, value: Any) -> str:
        """A parameter with this value."""
        self.args.append(value)
        return f"${len(self.args)}"

    def as_of(self, revision: int) -> None:
        """Only what makes the state as of a revision."""
        if self.source is None:
            self.where.append(f"revision <= {self.add(revision)}")
            return
        self.where.append(f"sum = {self.add(self.source.name)} AND block = ANY({self.add(list(blocks(revision)))})")
        if not self.source.is_by_court:
            self.where.append(f"court = '{ALL_COURTS}'")

    def filter(self, entry: Filter) -> None:
        """Only what passes a filter."""
        self.where.append(self.passes(entry))

    def passes(self, entry: Filter) -> str:
        """The condition that a filter sets."""
        condition = self._offences(entry.codes) if entry.dimension == "offence" else self._equals(entry)
        return f"NOT ({condition})" if entry.is_not else f"({condition})"

    def between(self, window: Window) -> None:
        """Only the days of a window."""
        self.where.append(f"day BETWEEN {self.add(window.first)} AND {self.add(window.last)}")

    def group(self, grain: Grain | None, dimensions: Iterable[str]) -> None:
        """One row for each period and combination."""
        self.groups += [first_day(grain, "day")] if grain else []
        self.groups += [DIMENSIONS[name].column for name in dimensions]

    def among(self, dimensions: Sequence[str], combinations: Sequence[tuple[Any, ...]]) -> None:
        """Only these combinations of codes."""
        if not dimensions:
            return
        arrays = [list(values) for values in zip(*combinations, strict=True)] or [[] for _ in dimensions]
        unnested = ", ".join(f"{self.add(values)}::text[]" for values in arrays)
        columns = ", ".join(DIMENSIONS[name].column for name in dimensions)
        self.where.append(f"({columns}) IN (SELECT * FROM unnest({unnested}))")

    def of(self, counted: Iterable[Counted]) -> None:
        """Only the units and events that are counted."""
        pairs = dict.fromkeys((entry.unit, entry.event) for entry in counted)
        parts = [f"unit = {self.add(unit.value)} AND event = {self.add(event.value)}" for unit, event in pairs]
        self.where.append(f"({' OR '.join(parts)})")

    def counts(self, counted: Sequence[Counted], names: Sequence[str]) -> Reading:
        """A reading with one count for each."""
        counts = [f"coalesce(sum(n) FILTER (WHERE {self.condition(entry)}), 0)" for entry in counted]
        self.of(counted)
        grouped = self.grouped(counts)
        return self.reading(grouped, names, " OR ".join(f"c{place} <> 0" for place in range(len(counts))))

    def grouped(self, values: Sequence[str], more: str = "") -> str:
        """The groups as g0, g1 … and the values as c0, c1 …, from the table and whatever is joined to it."""
        outputs = [f"{expression} AS g{place}" for place, expression in enumerate(self.groups)]
        outputs += [f"{expression} AS c{place}" for place, expression in enumerate(values)]
        sql = f"SELECT {', '.join(outputs)} FROM {self.table}{more} WHERE {' AND '.join(self.where)}"
        return f"{sql} GROUP BY {self.ordinals()}" if self.groups else sql

    def ordinals(self) -> str:
        """The groups by their number."""
        return ", ".join(str(place + 1) for place in range(len(self.groups)))

    def reading(self, grouped: str, names: Sequence[str], counted: str) -> Reading:
        """What is made, in parts."""
        groups = tuple(f"g{place}" for place in range(len(self.groups)))
        return Reading(tuple(names), grouped, counted, groups, tuple(self.args))

    def condition(self, counted: Counted) -> str:
        """The entries that are counted."""
        parts = [f"unit = {self.add(counted.unit.value)}", f"event = {self.add(counted.event.value)}"]
        parts.append("(" + " OR ".join(self.meets(predicate) for predicate in counted.predicates) + ")")
        parts += [f"{column} <> 'unknown'" for column in counted.known]
        parts += [self.passes(entry) for entry in counted.filters]
        return " AND ".join(parts)

    def meets(self, predicate: Predicate) -> str:
        """The condition that a predicate sets."""
        lists = {
            "disposition": predicate.disposition,
            "sentence_class": predicate.sentence_class,
            "sentence_kind": predicate.sentence_kind,
        }
        parts = [f"{column} = ANY({self.add(list(codes))})" for column, codes in lists.items() if codes]
        if predicate.is_presumed is not None:
            parts.append(f"is_presumed = {self.add(predicate.is_presumed)}")
        if predicate.within_days is not None:
            parts.append(f"days <= {self.add(predicate.within_days)}")
        if predicate.beyond_days is not None:
            parts.append(f"days > {self.add(predicate.beyond_days)}")
        if predicate.past_horizon is not None:
            parts.append(self._horizon(predicate.past_horizon, "<="))
        if predicate.ended_horizon is not None:
            parts += (self._horizon(predicate.ended_horizon, "<="), self.is_open_or_dated())
        if predicate.running_horizon is not None:
            parts += (self._horizon(predicate.running_horizon, ">"), self.is_open_or_dated())
        parts += ["term_months IS NOT NULL"] if predicate.has_term else []
        parts += ["days IS NOT NULL"] if predicate.has_days else []
        parts += ["days IS NULL"] if predicate.lacks_days else []
        return " AND ".join(parts) or "true"

    def is_open_or_dated(self) -> str:
        """Cases that are not closed, and closed ones of which it is known when."""
        return f"(days IS NOT NULL OR disposition = ANY({self.add(list(OPEN_CASE))}))"

    def _horizon(self, days: int, relation: str) -> str:
        return f"day + {self.add(days)}::int {relation} {self._last_day()}"

    def _last_day(self) -> str:
        """The day by which horizons end; before all days in a court of which nobody knows it."""
        if not isinstance(self.last, Mapping):
            return f"{self.add(self.last)}::date"
        if "seen_until" not in self.joined:
            courts, days = self.add(list(self.last)), self.add(list(self.last.values()))
            seen = f"unnest({courts}::text[], {days}::date[]) AS seen (seen_court, seen_until)"
            self.joined += f" LEFT JOIN {seen} ON seen_court = court"
        return "coalesce(seen_until, '-infinity'::date)"

    def _equals(self, entry: Filter) -> str:
        return f"{DIMENSIONS[entry.dimension].column} = ANY({self.add(list(entry.codes))})"

    def _offences(self, codes: tuple[str, ...]) -> str:
        """An article matches all its parts and itself; a code with a part matches that part."""
        articles = [code for code in codes if ":" not in code]
        parts = [code for code in codes if ":" in code]
        conditions = [f"offence = ANY({self.add(articles)})"] if articles else []
        conditions += [f"offence_part = ANY({self.add(parts)})"] if parts else []
        return " OR ".join(conditions)
