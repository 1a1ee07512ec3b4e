"""Select: one statement over the ledger or a sum of the tally, put together part by part; pure.

Names in the text come from our own tables only; every value that was asked for is a parameter.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.statistics.dimensions import DIMENSIONS
from app.statistics.measure import Event, Measure, Predicate, Unit
from app.statistics.measures import IMPRISONED, OPEN_CASE
from app.statistics.periods import Grain, Period, Window
from app.statistics.question import Filter
from app.statistics.series import left_out, state, vintages
from app.statistics.sums import KINDS, SUMS, Sum

_FIRST_DAY = {
    Grain.DAY: "{day}",
    Grain.WEEK: "({day} - ({day} - DATE '0001-01-01') % 7)",  # which was a Monday
    Grain.MONTH: "date_trunc('month', {day}::timestamp)::date",
    Grain.QUARTER: "date_trunc('quarter', {day}::timestamp)::date",
    Grain.HALF_YEAR: "make_date(extract(year FROM {day})::int, 1 + 6 * (extract(month FROM {day})::int / 7), 1)",
    Grain.YEAR: "date_trunc('year', {day}::timestamp)::date",
}


_PARAMETER = re.compile(r"\$([0-9]+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, its parameters, and how many columns its rows have."""

    sql: str
    args: tuple[Any, ...]
    width: int = 0


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

    @property
    def width(self) -> int:
        """How many columns its rows have."""
        return len(self.groups) + len(self.names)

    def rows(self, limit: int) -> Statement:
        """Columns: first day of the period (with a grain), the dimensions, the values; none all zero."""
        sql = f"SELECT * FROM ({self.grouped}) AS groups WHERE {self.counted} LIMIT ${len(self.args) + 1}"
        return Statement(sql, (*self.args, limit), self.width)

    def all(self) -> Statement:
        """All rows, those of zeros too."""
        return Statement(self.grouped, self.args, self.width)

    def courses(self) -> Statement:
        """Of rows by day, one for each combination: its codes, then as arrays its days, numbered, and each value."""
        day, *codes = self.groups
        values = [f"c{place}" for place in range(len(self.names))]
        arrays = [f"array_agg({one} ORDER BY {day})" for one in (f"{day} - DATE '0001-01-01' + 1", *values)]
        sql = f"SELECT {', '.join([*codes, *arrays])} FROM ({self.grouped}) AS groups WHERE {self.counted}"
        sql += f" GROUP BY {', '.join(codes)}" if codes else " HAVING count(*) > 0"
        return Statement(sql, self.args, self.width)

    def combinations(self, places: Sequence[int]) -> Statement:
        """One row with one number: how many combinations of these groups have a row."""
        names = ", ".join(self.groups[place] for place in places)
        distinct = f"SELECT DISTINCT {names} FROM ({self.grouped}) AS groups WHERE {self.counted}"
        return Statement(f"SELECT count(*) FROM ({distinct}) AS combinations", self.args)


def together(statements: Sequence[Statement]) -> Statement:
    """Several statements as one: of each row one part is there, a true and then the columns of its statement."""
    parts, args = list[str](), list[Any]()
    for place, one in enumerate(statements):
        sql = f"SELECT true AS there, * FROM ({_after(one.sql, len(args))}) AS own"
        parts.append(f"({sql}) AS part{place}")
        args += one.args
    # Whatever the rows of one are, they meet none of another.
    joined = " ".join(f"FULL JOIN {part} ON false" for part in parts[1:])
    return Statement(f"SELECT * FROM {parts[0]} {joined}", tuple(args), sum(one.width + 1 for one in statements))


def _after(sql: str, others: int) -> str:
    """The same text, its parameters counted from after others."""
    return _PARAMETER.sub(lambda found: f"${int(found[1]) + others}", sql)


def columns_of_filters(filters: Iterable[Filter]) -> frozenset[str]:
    """The columns that filters read; an offence with its part needs another than an article."""
    found: set[str] = set()
    for entry in filters:
        if entry.dimension == "offence":
            found |= {"offence_part" if ":" in code else "offence" for code in entry.codes}
        else:
            found.add(DIMENSIONS[entry.dimension].column)
    return frozenset(found)


