"""Ledgers for tests: random ones, small ones, and their writing into Postgres by definition."""

import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import accumulate
from typing import Any
from uuid import UUID

import orjson

from app.db.database import load_statements
from app.records.revisions import State
from app.statistics import Answer, Codes, find_answer, find_codes, ledger, read_question
from app.statistics.block import write_blocks
from app.statistics.ledger import ROW_COLUMNS
from app.statistics.sums import CELL_COLUMNS, KINDS, SUMS, Sum
from tests.recount import (
    ANY_CHARGE,
    COHORTS,
    COUNTS,
    COURTS,
    FIRST_DAY,
    KEYS,
    LAST_REVISION,
    OFFENCES,
    ORDER,
    PUBLISHED_ON,
    SHARES,
    SPREADS,
    Entry,
    Given,
    Look,
    Posted,
    Row,
    is_imprisoned,
)

ASKED = [*COUNTS, *SHARES, "coverage", "cases_pending", *SPREADS, *COHORTS, *ANY_CHARGE]


def random_entry(pick: random.Random) -> Entry:
    court, part = pick.choice(list(COURTS)), pick.choice(list(OFFENCES))
    received = [("case", "received"), ("person", "received"), ("charge", "received")]
    unit, event = pick.choice([*received, ("case", "decided"), *[("person", "decided")] * 6])
    ends = ["convicted"] * 5 + ["acquitted", "terminated", "returned", "transferred", "joined", "other"]
    if unit == "case":
        ends = ["verdict"] * 3 + ["returned_to_prosecutor", "transferred_jurisdiction", "joined", "terminated", "other"]
    ends += ["pending"] * 3 if event == "received" else []
    disposition = pick.choice(ends)
    return Entry(
        unit=unit,
        event=event,
        day=None if pick.random() < 0.1 else FIRST_DAY + timedelta(pick.randrange(35)),
        court=court,
        **dict(zip(("court_level", "region", "district"), COURTS[court], strict=True)),
        offence=part.split(":")[0],
        offence_part=part,
        **dict(zip(("offence_group", "is_wartime"), OFFENCES[part], strict=True)),
        arrival=pick.choice(ORDER["arrival"]),
        service_status=pick.choice(["mobilised", "contract", "unknown", "mixed" if unit == "case" else "unknown"]),
        disposition=disposition,
        is_presumed=disposition == "convicted" and pick.random() < 0.5,
        sentence_class=pick.choice([*ORDER["sentence_class"], "unknown", "unknown"]),
        sentence_kind=pick.choice(ORDER["sentence_kind"]),
        sentence_execution=pick.choice(ORDER["sentence_execution"]),
        days=None if disposition == "pending" or pick.random() < 0.1 else pick.choice([0, 3, 10, 29, 30, 31, 60, 89]),
        term_months=pick.choice([None, 6, 24, 24, 30, 61]),
        offences=tuple(sorted(pick.sample(list(OFFENCES), pick.choice([0, 1, 1, 2, 3])))),
    )


def random_ledger(pick: random.Random) -> list[Posted]:
    """Entries added at some revision, a third of them negated at a later one."""
    posted = []
    for _ in range(pick.choice([3, 40, 120])):
        entry, revision = random_entry(pick), pick.randint(1, LAST_REVISION)
        posted.append((revision, entry, 1))
        if revision < LAST_REVISION and pick.random() < 0.35:
            posted.append((pick.randint(revision + 1, LAST_REVISION), entry, -1))
    return posted


def random_given(pick: random.Random) -> tuple[Given, str | None]:
    """A question that is allowed, and its preset."""
    preset = pick.choice([None, None, "weekly", "sentences"])
    grain = None if preset == "weekly" else pick.choice([None, None, *KEYS])
    group_by = pick.sample(list(ORDER), pick.choice([0, 0, 1, 1, 2])) + ([grain] if grain else [])
    pick.shuffle(group_by)
    given: Given = {"group_by": tuple(group_by)} if group_by else {}
    if preset != "sentences" and pick.random() < 0.9:
        given["measures"] = tuple(pick.sample(ASKED, pick.randint(1, 3)))
    for dimension in pick.sample(list(ORDER), pick.choice([0, 0, 1, 1, 2])):
        if preset != "sentences" or dimension != "sentence_class":
            codes = pick.sample(ORDER[dimension], pick.randint(1, 2))
            given[dimension + pick.choice(["", "", "__ne"])] = tuple(codes)
    if pick.random() < 0.2:
        given["offence"] = tuple(pick.sample(["337", "337:5", "352", "158:2"], 2))
    return given | random_window(pick, has_grain=bool(grain or preset == "weekly")), preset


