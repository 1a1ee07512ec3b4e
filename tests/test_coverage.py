"""Coverage: what was looked at and what came of it, as of any revision; and a scraper without decisions' days."""

import itertools
import json
from datetime import date
from typing import Any

import pytest

from tests.loading import CHITA, GROZNY, JUDGED, MOSCOW, Desk, Json, card, case, outcomes, person
from tests.serving import client_of
from tests.test_layout_sudrfparser import FAILED, SITE, found, site

YEAR = "61_gvs_chn_1_2023.json"


async def parse(desk: Desk, *cases: Any, seen_on: str, name: str = YEAR, **said: Any) -> Json:
    """Take a site's file in."""
    path = desk.folder / name
    path.write_text(json.dumps({SITE: site(*cases, **said)}))
    return await desk.take(path, layout="sudrfparser", seen_on=seen_on)


async def windows(desk: Desk) -> list[tuple[Any, ...]]:
    rows = await desk.fetch("SELECT * FROM coverage_windows ORDER BY court, revision, starts_on")
    names = ("court", "revision", "starts_on", "ends_on", "promised", "received", "is_whole", "seen_on")
    return [tuple(row[name] for name in names) for row in rows]


# ── sudrfparser beside sudrfscraper ────────────────────────────────────────────────────────────


FIRST = (card(), "2023-06-01")
LAST = (card(**JUDGED, endDate="06.05.2023"), "2023-06-20")
MIDDLE = (found("1-1/2023", decision_result="Вынесен ПРИГОВОР"), "2023-06-10")


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_a_load_without_decisions_days_never_hides_one_in_any_order(desk: Desk, order: tuple[int, ...]) -> None:
    for step in order:
        row, seen_on = (FIRST, MIDDLE, LAST)[step]
        await (parse(desk, row, seen_on=seen_on) if step == 1 else desk.scrape(row, seen_on=seen_on))
    version = await desk.one()
    assert (version["disposition"], version["decided_on"], version["in_force_on"]) == (
        "verdict",
        date(2023, 4, 21),
        date(2023, 5, 6),
    )
    assert [person["offence_decided"] for person in await desk.persons()] == ["337:5"]


async def test_a_verdict_without_a_day_keeps_the_day_that_another_scrape_told(desk: Desk) -> None:
    await desk.scrape(card(**JUDGED), seen_on="2023-06-01")
    receipt = await parse(desk, MIDDLE[0], seen_on="2023-06-10")
    assert outcomes(receipt) == {"changed": 1}  # the card's GUID was not known
    assert (await desk.one())["decided_on"] == date(2023, 4, 21)
    assert await desk.value("SELECT count(*) FROM ledger WHERE revision = 2") == 0
    await desk.scrape(card(), seen_on="2023-06-15")  # blanks say nothing either
    assert (await desk.one())["decided_on"] == date(2023, 4, 21)


async def test_persons_that_a_short_list_leaves_out_stay(desk: Desk) -> None:
    both = "Один - ст.337 ч.5 УК РФ; Два - ст.338 ч.1 УК РФ"
    await desk.scrape(card(names=both), seen_on="2023-06-01")
    await parse(desk, found("1-1/2023"), seen_on="2023-06-10")
    assert [person["offence_received"] for person in await desk.persons()] == ["337:5", "338:1"]


# ── Windows ────────────────────────────────────────────────────────────────────────────────────


async def test_a_site_without_cases_is_a_court_that_was_looked_at(desk: Desk) -> None:
    receipt = await parse(desk, seen_on="2023-08-01")
    assert (receipt["revision"], receipt["counts"]["received"]) == (1, 0)
    assert await windows(desk) == [
        (GROZNY, 1, date(2023, 1, 1), date(2023, 8, 1), 0, 0, True, date(2023, 8, 1)),
    ]
    await desk.scrape(card(entryDate="14.03.2023"), seen_on="2023-09-01")
    assert await desk.causes(2) == {("received", "late_reported"): 1}


async def test_two_years_without_cases_are_two_windows_though_their_files_are_equal(desk: Desk) -> None:
    await parse(desk, seen_on="2024-08-01")
    receipt = await parse(desk, seen_on="2024-08-01", name="61_gvs_chn_1_2022.json")
    assert receipt["revision"] == 2
    assert [window[2] for window in await windows(desk)] == [date(2023, 1, 1), date(2022, 1, 1)]
    assert (await parse(desk, seen_on="2024-08-01"))["revision"] is None


async def test_of_a_look_that_fell_short_nothing_is_concluded_but_it_is_noted_once(desk: Desk) -> None:
    receipt = await parse(desk, found("1-2/2023"), FAILED, seen_on="2023-08-01")
    assert outcomes(receipt) == {"created": 1, "skipped": 1}
    assert [warning["code"] for warning in receipt["warnings"]] == ["cards-failed"]
    assert (await windows(desk))[0][4:7] == (2, 1, False)
    await desk.scrape(card(entryDate="14.03.2023"), seen_on="2023-09-01")
    assert await desk.causes(2) == {("received", "new"): 1}
    again = await parse(desk, found("1-2/2023"), FAILED, seen_on="2023-08-01")
    assert again["revision"] is None
    whole = await parse(desk, found("1-2/2023"), found("1-3/2023"), seen_on="2023-08-01")
    assert whole["revision"] == 3
    assert [window[6] for window in await windows(desk)] == [False, True]


