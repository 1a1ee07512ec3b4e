"""Every answer is the recount: from tally or ledger, as of every revision, for any question."""

import random
from collections import Counter
from datetime import date, timedelta
from itertools import combinations
from statistics import mean, quantiles
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from app.errors import InvalidParameters
from app.statistics import Codes, find_answer, find_codes, read_question
from app.statistics.measures import HORIZONS_DAYS, MEASURES
from app.statistics.sums import SUMS
from tests.ledgers import (
    ask,
    covered,
    hold,
    note,
    person,
    random_entry,
    random_given,
    random_ledger,
    random_looks,
    rows_of,
    state_of,
    write,
)
from tests.recount import (
    ANY_CHARGE,
    COUNTS,
    COURTS,
    KEYS,
    LAST_REVISION,
    ORDER,
    Entry,
    Given,
    Recount,
)


@settings(max_examples=25, phases=[Phase.generate])  # a smaller example would take minutes to find
@given(st.integers(0, 2**64))
async def test_any_answer_is_the_recount(connection: Any, seed: int) -> None:
    pick = random.Random(seed)
    posted, looks = random_ledger(pick), random_looks(pick)
    transaction = connection.transaction()
    await transaction.start()
    try:
        await write(connection, posted)
        await note(connection, looks)
        known = {revision: await find_codes(connection, state_of(revision)) for revision in range(1, LAST_REVISION + 1)}
        for _ in range(8):
            given, preset = random_given(pick)
            for revision, codes in known.items():
                recount = Recount(posted, given, preset, revision, covered(codes), looks)
                assert recount.covered == recount.covered_by_hand()
                await compare(connection, recount, codes)
    finally:
        await transaction.rollback()


async def compare(connection: Any, recount: Recount, codes: Codes) -> None:
    try:
        question = read_question(recount.given, recount.preset, codes)
    except InvalidParameters as problem:
        faults = {fault.code for fault in problem.faults}
        assert faults <= {"unknown-code", "period-order"}, problem.detail
        unknown = [fault.detail for fault in problem.faults if fault.code == "unknown-code"]
        assert all("'158" in detail for detail in unknown)  # the reference set has all others
        return
    rows, undated = recount.rows(), recount.undated()
    for sums in (tuple(SUMS), ()):
        answer = await find_answer(connection, state_of(recount.revision), question, codes, sums=sums)
        assert rows_of(answer) == rows, (recount.given, recount.revision, sums)
        found = {w["measure"]: w["undated"] for w in answer.warnings if w["code"] == "undated"}
        assert found == undated


async def test_rows_stand_in_one_order_at_every_revision(connection: Any) -> None:
    """An article that no list names yet, since it is nobody's gravest, stands where its number places it."""
    beside = person(unit="person", event="received", offences=("158:2", "337:5"))
    alone = person(unit="person", event="received", offence="158", offence_part="158:2", offences=("158:2",))
    untold = person(unit="person", event="received", offence="unknown", offence_part="unknown")
    await write(connection, [(1, beside, 1), (1, untold, 1), (LAST_REVISION, alone, 1)])
    for name, codes in (("offence", ["158", "337", "unknown"]), ("offence_part", ["158:2", "337:5", "unknown"])):
        given: Given = {"measures": ("persons_charged",), "group_by": (name,)}
        for revision, is_listed in ((1, False), (LAST_REVISION, True)):
            assert (codes[0] in (await find_codes(connection, state_of(revision))).ids(name)) is is_listed
            rows = rows_of(await ask(connection, given, revision=revision))
            assert [row[name] for row in rows] == codes, revision


@pytest.fixture
async def record(connection: Any) -> Any:
    """A connection to a record of 400 random entries, all in the last revision."""
    pick = random.Random(20210104)
    await write(connection, [(LAST_REVISION, random_entry(pick), 1) for _ in range(400)])
    return connection


PAIRS = [(one,) for one in ORDER] + list(combinations(ORDER, 2))


async def test_the_buckets_of_every_pair_of_dimensions_add_up_to_the_total(record: Any) -> None:
    for dimensions in PAIRS:
        adding = tuple(name for name, entry in MEASURES.items() if set(dimensions) <= set(entry.additive_over))
        assert {*COUNTS, "cases_pending"} <= set(adding)
        [total] = rows_of(await ask(record, {"measures": adding}))
        buckets = rows_of(await ask(record, {"measures": adding, "group_by": dimensions}))
        summed = {name: sum(row[name] for row in buckets) for name in adding}
        assert summed == {name: total[name] for name in adding}, dimensions
        assert all(summed.values())
        for dimension in dimensions:
            assert "unknown" not in ORDER[dimension] or "unknown" in [row[dimension] for row in buckets]


