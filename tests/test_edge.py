"""What every answer carries, what is written of each request, and what the metrics count."""

import json
import logging
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.access.keys import read_key_id
from app.api.openapi import routes
from app.db.database import Database
from app.telemetry import Telemetry
from tests.serving import client_fixture, client_of, fill, filled_fixture, problem_of  # noqa: F401
from tests.test_access import new_key
from tests.test_answers import worker_of

Client = httpx.AsyncClient
PAGES = ("/docs", "/redoc", "/problems/not-found", "/openapi.json", "/docs/assets/docs.js", "/nowhere")
EVERYWHERE = (*(route.path for route in routes() if "GET" in (route.methods or ())), *PAGES)


@pytest.mark.parametrize("path", EVERYWHERE)
async def test_every_answer_is_closed_to_frames_scripts_and_sniffing_and_sets_no_cookie(
    client: Client, path: str
) -> None:
    answer = await client.get(path, headers={"X-Forwarded-Proto": "https"})
    policy = answer.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy or "script-src 'self'" in policy
    assert not [part for part in policy.split("; ") if part.startswith("script-src") and "unsafe" in part]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    assert "strict-transport-security" not in answer.headers  # said by whom nobody believes
    assert "<script>" not in answer.text


async def test_where_the_way_is_encrypted_it_is_to_stay_so(database_url: str) -> None:
    async with client_of(database_url, trusted_proxies="127.0.0.1") as client:
        answer = await client.get("/healthz", headers={"X-Forwarded-Proto": "https"})
        assert answer.headers["strict-transport-security"] == "max-age=31536000"
        assert "strict-transport-security" not in (await client.get("/healthz")).headers


async def test_other_sites_may_read_errors_too_and_may_not_write(client: Client) -> None:
    origin = {"Origin": "https://newsroom.example"}
    for path in ("/v1/vocabularies", "/v1/cases?cuort=1", "/nowhere"):
        read = await client.get(path, headers=origin)
        assert read.headers["access-control-allow-origin"] == "*"
        assert "RateLimit" in read.headers["access-control-expose-headers"]
    for method in ("POST", "PATCH", "DELETE"):
        written = await client.request(method, "/v1/keys", headers=origin)
        assert not [name for name in written.headers if name.startswith("access-control")]
        asked = {**origin, "Access-Control-Request-Method": method}
        allowed = (await client.options("/v1/keys", headers=asked)).headers["access-control-allow-methods"]
        assert method not in allowed


def lines(text: str) -> list[dict[str, Any]]:
    """The lines of the log."""
    return [json.loads(line) for line in text.splitlines()]