async def test_who_was_decided_before_the_rest_is_reported_late_where_that_day_was_looked_at(
    desk: Desk,
) -> None:
    until_march = {"entry_date_from": "01.01.2023", "entry_date_till": "15.03.2023"}
    await desk.scrape(card("1-9/2023"), meta=until_march, seen_on="2023-06-01")
    persons = [person("337:5", disposition="convicted", decided_on=f"2023-{day}") for day in ("03-10", "05-01")]
    said = case("1-8/2023", decided_on="2023-05-01", disposition="verdict", defendants=persons)
    await desk.house(said, seen_on="2023-06-02")
    told = {("received", "new"): 2, ("decided", "late_reported"): 1, ("decided", "new"): 1}
    assert await desk.causes(2, unit="person") == told


async def test_rows_that_the_scraper_counted_but_the_file_lacks_are_told(desk: Desk) -> None:
    meta = {"entry_date_from": "01.03.2023", "entry_date_till": "31.05.2023", "string_count": "3"}
    receipt = await desk.scrape(card(), meta=meta)
    assert [warning["code"] for warning in receipt["warnings"]] == ["rows-missing"]
    assert (await windows(desk))[0][4:7] == (None, 1, False)
    receipt = await desk.scrape(card(), meta={**meta, "string_count": "1", "article": "337"})
    assert [warning["code"] for warning in receipt["warnings"]] == ["coverage-by-article"]
    assert [window[6] for window in await windows(desk)] == [False, True]


# ── What a reader is told ──────────────────────────────────────────────────────────────────────


async def history(desk: Desk) -> None:
    """Two courts looked at, one of them wholly in the second revision only; a third one never."""
    spring = {"entry_date_from": "01.03.2023", "entry_date_till": "31.05.2023"}
    await desk.scrape(card(), meta=spring, seen_on="2023-06-01")
    await parse(desk, seen_on="2023-12-31")
    await desk.scrape(card(court=CHITA), meta={**spring, "entry_date_till": "30.04.2023"}, seen_on="2024-01-10")
    await desk.house(case(court=MOSCOW, received_on="2023-03-20"))


SPRING = {"start_period": "2023-03", "end_period": "2023-05"}
ASKED: tuple[tuple[dict[str, Any], list[list[str] | None]], ...] = (
    ({"court": GROZNY, **SPRING, "revision": 1}, []),
    ({"court": GROZNY, "start_period": "2023-01", "end_period": "2023-05", "revision": 2}, []),
    ({"court": GROZNY, "start_period": "2022-12", "end_period": "2023-05", "revision": 2}, [None]),  # nobody's days
    ({"court": f"{GROZNY},{CHITA}", **SPRING, "revision": 2}, [[CHITA]]),
    ({"court": f"{GROZNY},{CHITA}", **SPRING}, [[CHITA]]),
    ({"court": CHITA, "start_period": "2023-03", "end_period": "2023-04"}, []),
    ({"court": f"{CHITA},{MOSCOW}"}, [[MOSCOW]]),
    ({"court__ne": CHITA, **SPRING}, []),
    (SPRING, []),
)


async def test_a_reader_is_told_of_courts_and_days_that_nobody_looked_at(desk: Desk) -> None:
    await history(desk)
    async with client_of(desk.database.url) as client:
        for given, courts in ASKED:
            answer = await client.get("/v1/statistics", params={"measures": "cases_received", **given})
            found = [w for w in answer.json()["warnings"] if w["code"] == "beyond_coverage"]
            assert [warning.get("courts") for warning in found] == courts, given
        assert answer.json()["meta"]["coverage"] == {"first": "2023-01-01", "last": "2023-12-31"}


async def test_a_court_tells_no_cases_from_not_looked_at_as_of_each_revision(desk: Desk) -> None:
    await history(desk)
    async with client_of(desk.database.url) as client:
        told = {n: (await client.get(f"/v1/courts/{GROZNY}", params={"revision": n})).json() for n in (1, 4)}
        never = (await client.get(f"/v1/courts/{MOSCOW}")).json()
    assert [court["last_looked_on"] for court in told.values()] == ["2023-06-01", "2023-12-31"]
    spring = {
        "starts_on": "2023-03-01", "ends_on": "2023-05-31", "source": "test", "promised": None, "received": 1,
        "is_whole": True, "seen_on": "2023-06-01",
    }  # fmt: skip
    whole_year = {"starts_on": "2023-01-01", "ends_on": "2023-12-31", "promised": 0, "received": 0}
    assert told[1]["coverage"] == [spring]
    assert told[4]["coverage"] == [{**spring, "seen_on": "2023-12-31", **whole_year}, spring]
    assert (never["last_looked_on"], never["coverage"]) == (None, [])
