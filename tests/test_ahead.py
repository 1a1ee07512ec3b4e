"""What goes to the record ahead of its batch's turn is as if it had waited, whatever came between."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import pytest

from app.errors import Unavailable
from app.ingest import ahead
from app.ingest.ahead import Ahead, Overtaken
from app.ingest.staging import open_bodies
from app.records.tables import Charge, Defendant, Version
from app.records.writing import _COLUMNS
from tests.loading import (
    CHITA,
    GROZNY,
    JUDGED,
    MOSCOW,
    OTHER_UID,
    UID,
    VERDICT,
    Desk,
    Json,
    card,
    case,
    empty,
    outcomes,
    person,
)

COURTS = (GROZNY, MOSCOW, CHITA)


def some(count: int = 9, *, first: int = 1, said: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
    """Cases of several courts, one defendant each."""
    return [
        case(
            f"1-{number}/2023",
            COURTS[number % 3],
            received_on=f"2023-03-{number:02}",
            defendants=[person("337:5", service_status="contract")],
            **said,
        )
        for number in range(first, first + count)
    ]


async def kept(desk: Desk) -> list[Json]:
    """All that is held, ids aside, and how it is counted."""
    held = await desk.fetch(
        "SELECT v.court, v.number, v.revision, v.version, v.superseded_in, v.arrival, v.content_hash,"
        " (SELECT jsonb_agg(to_jsonb(d) - 'case_id' ORDER BY defendant) FROM defendants d"
        "  WHERE d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision) AS defendants,"
        " (SELECT jsonb_agg(to_jsonb(c) - 'case_id' ORDER BY c) FROM charges c"
        "  WHERE c.court = v.court AND c.case_id = v.case_id AND c.revision = v.revision) AS charges,"
        " (SELECT jsonb_agg(to_jsonb(s) - 'case_id' - 'digest' ORDER BY s.layer, s.revision) FROM statements s"
        "  WHERE s.court = v.court AND s.case_id = v.case_id) AS statements,"
        " (SELECT jsonb_agg(to_jsonb(i) - 'case_id' ORDER BY i.kind, i.key) FROM identifiers i"
        "  WHERE i.court = v.court AND i.case_id = v.case_id) AS identifiers"
        " FROM versions v ORDER BY v.court, v.number, v.revision"
    )
    return held + await desk.fetch(
        "SELECT revision, cause, court, unit, event, day, service_status, disposition, sum(n) AS n FROM entries"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
    )


class Between:
    """Batches go ahead however small they are; something is done when the next has gone and has not had its turn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.act: Callable[[], Awaitable[object]] | None = None
        self.went: list[Ahead] = []
        self.overtaken = 0
        take_turn, check = Ahead.take_turn, Ahead.check

        async def taken(went: Ahead, *args: Any, **options: Any) -> None:
            if went.cases:
                self.went.append(went)
            act, self.act = self.act, None
            if act is not None:
                await act()
            await take_turn(went, *args, **options)

        async def checked(*args: Any) -> None:
            try:
                await check(*args)
            except Overtaken:
                self.overtaken += 1
                raise

        monkeypatch.setattr(ahead, "WORTHWHILE", 1)
        monkeypatch.setattr(Ahead, "take_turn", taken)
        monkeypatch.setattr(Ahead, "check", checked)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    """Room for what comes between going ahead and the turn."""
    return Between(monkeypatch)


META = {
    "request_time": "01.07.2023 10:00",
    "entry_date_from": "01.01.2023",
    "entry_date_till": "30.06.2023",
    "string_count": "2",
}
OURS = [*some(), case("1-50/2023", GROZNY, received_on="2023-03-05", uid=UID)]
OTHERS: dict[str, tuple[list[Json], bool]] = {
    "nothing that ours speaks of": (some(first=20, count=3), True),
    "some of its cases": (some(4), False),
    "some of its cases, otherwise": (some(4, said=VERDICT), False),
    "all of its cases": (some(9, said=VERDICT), False),
    "all of its cases and more": (some(14), False),
    "a case of its UID in another court": ([case("1-77/2023", CHITA, received_on="2023-01-01", uid=UID)], False),
    "a case of its number in another court": ([case("1-50/2023", CHITA, received_on="2023-01-01")], True),
}
"""What another batch brings, and whether ours then stands."""