def choose_sum(counted: Iterable[Counted], columns: Collection[str], available: Collection[str]) -> Sum | None:
    """The smallest sum at hand that holds all that is counted, by these columns; None: the ledger has to be read."""
    counted = tuple(counted)
    return next((one for one in SUMS.values() if one.name in available and _covers(one, counted, columns)), None)


def _covers(one: Sum, counted: Iterable[Counted], columns: Collection[str]) -> bool:
    if one.is_of_terms:
        return all(
            (entry.unit, entry.event) == (Unit.PERSON, Event.DECIDED)
            and entry.predicates == (IMPRISONED,)
            and one.covers({*columns, *entry.known, *columns_of_filters(entry.filters)}, entry.event)
            for entry in counted
        )
    return all(one.covers({*columns, *entry.columns}, entry.event) for entry in counted)


def first_day(grain: Grain, day: str) -> str:
    """The first day of the period that holds a day."""
    return _FIRST_DAY[grain].format(day=day)


@dataclass(slots=True)
class Select:
    """One statement in the making; `joined` to its table.

    `last`     the day by which horizons end: the record's last, or by court where courts were looked at to other days
    `series`   what is read of a sum
    """

    source: Sum | None
    last: date | Mapping[str, date] | None = None
    joined: str = ""
    series: str = ""
    groups: list[str] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    args: list[Any] = field(default_factory=list)

    @property
    def table(self) -> str:
        """What it reads."""
        return "entries" + self.joined if self.source is None else f"({self.series}) AS tally"

    def add(self, value: Any) -> str:
        """A parameter with this value."""
        self.args.append(value)
        return f"${len(self.args)}"

    def as_of(self, revision: int, window: Window | None = None, grain: Grain | None = None) -> None:
        """Only what makes the state as of a revision, and lies in a window; the grain is that of its groups."""
        if self.source is not None:
            self.series = state(self.source, revision, window, grain, self.add)
            return
        self.where.append(f"revision <= {self.add(revision)}")
        if window:
            self.between(window)

    def left_out_of(self, revision: int, last: date | None) -> None:
        """Only what has no day, or one after the last; grouped by which it is."""
        if self.source is not None:
            self.series = left_out(self.source, revision, last, self.add)
        else:
            self.where.append(f"revision <= {self.add(revision)} AND (day IS NULL OR day > {self.add(last)}::date)")
        self.groups.append("day IS NULL")

    def vintages(self, revisions: Mapping[Period, int]) -> None:
        """Only what makes the state of each period as of a revision of its own."""
        if self.source is not None:
            self.series = vintages(self.source, revisions, self.add)
            return
        cuts = [(period.first, period.last, until) for period, until in revisions.items()]
        firsts, lasts, ats = (self.add([cut[place] for cut in cuts]) for place in range(3))
        unnested = f"unnest({firsts}::date[], {lasts}::date[], {ats}::int[])"
        self.joined = f" JOIN {unnested} AS cuts (cut_first, cut_last, cut_at) ON day BETWEEN cut_first AND cut_last"
        self.where.append("revision <= cut_at")

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
        self.where.append(f"({' OR '.join(self.is_kind(*pair) for pair in pairs)})")

    def is_kind(self, unit: Unit, event: Event) -> str:
        """The condition that entries are of a unit and event."""
        if self.source is not None:
            return f"kind = {KINDS.index((unit.value, event.value))}"
        return f"unit = {self.add(unit.value)} AND event = {self.add(event.value)}"

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
        sql = f"SELECT {', '.join(outputs)} FROM {self.table}{more} WHERE {' AND '.join(self.where) or 'true'}"
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
        parts = [self.is_kind(counted.unit, counted.event)]
        parts.append("(" + " OR ".join(self.meets(predicate) for predicate in counted.predicates) + ")")
        parts += [f"{column} <> 'unknown'" for column in counted.known]
        parts += [self.passes(entry) for entry in counted.filters]
        return " AND ".join(parts)

    def meets(self, predicate: Predicate) -> str:
        """The condition that a predicate sets."""
        if self.source is not None and self.source.is_of_terms:
            return "true"  # it has no others
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