async def test_what_overlaps_is_said_to_and_its_total_is_distinct(record: Any) -> None:
    plain = await ask(record, {"measures": ("persons_charged", "persons_received")})
    assert not plain.warnings
    [total] = rows_of(plain)
    assert total["persons_charged"] == total["persons_received"]
    for name in ("offence", "offence_part", "offence_group", "is_wartime"):
        assert name not in MEASURES["persons_charged"].additive_over
        answer = await ask(record, {"measures": ("persons_charged",), "group_by": (name,)})
        assert sum(row["persons_charged"] for row in rows_of(answer)) > total["persons_charged"]
        assert {row["persons_charged_distinct"] for row in rows_of(answer)} == {total["persons_charged"]}
        assert [entry["additive"] for entry in answer.dimensions] == [False]
        assert [(w["code"], w["dimension"]) for w in answer.warnings] == [("overlapping", name)]
    every = ("337", "352", "352.1", "158")
    answer = await ask(record, {"measures": ("persons_charged",), "offence": every})
    [charged] = rows_of(answer)
    assert charged["persons_charged"] < total["persons_charged"]  # some have no charge that is known
    assert [warning["dimension"] for warning in answer.warnings] == ["offence"]
    parts = [rows_of(await ask(record, {"measures": ("persons_charged",), "offence": (code,)})) for code in every]
    assert charged["persons_charged"] < sum(row["persons_charged"] for [row] in parts)


async def test_a_filter_by_charge_looks_for_one_charge_that_meets_all(connection: Any) -> None:
    base = {"unit": "person", "event": "received", "disposition": "pending"}
    await hold(
        connection,
        person(**base, offences=("337:3", "352.1")),  # absence in peace, and surrender in war
        person(**base, offences=("337:3", "337:5")),
        person(**base),
    )

    async def charged(**given: tuple[str, ...]) -> Any:
        return rows_of(await ask(connection, {"measures": ("persons_charged",), **given}))

    assert await charged(offence=("337",)) == [{"persons_charged": 2}]
    assert await charged(offence=("337",), is_wartime=("true",)) == [{"persons_charged": 1}]
    assert await charged(group_by=("offence", "is_wartime")) == [
        {"offence": "337", "is_wartime": "true", "persons_charged": 1, "persons_charged_distinct": 3},
        {"offence": "337", "is_wartime": "false", "persons_charged": 2, "persons_charged_distinct": 3},
        {"offence": "352.1", "is_wartime": "true", "persons_charged": 1, "persons_charged_distinct": 3},
        {"offence": "unknown", "is_wartime": "unknown", "persons_charged": 1, "persons_charged_distinct": 3},
    ]


@pytest.mark.parametrize("grain", KEYS)
async def test_a_grain_is_its_days_summed(record: Any, grain: str) -> None:
    measures = tuple(name for name, entry in MEASURES.items() if grain in entry.additive_over)
    assert {*COUNTS, *ANY_CHARGE} == set(measures)
    daily = rows_of(await ask(record, {"measures": measures, "group_by": ("day",)}))
    coarse = rows_of(await ask(record, {"measures": measures, "group_by": (grain,)}))
    summed: dict[str, Counter[str]] = {row[grain]: Counter() for row in coarse}
    for row in daily:
        summed[KEYS[grain](row["day_start"])].update({name: row[name] for name in measures})
    assert [{name: row[name] for name in measures} for row in coarse] == [
        {name: counts[name] for name in measures} for counts in summed.values()
    ]


@pytest.mark.parametrize("group_by", [(), ("service_status",), ("week", "region"), ("sentence_class", "court")])
async def test_the_shares_of_the_known_classes_add_up_to_1(record: Any, group_by: tuple[str, ...]) -> None:
    given: Given = {"group_by": group_by} if group_by else {}
    shares: dict[tuple[str, ...], list[float]] = {}
    counted: dict[tuple[str, ...], int] = {}
    denominators: dict[tuple[str, ...], set[int]] = {}
    for row in rows_of(await ask(record, given, "sentences")):
        place = tuple(row[name] for name in group_by if name != "sentence_class")
        shares.setdefault(place, []).extend([row["share"]] if row["share"] is not None else [])
        counted[place] = counted.get(place, 0) + row["persons_convicted"]
        denominators.setdefault(place, set()).add(row["share_n"])
    [total] = rows_of(await ask(record, {"measures": ("persons_convicted", "sentences_known")}))
    if "week" not in group_by:
        assert sum(counted.values()) == total["persons_convicted"]
        assert sum(max(found) for found in denominators.values()) == total["sentences_known"]
    assert all(len(found) == 1 for found in denominators.values())
    assert [sum(found) for found in shares.values() if found] == pytest.approx(
        [1.0] * len([*filter(None, shares.values())])
    )
    assert any(shares.values())


