"""Transforms, bounds and breaks against a reckoning of their own, entry by entry."""

import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date, timedelta
from functools import cache
from statistics import median
from typing import Any

import asyncpg
import pytest

from app.errors import InvalidParameters
from app.statistics import breaks, find_codes
from app.statistics.breaks import BREAKS, Break, breaks_of
from app.statistics.measures import MEASURES
from app.statistics.question import read_question
from app.statistics.transforms import TRANSFORMS
from tests.ledgers import ask, person, rows_of, state_of, write, write_reference
from tests.recount import KEYS, LAST_REVISION, PUBLISHED_ON, Entry, Given

FIRST = date(2019, 5, 20)
STATUSES = ("mobilised", "contract", "unknown")
CLASSES = ("custodial", "suspended", "non_custodial", "unknown", "no_penalty")
WINDOWS: tuple[Given, ...] = (
    {},
    {"start_period": ("2020-02-26",), "end_period": ("2020-12-27",)},
    {"start_period": ("2020-W53",)},
    {"start_period": ("2019-01",), "end_period": ("2021-H1",)},
)


def entries() -> list[Entry]:
    """Convictions over twenty months, some days with none, one leap day with two."""
    pick = random.Random(7)
    days = [FIRST, PUBLISHED_ON, date(2020, 2, 29), date(2020, 2, 29)]
    days += [FIRST + timedelta(pick.randrange((PUBLISHED_ON - FIRST).days)) for _ in range(400)]
    return [
        person(
            str(day),
            service_status=pick.choice(STATUSES),
            sentence_class=(found := pick.choice(CLASSES)),
            is_presumed=found == "unknown" and pick.random() < 0.5,
            sentence_kind="imprisonment" if found == "custodial" else "unknown",
            term_months=pick.choice((12, 24, 37)) if found == "custodial" else None,
        )
        for day in days
    ]


HELD = entries()


