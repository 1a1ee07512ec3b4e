"""Disclosure control: whatever an anonymous caller asks and subtracts, nothing is told of fewer than k."""

import csv
import io
import random
import re
from collections.abc import Iterator
from itertools import combinations, pairwise, product
from typing import Any

import httpx
import pytest

from app.access.register import create_key
from app.api.openapi import routes
from app.db.database import Database
from app.settings import Settings
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.measures import MEASURES
from app.statistics.transforms import TRANSFORMS
from tests.databases import cloned
from tests.serving import CHITA, GROZNY, PUBLISHED, REUTOV, case, client_of, filled_with, person, problem_of, take

K = 5
REVISIONS = (1, 2, 3, 4)
# whole numbers that count nothing of the record: numbers of revisions and definitions, rows, limits
NO_COUNTS = {"revision", "rounding", "definition_version", "total", "vintage_revision", "limit", "from", "to"}
# codes that look like numbers
CODES = {*DIMENSIONS, *GRAINS}
CHANGES = {f"{measure}_chg" for measure in ("persons_convicted", "persons_charged", "cases_charged")}


async def crowd(url: str) -> None:
    """Thirty cases, then one, two and three more, so that exact totals of neighbouring revisions differ by little."""
    dice = random.Random(11)
    number = 0
    for step, count in enumerate((30, 1, 2, 3)):
        records = []
        for _ in range(count):
            number += 1
            sentence = {"kind": "imprisonment", "term_months": dice.choice((12, 24, 30))}
            told = {"sentence": {**sentence, "execution": dice.choice(("immediate", "suspended"))}}
            records.append(
                case(
                    dice.choice((GROZNY, GROZNY, GROZNY, REUTOV, CHITA)),
                    f"1-{number}/2023",
                    received_on=dice.choice(("2023-01-10", "2023-01-19", "2023-02-20")),
                    decided_on="2023-03-01",
                    disposition="verdict",
                    defendants=[
                        person(
                            dice.choice(("337:5", "337:5", "338:1")),
                            service_status=dice.choice(("mobilised", "contract")),
                            **(told if dice.random() < 0.7 else {}),
                        )
                    ],
                )
            )
        await take(Database(url), tuple(records), layer="newsroom", published_at=PUBLISHED[min(step, 1)])


@pytest.fixture(scope="module")
def crowded(server_url: str, template: str) -> Iterator[str]:
    with filled_with(crowd, server_url, template) as url:
        yield url


def questions() -> Iterator[str]:
    """Every measure by some dimensions and grains, alone and filtered; transforms, bounds and vintages."""
    groupings = ("", "court", "service_status", "month", "offence,month", "court,service_status")
    filters = ("", "court=61GV0012", "court__ne=61GV0012", "service_status=mobilised", "start_period=2023-02")
    for measures in ("persons_convicted,suspended_share,custodial", ",".join(MEASURES)):
        for group_by in groupings:
            for chosen in filters:
                yield "&".join(filter(None, (f"measures={measures}", group_by and f"group_by={group_by}", chosen)))
    for transform in TRANSFORMS:
        yield f"measures=persons_convicted&group_by=month,court&transform={transform}"
    yield "measures=persons_charged,cases_charged&group_by=month,offence&transform=chg"
    yield "measures=persons_charged&group_by=month,offence&transform=cumulative"
    bounded = ",".join(name for name, measure in MEASURES.items() if measure.has_bounds)
    for group_by in ("service_status", "court", "offence", "month"):
        yield f"measures={bounded}&group_by={group_by}&bounds=true"
    yield f"measures={bounded}&service_status=mobilised&bounds=true"


