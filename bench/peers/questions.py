"""The questions that every side is asked, and how each is spelt for each side.

A question is asked in many variants, so that no answer is one that was kept or is being worked out for somebody else.
SQL is written once; what dialects spell differently stands in braces. Values are made here, never taken from outside.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

VARIANTS = 64
NO_ID = "00000000-0000-0000-0000-000000000000"
Row = tuple[str | float | None, ...]
Given = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drawn:
    """What variants are drawn from: courts, revisions before the last, and places (day, id) deep in a list."""

    courts: tuple[str, ...]
    revisions: int
    places: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Question:
    """One question.

    `given`   names and types of what varies; "{since}" in `sql` is its value
    `ours`    path and query of Sudstat
    `sql`     over flat tables; None where peers keep nothing to answer it from
    `recount` over the versions of the record, as of a revision
    `columns` of an answer, in order; a page nests those of persons
    """

    id: str
    caption: str
    goal: str
    given: Mapping[str, str]
    ours: str
    columns: tuple[str, ...]
    sql: str | None = None
    recount: str | None = None
    variants: tuple[Given, ...] = field(default=())


_WINDOW = {"since": "date", "until": "date"}
_SERIES = (
    "SELECT {week} AS week, {count} AS n FROM cases WHERE {court}received_on BETWEEN {since} AND {until} GROUP BY 1"
)
_TERMS = "disposition = 'convicted' AND sentence_kind = 'imprisonment' AND term_months IS NOT NULL"
_LIVE = "v.revision <= {revision} AND (v.superseded_in IS NULL OR v.superseded_in > {revision})"
_COUNTED = "v.instance = 'first' AND NOT v.is_withdrawn AND v.merged_into IS NULL"
CASE = ("id", "court", "number", "received_on", "decided_on", "disposition")
PERSON = ("service_status", "sentence_class", "sentence_kind", "sentence_execution", "term_months")
_PAGE = (
    f"SELECT c.id, c.court, c.number, c.received_on, c.decided_on, c.disposition, {', '.join(f'd.{p}' for p in PERSON)}"  # noqa: S608
    " FROM (SELECT * FROM cases WHERE {place}"
    " ORDER BY received_on, id LIMIT 100) c JOIN defendants d ON d.case_id = c.id"
)
_SHOWN = "limit=100&sort=received_on&fields=id,court,received_on,decided_on,disposition,defendants,identifiers"

QUESTIONS = (
    Question(
        "court",
        "Weekly series of one court, one year",
        "2: ≥ 4 × PostGraphile, ≥ 10 × Datasette, ≥ 15 × roapi",
        {"court": "text", **_WINDOW},
        "/v1/statistics/weekly?measures=cases_received&court={court}&start_period={since}&end_period={until}",
        ("week", "n"),
        _SERIES.replace("{court}", "court = {court} AND "),
    ),
    Question(
        "weekly",
        "Weekly series of the country, all years",
        "3: ≤ 4 ms; ≥ 10 × the best peer",
        _WINDOW,
        "/v1/statistics/weekly?measures=cases_received&start_period={since}&end_period={until}",
        ("week", "n"),
        _SERIES.replace("{court}", ""),
    ),
    Question(
        "status",
        "Sentences by service status, all years",
        "3: ≤ 4 ms; ≥ 10 × the best peer",
        _WINDOW,
        "/v1/statistics?measures=persons_convicted&group_by=service_status,sentence_class"
        "&start_period={since}&end_period={until}",
        ("service_status", "sentence_class", "n"),
        "SELECT service_status, sentence_class, {count} AS n FROM defendants"
        " WHERE disposition = 'convicted' AND decided_on BETWEEN {since} AND {until} GROUP BY 1, 2",
    ),
    Question(
        "terms",
        "Median term by offence, all years",
        "3: ≤ 4 ms; ≥ 10 × the best peer",
        _WINDOW,
        "/v1/statistics?measures=term_months_median&group_by=offence&start_period={since}&end_period={until}",
        ("offence", "median"),
        f"SELECT offence, {{median}} AS median FROM defendants WHERE {_TERMS}"  # noqa: S608
        " AND decided_on BETWEEN {since} AND {until} GROUP BY 1",
    ),
    Question(
        "first",
        "First page of 100 cases with defendants and sentences",
        "6: ≥ 3 × PostGraphile",
        {"since": "date", "after": "uuid"},
        f"/v1/cases?{_SHOWN}&received_on__gte={{since}}",
        (*CASE, *PERSON),
        _PAGE,
    ),
    Question(
        "deep",
        "The same, a page from anywhere in the list",
        "4: what the first costs",
        {"since": "date", "after": "uuid"},
        f"/v1/cases?{_SHOWN}&cursor={{cursor}}",
        (*CASE, *PERSON),
        _PAGE,
    ),
    Question(
        "weekly_then",
        "Weekly series of the country as of an old revision",
        "5: ≤ 5 × the present one",
        {"revision": "int", **_WINDOW},
        "/v1/statistics/weekly?measures=cases_received&start_period={since}&end_period={until}&revision={revision}",
        ("week", "n"),
        recount="SELECT {week} AS week, {count} AS n FROM public.versions v"  # noqa: S608
        f" WHERE {_LIVE} AND {_COUNTED} AND v.received_on BETWEEN {{since}} AND {{until}} GROUP BY 1",
    ),
    Question(
        "terms_then",
        "Median term by offence as of an old revision",
        "5: ≥ 10 × recounting from versions",
        {"revision": "int", **_WINDOW},
        "/v1/statistics?measures=term_months_median&group_by=offence&start_period={since}&end_period={until}"
        "&revision={revision}",
        ("offence", "median"),
        recount="SELECT split_part(d.offence_decided, ':', 1) AS offence, {median} AS median FROM public.versions v"  # noqa: S608
        " JOIN public.defendants d ON d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision"
        f" WHERE {_LIVE} AND {_COUNTED} AND d.{_TERMS.replace('AND ', 'AND d.')}"
        " AND d.decided_on BETWEEN {since} AND {until} GROUP BY 1",
    ),
)

# What dialects spell differently.
POSTGRES = {
    "week": "date_trunc('week', received_on::timestamp)::date",
    "count": "count(*)::int",
    "median": "percentile_cont(0.5) WITHIN GROUP (ORDER BY term_months)",
    "place": "(received_on, id) > ({since}, {after})",
}
DATAFUSION = {
    **POSTGRES,
    "week": "date_trunc('week', received_on)",
    "count": "count(*)",
    "median": "median(CAST(term_months AS DOUBLE))",
    "place": "received_on >= {since} AND (received_on > {since} OR id > {after})",
}
SQLITE = {
    **POSTGRES,
    "week": "date(received_on, 'weekday 0', '-6 days')",
    "count": "count(*)",
}
# SQLite has no median: the mean of the middle one or two.
SQLITE_TERMS = (
    "SELECT offence, avg(term_months) AS median FROM (SELECT offence, term_months,"  # noqa: S608
    " row_number() OVER (PARTITION BY offence ORDER BY term_months) AS place,"
    " count(*) OVER (PARTITION BY offence) AS n"
    f" FROM defendants WHERE {_TERMS} AND decided_on BETWEEN {{since}} AND {{until}})"
    " WHERE place IN ((n + 1) / 2, (n + 2) / 2) GROUP BY 1"
)


def variants(question: Question, drawn: Drawn) -> tuple[Given, ...]:
    """What is asked, the same each time; whole record, but for some days at its ends."""
    pick = random.Random(question.id)  # noqa: S311
    return tuple(_variant(question, drawn, pick) for _ in range(VARIANTS))


def _variant(question: Question, drawn: Drawn, pick: random.Random) -> Given:
    def day(first: date, days: int) -> str:
        return str(first + timedelta(days=pick.randrange(days)))

    if question.id == "court":
        first = date(pick.randrange(2018, 2024), 1, 1) + timedelta(days=pick.randrange(28))
        return {"court": pick.choice(drawn.courts), "since": str(first), "until": str(first + timedelta(days=364))}
    if question.id == "first":  # a day before all cases: what it leaves out is nothing
        return {"since": day(date(2000, 1, 1), 6000), "after": NO_ID}
    if question.id == "deep":
        since, after = pick.choice(drawn.places)
        return {"since": since, "after": after}
    window = {"since": day(date(2018, 1, 1), 60), "until": day(date(2024, 6, 1), 40)}
    return {**window, "revision": str(pick.randrange(1, drawn.revisions))} if "revision" in question.given else window


def spelt(question: Question, dialect: Mapping[str, str], given: Mapping[str, str]) -> str:
    """The statement in a dialect; `given` are values or placeholders as the dialect writes them."""
    template = SQLITE_TERMS if dialect is SQLITE and question.id == "terms" else question.sql or question.recount or ""
    words = {name: text.format(**given) for name, text in dialect.items() if f"{{{name}}}" in template}
    return template.format(**words, **given)


def literals(question: Question, given: Given, *, is_typed: bool = True) -> dict[str, str]:
    """Values as SQL literals; SQLite's days are texts."""
    return {name: _literal(kind, given[name], is_typed=is_typed) for name, kind in question.given.items()}


def _literal(kind: str, value: str, *, is_typed: bool) -> str:
    if kind == "int":
        return value
    return f"DATE '{value}'" if kind == "date" and is_typed else f"'{value}'"


def compared(rows: Iterator[Row]) -> list[Row]:
    """Rows as they are compared: days as texts, numbers as such, in one order; without periods of which nothing is."""
    made = [tuple(_plain(value) for value in row) for row in rows]
    return sorted((row for row in made if len(row) != 2 or row[1] != 0), key=repr)


def _plain(value: object) -> str | float | None:
    if value is None or value == "":
        return None
    if isinstance(value, (int, float)):
        return float(value)
    text = str(value)
    if text.isdecimal():  # an article, which one side has as a number
        return float(text)
    return text[:10] if len(text) > 10 and text[10] in "T " else text