@pytest.fixture
async def record(database_url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(database_url, server_settings={"timezone": "UTC"})
    await write_reference(connection)
    await write(connection, [(LAST_REVISION, entry, 1) for entry in HELD])
    yield connection
    await connection.close()


@cache
def calendar(grain: str) -> dict[str, list[date]]:
    """All days of each period, of more years than are asked about."""
    found: dict[str, list[date]] = {}
    for step in range(366 * 7):
        day = date(2016, 1, 1) + timedelta(step)
        found.setdefault(KEYS[grain](day), []).append(day)
    return found


@cache
def counted(grain: str) -> Counter[tuple[str, str]]:
    """Convictions by period and status."""
    return Counter((KEYS[grain](e.day), e.service_status) for e in HELD if e.day)


def days_of(grain: str, key: str) -> list[date]:
    return calendar(grain).get(key, [])


def year_before(grain: str, key: str) -> str | None:
    """The key of the same period a year before, if the calendar has it."""
    found = f"{int(key[:4]) - 1}{key[4:]}"
    return found if grain == "year" or days_of(grain, found) else None


def before(grain: str, key: str, steps: int) -> str:
    for _ in range(steps):
        key = KEYS[grain](days_of(grain, key)[0] - timedelta(1))
    return key


class Reckoning:
    """What a transform has to say of one row."""

    def __init__(self, grain: str, shown: list[dict[str, Any]]) -> None:
        self.grain = grain
        self.cut = {row[grain]: row["partial"] for row in shown}
        self.shown = {(row[grain], row["service_status"]): row["persons_convicted"] for row in shown}

    def count(self, key: str, status: str) -> int:
        if (key, status) in self.shown:
            return int(self.shown[key, status])
        return counted(self.grain)[key, status]

    def standing(self, key: str) -> str:
        days = days_of(self.grain, key)
        if days[-1] < FIRST or days[0] > PUBLISHED_ON:
            return "outside"
        is_whole = days[0] >= FIRST and days[-1] <= PUBLISHED_ON and not self.cut.get(key, False)
        return "whole" if is_whole else "partial"

    def of(self, transform: str, key: str, status: str) -> tuple[float | None, str]:
        bases: dict[str, list[str | None]] = {
            "avg4": [before(self.grain, key, step) for step in (3, 2, 1)],
            "yoy": [year_before(self.grain, key)],
        }
        looked_at = bases.get(transform, [before(self.grain, key, 1)])
        if self.standing(key) != "whole":
            return None, "partial" if self.standing(key) == "partial" else "beyond_coverage"
        found = [base for base in looked_at if base and self.standing(base) != "outside"]
        if len(found) < len(looked_at):
            return None, "no_base"
        if any(self.standing(base) == "partial" for base in found):
            return None, "partial_base"
        now, then = self.count(key, status), [self.count(base, status) for base in found]
        if transform == "avg4":
            return (now + sum(then)) / 4, "normal"
        if transform == "chg":
            return now - then[0], "normal"
        return (None, "zero_base") if not then[0] else (100 * (now - then[0]) / then[0], "normal")


async def test_a_transform_is_the_reckoning_in_every_grain_and_window(record: Any) -> None:
    seen: set[str] = set()
    for grain in KEYS:
        for window in WINDOWS[1:3] if grain == "day" else WINDOWS:
            given: Given = {"measures": ("persons_convicted",), "group_by": (grain, "service_status"), **window}
            plain = rows_of(await ask(record, given))
            reckoning = Reckoning(grain, plain)
            for transform in ("chg", "pch", "yoy", "avg4"):
                name = f"persons_convicted_{transform}"
                rows = rows_of(await ask(record, {**given, "transform": (transform,)}))
                assert [{key: row[key] for key in plain[0]} for row in rows] == plain
                for row in rows:
                    value, status = reckoning.of(transform, row[grain], row["service_status"])
                    assert (row[name], row[f"{name}_status"]) == (
                        value if value is None else pytest.approx(value),
                        status,
                    ), (transform, row)
                    seen.add(status)
    assert seen == {"normal", "partial", "beyond_coverage", "no_base", "partial_base", "zero_base"}


async def test_shares_of_a_period_add_up_to_1_and_running_sums_end_at_the_total(record: Any) -> None:
    given: Given = {"measures": ("persons_convicted",), "group_by": ("month", "service_status")}
    shares: dict[str, float] = {}
    for row in rows_of(await ask(record, {**given, "transform": ("share",)})):
        value = row["persons_convicted_share"]
        assert row["persons_convicted_share_status"] == ("normal" if value is not None else "undefined")
        shares[row["month"]] = shares.get(row["month"], 0) + (value or 0)
    assert all(total == pytest.approx(1) for total in shares.values())
    sums: dict[str, int] = {}
    for row in rows_of(await ask(record, {**given, "transform": ("cumulative",), "start_period": ("2020-02-10",)})):
        sums[row["service_status"]] = sums.get(row["service_status"], 0) + row["persons_convicted"]
        assert row["persons_convicted_cumulative"] == sums[row["service_status"]]
    assert sum(sums.values()) == sum(e.day >= date(2020, 2, 10) for e in HELD if e.day)


async def test_a_median_is_compared_with_the_median_before(record: Any) -> None:
    given: Given = {"measures": ("term_months_median",), "group_by": ("quarter",), "transform": ("chg",)}
    rows = rows_of(await ask(record, given))

    def of(key: str) -> float:
        return median(e.term_months for e in HELD if e.day and KEYS["quarter"](e.day) == key and e.term_months)

    compared = [row for row in rows if row["term_months_median_chg_status"] == "normal"]
    assert len(compared) == 5
    for row in compared:
        key = row["quarter"]
        assert row["term_months_median_chg"] == of(key) - of(before("quarter", key, 1))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"measures": ("suspended_share",), "group_by": ("week",), "transform": ("pch",)}, "no-meaning"),
        ({"measures": ("cases_pending",), "group_by": ("week",), "transform": ("cumulative",)}, "no-meaning"),
        ({"measures": ("persons_charged",), "group_by": ("offence",), "transform": ("share",)}, "no-meaning"),
        ({"measures": ("term_months_median",), "group_by": ("week",), "bounds": ("true",)}, "no-meaning"),
        ({"transform": ("yoy",)}, "needs-grain"),
        ({"transform": ("share",), "group_by": ("week",)}, "needs-dimension"),
        ({"transform": ("yoyo",), "group_by": ("week",)}, "unknown-transform"),
    ],
)
async def test_a_transform_without_a_meaning_is_refused_and_told_which_have_one(
    record: Any, asked: Given, code: str
) -> None:
    with pytest.raises(InvalidParameters) as caught:
        await ask(record, asked)
    assert {fault.code for fault in caught.value.faults} == {code}
    if code == "no-meaning":
        detail = caught.value.faults[0].detail
        assert asked["measures"][0] not in detail.partition("; it has one for ")[2].rstrip(".").split(", ")
        assert "persons_convicted" in caught.value.faults[0].detail


async def test_every_transform_has_a_meaning_for_some_measure_and_counts_take_all() -> None:
    for transform in TRANSFORMS.values():
        assert transform.fits(MEASURES["persons_convicted"])


async def test_bounds_are_the_worst_of_every_way_to_fill_in_what_is_not_known(record: Any) -> None:
    """Tried out on a small ledger: each person of unknown status and class becomes every one that there is."""
    del record
    small = [
        person(service_status="mobilised", sentence_class="suspended"),
        person(service_status="mobilised", sentence_class="custodial"),
        person(service_status="mobilised", sentence_class="unknown", is_presumed=True),
        person(service_status="unknown", sentence_class="suspended"),
        person(service_status="unknown", sentence_class="unknown"),
        person(service_status="contract", sentence_class="suspended"),
    ]
    worlds: list[list[tuple[str, str]]] = [[]]
    for entry in small:
        statuses = ("mobilised", "contract") if entry.service_status == "unknown" else (entry.service_status,)
        classes = ("custodial", "suspended") if entry.sentence_class == "unknown" else (entry.sentence_class,)
        worlds = [[*world, (status, own)] for world in worlds for status in statuses for own in classes]
    inside = [[own for status, own in world if status == "mobilised"] for world in worlds]
    shares = [own.count("suspended") / len(own) for own in inside]
    counts = [own.count("suspended") for own in inside]
    assert (min(shares), max(shares)) == bounds_by_hand(small)
    assert (min(counts), max(counts)) == (1, 4)


