"""Keys over HTTP and the command line: made, rotated, revoked at once in every worker, counted, told of."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import pytest

from app.access import keyring
from app.access.keys import make_key, read_key_id
from app.access.register import add_use, set_quota
from app.api.openapi import openapi_document
from app.db.database import Database
from tests.serving import client_of, fill, problem_of
from tests.test_access import new_key
from tests.test_api_openapi import validator

Client = httpx.AsyncClient
STATISTICS = "/v1/vocabularies"


def bearer(key: str) -> dict[str, str]:
    """How a key is sent."""
    return {"Authorization": f"Bearer {key}"}


def shape(name: str) -> Any:
    """A validator of one schema."""
    return validator({"$ref": f"#/components/schemas/{name}"})


@asynccontextmanager
async def administered(url: str, **settings: Any) -> AsyncIterator[tuple[Client, dict[str, str]]]:
    """A client, and the header of an administrator's key."""
    admin = await new_key(Database(url), "admin")
    async with client_of(url, **settings) as client:
        yield client, bearer(admin)


async def make(client: Client, admin: dict[str, str], **said: Any) -> dict[str, Any]:
    """A new key over HTTP."""
    answer = await client.post("/v1/keys", headers=admin, json={"owner": "desk", "scopes": ["statistics"], **said})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    shape("NewKey").validate(answer.json())
    return dict(answer.json())


async def status(client: Client, key: str) -> int:
    """What a key is answered."""
    return (await client.get(STATISTICS, headers=bearer(key))).status_code


async def test_a_key_made_over_http_works_at_once_and_is_shown_once(database_url: str) -> None:
    async with administered(database_url, anonymous_scopes="") as (client, admin), client_of(database_url) as other:
        made = await make(client, admin, note="for tests", quotas=[{"window": "day", "quota": 5, "why": "a test"}])
        assert await status(client, made["key"]) == 200
        assert await status(other, made["key"]) == 200  # another worker has not been told yet, and asks
        listed = await client.get("/v1/keys", headers=admin)
        shape("KeyList").validate(listed.json())
        told = listed.json()["results"][1]
        assert {**told, "key": made["key"]} == made
        assert (told["created_by"], told["quotas"][0]["why"]) == (listed.json()["results"][0]["id"], "a test")
        one = await client.get(f"/v1/keys/{made['id']}", headers=admin)
        assert (one.json(), "key" in one.json()) == (told, False)
        held = {**admin, "If-None-Match": one.headers["etag"]}
        assert (await client.get(f"/v1/keys/{made['id']}", headers=held)).status_code == 304
        assert problem_of(await client.get("/v1/keys/4fGh7Kq2LmNp", headers=admin)) == (404, "not-found")


async def test_a_revoked_key_is_refused_at_once_here_and_in_every_other_worker(database_url: str) -> None:
    async with administered(database_url) as (client, admin), client_of(database_url) as other:
        key = (await make(client, admin))["key"]
        assert [await status(each, key) for each in (client, other)] == [200, 200]
        ended = await client.delete(f"/v1/keys/{read_key_id(key)}", headers=admin)
        shape("Key").validate(ended.json())
        assert ended.json()["revoked_by"] == read_key_id(admin["Authorization"].split()[1])
        assert await status(client, key) == 401
        await until_refused(other, key, within_s=keyring.POLL_S / 2)  # by the notice, then, and not by the poll
        again = await client.delete(f"/v1/keys/{read_key_id(key)}", headers=admin)
        assert again.json() == ended.json()
        assert problem_of(await rotate(client, admin, key)) == (404, "not-found")


