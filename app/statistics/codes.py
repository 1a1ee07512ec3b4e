"""Codes: which values a question may name as of a revision, with labels, and the days of the record."""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, timedelta
from typing import Any

from app.db.database import Connection
from app.records.revisions import State
from app.reference import OFFENCE_GROUPS
from app.statistics.dimensions import DIMENSIONS
from app.statistics.periods import Window
from app.statistics.sums import ALL_COURTS, SUMS, WHOLE, blocks, count, position
from app.vocabulary import CODELISTS, UNKNOWN, Code, Codelist

_HELD = f"tally WHERE sum = {{sum}} AND block = ANY($1) AND court = '{ALL_COURTS}'"
_SEEN = f"""
SELECT offence, offence_part FROM {_HELD.format(sum=SUMS["by_offence"].number)} AND (year = {WHOLE} OR year IS NULL)
GROUP BY 1, 2 HAVING sum(n) <> 0
"""
# The outermost days are in the outermost years: only theirs are looked through.
_DAYS = f"""
WITH held AS (SELECT year, n, series FROM {_HELD.format(sum=SUMS["by_day_alone"].number)} AND year > {WHOLE}),
years AS (SELECT year FROM held GROUP BY year HAVING sum(n) <> 0),
days AS (
    SELECT {position("e")} AS day FROM held, unnest(series) AS e
    WHERE year IN ((SELECT min(year) FROM years), (SELECT max(year) FROM years))
    GROUP BY 1 HAVING sum({count("e")}) <> 0
)
SELECT DATE '0001-01-01' + min(day) - 1 AS first, DATE '0001-01-01' + max(day) - 1 AS last FROM days
"""
_WINDOWS = """
SELECT min(starts_on) AS first, max(ends_on) AS last FROM coverage_windows
WHERE revision <= $1 AND (superseded_in IS NULL OR superseded_in > $1) AND is_whole
"""
_LOOKED_AT = """
SELECT court, unnest(range_agg(daterange(starts_on, ends_on, '[]'))) AS days FROM coverage_windows
WHERE revision <= $1 AND (superseded_in IS NULL OR superseded_in > $1) AND is_whole GROUP BY court
"""
_COURTS = """
SELECT code, name_en, name_ru, region, region_name_en, region_name_ru, district
FROM courts WHERE reference = $1
"""
_OFFENCES = "SELECT code, article, title_en, title_ru, offence_group FROM offences WHERE reference = $1"
_FOREIGN = re.compile(r"([0-9]{3})(?:\.[0-9]{1,2})?(?::[0-9]{1,2}(?:\.[0-9]{1,2})?)?")
_CRIMES = range(105, 362)  # articles of the Criminal Code's special part
_OTHER_GROUP = Code("other", "Other articles", "Другие статьи")


@dataclass(frozen=True, slots=True)
class Codes:
    """What a question may name as of one revision; the same for ever, so it may be kept by revision.

    `lists`    the codes of each dimension, in the order in which rows show them
    `covered`  first and last day of the record; None where it holds no day
    `own_articles`  those of the reference; of others any part may be charged, and nobody lists them all
    `looked_at`  the days of each court that sources are known to have looked at, in order; none of a court of which
                 nobody noted it
    `stated_lists`  `lists` without what is known from the record alone
    """

    lists: Mapping[str, Codelist]
    covered: Window | None = None
    own_articles: frozenset[str] = frozenset()
    looked_at: Mapping[str, tuple[Window, ...]] = field(default_factory=dict)
    stated_lists: Mapping[str, Codelist] = field(default_factory=dict)

    @property
    def stated(self) -> "Codes":
        """The codes that the reference states: those of the record alone may tell of a single person."""
        return replace(self, lists=self.stated_lists)

    def ids(self, dimension_id: str) -> tuple[str, ...]:
        """The codes of a dimension, in order."""
        return self.lists[dimension_id].ids

    def admits(self, dimension_id: str, code: str) -> bool:
        """Whether a filter on a dimension may name a code."""
        is_of_offence = dimension_id in ("offence", "offence_part")
        return code in self.ids(dimension_id) or (is_of_offence and self.is_foreign(code))

    def is_foreign(self, code: str) -> bool:
        """Whether a code is an article outside the reference, or a part of one: charges may name it."""
        found = _FOREIGN.fullmatch(code)
        return found is not None and int(found[1]) in _CRIMES and code.partition(":")[0] not in self.own_articles

    @property
    def ends(self) -> date | dict[str, date] | None:
        """The day to which the record covers what courts do: by court, each to the last day that was looked at.

        A court of which nobody noted that has no such day. Where no source notes what it looks at, it is the record's
        last day for every court; None where the record holds no day.
        """
        if self.covered is None:
            return None
        if not self.looked_at:
            return self.covered.last
        return {court: min(windows[-1].last, self.covered.last) for court, windows in self.looked_at.items()}

    def order(self, dimension_id: str, held: Collection[str]) -> dict[str, int]:
        """The place of each code in the order of rows, those held among them that no list names.

        An article that is not the reference's may be held by a charge and listed at no revision, or at some: it
        stands in its place by number at all of them, so that the order of rows is the same at every revision.
        """
        ids = self.ids(dimension_id)
        unlisted = set(held).difference(ids)
        if unlisted and dimension_id not in CODELISTS:
            ids = tuple(sorted((*ids, *unlisted), key=lambda code: (code == UNKNOWN.id, natural_key(code))))
        return {code: number for number, code in enumerate((*ids, *sorted(unlisted.difference(ids))))}

    def label(self, dimension_id: str, code_id: str, lang: str = "en") -> str:
        """The label of a code; the code itself where the list does not hold it."""
        return self.lists[dimension_id].label(code_id, lang)