def bounds_by_hand(small: list[Entry]) -> tuple[float, float]:
    known = sum(e.sentence_class == "suspended" and e.service_status == "mobilised" for e in small)
    worst = sum(e.sentence_class != "suspended" and e.service_status in ("mobilised", "unknown") for e in small)
    best = sum(e.sentence_class in ("suspended", "unknown") and e.service_status != "contract" for e in small)
    against = sum(e.sentence_class in ("custodial", "non_custodial") and e.service_status == "mobilised" for e in small)
    return known / (known + worst), best / (best + against)


async def test_bounds_of_an_answer_are_those_of_the_worlds_that_fit(record: Any) -> None:
    given: Given = {"measures": ("suspended_share", "suspended", "persons_convicted"), "bounds": ("true",)}
    grouped = rows_of(await ask(record, {**given, "group_by": ("service_status",)}))
    mobilised, _, unknown = sorted(
        grouped, key=lambda row: ["mobilised", "contract", "unknown"].index(row["service_status"])
    )
    low, high = bounds_by_hand([e for e in HELD if e.sentence_class != "no_penalty"])
    assert (mobilised["suspended_share_bound_low"], mobilised["suspended_share_bound_high"]) == (low, high)
    assert low < mobilised["suspended_share"] < high
    [filtered] = rows_of(await ask(record, {**given, "service_status": ("mobilised",)}))
    for name in ("suspended_share", "suspended", "persons_convicted"):
        for side in ("low", "high"):
            assert filtered[f"{name}_bound_{side}"] == mobilised[f"{name}_bound_{side}"]
            assert unknown[f"{name}_bound_{side}"] is None
    own = [e for e in HELD if e.service_status == "mobilised"]
    loose = [e for e in HELD if e.service_status != "contract"]
    assert mobilised["persons_convicted_bound_low"] == sum(not e.is_presumed for e in own)
    assert mobilised["persons_convicted_bound_high"] == len(loose)
    assert mobilised["suspended_bound_low"] == mobilised["suspended"]
    assert mobilised["suspended_bound_high"] == sum(e.sentence_class in ("suspended", "unknown") for e in loose)
    [not_contract] = rows_of(await ask(record, {**given, "service_status__ne": ("contract",)}))
    assert not_contract["persons_convicted_bound_low"] == sum(not e.is_presumed for e in own)
    assert not_contract["persons_convicted_bound_high"] == not_contract["persons_convicted"] == len(loose)
    classes = rows_of(await ask(record, {"bounds": ("true",)}, "sentences"))
    suspended = next(row for row in classes if row["sentence_class"] == "suspended")
    by_class = {name: sum(e.sentence_class == name for e in HELD) for name in CLASSES}
    known = by_class["custodial"] + by_class["suspended"] + by_class["non_custodial"]
    assert suspended["share_bound_low"] == by_class["suspended"] / (known + by_class["unknown"])
    assert suspended["share_bound_high"] == (by_class["suspended"] + by_class["unknown"]) / (
        known + by_class["unknown"]
    )


def test_a_break_is_the_day_on_which_a_statute_made_parts() -> None:
    assert {entry.id: str(entry.day) for entry in BREAKS.values()} == {"365-FZ": "2022-09-24", "534-FZ": "2026-01-09"}
    assert {"332", "337", "338", "352.1", "356.1"} <= BREAKS["365-FZ"].articles
    assert "337" in BREAKS["534-FZ"].articles and "332" not in BREAKS["534-FZ"].articles


async def test_a_comparison_across_a_break_is_marked_and_warned_of(
    record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(breaks, "BREAKS", {"law": Break("law", date(2020, 10, 3), "Law", "Закон", "")})
    given: Given = {"measures": ("persons_convicted",), "group_by": ("month",)}
    answer = await ask(record, {**given, "transform": ("chg",)})
    marked = [row["month"] for row in rows_of(answer) if row["persons_convicted_chg_status"] == "break"]
    assert marked == ["2020-10", "2020-11"]
    assert all(row["persons_convicted_chg"] is not None for row in rows_of(answer) if row["month"] in marked)
    assert [warning["code"] for warning in answer.warnings] == ["across_break"]
    assert [(entry["id"], entry["period"]) for entry in answer.breaks] == [("law", "2020-10")]
    early = await ask(record, {**given, "transform": ("chg",), "end_period": ("2020-09",)})
    assert not early.warnings and not early.breaks
    plain = await ask(record, given)
    assert not plain.warnings and len(plain.breaks) == 1


async def test_a_break_matters_to_questions_about_its_articles(record: Any) -> None:
    known = await find_codes(record, state_of(LAST_REVISION))

    def ids(given: Given) -> list[str]:
        return [entry.id for entry in breaks_of(read_question(given, None, known))]

    assert ids({}) == ids({"offence__ne": ("337",)}) == ["365-FZ", "534-FZ"]
    assert ids({"offence": ("352.1",)}) == ["365-FZ"]
    assert ids({"offence": ("158:2",)}) == []
