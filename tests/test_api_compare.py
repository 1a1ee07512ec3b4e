"""Compare over HTTP: what statistics say at either revision, with the parts of the change, in every format."""

import csv
import io
from typing import Any

import httpx
import pytest

from tests.serving import CHITA, GROZNY, client_fixture, client_of, filled_fixture, read  # noqa: F401

Client = httpx.AsyncClient
NOTHING = dict.fromkeys(
    (
        "new",
        "late_reported",
        "newly_found",
        "reclassified",
        "corrected",
        "merged_duplicate",
        "withdrawn",
        "restored",
        "undone",
        "removed",
        "method",
    ),
    0,
)
QUESTIONS = (
    "measures=cases_received,persons_convicted",
    "measures=cases_received&group_by=court",
    "measures=persons_convicted,sentences_known&group_by=month&start_period=2023-04&end_period=2023-05",
    "measures=cases_received&group_by=year",
    "measures=suspended_share,coverage&group_by=court",
    "measures=coverage,charges&group_by=service_status",
    "measures=cases_received&last_n=3&group_by=week",
    "measures=cases_pending,persons_charged&group_by=offence",
    "measures=cases_pending&group_by=month",
    "measures=term_months_median,decided_within_30_days_share&group_by=court",
)


async def test_a_change_has_its_cause(client: Client) -> None:
    body = await read(client, "/v1/compare?from=1&to=2&measures=cases_received&group_by=court")
    rows = {row["court"]: row["cases_received"] for row in body["results"]}
    assert rows[CHITA] == {"before": 1, "after": 2, "delta": 1, "causes": {**NOTHING, "new": 1}}
    assert rows[GROZNY] == {"before": 2, "after": 2, "delta": 0, "causes": NOTHING}
    assert (body["from"]["revision"], body["to"]["revision"]) == (1, 2)
    assert body["from"]["published_at"].startswith("2023-06-01")


@pytest.mark.parametrize("question", QUESTIONS)
async def test_before_and_after_are_what_statistics_say_and_parts_add_up(client: Client, question: str) -> None:
    rows = (await read(client, f"/v1/compare?from=1&to=2&{question}"))["results"]
    measures = question.split("measures=")[1].split("&", maxsplit=1)[0].split(",")
    assert rows
    for side, revision in (("before", 1), ("after", 2)):
        if "last_n" in question:
            continue  # the last weeks of revision 1 are others
        told = (await read(client, f"/v1/statistics?revision={revision}&{question}"))["results"]
        keys = [name for name, value in rows[0].items() if not isinstance(value, dict) and name != "partial"]
        by_place = {tuple(row[name] for name in keys): row for row in rows}
        for row in told:
            for measure in measures:
                assert by_place[tuple(row[name] for name in keys)][measure][side] == row[measure]
    for row in rows:
        for measure in measures:
            told = row[measure]
            for part in (told.get("numerator"), told.get("denominator"), told if "causes" in told else None):
                if part and part["causes"]["new"] is not None:
                    assert part["after"] - part["before"] == part["delta"] == sum(part["causes"].values())


@pytest.mark.parametrize("question", QUESTIONS)
async def test_csv_has_the_rows_of_json(client: Client, question: str) -> None:
    path = f"/v1/compare?from=1&to=2&{question}"
    body = await read(client, path)
    answer = await client.get(f"{path}&format=csv")
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert answer.headers["sudstat-revision"] == "2"
    assert answer.headers["sudstat-revision-before"] == "1"
    assert len(rows) == len(body["results"])
    for row, result in zip(rows, body["results"], strict=True):
        flat = flattened(result)
        assert header == list(flat)
        for cell, value in zip(row, flat.values(), strict=True):
            if isinstance(value, int | float) and not isinstance(value, bool):
                assert float(cell) == value
            else:
                assert cell == {None: "", True: "true", False: "false"}.get(value, value)


def flattened(value: dict[str, Any], before: str = "") -> dict[str, Any]:
    """The cells of one row: names joined, the causes in place."""
    found: dict[str, Any] = {}
    for name, told in value.items():
        if isinstance(told, dict):
            found |= flattened(told, before if name == "causes" else f"{before}{name}_")
        elif name != "measure":
            found[before + name] = told
    return found


@pytest.mark.parametrize("more", ["", ",month&start_period=2023-01&end_period=2023-06", ",court&offence__ne=338:1"])
async def test_the_distinct_total_beside_rows_that_overlap(client: Client, more: str) -> None:
    measures = ("persons_charged", "cases_charged")
    group_by, _, rest = more.partition("&")
    path = f"/v1/compare?from=1&to=2&measures={','.join(measures)},cases_received&group_by=offence{group_by}&{rest}"
    body = await read(client, path.rstrip("&"))
    totals: dict[Any, Any] = {}
    for side, revision in (("before", 1), ("after", 2)):
        told = await read(client, path.replace("/compare?from=1&to=2", f"/statistics?revision={revision}").rstrip("&"))
        for row in told["results"]:
            totals[side, row.get("month"), row.get("court")] = row
    for row in body["results"]:
        for measure in measures:
            whole = row[f"{measure}_distinct"]
            for side in ("before", "after"):
                place = (side, row.get("month"), row.get("court"))
                assert whole[side] == (totals[place][f"{measure}_distinct"] if place in totals else 0)
            assert whole["delta"] == whole["after"] - whole["before"] == sum(whole["causes"].values())
        assert "cases_received_distinct" not in row
    by_row = [sum(row["persons_charged"]["after"] for row in body["results"])]
    assert by_row[0] >= max(row["persons_charged_distinct"]["after"] for row in body["results"]) > 0
    assert {w["measure"] for w in body["warnings"] if w["code"] == "overlapping"} == set(measures)
    assert any("_distinct is their distinct total" in w["detail"] for w in body["warnings"])


async def test_days_name_revisions_and_the_last_two_are_compared_by_default(client: Client) -> None:
    by_day = await read(client, "/v1/compare?from=2023-06-15&to=2023-07-19&group_by=court")
    by_number = await read(client, "/v1/compare?from=1&to=2&group_by=court")
    by_default = await read(client, "/v1/compare?group_by=court")
    assert by_day["results"] == by_number["results"] == by_default["results"]


async def test_a_comparison_of_two_numbers_never_changes_and_of_days_may(client: Client) -> None:
    pinned = await client.get("/v1/compare?from=1&to=2")
    latest = await client.get("/v1/compare?from=1")
    assert "immutable" in pinned.headers["cache-control"]
    assert "immutable" not in latest.headers["cache-control"]
    again = await client.get("/v1/compare?from=1&to=2", headers={"If-None-Match": pinned.headers["etag"]})
    assert again.status_code == 304
    other = await client.get("/v1/compare?from=2&to=2", headers={"If-None-Match": pinned.headers["etag"]})
    assert other.status_code == 200


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("from=2&to=1", "from"),
        ("from=7", "from"),
        ("from=1&to=9", "to"),
        ("from=yesterday", "from"),
        ("from=1&to=2999-01-01", "to"),
        ("from=1&as_of=2023-07-01", "as_of"),
        ("from=1&limit=0", "limit"),
        ("from=1&measures=convictions", "measures"),
    ],
)
async def test_a_wrong_comparison_is_refused_by_parameter(client: Client, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/compare?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_before_the_first_revision_there_is_nothing_to_compare(client: Client) -> None:
    assert (await client.get("/v1/compare?from=2023-01-01")).status_code == 404


async def test_too_many_cells_are_refused(filled: str) -> None:
    async with client_of(filled, cells_limit=10) as client:
        answer = await client.get("/v1/compare?group_by=day")
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-many-cells")