def random_window(pick: random.Random, *, has_grain: bool) -> Given:
    start = FIRST_DAY + timedelta(pick.randrange(-4, 30))
    given: Given = {}
    if pick.random() < 0.35:
        given["end_period"] = (str(start + timedelta(pick.randrange(20))),)
    if pick.random() < 0.35:
        given["start_period"] = (str(start),)
    elif has_grain and pick.random() < 0.3:
        given["last_n"] = (str(pick.randint(1, 6)),)
    return given


def person(day: str | None = "2021-01-05", **different: Any) -> Entry:
    """A mobilised person convicted of 337:5 in Rostov; the sentence is not known."""
    base = Entry(
        unit="person", event="decided", day=date.fromisoformat(day) if day else None,
        court="61GV0001", court_level="garrison", region="61", district="61OV0000",
        offence="337", offence_part="337:5", offence_group="absence", is_wartime="true", arrival="new",
        service_status="mobilised", disposition="convicted", is_presumed=False,
        sentence_class="unknown", sentence_kind="unknown", sentence_execution="unknown",
    )  # fmt: skip
    return replace(base, **different)


def random_looks(pick: random.Random) -> list[Look]:
    """What sources noted of the courts that they looked at: mostly nothing; else of some courts, to different days."""
    looks = []
    for court in COURTS if pick.random() < 0.5 else ():
        for _ in range(pick.choice([0, 0, 1, 2])):
            revision, first = pick.randint(1, LAST_REVISION), FIRST_DAY + timedelta(pick.randrange(-60, 20))
            fallen = pick.choice([None, None, revision + 1])
            until = first + timedelta(pick.randrange(70))
            looks.append((court, revision, first, until, fallen, pick.random() < 0.8))
    return list({look[:3]: look for look in looks}.values())


async def note(connection: Any, looks: list[Look]) -> None:
    """Note what was looked at."""
    names = ("court", "revision", "starts_on", "ends_on", "superseded_in", "is_whole")
    records = [(*look, "test") for look in looks]
    await connection.copy_records_to_table("coverage_windows", records=records, columns=[*names, "source"])


async def hold(connection: Any, *entries: Entry) -> None:
    await write(connection, [(LAST_REVISION, entry, 1) for entry in entries])


def state_of(revision: int) -> State:
    return State(
        revision=revision,
        published_at=datetime.combine(PUBLISHED_ON, time(12), UTC),
        as_of=None,
        is_pinned=False,
        is_synthetic=False,
        is_backdated=False,
        reference=9,
        definition=1,
    )


async def write(connection: Any, posted: list[Posted]) -> None:
    """Fill the ledger, and the tally by its definition."""
    await _enter(connection, [(r, "new", UUID(int=i), 0, n, *asdict(e).values()) for i, (r, e, n) in enumerate(posted)])
    rows = [row for one in SUMS.values() for row in rows_of_sum(one, posted)]
    await connection.copy_records_to_table("tally", records=[tuple(row.values()) for row in rows], columns=[*rows[0]])


async def post(connection: Any, caused: Iterable[tuple[int, str, Entry, int]], last: int) -> None:
    """Fill the ledger, and the tally as an ingest does, revision by revision: of each its cause, an entry, and n."""
    by_revision: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for number, (revision, cause, entry, n) in enumerate(caused):
        by_revision[revision].append((revision, cause, UUID(int=number), 0, n, *asdict(entry).values()))
    for revision in range(1, last + 1):
        await _enter(connection, by_revision[revision])
        await write_blocks(connection, revision)


_ALONE = load_statements(ledger.__file__, "ledger.sql")["net_rows"]
_ENTERED = ("revision", "cause", "case_id", "defendant", "n", *(entry.name for entry in fields(Entry)))


async def _enter(connection: Any, rows: list[tuple[Any, ...]]) -> None:
    """Write entries to the ledger, each a row by itself."""
    await connection.execute("CREATE TEMPORARY TABLE IF NOT EXISTS net AS SELECT * FROM entries WITH NO DATA")
    await connection.execute("TRUNCATE net")
    await connection.copy_records_to_table("net", records=rows, columns=_ENTERED)
    alone = _ALONE.replace("SELECT court", "SELECT revision, cause, court")
    await connection.execute(f"INSERT INTO ledger (revision, cause, {ROW_COLUMNS}) {alone}")