async def test_one_line_tells_of_each_request_and_nothing_of_what_was_asked(
    database_url: str, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    await fill(database_url)
    key = await new_key(Database(database_url), "records", "admin", "statistics")
    async with client_of(database_url) as client:
        sent = {"Authorization": f"Bearer {key}", "X-Request-ID": "r1"}
        first = await client.get("/v1/cases?court=61GV0012&number=1-45/2023", headers=sent)
        await client.get("/v1/vocabularies", headers={**sent, "X-Request-ID": "r2"})
        held = {"If-None-Match": first.headers["etag"], "X-Request-ID": "r3"}
        await client.get("/v1/cases?court=61GV0012&number=1-45/2023", headers=sent | held)
        await client.post("/v1/keys", headers=sent | {"X-Request-ID": "r4"}, json={"owner": "Канарейкин"})
        await client.get("/v1/cases/Канарейкин", headers={"X-Request-ID": "r5", "X-API-Key": "sud_bad"})
        await client.get("/Канарейкин", headers={"X-Request-ID": "r6"})
    written = capsys.readouterr().err
    seen = {line["request_id"]: line for line in lines(written)}
    assert len(lines(written)) == len(seen) == 6
    told = ("method", "route", "status", "key_id", "cache")
    key_id = read_key_id(key)
    assert [tuple(seen[f"r{n}"][name] for name in told) for n in range(1, 7)] == [
        ("GET", "/v1/cases", 200, key_id, "miss"),
        ("GET", "/v1/vocabularies", 200, key_id, "miss"),
        ("GET", "/v1/cases", 304, key_id, "not-modified"),
        ("POST", "/v1/keys", 422, key_id, None),
        ("GET", "/v1/cases/{id}", 401, None, None),
        ("GET", None, 404, None, None),
    ]
    ours = " ".join(record.getMessage() for record in caplog.records if not record.name.startswith("http"))
    for secret in (key, key[-38:], "61GV0012", "sud_bad", "1-45", "Канарейкин", "%D0%9A"):
        assert secret not in written + ours


async def test_a_bug_is_logged_with_its_trace_under_the_id_that_the_caller_has(
    filled: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = " of Канарейкин"

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError(f"a defect{text}")

    monkeypatch.setattr("app.api.vocabularies.short_hash", fail)
    async with client_of(filled) as client:
        answer = await client.get("/v1/vocabularies")
    assert problem_of(answer) == (500, "internal-error")
    assert "defect" not in answer.text
    (failed,) = [line for line in lines(capsys.readouterr().err) if line["event"] == "failed"]
    assert failed["request_id"] == answer.json()["request_id"] == answer.headers["x-request-id"]
    assert failed["trace"].endswith("ZeroDivisionError")
    assert "app/api/vocabularies.py" in failed["trace"]
    assert "Канарейкин" not in failed["trace"]  # a message may hold what was asked


async def test_metrics_are_read_as_prometheus_reads_them_and_open_to_this_machine_alone(client: Client) -> None:
    for _ in range(3):
        await client.get("/v1/cases?limit=1")
    await client.get("/v1/cases/whatever-there-is-not")
    for number in range(20):
        await client.get(f"/nothing/{number}")
    answer = await client.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(answer.text)}
    counts = {
        (sample.labels["route"], sample.labels["status"], sample.labels["cache"]): sample.value
        for sample in families["sudstat_request_seconds"].samples
        if sample.name.endswith("_count")
    }
    assert counts["/v1/cases", "200", "miss"] == 1
    assert counts["/v1/cases", "200", "hit"] == 2
    assert counts["/v1/cases/{id}", "404", "none"] == 1
    assert counts["none", "404", "none"] == 20  # one series, whatever paths are tried
    assert families["sudstat_snapshots_running"].samples[0].value == 0
    assert families["sudstat_keys_age_seconds"].samples[0].value < 60
    assert problem_of(await client.get("/metrics", headers={"Via": "1.1 proxy"})) == (401, "key-missing")
    assert problem_of(await client.get("/metrics", headers={"X-Forwarded-For": "::1"})) == (401, "key-missing")


async def test_lines_and_metrics_can_be_left_out(database_url: str, capsys: pytest.CaptureFixture[str]) -> None:
    async with client_of(database_url, request_log=False, metrics=False) as client:
        await client.get("/healthz")
        assert "sudstat_request_seconds_count" not in (await client.get("/metrics")).text
    assert capsys.readouterr().err == ""


async def test_a_log_that_cannot_be_written_costs_lines_and_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.telemetry._MOST_LINES", 100)
    telemetry = Telemetry()
    for number in range(1000):
        telemetry.note((0.0, str(number), "GET", None, 200, 0.1, None, None))
        telemetry._reckon(10)
    kept = telemetry._taken().count("\n")
    assert kept <= 100
    assert kept + telemetry.lost_lines == 1000


async def test_who_was_let_in_a_moment_ago_is_not_looked_up_again(filled: str) -> None:
    async with worker_of(filled, cache_mb=0) as (client, app):
        entrance, looked = app.state.service.entrance, list[Any]()
        identify = entrance._identify

        async def counted(headers: Any) -> Any:
            looked.append(headers)
            return await identify(headers)

        entrance._identify = counted
        for _ in range(5):
            assert (await client.get("/v1/cases?limit=1")).status_code == 200
        assert len(looked) <= 2  # once, and once more where a minute ends between
        before = len(looked)
        for _ in range(2):
            assert (await client.get("/v1/me", headers={"x-api-key": "none of ours"})).status_code == 401
        assert len(looked) == before + 2
