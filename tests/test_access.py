"""Keys: made once, kept as a digest, told apart from typing errors; scopes decide who reads what."""

import logging
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access.keys import SCOPES, Caller, HeldKey, check_key, digest, make_key, read_key_id
from app.access.register import create_key, read_register
from app.db.database import Connection, Database
from app.errors import KeyExpired, KeyInvalid
from tests.serving import client_of, fill, problem_of

Client = httpx.AsyncClient
PAST, FUTURE = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


async def new_key(database: Database, *scopes: str, expires_at: datetime | None = None) -> str:
    """A key of a test."""
    async with database.owner() as connection:
        return await create_key(connection, "test", scopes=scopes, expires_at=expires_at)


async def find_caller(connection: Connection, presented: str) -> Caller:
    """Whose key it is, as the register says."""
    return check_key(presented, (await read_register(connection)).get(read_key_id(presented)))


@given(st.integers(0, 54), st.characters(codec="ascii", categories=["L", "Nd"]))
def test_a_typing_error_is_told_without_the_database(place: int, letter: str) -> None:
    key_id, key = make_key()
    assert read_key_id(key) == key_id
    mistyped = key[:place] + letter + key[place + 1 :]
    if mistyped != key:
        with pytest.raises(KeyInvalid):
            read_key_id(mistyped)


@pytest.mark.parametrize("presented", ["", "sud_", "sud_a_b", "x" * 55, "sud_" + "é" * 51, "Bearer", "\n"])
def test_what_is_no_key_of_ours_is_told(presented: str) -> None:
    with pytest.raises(KeyInvalid) as caught:
        read_key_id(presented)
    assert presented not in caught.value.detail or not presented.strip() or presented == "sud_"


def test_keys_hold_at_least_160_random_bits_and_differ() -> None:
    keys = {make_key()[1] for _ in range(200)}
    assert len(keys) == 200
    assert len(next(iter(keys)).split("_")[2]) - 6 >= 27  # digits of base 62 in 160 bits


async def test_a_key_is_kept_as_a_digest_and_finds_its_caller(database: Database) -> None:
    key = await new_key(database, "records", "export", expires_at=FUTURE)
    async with database.owner() as connection:
        row = await connection.fetchrow("SELECT * FROM api_keys")
        assert row["digest"] == digest(key)
        assert not any(key[-38:] in str(value) for value in row.values())
        caller = await find_caller(connection, key)
        assert (caller.key_id, caller.scopes) == (row["key_id"], frozenset({"records", "export"}))
        with pytest.raises(KeyInvalid):
            await find_caller(connection, make_key()[1])
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
        with pytest.raises(KeyInvalid, match="revoked"):
            await find_caller(connection, key)
        await connection.execute("UPDATE api_keys SET revoked_at = NULL, expires_at = $1", PAST)
        with pytest.raises(KeyExpired):
            await find_caller(connection, key)


def test_an_unknown_id_is_compared_as_often_and_as_long_as_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[int, int]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return one == other

    monkeypatch.setattr("app.access.keys.hmac.compare_digest", compare)
    key_id, key = make_key()
    caller = Caller(key_id, frozenset())
    kept = (None, HeldKey(digest(key), caller), HeldKey(digest(key), caller, previous_digest=digest("before")))
    for held in kept:
        with pytest.raises(KeyInvalid, match="not known"):
            check_key(make_key(key_id)[1], held)
    assert compared == [(32, 32)] * 2 * len(kept)


async def test_another_secret_for_a_known_id_is_refused(database: Database) -> None:
    key, other = await new_key(database, "records"), make_key()[1]
    async with database.owner() as connection:
        await connection.execute("UPDATE api_keys SET key_id = $1", read_key_id(other))
        with pytest.raises(KeyInvalid, match="not known"):
            await find_caller(connection, other)
        with pytest.raises(KeyInvalid, match="not known"):
            await find_caller(connection, key)


@pytest.mark.parametrize("scopes", [(), ("everything",), ("records", "Records")])
async def test_a_key_with_no_scope_or_one_there_is_not_is_not_made(database: Database, scopes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=SCOPES[0]):
        await new_key(database, *scopes)