async def waited(desk: Desk, monkeypatch: pytest.MonkeyPatch, *batches: Callable[[], Awaitable[Json]]) -> list[Json]:
    """The receipts of batches that came one after another and of which none went ahead, to an empty record."""
    monkeypatch.setattr(ahead, "WORTHWHILE", 1_000_000)
    await empty(desk.database)
    return [await batch() for batch in batches]


def same(one: Json, other: Json) -> bool:
    """Whether two receipts tell the same."""
    told = ("revision", "counts", "warnings", "effect", "possible_duplicates")
    return [one[name] for name in told] == [other[name] for name in told]


async def at_once(
    between: Between, first: Callable[[], Awaitable[Any]], second: Callable[[], Awaitable[Any]]
) -> list[Any]:
    """What becomes of two batches: the second goes ahead while the first has gone and not yet had its turn."""
    has_gone = asyncio.Event()
    begun: list[asyncio.Task[Any]] = []

    async def tell() -> None:
        has_gone.set()

    async def begin_second() -> None:
        between.act = tell
        begun.append(asyncio.ensure_future(second()))
        await has_gone.wait()

    between.act = begin_second
    told: list[Any] = [*await asyncio.gather(first(), return_exceptions=True)]
    told += await asyncio.gather(*begun, return_exceptions=True)
    assert [went.revision for went in between.went] == [1, 2]
    return told


@pytest.mark.parametrize("layer", ["court_card", "newsroom"])
@pytest.mark.parametrize("what", OTHERS)
async def test_two_batches_that_go_ahead_at_once_are_as_one_after_the_other(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch, what: str, layer: str
) -> None:
    brought, stands = OTHERS[what]
    files = desk.write(*brought), desk.write(*OURS)

    async def first() -> Json:
        return await desk.take(files[0], layer=layer, seen_on="2023-05-01")

    async def second() -> Json:
        return await desk.take(files[1], layer=layer, seen_on="2023-05-02")

    receipts = await at_once(between, first, second)
    assert between.overtaken == (0 if stands else 1)
    made = await kept(desk)
    assert await desk.differences() == []
    assert all(map(same, receipts, await waited(desk, monkeypatch, first, second)))
    assert await kept(desk) == made


@pytest.mark.parametrize(("court", "overtaken", "cause"), [(GROZNY, 1, "late_reported"), (MOSCOW, 0, "new")])
async def test_days_looked_at_meanwhile_tell_late_reports_from_new_cases(
    desk: Desk, between: Between, court: str, overtaken: int, cause: str
) -> None:
    async def first() -> Json:
        rows = [card("1-60/2023", court, entryDate="01.06.2023"), card("1-61/2023", court, entryDate="02.06.2023")]
        return await desk.scrape(*rows, meta=META, seen_on="2023-07-01")

    async def second() -> Json:
        return await desk.house(case("1-1/2023", GROZNY, received_on="2023-03-01"), seen_on="2023-07-02")

    await at_once(between, first, second)
    assert between.overtaken == overtaken
    assert await desk.causes(2) == {("received", cause): 1}
    assert await desk.differences() == []


