"""Statistics over HTTP: the numbers of the record, the same in every format, never cut."""

import csv
import io
import json
import re
from datetime import date, datetime
from typing import Any

import httpx
import pytest
from pyarrow import parquet

from app.statistics import catalogue
from tests.serving import GROZNY, REUTOV, client_fixture, client_of, filled_fixture, read  # noqa: F401

Client = httpx.AsyncClient
QUESTIONS = (
    "",
    "?measures=cases_received,persons_convicted&group_by=court",
    "?group_by=week,service_status&start_period=2023-W11&end_period=2023-W12",
    "?measures=suspended_share&group_by=offence&court__ne=75GV0001",
    "?measures=sentences_known,persons_acquitted&group_by=year",
    "?measures=term_months_median,days_to_decision_median,decided_within_30_days_share&group_by=court,month",
    "?measures=persons_charged,cases_pending&group_by=offence_part,quarter",
    "?measures=persons_convicted,suspended_share&group_by=service_status&bounds=true",
    "?measures=persons_convicted&group_by=month&transform=cumulative",
    "?measures=persons_convicted,coverage&group_by=month&vintage=all",
    "?measures=persons_convicted&group_by=month&vintage=first&lag=2",
    "?measures=persons_convicted&group_by=week&nowcast=true&signal=true",
)


async def test_the_record_is_counted(client: Client) -> None:
    body = await read(client, "/v1/statistics?group_by=court&measures=cases_received,persons_convicted")
    counted = {row["court"]: (row["cases_received"], row["persons_convicted"]) for row in body["results"]}
    assert counted[GROZNY] == (2, 2)
    assert counted[REUTOV] == (2, 0)
    assert body["dimensions"] == [{"id": "court", "codelist": "court", "additive": True}]
    assert [measure["id"] for measure in body["measures"]] == ["cases_received", "persons_convicted"]
    assert body["paging"] == {"limit": None, "has_more": False, "next": None, "total": len(body["results"])}


async def test_an_earlier_revision_gives_the_earlier_number(client: Client) -> None:
    path = "/v1/statistics?measures=persons_convicted&court=61GV0012"
    now, then = await read(client, path), await read(client, f"{path}&revision=1")
    assert (now["results"][0]["persons_convicted"], then["results"][0]["persons_convicted"]) == (2, 1)
    assert (now["meta"]["revision"], then["meta"]["revision"]) == (2, 1)
    assert then["meta"]["question"] == "measures=persons_convicted&court=61GV0012&revision=1"
    again = await read(client, f"/v1/statistics?{then['meta']['question']}")
    assert again == then


async def test_weeks_come_with_start_and_end_and_empty_ones_with_0(client: Client) -> None:
    rows = (await read(client, "/v1/statistics/weekly?start_period=2023-03-08&end_period=2023-03-26"))["results"]
    shown = [(row["week"], row["week_start"], row["week_end"], row["partial"], row["cases_received"]) for row in rows]
    assert shown == [
        ("2023-W10", "2023-03-06", "2023-03-12", True, 0),
        ("2023-W11", "2023-03-13", "2023-03-19", False, 3),
        ("2023-W12", "2023-03-20", "2023-03-26", False, 0),
    ]


async def test_sentences_are_counted_by_class_with_share_and_denominator(client: Client) -> None:
    rows = (await read(client, "/v1/statistics/sentences"))["results"]
    suspended = next(row for row in rows if row["sentence_class"] == "suspended")
    assert (suspended["persons_convicted"], suspended["share"], suspended["share_n"]) == (1, 1.0, 1)
    assert 0 < suspended["share_low"] < suspended["share_high"] <= 1
    assert suspended["coverage"] == 0.5


@pytest.mark.parametrize("path", ["/v1/statistics", "/v1/statistics/weekly", "/v1/statistics/sentences"])
@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_format_has_the_columns_and_rows_of_json(client: Client, path: str, question: str) -> None:
    if path != "/v1/statistics" and re.search("measures=.*group_by|=week", question):
        question = ""  # asked once is enough, and a path may fix its measures or grain
    body = await read(client, path + question)
    answer = await client.get(path + question, headers={"Accept": "text/csv"})
    header, *rows = csv.reader(io.StringIO(answer.text, newline=""))
    assert body["results"]
    assert header == list(body["results"][0])
    lines = (await client.get(path + question, headers={"Accept": "application/x-ndjson"})).text.splitlines()
    assert [json.loads(line) for line in lines] == body["results"]
    sign = "&" if question else "?"
    table = parquet.read_table(io.BytesIO((await client.get(f"{path}{question}{sign}format=parquet")).content))
    assert table.column_names == header
    assert [{name: _plain(value) for name, value in row.items()} for row in table.to_pylist()] == body["results"]
    as_text = {None: "", True: "true", False: "false"}
    for row, result in zip(rows, body["results"], strict=True):
        for cell, value in zip(row, result.values(), strict=True):
            is_number = isinstance(value, float | int) and not isinstance(value, bool)
            assert float(cell) == value if is_number else cell == as_text.get(value, value)