async def test_a_lost_notice_delays_the_end_of_a_key_by_no_more_than_the_poll(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    await connection.execute("DROP TRIGGER notify_keys ON api_keys")
    key = await new_key(Database(database_url), "statistics")
    async with client_of(database_url) as client:
        assert await status(client, key) == 200
        await connection.execute("UPDATE api_keys SET revoked_at = now()")
        await until_refused(client, key, within_s=keyring.POLL_S + 1)
    await connection.close()


async def test_no_key_is_believed_that_could_not_be_checked_for_long(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await new_key(Database(database_url), "statistics")
    async with client_of(database_url) as client:
        with unreachable(monkeypatch):
            assert await status(client, key) == 200
            monkeypatch.setattr(keyring, "TRUSTED_S", -1.0)
            answer = await client.get(STATISTICS, headers=bearer(key))
            assert problem_of(answer) == (503, "unavailable")
            assert int(answer.headers["retry-after"]) > 0
        monkeypatch.undo()
        assert await status(client, key) == 200


@contextmanager
def unreachable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    async def fail(*_: Any) -> Any:
        raise ConnectionError

    with monkeypatch.context() as patched:
        patched.setattr(keyring, "read_register", fail)
        yield


async def until_refused(client: Client, key: str, *, within_s: float) -> None:
    """Wait until a key is refused."""
    async with asyncio.timeout(within_s):
        while await status(client, key) != 401:  # noqa: ASYNC110 (there is nothing to wait on over HTTP)
            await asyncio.sleep(0.01)


async def rotate(client: Client, admin: dict[str, str], key: str, **said: Any) -> httpx.Response:
    """A new secret over HTTP."""
    return await client.post(f"/v1/keys/{read_key_id(key)}/rotation", headers=admin, json=said)


async def test_while_a_key_rotates_two_secrets_work_and_never_three(database_url: str) -> None:
    async with administered(database_url) as (client, admin):
        first = (await make(client, admin))["key"]
        answer = await rotate(client, admin, first)
        shape("NewKey").validate(answer.json())
        second = answer.json()["key"]
        assert (read_key_id(second), answer.json()["previous_until"] is not None) == (read_key_id(first), True)
        assert [await status(client, key) for key in (first, second)] == [200, 200]
        third = (await rotate(client, admin, first, overlap_hours=1)).json()["key"]
        assert [await status(client, key) for key in (first, second, third)] == [401, 200, 200]
        fourth = (await rotate(client, admin, first, overlap_hours=0)).json()
        assert [await status(client, key) for key in (second, third, fourth["key"])] == [401, 401, 200]
        assert fourth["previous_until"] is None
        await client.delete(f"/v1/keys/{fourth['id']}", headers=admin)
        assert await status(client, fourth["key"]) == 401


@pytest.mark.parametrize(
    ("body", "slug", "pointer"),
    [
        ({"owner": "desk"}, "invalid-body", "/scopes"),
        ({"owner": "desk", "scopes": []}, "invalid-body", "/scopes"),
        ({"owner": "desk", "scopes": ["everything"]}, "invalid-body", "/scopes/0"),
        ({"owner": "", "scopes": ["admin"]}, "invalid-body", "/owner"),
        ({"owner": "a\x00b", "scopes": ["admin"]}, "invalid-body", "/owner"),
        ({"owner": "desk", "scopes": ["admin"], "key": "sud_mine"}, "invalid-body", "/key"),
        ({"owner": "desk", "scopes": ["admin"], "expires_at": "2020-01-01T00:00:00Z"}, "invalid-body", "/expires_at"),
        ({"owner": "desk", "scopes": ["admin"], "expires_at": "2999-01-01T00:00:00"}, "invalid-body", "/expires_at"),
        ({"owner": "desk", "scopes": ["admin"], "note": [[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]}, "invalid-body", None),
        ([], "invalid-body", ""),
        ({"owner": "x" * 70_000, "scopes": ["admin"]}, "body-too-large", None),
        (b"{", "bad-request", None),
        (b'"\\ud800"', "bad-request", None),
        (b"\xff", "bad-request", None),
    ],
)
async def test_a_body_that_is_not_right_is_told_where(
    database_url: str, body: Any, slug: str, pointer: str | None
) -> None:
    async with administered(database_url) as (client, admin):
        sent: Any = {"content": body} if isinstance(body, bytes) else {"json": body}
        answer = await client.post("/v1/keys", headers={**admin, "Content-Type": "application/json"}, **sent)
        assert answer.json()["type"] == f"/problems/{slug}", answer.text
        if pointer is not None:
            assert answer.json()["errors"][0]["pointer"] == pointer
        plain = await client.post("/v1/keys", headers={**admin, "Content-Type": "text/plain"}, content="{}")
        assert problem_of(plain) == (415, "unsupported-media-type")
        assert len((await client.get("/v1/keys", headers=admin)).json()["results"]) == 1


async def test_me_tells_scopes_limits_what_is_left_and_two_weeks_of_use_for_free(database_url: str) -> None:
    await fill(database_url)
    database = Database(database_url)
    key = await new_key(database, "records", "export", expires_at=datetime.now(UTC) + timedelta(days=9))
    async with database.owner() as connection:
        await set_quota(connection, read_key_id(key), "minute", 3, by="a test", why="to see it end")
        await connection.execute(
            "INSERT INTO api_key_usage SELECT $1, current_date - n, 10 + n, n FROM unnest('{1,13,14}'::int[]) n",
            read_key_id(key),
        )
    async with client_of(database_url) as client:
        for _ in range(4):
            answer = await client.get("/v1/cases?limit=0", headers=bearer(key))
        assert problem_of(answer) == (429, "quota-exceeded")
        for _ in range(9):
            me = (await client.get("/v1/me", headers=bearer(key))).json()
        shape("Me").validate(me)
        assert me["scopes"] == ["records", "export"]
        assert me["key"]["quotas"][0]["set_by"] == "a test"
        assert [(limit["window"], limit["quota"], limit["remaining"]) for limit in me["limits"]] == [
            ("minute", 3, 0),
            ("day", 200_000, 199_997),
        ]
        assert len(me["usage"]) == 14
        used = [(day["requests"], day["refused"]) for day in me["usage"]]
        assert (used[0], used[-2], used[-1], sum(asked for asked, _ in used)) == ((23, 13), (11, 1), (3, 1), 37)
        nobody = (await client.get("/v1/me")).json()
        shape("Me").validate(nobody)
        assert (nobody["key"], nobody["usage"], nobody["limits"][0]["remaining"]) == (None, None, 120)
    async with database.owner() as connection:  # written at the end, and at most once a minute before
        kept = await connection.fetchrow("SELECT requests, refused FROM api_key_usage WHERE day = current_date")
        assert tuple(kept) == (3, 1)
        last = await connection.fetchval("SELECT last_used_at FROM api_keys")
        assert datetime.now(UTC) - last < timedelta(minutes=1)


async def test_last_use_is_written_once_a_minute_and_not_at_each_request(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, written = await new_key(Database(database_url), "statistics"), list[int]()

    async def noting(connection: Any, counted: Any, last: Any) -> None:
        rows = list(counted)
        written.append(sum(asked for _, _, asked, _ in rows))
        await add_use(connection, rows, last)

    monkeypatch.setattr("app.access.keyring.add_use", noting)
    monkeypatch.setattr(keyring, "POLL_S", 0.02)  # so often it might be written
    assert keyring._WRITE_S == 60
    async with client_of(database_url) as client:
        for _ in range(20):
            assert await status(client, key) == 200
            await asyncio.sleep(0.02)
        assert written == []
        ring = client._transport.app.state.service.keyring  # type: ignore[attr-defined]
        ring._written_at -= 60  # as if a minute had passed
        async with asyncio.timeout(5):
            while not written:  # noqa: ASYNC110 (nothing tells of it)
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.2)
        assert written == [20]
    assert written == [20]  # nothing was left to write at the end


async def test_config_publishes_what_there_is(database_url: str) -> None:
    async with client_of(database_url, licence="CC0", key_quota_day=0) as client:
        answer = await client.get("/v1/config")
        shape("Config").validate(answer.json())
        told = answer.json()
        assert (told["licence"], told["languages"]) == ("CC0", ["en", "ru"])
        assert told["quotas"] == {"anonymous": {"minute": 120, "day": 10_000}, "key": {"minute": 1200, "day": None}}
        assert told["limits"]["cells"] == 50_000
        assert "ratelimit" not in answer.headers
        held = {"If-None-Match": answer.headers["etag"]}
        assert (await client.get("/v1/config", headers=held)).status_code == 304


async def test_questions_and_ingests_have_no_way_to_the_keys(database: Database) -> None:
    for reading in (database.snapshot(), database.writer()):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with reading as connection:
                await connection.fetch("SELECT * FROM api_keys")


def test_the_document_shows_how_a_key_is_sent_and_for_which_scope() -> None:
    document = openapi_document()
    assert document["components"]["securitySchemes"].keys() == {"bearer", "apiKey"}
    assert document["paths"]["/v1/keys"]["post"]["security"] == [{"bearer": ["admin"]}, {"apiKey": ["admin"]}]
    assert make_key()[1].startswith("sud_")