async def test_an_act_in_between_has_the_number_that_was_expected(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def act() -> Json:
        monkeypatch.setattr(ahead, "WORTHWHILE", 1_000_000)
        return await desk.house(case("1-99/2023", MOSCOW, received_on="2023-02-01"), seen_on="2023-05-01")

    file = desk.write(*OURS)

    async def ours() -> Json:
        return await desk.take(file, seen_on="2023-05-02")

    between.act = act
    receipt = await ours()
    assert (receipt["revision"], between.went[0].revision, between.overtaken) == (2, 1, 1)
    made = await kept(desk)
    assert await desk.differences() == []
    assert same(receipt, (await waited(desk, monkeypatch, act, ours))[1])
    assert await kept(desk) == made


async def test_one_that_expects_to_be_first_and_gives_up_is_not_missed(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = Ahead.check

    async def refuse(went: Ahead, *args: Any) -> None:
        if went.revision == 1:
            raise Unavailable("gives up")
        await check(went, *args)

    monkeypatch.setattr(Ahead, "check", refuse)
    error, receipt = await at_once(between, lambda: desk.house(*some(3, first=20)), lambda: desk.house(*OURS))
    assert isinstance(error, Unavailable)
    assert (receipt["revision"], outcomes(receipt), between.overtaken) == (1, {"created": 10}, 1)
    assert await desk.differences() == []


async def test_the_same_file_in_between_leaves_nothing_to_do(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = desk.write(*some())

    async def act() -> None:
        monkeypatch.setattr(ahead, "WORTHWHILE", 1_000_000)
        await desk.take(file, seen_on="2023-05-02")

    between.act = act
    receipt = await desk.take(file, seen_on="2023-05-02")
    assert (outcomes(receipt), receipt["revision"]) == ({"unchanged": 9}, None)
    assert (await desk.revision(), len(await desk.held())) == (1, 9)
    assert await desk.differences() == []


async def test_cases_that_are_held_or_claimed_twice_do_not_go_ahead(desk: Desk, between: Between) -> None:
    await desk.house(*some(4))
    twins = [case(f"1-{number}/2023", GROZNY, received_on="2023-03-01", uid=UID) for number in (60, 61)]
    receipt = await desk.house(*some(9, said=VERDICT), *twins)
    assert outcomes(receipt) == {"created": 7, "changed": 4}
    assert len(receipt["possible_duplicates"]) == 1
    assert ([went.cases for went in between.went], between.overtaken) == ([4, 5], 0)
    assert await desk.differences() == []


async def test_rows_that_share_a_case_stay_behind(desk: Desk, between: Between) -> None:
    receipt = await desk.scrape(card(), card("1-2/2023"), card(**JUDGED))
    assert outcomes(receipt) == {"created": 2, "superseded_in_file": 1}
    assert [went.cases for went in between.went] == [1]
    assert (await desk.held())["1-1/2023"]["disposition"] == "verdict"
    assert await desk.differences() == []


async def test_keys_are_looked_up_again_where_something_was_published_since(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few cases are new for any to go ahead, and meanwhile they are not."""
    await desk.house(*some(2), seen_on="2023-05-01")
    monkeypatch.setattr(ahead, "WORTHWHILE", 3)

    async def act() -> None:
        await desk.house(*some(2, first=3), seen_on="2023-05-01")

    between.act = act
    assert outcomes(await desk.house(*some(4, said=VERDICT), seen_on="2023-05-02")) == {"changed": 4}
    assert ([went.cases for went in between.went], len(await desk.held())) == ([2], 4)
    assert await desk.differences() == []


async def test_a_uid_that_is_taken_back_finds_kin_among_what_went_ahead(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The card's UID counts from then on, and a new case of the same file has it too."""
    moved = {"decided_on": "2023-02-01", "disposition": "transferred_jurisdiction"}
    files = [
        ("newsroom", desk.write(case("1-1/2023", GROZNY, received_on="2023-01-01", uid=OTHER_UID))),
        ("court_card", desk.write(case("1-1/2023", GROZNY, uid=UID, **moved))),
        (
            "newsroom",
            desk.write(case("1-1/2023", GROZNY, uid=None), case("1-2/2023", MOSCOW, received_on="2023-03-01", uid=UID)),
        ),
    ]
    batches = [
        partial(desk.take, file, layer=layer, seen_on=f"2023-05-0{day}") for day, (layer, file) in enumerate(files, 1)
    ]
    for batch in batches:
        await batch()
    assert [went.cases for went in between.went] == [1, 1]
    assert (await desk.held())["1-2/2023"]["arrival"] == "transfer"
    made = await kept(desk)
    await waited(desk, monkeypatch, *batches)
    assert await kept(desk) == made


async def test_a_file_that_is_refused_leaves_nothing_of_what_went_ahead(desk: Desk, between: Between) -> None:
    """Rows refused in the turn are refused with the whole file, whose receipt is kept."""
    previous = case("1-8/2023", GROZNY, received_on="2023-03-01", previous_numbers=["1-1/2022"])
    await desk.house(previous)
    claims = [case(number, GROZNY, received_on="2023-03-01") for number in ("1-1/2022", "1-8/2023")]
    receipt = await desk.house(*some(9, first=20), *claims)
    assert receipt["counts"]["refused"] == 2
    assert (receipt["applied"], await desk.revision(), len(await desk.held())) == (False, 1, 1)
    assert await desk.differences() == []


async def test_a_trial_and_few_cases_do_not_go_ahead(
    desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.house(*some(), is_trial=True)
    monkeypatch.setattr(ahead, "WORTHWHILE", 10)
    await desk.house(*some())
    assert between.went == []
    await desk.house(*some(10, first=11))
    assert [went.cases for went in between.went] == [10]


async def test_large_batches_go_ahead_in_parts(desk: Desk, between: Between, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "CHUNK", 2)
    monkeypatch.setattr(ahead, "_AT_ONCE", 4)
    assert outcomes(await desk.house(*some(9))) == {"created": 9}
    assert (await desk.revision(), len(await desk.held()), between.went[0].rows) == (1, 9, 9)
    assert await desk.differences() == []


async def test_rows_about_one_case_are_one_case(desk: Desk) -> None:
    receipt = await desk.scrape(card(), card("1-2/2023"), card(**JUDGED))
    assert outcomes(receipt) == {"created": 2, "superseded_in_file": 1}
    assert (await desk.held())["1-1/2023"]["disposition"] == "verdict"
    assert await desk.differences() == []


async def test_a_reference_that_comes_in_between_counts(desk: Desk, between: Between) -> None:
    """What is gravest of several offences is asked of the table that holds when the turn comes."""
    grave = "UPDATE offences SET max_months = 999 WHERE reference = 2 AND code = '332:1'"

    async def newer() -> None:
        for table in ("courts", "offences"):
            await desk.fetch(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(t, '{{\"reference\": 2}}')).* FROM {table} t"
                " WHERE reference = 1"
            )
        await desk.fetch(
            "INSERT INTO reference_sets SELECT (jsonb_populate_record(t, '{\"reference\": 2}')).* FROM reference_sets t"
        )
        await desk.fetch(grave)

    said = case("1-1/2023", GROZNY, received_on="2023-03-01", defendants=[person("337:5", "332:1")])
    between.act = newer
    assert (await desk.house(said))["counts"]["created"] == 1
    assert between.overtaken == 1
    assert (await desk.one())["offence_received"] == "332:1"


def test_bodies_are_found_by_line_in_any_order() -> None:
    with open_bodies() as bodies:
        bodies.add({"line": line} for line in (1, 2))
        bodies.add({"line": line} for line in (3, 4))
        assert [bodies.at(line)["line"] for line in (1, 3, 4, 2, 2, 1, 4)] == [1, 3, 4, 2, 2, 1, 4]


@pytest.mark.parametrize("model", [Version, Defendant, Charge])
def test_every_column_of_what_is_staged_goes_to_the_record(model: Any) -> None:
    written = {name.strip() for name in _COLUMNS[model.__tablename__].split(",")} | {"court", "case_id", "revision"}
    assert written == {column.name for column in model.__table__.columns}