def rows_of_sum(one: Sum, posted: list[Posted]) -> list[dict[str, Any]]:
    """The rows of a sum, by its definition: entry by entry."""
    cells: defaultdict[tuple[Any, ...], Counter[date | None]] = defaultdict(Counter)
    for revision, e, n in posted:
        if one.is_of_terms and not (is_imprisoned(e) and e.event == "decided"):
            continue
        kept = [
            None if name not in one.columns or (name in one.results and e.event != "decided") else getattr(e, name)
            for name in CELL_COLUMNS
        ]
        court = e.court if "court" in one.keeps else "*"
        for block in blocks_with(revision):
            cells[(court, one.number, block, KINDS.index((e.unit, e.event)), *kept)][e.day] += n
    return [
        dict(zip(("court", "sum", "block", "kind", *CELL_COLUMNS, "year", "n", "series", "running"), row, strict=True))
        for key, days in cells.items()
        for row in series_of(one, key, days)
    ]


def series_of(one: Sum, key: tuple[Any, ...], days: Counter[date | None]) -> Iterator[tuple[Any, ...]]:
    """The rows of a cell."""
    held = {day: n for day, n in sorted(days.items(), key=lambda item: item[0] or date.min) if n and day}
    if days[None]:
        yield (*key, None, days[None], None, None)
    for year in sorted({day.year for day in held} if one.has_days else ()):
        own = {day: n for day, n in held.items() if day.year == year}
        yield (*key, year, sum(own.values()), packed(own), packed(running(own)) if one.is_of_terms else None)
    weeks, months = Counter[date](), Counter[date]()
    for day, n in held.items():
        weeks[day - timedelta(day.weekday())] += n
        months[day.replace(day=1)] += n
    if one.has_spans and (any(weeks.values()) or any(months.values())):
        yield (*key, 0, sum(held.values()), packed(weeks), packed(running({m: n for m, n in months.items() if n})))


def running(counts: Mapping[date, int]) -> dict[date, int]:
    return dict(zip(counts, accumulate(counts.values()), strict=True))


def packed(counts: Mapping[date, int]) -> list[int] | None:
    """Elements; of nothing, none. A running sum may be 0, a count not."""
    is_running = not isinstance(counts, Counter)
    return [day.toordinal() * 2**32 + n for day, n in counts.items() if n or is_running] or None


def blocks_with(revision: int) -> list[int]:
    """The blocks b that hold a revision: it lies in (b - p, b], p being the greatest power of 8 that divides b."""
    powers = {b: next(p for p in (64, 8, 1) if b % p == 0) for b in range(1, LAST_REVISION + 1)}
    return [b for b, power in powers.items() if b - power < revision <= b]


async def write_reference(connection: Any) -> None:
    """A reference set of its own: rows like those of the first set, but for what is counted by."""
    courts = [
        {"code": code, "level": level, "region": region, "district": None if above == "unknown" else above}
        for code, (level, region, above) in COURTS.items()
    ]
    offences = [
        {"code": code, "offence_group": group, "is_wartime": is_wartime == "true"}
        | dict(zip(("article", "part"), (*code.split(":"), None), strict=False))
        for code, (group, is_wartime) in OFFENCES.items()
        if group != "other"  # known from the record alone
    ]
    for table, rows in (("courts", courts), ("offences", offences)):
        await connection.execute(
            f"INSERT INTO {table} SELECT (jsonb_populate_record(base, own || '{{\"reference\": 9}}')).*"
            f" FROM {table} AS base, jsonb_array_elements($1::jsonb) AS own"
            f" WHERE base.reference = 1 AND base.code = (SELECT min(code) FROM {table} WHERE reference = 1)",
            orjson.dumps(rows).decode(),
        )


def rows_of(answer: Answer) -> list[Row]:
    return [dict(zip(answer.table.column_ids, row, strict=True)) for row in answer.table.rows]


async def ask(
    connection: Any, given: Mapping[str, tuple[str, ...]], preset: str | None = None, **options: Any
) -> Answer:
    """The answer to a question about the last revision, from the tally where it can."""
    state = state_of(options.pop("revision", LAST_REVISION))
    known = await find_codes(connection, state)
    return await find_answer(connection, state, read_question(given, preset, known), known, **options)


def covered(known: Codes) -> tuple[date, date] | None:
    return (known.covered.first, known.covered.last) if known.covered else None