async def test_a_scope_is_asked_of_each_caller(database: Database, database_url: str) -> None:
    await fill(database_url)
    records, statistics = await new_key(database, "records"), await new_key(database, "statistics")
    async with client_of(database_url, anonymous_scopes="statistics") as client:
        assert (await client.get("/v1/statistics")).status_code == 200
        nobody = await client.get("/v1/cases")
        assert (*problem_of(nobody), nobody.json()["scope"]) == (401, "key-missing", "records")
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        lacking = await client.get("/v1/cases", headers={"X-API-Key": statistics})
        assert (*problem_of(lacking), lacking.json()["scope"]) == (403, "scope-missing", "records")
        for headers in ({"X-API-Key": records}, {"Authorization": f"Bearer {records}"}):
            allowed = await client.get("/v1/cases", headers=headers)
            assert allowed.status_code == 200
            # An anonymous caller would not have got it, so that no shared cache may keep it.
            assert allowed.headers["cache-control"] == "private, no-cache"
        held = {"If-None-Match": allowed.headers["etag"]}
        assert (await client.get("/v1/cases", headers=held)).status_code == 401
        # The key lacks what an anonymous caller has: it is taken at its word.
        assert problem_of(await client.get("/v1/statistics", headers={"X-API-Key": records})) == (403, "scope-missing")


async def test_a_bad_key_is_never_taken_for_none(database: Database, database_url: str) -> None:
    await fill(database_url)
    expired = await new_key(database, "statistics", expires_at=datetime.now(UTC) - timedelta(seconds=1))
    good = await new_key(database, "statistics")
    cases: list[tuple[dict[str, str], str]] = [
        ({"X-API-Key": make_key()[1]}, "key-invalid"),
        ({"X-API-Key": ""}, "key-invalid"),
        ({"X-API-Key": "nonsense"}, "key-invalid"),
        ({"Authorization": "Basic YTpi"}, "key-invalid"),
        ({"Authorization": "Bearer"}, "key-invalid"),
        ({"Authorization": f"Bearer {expired}"}, "key-expired"),
        ({"Authorization": f"Bearer {good}", "X-API-Key": make_key()[1]}, "key-invalid"),
    ]
    async with client_of(database_url) as client:
        for headers, slug in cases:
            answer = await client.get("/v1/statistics", headers=headers)
            assert problem_of(answer) == (401, slug), headers
            assert "www-authenticate" in answer.headers
        both = {"Authorization": f"bearer {good}", "X-API-Key": good}
        assert (await client.get("/v1/statistics", headers=both)).status_code == 200


async def test_a_key_is_not_taken_from_the_url(database: Database, database_url: str) -> None:
    await fill(database_url)
    key = await new_key(database, "records")
    async with client_of(database_url, anonymous_scopes="statistics") as client:
        assert problem_of(await client.get(f"/v1/cases?api_key={key}"))[0] == 401
        answer = await client.get(f"/v1/statistics?api_key={key}")
    assert problem_of(answer) == (422, "invalid-parameters")
    assert key not in answer.text


async def test_the_log_names_the_key_by_its_id_and_holds_neither_key_nor_query(
    database: Database, database_url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await fill(database_url)
    key = await new_key(database, "records")
    async with client_of(database_url) as client:
        await client.get("/v1/cases?court=61GV0012", headers={"X-API-Key": key, "X-Request-ID": "r1"})
        await client.get("/v1/cases/cs_0", headers={"Authorization": "Bearer sud_bad"})
    # What the client of this test logs is its own.
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("http")]
    written = capsys.readouterr().err
    first = next(line for line in written.splitlines() if '"r1"' in line)
    for part in (f'"key_id": "{read_key_id(key)}"', '"route": "/v1/cases"', '"status": 200', '"method": "GET"'):
        assert part in first
    assert '"route": "/v1/cases/{id}"' in written
    for secret in (key, key[-38:], "61GV0012", "sud_bad", "cs_0"):
        assert secret not in written
        assert not [message for message in ours if secret in message]