@settings(max_examples=25, phases=[Phase.generate])
@given(st.lists(st.integers(1, 360), min_size=2, max_size=60))
async def test_percentiles_are_numpys_linear_ones(connection: Any, terms: list[int]) -> None:
    """`method="inclusive"` is that definition; from the tally by offence, and from the ledger by status."""
    sentenced = {"sentence_class": "custodial", "sentence_kind": "imprisonment"}
    transaction = connection.transaction()
    await transaction.start()
    try:
        await hold(connection, *(person(**sentenced, term_months=term) for term in terms))
        names = tuple(f"term_months_{what}" for what in ("p25", "median", "p75", "mean"))
        for dimension in ("offence", "service_status"):
            [row] = rows_of(await ask(connection, {"measures": names, "group_by": (dimension,)}))
            quartiles = quantiles(terms, n=4, method="inclusive")
            assert [row[name] for name in names] == pytest.approx([*quartiles, mean(terms)])
            assert row["term_months_median_n"] == len(terms)
    finally:
        await transaction.rollback()


async def test_the_edges_of_being_decided_in_time(connection: Any) -> None:
    """A decision on the last day of the horizon is in time; a horizon that ends with the record's last day is over."""
    last = date(2021, 1, 15)

    def received(days_ago: int, days: int | None, disposition: str = "verdict") -> Entry:
        what = {"unit": "case", "event": "received", "disposition": disposition, "days": days}
        return person(str(last - timedelta(days_ago)), **what)

    await hold(
        connection,
        received(0, None, "pending"),  # by which the record reaches that day
        *(received(200, days) for horizon in HORIZONS_DAYS for days in (horizon - 1, horizon, horizon + 1)),
        *(received(horizon + more, 1) for horizon in HORIZONS_DAYS for more in (-1, 0)),
        received(200, None, "pending"),
        received(200, 1, "transferred_jurisdiction"),
        received(200, None),  # closed, nobody knows when: in neither number
    )
    measures = tuple(f"decided_within_{horizon}_days_share" for horizon in HORIZONS_DAYS)
    [row] = rows_of(await ask(connection, {"measures": measures}))
    told = [tuple(row[f"{name}_{side}"] for side in ("numerator", "n", "not_yet")) for name in measures]
    # of nine decided late, those in time; then of six decided at once, those whose horizon is over; not_yet: the rest
    assert told == [(2 + 5, 9 + 5 + 2, 2), (5 + 3, 9 + 3 + 2, 4), (8 + 1, 9 + 1 + 2, 6)]


async def test_a_horizon_is_over_by_what_is_known_of_its_own_court(connection: Any) -> None:
    """Each court to the last day that was looked at, as of the revision; of one never looked at nothing is over."""
    measure = "decided_within_30_days_share"
    what = {"unit": "case", "event": "received"}
    rostov, moscow, above = COURTS
    places = {code: dict(zip(("court_level", "region", "district"), COURTS[code], strict=True)) for code in COURTS}
    await hold(
        connection,
        person("2021-01-19", **what, disposition="pending"),  # by which the record reaches almost its publication
        *(
            person(day, **what, court=code, **places[code], disposition="verdict", days=10)
            for code in COURTS
            for day in ("2020-12-01", "2020-12-10")
        ),
    )

    async def told(revision: int = LAST_REVISION) -> dict[str, tuple[int, int]]:
        rows = rows_of(await ask(connection, {"measures": (measure,), "group_by": ("court",)}, revision=revision))
        return {row["court"]: (row[f"{measure}_n"], row[f"{measure}_not_yet"]) for row in rows}

    assert await told() == {rostov: (2, 1), moscow: (2, 0), above: (2, 0)}  # nobody notes what is looked at
    first, late, later = date(2020, 12, 1), date(2020, 12, 31), date(2021, 3, 1)
    await note(connection, [(rostov, 1, first, late, None, True), (moscow, 2, first, later, LAST_REVISION, True)])
    assert await told() == {rostov: (1, 2), moscow: (0, 2), above: (0, 2)}
    await note(connection, [(moscow, LAST_REVISION, first, late, None, False)])  # a look that fell short
    await note(connection, [(above, LAST_REVISION, first, later, None, True)])  # no later than published
    assert await told() == {rostov: (1, 2), moscow: (0, 2), above: (2, 0)}