def _plain(value: Any) -> Any:
    """A value of Parquet as JSON has it."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return value.isoformat() if isinstance(value, date) else value


async def test_a_limit_below_the_rows_is_refused_and_any_other_has_no_effect(client: Client) -> None:
    path = "/v1/statistics?group_by=court"
    body = await read(client, path)
    rows = len(body["results"])
    assert (await read(client, f"{path}&limit={rows}"))["results"] == body["results"]
    for query in (f"&limit={rows - 1}", f"&limit={rows - 1}&format=csv", "&limit=0"):
        refused = await client.get(path + query)
        assert refused.status_code == 422
        assert refused.json()["errors"][0]["parameter"] == "limit"


async def test_too_many_cells_are_refused_with_how_many_and_the_limit(filled: str) -> None:
    async with client_of(filled, cells_limit=10) as client:
        answer = await client.get("/v1/statistics?group_by=day")
        body = answer.json()
        assert (answer.status_code, body["type"], body["limit"]) == (422, "/problems/too-many-cells", 10)
        assert body["cells"] > 10
        assert (await client.get("/v1/statistics/catalogue")).json()["limits"]["cells"] == 10


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("measures=convictions", "measures"),
        ("group_by=week,month", "group_by"),
        ("offence=337:99", "offence"),
        ("start_period=2023-W60", "start_period"),
        ("start_period=2023&end_period=2022", "start_period"),
        ("last_n=3", "last_n"),
        ("last_n=x", "last_n"),
        ("court__gte=1", "court__gte"),
        ("sort=court", "sort"),
        ("cursor=x", "cursor"),
        ("start_period=2023&start_period=2023", "start_period"),
    ],
)
async def test_a_wrong_question_is_refused_by_parameter(client: Client, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/statistics?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_the_catalogue_is_in_the_callers_language(client: Client) -> None:
    russian = await read(client, "/v1/statistics/catalogue?lang=ru")
    english = await read(client, "/v1/statistics/catalogue")
    for told, lang in ((russian, "ru"), (english, "en")):
        plain = catalogue(lang)
        assert [entry["caption"] for entry in told["measures"]] == [entry["caption"] for entry in plain["measures"]]
        assert told["transforms"] == plain["transforms"]
        assert told["breaks"] == plain["breaks"]
    assert english["measures"] != russian["measures"]


async def test_a_form_can_be_built_from_the_catalogue_alone(filled: str) -> None:
    """Every parameter, every code of every filter, and what goes with what: each is asked, and nothing is refused."""
    async with client_of(filled, anonymous_quota_minute=0) as client:
        told = await read(client, "/v1/statistics/catalogue")
        for dimension in told["dimensions"]:
            codes = [code["id"] for code in dimension["codes"]]
            assert codes and all(code["label"] for code in dimension["codes"])
            for name in dimension["filters"]:
                await read(client, f"/v1/statistics?{name}={','.join(codes[:30])}&group_by={dimension['id']}")
        for transform in told["transforms"]:
            by = ",".join(filter(None, ("month", "court" if transform["needs_dimension"] else "")))
            fitting = ",".join(transform["measures"])
            await read(client, f"/v1/statistics?measures={fitting}&group_by={by}&transform={transform['id']}")
        for measure in told["measures"]:
            path = f"/v1/statistics?measures={measure['id']}&bounds=true"
            assert (await client.get(path)).status_code == (200 if measure["has_bounds"] else 422)
            assert bool(measure["no_bounds"]) is not measure["has_bounds"]
            by_week = f"/v1/statistics/weekly?measures={measure['id']}"
            for vintage in ("latest", "first", "all"):
                answer = await client.get(f"{by_week}&vintage={vintage}")
                assert answer.status_code == (200 if vintage in measure["vintages"] else 422), answer.text
            columns = (await read(client, f"{by_week}&nowcast=true"))["results"][0]
            assert (f"{measure['id']}_expected" in columns) is measure["has_nowcast"]
            records = await client.get(f"/v1/statistics/records?measures={measure['id']}")
            assert records.status_code == (200 if measure["has_records"] else 422)
        early = await read(client, "/v1/statistics/catalogue?revision=1")
        assert (early["meta"]["revision"], told["meta"]["revision"]) == (1, 2)


async def test_no_parameter_of_a_path_under_statistics_is_missing_in_the_catalogue(client: Client) -> None:
    told = await read(client, "/v1/statistics/catalogue")
    documented = (await client.get("/openapi.json")).json()["paths"]
    paths = {path for path in documented if path.startswith(("/v1/statistics", "/v1/compare"))}
    for path in paths - {"/v1/statistics/catalogue"}:
        of_path = {entry["id"]: entry["schema"] for entry in told["parameters"] if path in entry["paths"]}
        taken = [entry for entry in documented[path]["get"]["parameters"] if entry["in"] == "query"]
        assert of_path == {entry["name"]: entry["schema"] for entry in taken}, path
    assert all(entry["caption"] for entry in told["parameters"])


async def test_an_empty_record_has_a_catalogue_without_the_codes_of_courts(database_url: str) -> None:
    async with client_of(database_url) as client:
        told = await read(client, "/v1/statistics/catalogue")
        assert (await client.get("/v1/statistics/catalogue?as_of=2023-01-01")).status_code == 404
    codes = {entry["id"]: entry["codes"] for entry in told["dimensions"]}
    assert codes["court"] is None and codes["service_status"]
