"""Vintages: each figure as it stood at some revision, the same that `revision=` gives, over any history."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Connection, Database
from app.records.revisions import State, get_state
from app.statistics import Answer, Codes, find_answer, find_codes, read_question
from app.statistics.vintages import find_all, find_first
from tests.databases import written
from tests.histories import AS_FOUND, FIRST_DAY, Batch, histories, published, take
from tests.serving import client_fixture, client_of, filled_fixture  # noqa: F401

MEASURES = ("cases_received", "persons_convicted", "suspended_share", "coverage", "charges")
GROUPINGS = (("week",), ("month", "court"), ("week", "service_status"), ("month", "offence"))
WINDOW = {"start_period": ("2023-01-04",), "end_period": ("2023-02-15",)}  # cuts weeks and months
OWN = ("vintage_revision", "vintage_published_at", "vintage_status", "valid_from", "valid_to")


def rows_of(answer: Answer) -> list[dict[str, Any]]:
    return [dict(zip(answer.table.column_ids, row, strict=True)) for row in answer.table.rows]


async def take_slowly(database: Database, history: list[Batch]) -> None:
    """Each batch three weeks after the one before, the first in the middle of the days that they speak of."""
    for number, batch in enumerate(history):
        await take(database, batch, published_at=datetime.combine(FIRST_DAY, datetime.min.time(), UTC)
                   + timedelta(days=30 + 21 * number))  # fmt: skip


class Asked:
    """One question about one record, at any of its revisions."""

    def __init__(self, connection: Connection, given: dict[str, tuple[str, ...]]) -> None:
        self.connection, self.given = connection, given

    async def at(self, revision: int) -> tuple[State, Codes]:
        state = await get_state(self.connection, revision=revision)
        return state, await find_codes(self.connection, state)

    async def rows_at(self, revision: int, known: Codes) -> dict[Any, dict[str, Any]]:
        """What the question is answered at a revision, by place."""
        state, _ = await self.at(revision)
        question = read_question(self.given, None, known)
        return {self.place(row): row for row in rows_of(await find_answer(self.connection, state, question, known))}

    def place(self, row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in self.given["group_by"])


@settings(max_examples=12, phases=AS_FOUND)
@given(history=histories(4), data=st.data())
async def test_every_vintage_is_what_its_revision_says(
    server_url: str, template: str, history: list[Batch], data: st.DataObject
) -> None:
    async with written(server_url, template) as database:
        await take_slowly(database, history)
        async with database.owner() as connection:
            last = await published(connection)
            if not last:
                return
            measures = tuple(data.draw(st.lists(st.sampled_from(MEASURES), min_size=1, max_size=2, unique=True)))
            asked = Asked(
                connection, {"measures": measures, "group_by": data.draw(st.sampled_from(GROUPINGS)), **WINDOW}
            )
            state, known = await asked.at(data.draw(st.integers(1, last)))
            question = read_question(asked.given, None, known)
            instants = {r: (await asked.at(r))[0].published_at for r in range(1, state.revision + 1)}
            then = {revision: await asked.rows_at(revision, known) for revision in instants}

            tracks: dict[Any, list[dict[str, Any]]] = {}
            for row in rows_of(await find_all(connection, state, question, known)):
                tracks.setdefault(asked.place(row), []).append(row)
            assert set(tracks) >= set(then[state.revision])
            for place, track in tracks.items():
                assert track[-1]["valid_to"] is None
                for row, following in zip(track, [*track[1:], None], strict=True):
                    assert row["valid_from"] == instants[row["vintage_revision"]]
                    assert row["valid_to"] == (following and following["valid_from"])
                    end = following["vintage_revision"] if following else state.revision + 1
                    for revision in range(row["vintage_revision"], end):
                        told = then[revision].get(place)
                        if told is not None:
                            assert {n: v for n, v in row.items() if n not in OWN} == told
                        else:
                            assert all(
                                not row[measure] for measure in measures if measure in ("cases_received", "charges")
                            )

            lag = data.draw(st.sampled_from((0, 2, 6)))
            first = rows_of(await find_first(connection, state, question, known, lag_weeks=lag))
            assert len({asked.place(row) for row in first}) == len(first)
            grain = asked.given["group_by"][0]
            for row in first:
                ended = datetime.combine(row[f"{grain}_end"] + timedelta(days=1 + 7 * lag), datetime.min.time(), UTC)
                later = [revision for revision, instant in instants.items() if instant >= ended]
                assert row["vintage_revision"] == (later[0] if later else None)
                if not later:
                    assert row["vintage_status"] == "not_yet"
                    assert all(row[measure] is None for measure in measures)
                    continue
                told = then[later[0]].get(asked.place(row))
                if told is not None:
                    assert {n: v for n, v in row.items() if n not in OWN} == told


async def test_vintages_over_http(client: httpx.AsyncClient) -> None:
    path = "/v1/statistics?measures=persons_convicted&group_by=month&start_period=2023-04&end_period=2023-07"
    rows = (await client.get(f"{path}&vintage=all")).json()["results"]
    may = [row for row in rows if row["month"] == "2023-05"]
    assert [(row["vintage_revision"], row["persons_convicted"]) for row in may] == [(1, 0), (2, 1)]
    assert may[0]["valid_to"] == may[1]["valid_from"] == "2023-07-01T09:00:00Z"
    first = (await client.get(f"{path}&vintage=first")).json()
    told = {row["month"]: (row["vintage_revision"], row["persons_convicted"]) for row in first["results"]}
    assert told == {"2023-04": (1, 1), "2023-05": (1, 0), "2023-06": (2, 0), "2023-07": (None, None)}
    assert "vintage=first" in first["meta"]["question"]
    later = (await client.get(f"{path}&vintage=first&lag=4")).json()["results"]
    assert [(row["month"], row["vintage_revision"]) for row in later][:2] == [("2023-04", 1), ("2023-05", 2)]
    charged = path.replace("persons_convicted", "persons_charged").replace("2023-04", "2023-01") + "&vintage=first"
    every = {row["month"]: row["persons_charged"] for row in (await client.get(charged)).json()["results"]}
    by_part = (await client.get(charged.replace("=month", "=month,offence_part"))).json()["results"]
    assert {row["month"]: row["persons_charged_distinct"] for row in by_part} == every
    assert any(every.values())
    csv = (await client.get(f"{path}&vintage=first&format=csv")).text.splitlines()
    assert csv[4].startswith("2023-07,2023-07-01,2023-07-31,false,,,not_yet,")


async def test_of_a_period_that_the_window_cuts_only_its_days_in_the_window_count(client: httpx.AsyncClient) -> None:
    """Whatever the vintage: three cases were received on 14 March."""
    path = "/v1/statistics?measures=cases_received&group_by=month"
    for window, count in (("2023-03-14", 3), ("2023-03-15", 0)):
        for vintage in ("latest", "first", "all"):
            answer = await client.get(f"{path}&start_period={window}&end_period=2023-03-20&vintage={vintage}")
            rows = [(row["month"], row["partial"], row["cases_received"]) for row in answer.json()["results"]]
            assert rows == [("2023-03", True, count)], (window, vintage)


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("vintage=oldest", "vintage"),
        ("vintage=first", "vintage"),
        ("group_by=week&lag=2", "lag"),
        ("group_by=week&vintage=all&lag=2", "lag"),
        ("group_by=week&vintage=first&lag=521", "lag"),
        ("group_by=week&vintage=first&measures=cases_pending", "vintage"),
        ("group_by=week&vintage=all&measures=term_months_median", "vintage"),
        ("group_by=week&vintage=first&measures=decided_within_30_days_share", "vintage"),
    ],
)
async def test_what_has_no_vintage_is_refused(client: httpx.AsyncClient, query: str, parameter: str) -> None:
    answer = await client.get(f"/v1/statistics?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_too_many_vintages_are_refused(filled: str) -> None:
    async with client_of(filled, cells_limit=20) as client:
        answer = await client.get("/v1/statistics?vintage=all&group_by=week,court&measures=cases_received")
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/too-many-cells")
