"""Bounds: the least and the most that a figure could be, tried out in every world that fits what is known."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import pytest

from app.errors import InvalidParameters
from app.statistics.measures import MEASURES
from tests.ledgers import ask, hold, person, rows_of
from tests.recount import Entry

Worlds = Sequence[tuple[int, int]]
"""What one entry could add to a count, or to a numerator and a denominator."""

OUT, IN = (0, 0), (1, 1)
EITHER = (OUT, IN)


def received(day: str, disposition: str, days: int | None = None, **different: Any) -> Entry:
    """A case received."""
    what = {"unit": "case", "event": "received", "disposition": disposition, "days": days}
    return person(day, **what, service_status=different.pop("service_status", "mobilised"), **different)


def extremes(worlds: Sequence[Worlds]) -> tuple[tuple[int, int], tuple[float, float]]:
    """The least and most of the count, and of the share."""
    sums = [tuple(map(sum, zip(*world, strict=True))) for world in product(*worlds)]
    shares = [numerator / denominator for numerator, denominator in sums if denominator]
    return (min(n for n, _ in sums), max(n for n, _ in sums)), (min(shares), max(shares))


# each with what it could be: pending at the end of November, and decided within 30 days (when that is over)
CASES: list[tuple[Entry, Worlds, Worlds]] = [
    (received("2020-11-01", "pending"), (IN,), ((0, 1),)),
    (received("2020-11-01", "verdict", 10), (OUT,), (IN,)),
    (received("2020-11-02", "verdict", 32), (IN,), ((0, 1),)),
    (received("2020-11-02", "verdict"), EITHER, ((0, 1), IN)),  # closed, nobody knows when
    (received("2020-11-02", "unknown"), EITHER, ((0, 1), IN)),
    (received("2020-11-02", "joined", 3), (OUT,), ((0, 1),)),
    (received("2020-11-02", "joined"), EITHER, ((0, 1),)),
    (received("2020-11-03", "verdict", 10, service_status="unknown"), (OUT,), EITHER),
    (received("2020-11-03", "pending", service_status="unknown"), EITHER, (OUT, (0, 1))),
    (received("2020-11-03", "verdict", 35, service_status="mixed"), EITHER, (OUT, (0, 1))),
    (received("2020-11-03", "pending", service_status="contract"), (OUT,), (OUT,)),
    (received("2021-01-02", "verdict", 2), (OUT,), (OUT,)),  # thirty days later is beyond the record
]


@pytest.mark.parametrize(
    "asked",
    [{"service_status": ("mobilised",)}, {"service_status__ne": ("contract",)}, {"group_by": ("service_status",)}],
)
async def test_bounds_of_cases_are_the_extremes_of_all_worlds(connection: Any, asked: dict[str, Any]) -> None:
    await hold(connection, *(entry for entry, _, _ in CASES), received("2021-01-07", "verdict", 0))
    share, stock = "decided_within_30_days_share", "cases_pending"
    by_november = {"end_period": ("2020-11-30",)}
    told = {}
    for name, window in ((stock, by_november), (share, {})):
        rows = rows_of(await ask(connection, {"measures": (name,), "bounds": ("true",), **window, **asked}))
        row = next(row for row in rows if row.get("service_status", "mobilised") == "mobilised")
        told[name] = (row[f"{name}_bound_low"], row[f"{name}_bound_high"])
        assert told[name][0] <= row[name] <= told[name][1]
        for other in rows:  # of whom it is not known what they are, nothing can be said
            if other.get("service_status") in ("unknown", "mixed"):
                assert (other[f"{name}_bound_low"], other[f"{name}_bound_high"]) == (None, None)
    assert told[stock] == extremes([pending for _, pending, _ in CASES])[0]
    assert told[share] == extremes([decided for _, _, decided in CASES])[1]


async def test_a_stock_is_bounded_in_every_period_and_without_one(connection: Any) -> None:
    await hold(connection, *(entry for entry, _, _ in CASES), received("2021-01-07", "verdict", 0))
    given = {"measures": ("cases_pending",), "bounds": ("true",)}
    months = rows_of(await ask(connection, {**given, "group_by": ("month",)}))
    bounds = [(row["cases_pending_bound_low"], row["cases_pending_bound_high"]) for row in months]
    # pending for certain: three cards, and at the end of November one decided after 32 days and one after 35
    assert bounds == [(5, 8), (3, 6), (3, 6)]
    [now] = rows_of(await ask(connection, given))
    assert (now["cases_pending_bound_low"], now["cases_pending"], now["cases_pending_bound_high"]) == (3, 4, 4)


async def test_who_was_charged_is_bounded_where_rows_overlap(connection: Any) -> None:
    base = {"unit": "person", "event": "received", "disposition": "pending"}
    await hold(
        connection,
        person(**base, offences=("337:3", "337:5")),
        person(**base, offences=("337:3", "352"), service_status="unknown"),
        person(**base, offences=("352",), service_status="contract"),
    )
    given = {"measures": ("persons_charged",), "bounds": ("true",), "group_by": ("offence",)}
    for asked in ({"service_status": ("mobilised",)}, {"group_by": ("offence", "service_status")}):
        rows = rows_of(await ask(connection, {**given, **asked}))
        found = {
            row["offence"]: (row["persons_charged_bound_low"], row["persons_charged_bound_high"])
            for row in rows
            if row.get("service_status", "mobilised") == "mobilised"
        }
        assert found["337"] == (1, 2)
        assert found.get("352", (0, 1)) == (0, 1)


async def test_what_has_no_bounds_says_why(connection: Any) -> None:
    without = {name for name, measure in MEASURES.items() if not measure.has_bounds}
    spreads = {name for name, measure in MEASURES.items() if measure.spread}
    assert without == {"coverage", *spreads}
    for name in without:
        with pytest.raises(InvalidParameters) as caught:
            await ask(connection, {"measures": (name,), "bounds": ("true",)})
        [fault] = caught.value.faults
        assert (fault.code, fault.parameter) == ("no-meaning", "bounds")
        assert f"{name} has no bounds: {MEASURES[name].no_bounds}." in fault.detail
