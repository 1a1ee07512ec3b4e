"""The demonstration record, taken in by the ordinary way, answers the published figures over HTTP."""

import asyncio
import csv
import io
import os
import re
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.access.keys import read_key_id
from app.db.database import Database
from app.demo.build import build, is_finished
from app.main import create_app
from app.settings import Settings
from app.statistics.verify import verify
from tests.databases import cloned
from tests.serving import SECRET

ROOT = Path(__file__).parents[1]
pytestmark = pytest.mark.xdist_group("demonstration")  # built once
PAGES = ("README.md", "docs/recipes/article-check.md")
RECIPE = re.compile(r"curl '([^']+)'(?: \| cut -d, -f(\S+))?\n```\n+```csv\n(.*?)```", re.DOTALL)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the demonstration's own folder is."""
    return tmp_path_factory.mktemp("demonstration")


@pytest.fixture(scope="module")
def demonstration(server_url: str, template: str, place: Path) -> Iterator[str]:
    """Address of a database that holds the whole demonstration record."""
    clone = cloned(server_url, template)
    url = asyncio.run(clone.__aenter__())
    folder = place / ".sudstat-demo"
    folder.mkdir()
    asyncio.run(build(Database(url), folder, on_step=lambda done, total: None))
    assert asyncio.run(is_finished(Database(url), folder))
    yield url
    asyncio.run(clone.__aexit__())


@pytest.fixture
async def client(demonstration: str) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Settings(), database_url=demonstration, secret=SECRET)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://sudstat") as client,
    ):
        yield client


async def ask(client: httpx.AsyncClient, path: str = "", **question: Any) -> list[dict[str, Any]]:
    answer = (await client.get(f"/v1/statistics{path}", params={"offence": "337", **question})).json()
    assert answer["meta"]["synthetic"] is True
    results: list[dict[str, Any]] = answer["results"]
    return results


def window(start: str, end: str | None = None) -> dict[str, str]:
    return {"start_period": start, "end_period": end or start}


@pytest.mark.parametrize(
    ("as_of", "period", "measure", "offence", "count"),
    [
        ("2023-05-12", window("2022"), "cases_received", "337", 1001),
        ("2023-05-12", window("2023-01-01", "2023-05-07"), "cases_received", "337", 1053),
        ("2023-07-19", window("2023-H1"), "cases_received", "337", 2076),
        ("2023-07-19", window("2022"), "cases_received", "337", 1001),
        ("2023-07-19", window("2021"), "cases_received", "337", 615),
        ("2023-11-24", window("2023-08"), "persons_convicted", "337", 457),
        ("2023-12-29", window("2023-01-01", "2023-12-29"), "cases_received", "337", 5024),
        ("2023-12-29", window("2023-01-01", "2023-12-29"), "cases_received", "338", 148),
        ("2023-12-29", window("2023-01-01", "2023-12-29"), "cases_received", "332", 421),
        ("2023-12-29", window("2023-01-01", "2023-12-29"), "cases_received", "332,337,338", 5593),
        ("2024-04-12", window("2024-02"), "cases_received", "337", 718),
        ("2024-04-12", window("2024-03"), "persons_convicted", "337", 684),
        ("2024-06-18", window("2024-05"), "cases_received", "337", 844),
        ("2024-06-18", window("2024-05"), "cases_received", "332", 43),
        ("2024-06-18", window("2024-05"), "cases_received", "338", 42),
    ],
)
async def test_a_published_figure_comes_out_as_of_its_day_and_has_grown_since(
    client: httpx.AsyncClient, as_of: str, period: dict[str, str], measure: str, offence: str, count: int
) -> None:
    question = {"measures": measure, "offence": offence, **period}
    assert await ask(client, as_of=as_of, **question) == [{measure: count}]
    (today,) = await ask(client, **question)
    assert today[measure] >= count
    assert today[measure] > count or period["start_period"] == "2021"


async def test_june_has_a_hundred_judgments_a_week_and_no_week_before_march_does(client: httpx.AsyncClient) -> None:
    weeks = {
        row["week"]: row["persons_convicted"]
        for row in await ask(
            client, "/weekly", measures="persons_convicted", as_of="2023-07-19", **window("2023-W01", "2023-W25")
        )
    }
    assert len(weeks) == 25
    assert 95 <= sum(weeks[f"2023-W{number}"] for number in (23, 24, 25)) / 3 <= 105
    assert max(weeks[f"2023-W{number:02}"] for number in range(1, 10)) < 100


@pytest.mark.parametrize(
    ("as_of", "status", "sentence", "low", "high"),
    [
        ("2023-07-19", "mobilised", "custodial", 0.345, 0.355),
        ("2023-07-19", "contract", "custodial", 0.275, 0.285),
        ("2023-07-19", None, "suspended", 0.580, 0.599),
        ("2023-11-24", "mobilised", "suspended", 0.555, 0.565),
        ("2023-11-24", "contract", "suspended", 0.625, 0.635),
    ],
)
async def test_a_published_share_comes_out_among_the_known_sentences_of_a_minority(
    client: httpx.AsyncClient, as_of: str, status: str | None, sentence: str, low: float, high: float
) -> None:
    chosen = {"service_status": status} if status else {}
    rows = {row["sentence_class"]: row for row in await ask(client, "/sentences", as_of=as_of, **chosen)}
    assert low <= rows[sentence]["share"] <= high
    assert rows[sentence]["share_low"] < rows[sentence]["share"] < rows[sentence]["share_high"]
    assert 0 < rows[sentence]["coverage"] < 0.5