async def find_codes(connection: Connection, state: State) -> Codes:
    """The codes that a question about this state may name: the reference data's, and those in the record."""
    courts = await connection.fetch(_COURTS, state.reference)
    offences = await connection.fetch(_OFFENCES, state.reference)
    as_of = list(blocks(state.revision))
    seen = await connection.fetch(_SEEN, as_of)
    days = await connection.fetch(_DAYS, as_of)
    windows = await connection.fetch(_WINDOWS, state.revision)
    return Codes(
        lists=_lists(courts, offences, seen),
        stated_lists=_lists(courts, offences, ()),
        covered=_covered((*days, *windows), state.published_at.astimezone(UTC).date()),
        own_articles=frozenset(row["article"] for row in offences),
        looked_at=_looked_at(await connection.fetch(_LOOKED_AT, state.revision)),
    )


def natural_key(code: str) -> tuple[tuple[int, int, str], ...]:
    """A sort key that reads numbers as numbers: `337:2.1` before `337:10`, `352` before `352.1`."""
    parts = re.findall(r"[0-9]+|[^0-9]+", code)
    return tuple((0, int(part), "") if part.isascii() and part.isdigit() else (1, 0, part) for part in parts)


def _covered(bounds: Iterable[Any], published_on: date) -> Window | None:
    firsts = [row["first"] for row in bounds if row["first"] is not None]
    lasts = [row["last"] for row in bounds if row["last"] is not None]
    if not firsts or min(firsts) > published_on:
        return None
    return Window(min(firsts), min(max(lasts), published_on))


def _looked_at(rows: Iterable[Any]) -> dict[str, tuple[Window, ...]]:
    found: dict[str, list[Window]] = defaultdict(list)
    for court, days in rows:  # the range's end is the day after the last
        found[court].append(Window(days.lower, days.upper - timedelta(days=1)))
    return {court: tuple(sorted(windows, key=lambda window: window.first)) for court, windows in found.items()}


def _lists(courts: Iterable[Any], offences: Iterable[Any], seen: Iterable[Any]) -> dict[str, Codelist]:
    names = {row["code"]: Code(row["code"], row["name_en"], row["name_ru"]) for row in courts}
    regions = {row["region"]: Code(row["region"], row["region_name_en"], row["region_name_ru"]) for row in courts}
    above = {row["district"] for row in courts if row["district"]}
    districts = {code: names.get(code, Code(code, code, code)) for code in above}
    parts = {code: Code(code, code, code) for row in seen for code in (row["offence"], row["offence_part"])}
    parts |= {row["article"]: Code(row["article"], row["article"], row["article"]) for row in offences}
    parts |= {row["code"]: Code(row["code"], row["title_en"], row["title_ru"] or row["title_en"]) for row in offences}
    groups = {row["offence_group"]: Code(*[row["offence_group"]] * 3) for row in offences}
    groups |= {code.id: code for code in (*OFFENCE_GROUPS, _OTHER_GROUP)}
    open_lists = {"region": regions, "district": districts, "offence": parts, "offence_part": parts}
    return {
        **{dimension_id: CODELISTS[dimension_id] for dimension_id in DIMENSIONS if dimension_id in CODELISTS},
        "court": _list("court", names),
        "offence_group": _list("offence_group", groups | {UNKNOWN.id: UNKNOWN}),
        **{name: _list(name, codes | {UNKNOWN.id: UNKNOWN}) for name, codes in open_lists.items()},
    }


def _list(dimension_id: str, codes: Mapping[str, Code]) -> Codelist:
    dimension = DIMENSIONS[dimension_id]
    ordered = sorted(codes.values(), key=lambda code: (code is UNKNOWN, natural_key(code.id)))
    return Codelist(dimension_id, dimension.caption, dimension.caption_ru, tuple(ordered))