def counts_in(value: Any, name: str = "") -> Iterator[float]:
    """Every whole number of a body that may count something."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in ("meta", "measures", "paging") and key not in NO_COUNTS:
                yield from counts_in(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from counts_in(one, name)
    elif (isinstance(value, int) and not isinstance(value, bool)) or (value is not None and name in CHANGES):
        yield value


def counts_in_rows(text: str) -> Iterator[float]:
    """The same, of a table."""
    for row in csv.DictReader(io.StringIO(text)):
        for name, value in row.items():
            if name not in NO_COUNTS | CODES and re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
                yield from [float(value)] if "." not in value or name in CHANGES else []


async def read(client: httpx.AsyncClient, path: str) -> dict[str, Any]:
    answer = await client.get(path)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_no_two_answers_to_an_anonymous_caller_differ_by_fewer_than_k(crowded: str) -> None:
    """Differences of any two counts of any two answers: the sum of a row, of rows, of revisions, of causes."""
    told: dict[float, str] = {}
    async with client_of(crowded, anonymous_rounding=K, anonymous_quota_minute=0) as client:
        paths = [f"/v1/statistics?{question}&revision={number}" for question in questions() for number in REVISIONS]
        paths += [f"/v1/statistics/sentences?group_by=service_status&revision={number}" for number in REVISIONS]
        paths += [
            f"/v1/compare?from={start}&to={end}&measures=cases_received,persons_convicted,suspended_share&group_by={by}"
            for start, end in combinations(REVISIONS, 2)
            for by in ("court", "month", "service_status")
        ]
        paths += [
            f"/v1/compare?from={start}&to={end}&measures={','.join(MEASURES)}&group_by={by}"
            for start, end in pairwise(REVISIONS)
            for by in ("offence", "month")
        ]
        paths += [
            f"/v1/statistics?measures=persons_convicted,suspended_share&group_by={by}&vintage={vintage}"
            for by in ("month", "month,court")
            for vintage in ("first", "all")
        ]
        paths += ["/v1/revisions", *(f"/v1/revisions/{number}" for number in REVISIONS), "/v1/courts"]
        for path in paths:
            for count in counts_in(await read(client, path)):
                told.setdefault(abs(count), path)
        # and of the same questions as tables: neighbouring revisions would give away what one alone does not
        tables = [path for path in paths if path.startswith("/v1/compare") or not re.search(r"revision=[12]$", path)]
        for path in tables:
            answer = await client.get(path, headers={"Accept": "text/csv"})
            assert answer.status_code == 200, (path, answer.text)
            for count in counts_in_rows(answer.text):
                told.setdefault(abs(count), f"{path} as CSV")
    assert len(told) > 3
    for one, other in combinations(told, 2):
        assert abs(one - other) >= K, (told[one], told[other])
    assert all(count % K == 0 for count in told), told


# What the test above asks about, and what says the same whatever the record holds; every other route is refused.
COUNTED = {
    "/v1/statistics", "/v1/statistics/weekly", "/v1/statistics/sentences", "/v1/compare", "/v1/revisions",
    "/v1/revisions/{n}", "/v1/courts", "/v1/courts/{code}",
}  # fmt: skip
UNMOVED = ("/v1/statistics/catalogue", "/v1/offences", "/v1/offences/{code}", "/v1/vocabularies", "/v1/config")
OF_THE_CALLER = ("/v1/me", "/healthz", "/readyz")


async def test_every_route_is_audited_or_says_the_same_of_any_record_or_is_refused(
    server_url: str, template: str
) -> None:
    rare = case(GROZNY, "1-900/2023", received_on="2023-01-10", defendants=[person("158:2")])
    odd = case(GROZNY, "1-901/2023", received_on="2023-01-10", defendants=[person("337:9")])
    async with cloned(server_url, template) as url:
        await crowd(url)
        await take(Database(url), (rare, odd), layer="newsroom", published_at=PUBLISHED[1])
        async with client_of(url, anonymous_rounding=K, anonymous_quota_minute=0) as client:
            for route in routes():
                if "GET" not in (route.methods or ()) or route.path in (*COUNTED, *OF_THE_CALLER, "/metrics"):
                    continue
                path = re.sub(r"\{code\}", "337:5", re.sub(r"\{(n|id)\}", "1", route.path))
                if route.path not in UNMOVED:
                    answer = await client.get(path)
                    refused = (401, "key-missing"), (422, "invalid-parameters")
                    assert problem_of(answer) in refused, path
                    assert answer.status_code == 401 or answer.json()["errors"][0]["code"] == "needs-key"
                    continue
                query = "" if route.path in ("/v1/vocabularies", "/v1/config") else "?revision={}"
                before, after = [await read(client, path + query.format(number)) for number in (1, 5)]
                assert {**before, "meta": None} == {**after, "meta": None}, path
            # nor may a code be named because somebody is charged with it
            answer = await client.get("/v1/statistics?measures=persons_charged&offence=337:9")
            assert answer.json()["errors"][0]["code"] == "unknown-code"
            courts = (await read(client, "/v1/courts"))["results"]
            assert {court["first_record_on"] for court in courts} == {None}
        async with client_of(url) as client:
            assert (await client.get("/v1/statistics?measures=persons_charged&offence=337:9")).status_code == 200
            assert any(court["first_record_on"] for court in (await read(client, "/v1/courts"))["results"])


async def test_no_refusal_of_too_many_cells_depends_on_what_is_counted(crowded: str) -> None:
    """Whether a question is refused, and with which number, is the same at every revision."""
    asked = ("/v1/statistics?", "/v1/statistics/sentences?", "/v1/compare?from={0}&to={0}&")
    groupings = ("court", "court,offence", "day", "day,court", "month,service_status", "disposition")
    refused, given = set(), 0
    for limit in (2, 10, 30, 100, 300, 1000, 5000):
        async with client_of(crowded, anonymous_rounding=K, anonymous_quota_minute=0, cells_limit=limit) as client:
            for path, by in product(asked, groupings):
                query = f"group_by={by}&measures=persons_convicted,suspended_share"
                query = f"group_by={by}" if "sentences" in path else query
                told = []
                for number in REVISIONS:
                    state = "" if "compare" in path else f"&revision={number}"
                    answer = await client.get(f"{path.format(number)}{query}{state}")
                    assert answer.status_code in (200, 422)
                    told.append(answer.json().get("cells"))
                    given += told[-1] is None
                assert len(set(told)) == 1, (path, by, limit, told)
                refused.add(told[0])
            # each figure may have been another at each revision
            vintages = "/v1/statistics?group_by=month,court&measures=persons_convicted&vintage=all"
            of_each = [(await client.get(f"{vintages}&revision={number}")).json().get("cells") for number in REVISIONS]
            assert len({cells / number for cells, number in zip(of_each, REVISIONS, strict=True) if cells}) <= 1
    assert given > 20
    assert len(refused) > 5


async def test_too_few_do_not_widen_what_is_shown(server_url: str, template: str) -> None:
    """Days outside the record, which no day of publication has reached, are shown once enough are counted in them."""
    slips = [
        case(GROZNY, f"1-{800 + number}/2023", received_on="2025-05-05", defendants=[person("337:5")])
        for number in range(K)
    ]
    shown = {}
    async with cloned(server_url, template) as url:
        await crowd(url)
        for records in (slips[:1], slips[1:]):
            await take(Database(url), tuple(records), layer="newsroom", published_at=PUBLISHED[1])
        async with client_of(url, anonymous_rounding=K) as client:
            for end in (5, 6):
                compared = await read(client, f"/v1/compare?from=1&to={end}&measures=cases_received&group_by=year")
                vintages = "/v1/statistics?measures=cases_received&group_by=year&vintage=all&start_period=2025"
                body = await read(client, f"{vintages}&end_period=2025&revision={end}")
                shown[end] = (
                    compared["results"][-1]["year"],
                    [(row["vintage_revision"], row["cases_received"]) for row in body["results"]],
                )
        async with client_of(url) as client:
            exact = await read(client, f"{vintages}&end_period=2025")
            compared = await read(client, "/v1/compare?from=1&to=5&measures=cases_received&group_by=year")
    assert shown == {5: ("2023", [(5, 0)]), 6: ("2025", [(6, K)])}
    assert [(row["vintage_revision"], row["cases_received"]) for row in exact["results"]] == [(5, 1), (6, K)]
    told = compared["results"][-1]["cases_received"]
    assert (compared["results"][-1]["year"], told["after"], sum(told["causes"].values())) == ("2025", 1, 1)


async def test_how_many_are_left_out_is_rounded_in_warnings_too(server_url: str, template: str) -> None:
    undated = [case(GROZNY, f"1-{700 + number}/2023", defendants=[person("337:5")]) for number in range(7)]
    told = {}
    async with cloned(server_url, template) as url:
        await crowd(url)
        for records in (undated[:4], undated[4:]):
            await take(Database(url), tuple(records), layer="newsroom", published_at=PUBLISHED[1])
        async with client_of(url, anonymous_rounding=K) as client:
            for number in (5, 6):
                path = f"/v1/statistics?measures=cases_received&group_by=month&revision={number}"
                warnings = (await read(client, path))["warnings"]
                told[number] = [(one["undated"], one["detail"][:2]) for one in warnings if one["code"] == "undated"]
    assert told == {5: [], 6: [(5, "5 ")]}


async def test_a_part_of_fewer_than_k_is_0_whether_it_came_or_went(server_url: str, template: str) -> None:
    """Down is towards 0: a part of -1 would else be told as -5."""
    async with cloned(server_url, template) as url:
        await crowd(url)
        moved = (
            case(GROZNY, f"1-{number}/2023", received_on="2023-01-10", defendants=[person("332:1")])
            for number in range(1, 9)
        )
        await take(Database(url), tuple(moved), layer="newsroom", published_at=PUBLISHED[1])
        path = "/v1/compare?from=4&to=5&measures=persons_received,cases_charged&group_by=offence"
        async with client_of(url) as client:
            exact = (await read(client, path))["results"]
        async with client_of(url, anonymous_rounding=K) as client:
            rounded = (await read(client, path))["results"]
    assert any(-K < n < 0 for row in exact for n in row["persons_received"]["causes"].values())
    parts = [n for row in rounded for name in row if name != "offence" for n in row[name]["causes"].values()]
    assert parts and min(parts) == 0


async def test_shares_are_made_of_rounded_counts_and_medians_need_k(crowded: str) -> None:
    query = "measures=suspended_share,term_months_median,persons_convicted&group_by=court,offence"
    async with client_of(crowded, anonymous_rounding=K) as client:
        rows = (await read(client, f"/v1/statistics?{query}"))["results"]
    async with client_of(crowded) as client:
        exact = {
            (row["court"], row["offence"]): row for row in (await read(client, f"/v1/statistics?{query}"))["results"]
        }
    assert {(row["court"], row["offence"]) for row in rows} < set(exact)  # a row of too few is not there at all
    for row in rows:
        full = exact[row["court"], row["offence"]]
        assert row["persons_convicted_status"] == "rounded"
        assert row["persons_convicted"] == full["persons_convicted"] // K * K
        assert row["suspended_share_n"] == full["suspended_share_n"] // K * K
        if row["suspended_share"] is not None:
            assert row["suspended_share"] == row["suspended_share_numerator"] / row["suspended_share_n"]
            assert row["suspended_share_status"] == "rounded"
        assert (row["term_months_median"] is None) == (full["term_months_median_n"] < K)
    assert any(row["suspended_share"] != exact[row["court"], row["offence"]]["suspended_share"] for row in rows)


async def test_totals_are_rounded_from_their_own_exact_value(crowded: str) -> None:
    async with client_of(crowded, anonymous_rounding=K) as client:
        [total] = (await read(client, "/v1/statistics?measures=persons_convicted"))["results"]
        parts = (await read(client, "/v1/statistics?measures=persons_convicted&group_by=court,offence"))["results"]
        charged = (await read(client, "/v1/statistics?measures=persons_charged&group_by=offence"))["results"]
    assert charged and all(row["persons_charged"] >= K for row in charged)
    assert total["persons_convicted"] == 35
    assert sum(row["persons_convicted"] for row in parts) < 35


async def test_a_key_gets_exact_counts_and_no_cache_mixes_the_two(crowded: str) -> None:
    path = "/v1/statistics?measures=persons_convicted"
    database = Database(crowded)
    async with database.owner() as connection:
        key = await create_key(connection, owner="test", scopes=("statistics",))
    async with client_of(crowded, anonymous_rounding=K) as client:
        rounded = await client.get(path)
        exact = await client.get(path, headers={"X-API-Key": key})
        again = await client.get(path, headers={"X-API-Key": key, "If-None-Match": rounded.headers["etag"]})
    assert rounded.json()["results"][0]["persons_convicted"] == 35
    assert exact.json()["results"] == [{"persons_convicted": 36}]
    assert rounded.headers["etag"] != exact.headers["etag"]
    assert rounded.headers["cache-control"].startswith("public")
    assert exact.headers["cache-control"] == "private, no-cache"
    assert again.status_code == 200
    async with client_of(crowded) as client:
        off = await client.get(path, headers={"X-API-Key": key})
    assert off.headers["cache-control"].startswith("public")


async def test_an_anonymous_caller_sees_no_single_case_where_counts_are_rounded(crowded: str) -> None:
    assert Settings(anonymous_rounding=K).anonymous_scope_set == {"statistics"}
    assert "records" in Settings().anonymous_scope_set
    shows_single_cases = ("/v1/cases", "/v1/statistics/records", "/v1/changes", "/v1/revisions/1/changes")
    for scopes in ("statistics,records", "statistics,records,export"):
        async with client_of(crowded, anonymous_rounding=K, anonymous_scopes=scopes) as client:
            for path in (*shows_single_cases, "/v1/cases?include_total=true&limit=0", "/v1/cases?format=csv"):
                answer = await client.get(path)
                assert answer.status_code == 401
                assert "needs a key with the scope records" in answer.json()["detail"]
