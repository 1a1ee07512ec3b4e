"""What stands beside the counts of recent periods, on a record too short for most of it, and what is refused."""

import httpx
import pytest

from tests.serving import client_fixture, client_of, filled_fixture  # noqa: F401

WEEKS = "/v1/statistics/weekly?measures=cases_received&start_period=2023-W24&end_period=2023-W27"


async def test_too_little_history_is_said_and_the_counts_stand(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{WEEKS}&nowcast=true&signal=true")).json()
    plain = (await client.get(WEEKS)).json()
    told = [(row["week"], row["status"], row["completeness"]) for row in body["results"]]
    assert told == [(f"2023-W{n}", "provisional" if n < 26 else "not_over", None) for n in (24, 25, 26, 27)]
    assert [row["cases_received"] for row in body["results"]] == [row["cases_received"] for row in plain["results"]]
    assert "too_little_history" in [warning["code"] for warning in plain["warnings"]]
    first = body["results"][0]
    assert (first["cases_received_expected"], first["cases_received_nowcast_status"]) == (None, "too_little_history")
    assert body["results"][-1]["cases_received_nowcast_status"] == "not_over"
    assert first["cases_received_signal"] == "cannot_tell"


async def test_old_periods_are_final_and_ages_go_by_the_revision_asked(client: httpx.AsyncClient) -> None:
    months = "/v1/statistics?measures=persons_convicted&group_by=year&start_period=2021&end_period=2021"
    rows = (await client.get(f"{months}&nowcast=true")).json()["results"]
    old = [row for row in rows if row["year"] == "2021"]
    assert {(row["status"], row["completeness"], row["persons_convicted_nowcast_status"]) for row in old} == {
        ("final", 1.0, "normal")
    }
    assert all(row["persons_convicted_expected"] == row["persons_convicted"] for row in rows)
    of_june = f"{WEEKS}&revision=1"
    assert {row["status"] for row in (await client.get(of_june)).json()["results"]} == {"not_over"}


async def test_without_a_grain_nothing_is_added(client: httpx.AsyncClient) -> None:
    row = (await client.get("/v1/statistics?measures=cases_received")).json()["results"][0]
    assert list(row) == ["cases_received"]


async def test_shares_have_a_status_and_no_nowcast(client: httpx.AsyncClient) -> None:
    path = "/v1/statistics/weekly?measures=suspended_share&start_period=2023-W24&end_period=2023-W27&nowcast=true"
    rows = (await client.get(path)).json()["results"]
    assert rows
    assert not [name for row in rows for name in row if name.endswith("_expected")]
    assert {row["status"] for row in rows} <= {"provisional", "not_over"}


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("nowcast=true", "nowcast"),
        ("signal=true", "signal"),
        ("signal=true&group_by=month", "signal"),
        ("nowcast=true&group_by=week&vintage=first", "nowcast"),
        ("nowcast=perhaps&group_by=week", "nowcast"),
    ],
)
async def test_what_does_not_go_together_is_refused(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/statistics?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_a_back_test_without_history_says_so(client: httpx.AsyncClient) -> None:
    body = (await client.get("/v1/statistics/nowcast-skill?measures=cases_received")).json()
    assert {(row["n"], row["coverage_80"], row["status"]) for row in body["results"]} == {
        (0, None, "too_little_history")
    }
    for query in ("group_by=court", "group_by=week,court", "measures=suspended_share", "last_n=3"):
        assert (await client.get(f"/v1/statistics/nowcast-skill?{query}")).status_code == 422, query


async def test_where_counts_are_rounded_what_derives_from_exact_ones_is_not_told(filled: str) -> None:
    async with client_of(filled, anonymous_rounding=5) as client:
        for query in ("/v1/statistics/weekly?nowcast=true", "/v1/statistics/weekly?signal=true"):
            answer = await client.get(query)
            assert answer.json()["errors"][0]["code"] == "needs-key", query
        assert (await client.get("/v1/statistics/nowcast-skill")).json()["errors"][0]["code"] == "needs-key"
        rows = (await client.get(WEEKS)).json()["results"]
        assert {row["completeness"] for row in rows} == {None}
