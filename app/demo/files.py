"""The history as files: what each reading of the courts' sites, and each month's newsroom work, brought."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from pathlib import Path

import orjson

from app.demo.calendar import scrape_days, stream
from app.demo.cards import card_row, material_row, written
from app.demo.newsroom import newsroom_row
from app.demo.sightings import shown_changes
from app.demo.targets import FIRST_FILE, FIRST_RECEIPT
from app.demo.timeline import Case, Finding
from app.vocabulary import Layer

SCRAPE_SOURCE, NEWSROOM_SOURCE = "synthetic-scrape", "synthetic-newsroom"
_SCRAPED_AT, _HANDED_IN_AT = time(9, tzinfo=UTC), time(10, tzinfo=UTC)
_WINDOW = timedelta(days=21)
_TWO_VINTAGES_ONE_IN, _MATERIALS = 40, 6
_README = """\
Everything in this folder is invented.

It is a demonstration record, made by a seeded generator: cases, numbers, identifiers, days, outcomes
and sentences belong to nobody, and every person is called by the same placeholder. Only the names and
sites of courts, and some totals, are those of the world: totals are set to published counts.
"""


@dataclass(frozen=True, slots=True)
class DemoFile:
    """One file of the demonstration record, and how it is to be loaded."""

    path: Path
    layout: str
    layer: str
    source: str
    seen_on: date
    published_at: datetime


@dataclass(frozen=True, slots=True)
class Vintage:
    """A case as its card stood from one change to the next."""

    case: Case
    on: date


def write_files(folder: Path, cases: Sequence[Case], seed: int) -> Iterator[DemoFile]:
    """Write the files of the history one by one; in order of publication."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text(_README, encoding="utf-8")
    yield from merge(_scrapes(folder, cases, seed), _newsroom(folder, cases), key=lambda file: file.published_at)


def count_files(cases: Iterable[Case]) -> int:
    """How many files a history makes."""
    return len(scrape_days()) + len({finding.found_on for case in cases for finding in case.findings})


# ── Readings of the courts' sites ──────────────────────────────────────────────────────────────


def _scrapes(folder: Path, cases: Iterable[Case], seed: int) -> Iterator[DemoFile]:
    by_day = _vintages(cases)
    rendered: dict[int, tuple[date, bytes]] = {}
    for day in scrape_days():
        chance = stream(seed, f"file {day}")
        vintages = by_day[day]
        lines = [_line(vintage, rendered) for vintage in vintages] + _materials(vintages, day)
        chance.shuffle(lines)
        path = folder / f"{day}_cards.json"
        # The counter of a run is the first key of every row.
        path.write_bytes(b"".join(b'{"id":%d,%s\n' % (id_, line[1:]) for id_, line in enumerate(lines)))
        _write_meta(folder / f"{day}_cards_meta.json", day, len(lines))
        published_at = datetime.combine(day, _SCRAPED_AT)
        yield DemoFile(path, "sudrfscraper", Layer.COURT_CARD, SCRAPE_SOURCE, day, published_at)


def _vintages(cases: Iterable[Case]) -> Mapping[date, list[Vintage]]:
    """What each file holds: recent cases, and older ones in which something is new."""
    days = scrape_days()
    by_day: dict[date, list[Vintage]] = defaultdict(list)
    for case in cases:
        changes = [change for change in shown_changes(case) if change <= days[-1]]
        for day in days[bisect_right(days, case.seen_on - timedelta(days=1)) :]:
            if day >= case.vanishes_on or (day > case.received_on + _WINDOW and day > changes[-1]):
                break
            if day <= case.received_on + _WINDOW or day in changes:
                by_day[day].append(Vintage(case, changes[bisect_right(changes, day) - 1]))
            if _has_two_vintages(case, day):
                by_day[day].append(Vintage(case, changes[bisect_right(changes, day) - 2]))
    return by_day


def _has_two_vintages(case: Case, day: date) -> bool:
    """Runs that were continued hold both states of a case that was decided meanwhile."""
    is_decided = case.ending is not None and case.ending.seen_on == day > case.seen_on
    return is_decided and case.style % _TWO_VINTAGES_ONE_IN == 0


def _line(vintage: Vintage, rendered: dict[int, tuple[date, bytes]]) -> bytes:
    case = vintage.case
    on, line = rendered.get(case.id, (None, b""))
    if on != vintage.on:
        line = orjson.dumps(card_row(case, vintage.on))
        rendered[case.id] = vintage.on, line
    return line


def _materials(vintages: Sequence[Vintage], day: date) -> list[bytes]:
    cases = [vintage.case for vintage in vintages[:_MATERIALS]]
    return [orjson.dumps(material_row(case, f"3/1-{case.id % 90 + 1}/{day.year}", day)) for case in cases]


def _write_meta(path: Path, day: date, rows: int) -> None:
    start = FIRST_RECEIPT if day == FIRST_FILE else day - _WINDOW
    meta = {
        "string_count": str(rows),
        "field": "CRIMINAL",
        "entry_date_from": written(start),
        "entry_date_till": written(day),
        "synthetic": "true",
    }
    path.write_bytes(orjson.dumps(meta, option=orjson.OPT_INDENT_2))


# ── The newsroom's work ────────────────────────────────────────────────────────────────────────


def _newsroom(folder: Path, cases: Iterable[Case]) -> Iterator[DemoFile]:
    by_day: dict[date, list[tuple[Case, Finding]]] = defaultdict(list)
    for case in cases:
        for finding in case.findings:
            by_day[finding.found_on].append((case, finding))
    for day in sorted(by_day):
        rows = (newsroom_row(case, finding) for case, finding in by_day[day])
        path = folder / f"{day}_newsroom.ndjson"
        path.write_bytes(b"".join(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows))
        published_at = datetime.combine(day, _HANDED_IN_AT)
        yield DemoFile(path, "house", Layer.NEWSROOM, NEWSROOM_SOURCE, day, published_at)