@pytest.mark.parametrize("page", PAGES)
async def test_the_recipes_of_a_page_give_the_output_that_it_shows(client: httpx.AsyncClient, page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    recipes = RECIPE.findall(text)
    assert len(recipes) == text.count("```csv") >= 5
    for url, fields, shown in recipes:
        reply = await client.get(url.removeprefix("http://127.0.0.1:8000"))
        assert reply.headers["sudstat-synthetic"] == "true"
        assert cut(reply.text, fields) == list(csv.reader(io.StringIO(shown))), url


async def test_the_retold_sentence_is_false_and_the_first_one_holds(client: httpx.AsyncClient) -> None:
    weeks = await ask(
        client, "/weekly", measures="persons_convicted", as_of="2023-07-19", **window("2023-W01", "2023-W26")
    )
    counts = [row["persons_convicted"] for row in weeks]
    assert sum(count < 100 for count in counts) >= 20
    assert max(counts[:21]) < 100
    assert sum(counts) < 2076 < 26 * 100


async def test_a_nowcast_of_then_holds_what_came_out(client: httpx.AsyncClient) -> None:
    question = {"measures": "persons_convicted", **window("2024-W01", "2024-W22")}
    then = await ask(client, "/weekly", nowcast="true", as_of="2024-06-18", **question)
    lagged = await ask(client, "/weekly", vintage="first", lag="26", **question)
    held, error, short = 0, 0.0, 0.0
    for row, outcome in zip(then, lagged, strict=True):
        eventual = outcome["persons_convicted"]
        held += row["persons_convicted_low80"] <= eventual <= row["persons_convicted_high80"]
        error += abs(row["persons_convicted_expected"] - eventual)
        short += abs(row["persons_convicted"] - eventual)
        assert row["status"] == ("final" if row["completeness"] > 0.99 else "provisional")
    assert held >= 0.7 * len(then)
    assert error < short / 2


async def test_the_back_test_publishes_coverage_near_what_the_intervals_promise(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/v1/statistics/nowcast-skill", params={"offence": "337"})).json()
    rows = {(row["measure"], row["age_weeks"]): row for row in answer["results"]}
    for measure in ("cases_received", "persons_convicted"):
        whole, young = rows[(measure, "all")], rows[(measure, "1")]
        assert whole["n"] > 300
        assert whole["coverage_80"] > 0.8
        assert whole["coverage_50"] > 0.5
        assert abs(whole["bias"]) < 0.02
        assert young["error"] < young["error_of_count"] / 2


async def test_the_reason_of_a_late_figure_is_told_and_adds_up(client: httpx.AsyncClient) -> None:
    question = {"measures": "cases_received", "offence": "337", **window("2022", "2023-H1")}
    (row,) = (await client.get("/v1/compare", params={"from": "2023-07-19", **question})).json()["results"]
    told = row["cases_received"]
    assert told["delta"] == sum(told["causes"].values())
    assert told["causes"]["late_reported"] > 0.9 * told["delta"] > 0


def cut(text: str, fields: str) -> list[list[str]]:
    """What `cut -d, -f…` leaves of CSV."""
    rows = list(csv.reader(io.StringIO(text)))
    if not fields:
        return rows
    kept = [
        place - 1
        for part in fields.split(",")
        for place in range(int(part.split("-")[0]), int(part.split("-")[-1]) + 1)
    ]
    return [[row[place] for place in kept] for row in rows]


async def test_a_recount_of_the_demonstration_agrees(demonstration: str) -> None:
    async with Database(demonstration).owner() as connection:
        for revision in (55, None):
            async with connection.transaction():
                assert (await verify(connection, revision)).differences == ()


def test_the_recipe_of_keys_leads_from_sudstat_demo_to_the_first_answer(demonstration: str, place: Path) -> None:
    """Its three commands as they stand, in two terminals; the record is there, so that the first only serves it."""
    recipe = (ROOT / "docs/recipes/keys.md").read_text(encoding="utf-8")
    serve, make, ask = re.findall(r"^```sh\n(.*?)^```$", recipe, re.M | re.S)[:3]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    said = {"PATH": path, "SUDSTAT_DATABASE_URL": demonstration, "SUDSTAT_PORT": port}
    with subprocess.Popen(["bash", "-euc", f"exec {serve}"], cwd=place, env=said, stdout=subprocess.PIPE) as server:
        try:
            assert server.stdout is not None
            told = [server.stdout.readline().decode() for _ in range(4)]
            assert told[0].startswith("The record is synthetic")
            assert read_key_id(told[2].strip())  # an administrator's key, shown once
            assert f":{port}" in told[3]
            script = "\n".join(
                (make, ask.replace(":8000", f":{port}").replace("--silent", "--silent --retry 20 --retry-connrefused"))
            )
            done = subprocess.run(
                ["bash", "-euc", script], cwd=place, env=said, capture_output=True, text=True, timeout=120, check=False
            )
        finally:
            server.terminate()
    assert done.returncode == 0, done.stderr
    head, *rows = done.stdout.splitlines()
    assert head == "year,year_start,year_end,partial,status,completeness,persons_convicted"
    assert len(rows) >= 4
