"""Delays are found once for each series and revision, however many ask."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import asyncpg
import pytest

from app.db.database import Database
from app.records.revisions import get_state
from app.statistics import Question, find_answer, find_codes, read_question
from app.statistics.beside import Beside
from app.statistics.delays import Delays, KnownDelays, find_delays
from app.statistics.outlook import with_outlook
from tests.serving import CHITA, GROZNY, case, filled_with, person, take

BEGUN = date(2022, 6, 6)
WEEKS = 90


async def desk(url: str) -> None:
    """A court that publishes every week, half of each week's cases a week late."""
    for week in range(0, WEEKS, 6):
        records = tuple(
            case(court, f"1-{week + step}{late}/2022", received_on=str(BEGUN + timedelta(weeks=week + step - late)),
                 defendants=[person("337:5", service_status="mobilised")])
            for step in range(6) for late in (0, 1) for court in (GROZNY, CHITA)
        )  # fmt: skip
        at = datetime.combine(BEGUN + timedelta(weeks=week + 6), datetime.min.time(), UTC)
        await take(Database(url), records, layer="newsroom", published_at=at)


@pytest.fixture(scope="module")
def published_weekly(server_url: str, template: str) -> Iterator[str]:
    with filled_with(desk, server_url, template) as url:
        yield url


@pytest.fixture
async def connections(published_weekly: str) -> AsyncIterator[list[Any]]:
    opened = [await asyncpg.connect(published_weekly, server_settings={"timezone": "UTC"}) for _ in range(3)]
    yield opened
    for connection in opened:
        await connection.close()


class Counted:
    """A connection that counts the statements that it is given."""

    def __init__(self, connection: Any) -> None:
        self.connection, self.statements = connection, 0

    async def fetch(self, *statement: Any) -> Any:
        self.statements += 1
        return await self.connection.fetch(*statement)


class Broken:
    """A connection that is lost."""

    async def fetch(self, *statement: Any) -> Any:
        await asyncio.sleep(0)
        raise ConnectionError


async def ask(connection: Any, **given: tuple[str, ...]) -> tuple[Any, Question, Any]:
    state = await get_state(connection)
    codes = await find_codes(connection, state)
    return state, read_question({"group_by": ("week", "service_status"), **given}, None, codes), codes


async def test_a_series_is_read_once_whatever_it_is_shown_by(connections: list[Any]) -> None:
    connection, known = Counted(connections[0]), KnownDelays()
    state, question, codes = await ask(connections[0])
    answer = await find_answer(connections[0], state, question, codes)
    outlooks = []
    for given in ({}, {}, {"start_period": ("2023-01",)}):
        _, question, _ = await ask(connections[0], **given)
        before = connection.statements
        answer = await find_answer(connections[0], state, question, codes)
        await with_outlook(connection, state, question, codes, answer, Beside(), delays_at=known)
        outlooks.append(connection.statements - before)
    assert outlooks[0] > 0
    assert outlooks[1:] == [0, 0]
    # another filter, another breakdown by something learnt and another count are other series
    for given in ({"court": (GROZNY,)}, {"group_by": ("week",)}, {"measures": ("persons_received",)}):
        _, question, _ = await ask(connections[0], **given)
        before = connection.statements
        await known.at(connection, state, question, with_cells=False)
        assert connection.statements > before, given
    # and a revision is not another
    _, question, _ = await ask(connections[0])
    earlier = await get_state(connections[0], revision=state.revision - 1)
    before = connection.statements
    await known.at(connection, earlier, question, with_cells=False)
    assert connection.statements > before


async def test_what_is_kept_is_what_would_be_found(connections: list[Any]) -> None:
    known = KnownDelays()
    for group_by in (("week", "service_status"), ("week", "service_status", "court"), ("service_status", "week")):
        state, question, _ = await ask(connections[0], group_by=group_by)
        fresh = await find_delays(connections[0], state, question, with_cells=True)
        kept = [await known.at(connections[0], state, question, with_cells=True) for _ in range(2)]
        for one in kept:
            assert (one.learnt, one.periods, one.ordinary) == (fresh.learnt, fresh.periods, fresh.ordinary)
            assert one.ladders.keys() == fresh.ladders.keys() != set()
            codes = ("mobilised", GROZNY)[: len(question.dimensions)]
            ladders = [delays.ladder("cases_received", codes) for delays in (one, fresh)]
            assert all(ladders)
            shares = [[ladder.completeness(age) for age in range(0, 150, 7)] for ladder in ladders if ladder]
            assert shares[0] == shares[1]


async def test_many_at_once_find_it_once_and_a_failure_is_not_kept(connections: list[Any]) -> None:
    known = KnownDelays()
    state, question, _ = await ask(connections[0])
    one, two = Counted(connections[0]), Counted(connections[1])
    asked: list[Any] = [Broken(), one, two]
    found = await asyncio.gather(
        *(known.at(connection, state, question, with_cells=False) for connection in asked), return_exceptions=True
    )
    assert isinstance(found[0], ConnectionError)
    assert all(isinstance(delays, Delays) for delays in found[1:])
    alone = Counted(connections[2])
    await KnownDelays().at(alone, state, question, with_cells=False)
    assert sorted((one.statements, two.statements)) == [0, alone.statements]
