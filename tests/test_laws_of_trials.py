"""A trial tells what the batch will do: its receipt is the batch's own, but for ids, revision and `applied`."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.db.database import Database
from app.formats import dump
from tests.databases import written
from tests.histories import AS_FOUND, Batch, batches, histories, published, take, take_all

pytestmark = pytest.mark.usefixtures("going_ahead")  # what is tried does not go ahead: both tell the same

_ASIDE = ("batch_id", "revision", "applied")


@pytest.fixture
def place(server_url: str, template: str) -> tuple[str, str]:
    """Where each example gets a database of its own."""
    return server_url, template


@settings(max_examples=20, phases=AS_FOUND)
@given(history=histories(3), next_=batches(), skips_refused=st.booleans())
async def test_a_trial_changes_nothing_and_gives_the_receipt_of_the_batch(
    place: tuple[str, str], history: list[Batch], next_: Batch, skips_refused: bool
) -> None:
    async with written(*place) as database:
        await take_all(database, history)
        before = await _held(database)
        tried = await take(database, next_, minute=100, is_trial=True, skips_refused=skips_refused)
        assert await _held(database) == before
        done = await take(database, next_, minute=100, skips_refused=skips_refused)
        shown = [receipt.as_json() for receipt in (tried, done)]
        new = {pair[side] for receipt in shown for pair in receipt["possible_duplicates"] for side in ("one", "other")}
        texts = [dump({name: value for name, value in receipt.items() if name not in _ASIDE}) for receipt in shown]
        assert _without(texts[0], new) == _without(texts[1], new)
        assert (tried.applied, tried.revision, tried.is_refused) == (False, done.revision, done.is_refused)


def _without(text: bytes, ids: set[str]) -> bytes:
    """A receipt without the ids of cases: those of cases that are yet to be made are drawn anew each time."""
    for id_ in ids:
        text = text.replace(id_.encode(), b"an id")
    return text


async def _held(database: Database) -> list[tuple[str, int]]:
    """How many rows each table has."""
    async with database.owner() as connection:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        counts = [(name, await connection.fetchval(f'SELECT count(*) FROM "{name}"')) for (name,) in map(tuple, tables)]
        return [*counts, ("revision", await published(connection))]
