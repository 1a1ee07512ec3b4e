"""After much has happened, no byte of the logs or of the data folder holds a key or a name."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import orjson

from app.access.keys import make_key
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.restate import bring_method
from app.migrations import upgrade
from tests.conftest import QUICK
from tests.loading import GUIDS, JUDGED, card, case, until

NAMES = ("Канарейкин", "Желтович", "Canarykin")
NUMBER = "1-4711/2023"  # is kept and shown: by it the search shows that it can find
SCRAPE = {"layout": "sudrfscraper", "layer": "court_card", "source": "scrape", "on_refused": "skip"}
HOUSE = {"layout": "house", "layer": "newsroom", "source": "desk"}
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
_COLUMNS = (
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE data_type = 'bytea' AND table_schema = 'public'"
)


def hidden(text: str) -> tuple[bytes, ...]:
    """A text as it may lie in a file."""
    return (text.encode(), text.encode("cp1251"), text.encode("utf-16-le"), text.encode("unicode_escape"))


def holding(folder: Path, words: Iterator[str] | tuple[str, ...]) -> set[tuple[str, str]]:
    """(file, word) for each word that a file below a folder holds in any spelling."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    contents = [(path, path.read_bytes()) for path in files]
    return {
        (path.name, word)
        for word in words
        for spelt in hidden(word)
        for path, content in contents
        if spelt in content
    }  # fmt: skip


class Scene:
    """A service in a process of its own, what it was told, and the keys that it has seen."""

    def __init__(self, client: httpx.AsyncClient, admin: str) -> None:
        self.client = client
        self.keys = [admin]

    async def ask(self, method: str, path: str, *, key: str | None = None, **more: Any) -> httpx.Response:
        """Ask with a key, the administrator's unless another is given."""
        headers = {"Authorization": f"Bearer {self.keys[0] if key is None else key}", **more.pop("headers", {})}
        return await self.client.request(method, path, headers=headers, **more)

    async def load(self) -> None:
        """Files with names wherever one can stand, taken and refused."""
        bird = {"names": f"{NAMES[0]} {NAMES[1]} - ст.337 ч.5 УК РФ", "judge": NAMES[2], NAMES[0]: NAMES[1]}
        rows = [
            card(NUMBER, guid=GUIDS[0], **bird, **JUDGED),
            card(f"1-3/2023 ({NAMES[0]})", **bird),
            card("1-6/2023", **{**bird, "entryDate": NAMES[0]}),
            card("1-5/2023", **{**bird, "name": NAMES[1]}),
        ]
        house = [case("1-1/2023", judge=NAMES[0]), case(NAMES[1]), case("1-2/2023", uid=NAMES[2])]
        for asked, lines in ((SCRAPE, rows), (HOUSE, house), ({**SCRAPE, "source": "again"}, rows[:1])):
            body = b"\n".join(map(orjson.dumps, lines))
            headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "night"}
            answer = await self.ask("POST", "/v1/ingest/batches", params=asked, content=body, headers=headers)
            assert answer.status_code in (201, 422), answer.text
            assert not [name for name in NAMES if name in answer.text]

    async def turn_keys(self) -> None:
        """Keys made, rotated, revoked, mistyped, unknown, and put where none belongs."""
        made = await self.ask("POST", "/v1/keys", json={"owner": "desk", "scopes": ["records"]})
        assert made.status_code == 201, made.text
        key = made.json()["key"]
        rotated = await self.ask("POST", f"/v1/keys/{made.json()['id']}/rotation", json={})
        assert rotated.status_code in (200, 201), rotated.text
        self.keys += [key, rotated.json()["key"]]
        await self.ask("DELETE", f"/v1/keys/{made.json()['id']}")
        unknown = make_key()[1]
        for tried in (*self.keys[1:], unknown, unknown[:-1] + "!", unknown[:30]):
            assert (await self.ask("GET", "/v1/cases", key=tried)).status_code == 401
        self.keys.append(unknown)
        for place in (f"/v1/cases?api_key={key}", f"/v1/{key}", f"/v1/cases/{key}", f"/v1/keys/{key}"):
            await self.ask("GET", place, headers={"X-Request-ID": key[:40], "User-Agent": key})

    async def blunder(self) -> None:
        """Names in questions, heads and bodies."""
        for name in NAMES:
            for path in (
                "/v1/cases?number=",
                "/v1/cases/",
                "/v1/statistics?offence=",
                "/problems/",
                "/v1/cases?cursor=",
            ):
                assert (await self.ask("GET", path + name, headers={"Referer": name.encode()})).status_code >= 400
            body = {"owner": "x", "scopes": [name], name: name}
            assert (await self.ask("POST", "/v1/keys", json=body)).status_code == 422

    async def fail(self, url: str) -> None:
        """A bug, met by a question with a name in it and by a batch."""
        connection = await asyncpg.connect(url)
        await connection.execute("ALTER TABLE versions RENAME COLUMN arrival TO gone")
        assert (await self.ask("GET", "/v1/cases?arrival=new&uid=Canarykin")).status_code in (422, 500)
        assert (await self.ask("GET", "/v1/cases?arrival=new")).status_code == 500
        row = card("1-9/2023", names=f"{NAMES[0]} - ст.337 ч.5 УК РФ")
        headers = {"Content-Type": "application/x-ndjson"}
        failed = await self.ask(
            "POST", "/v1/ingest/batches", params=SCRAPE, content=orjson.dumps(row) + b"\n", headers=headers
        )
        assert failed.status_code == 500, failed.text
        await connection.execute("ALTER TABLE versions RENAME COLUMN gone TO arrival")
        await connection.close()


async def play(url: str, log: Path) -> list[str]:
    """Let it all happen; returns what of the keys is secret."""
    await bring_method(Database(url))
    async with Database(url).owner() as connection:
        admin = await create_key(connection, "root", scopes=("admin", "ingest", "curate", "records", "statistics"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    said = {"PATH": os.environ["PATH"], "SUDSTAT_DATABASE_URL": url, "SUDSTAT_PORT": port, "SUDSTAT_SECRET": "s" * 40}
    command = [str(Path(sys.executable).with_name("sudstat")), "serve"]
    with log.open("wb") as out:
        server = await asyncio.create_subprocess_exec(*command, env=said, stdout=out, stderr=out)
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
                await until(lambda: _answers(client))
                scene = Scene(client, admin)
                for part in (scene.load, scene.turn_keys, scene.blunder):
                    await part()
                await scene.fail(url)
                await scene.load()
        finally:
            server.terminate()
            await server.wait()
    await _search_rows(url, scene.keys)
    return [key.split("_")[2] for key in scene.keys]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).status_code == 200
    except httpx.TransportError:
        return False


async def _search_rows(url: str, keys: list[str]) -> None:
    """What may lie packed in the files: every row as text, and every bytes column as what it spells."""
    connection = await asyncpg.connect(url)
    rows = [
        row[0]
        for (table,) in await connection.fetch(_TABLES)
        for row in await connection.fetch(f'SELECT t::text FROM "{table}" t')
    ]
    for table, column in await connection.fetch(_COLUMNS):
        rows += [
            row[0].decode(errors="replace")
            for row in await connection.fetch(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL')
        ]
    await connection.close()
    everything = "\n".join(rows).casefold()
    assert NUMBER in everything
    assert not [word for word in (*NAMES, *(key[-38:] for key in keys)) if word.casefold() in everything]


def test_no_byte_of_the_logs_or_of_the_data_folder_holds_a_key_or_a_name(tmp_path: Path) -> None:
    data, logs = tmp_path / "data", tmp_path / "logs"
    logs.mkdir()
    with embedded_postgres(data, settings=QUICK) as url:
        upgrade(url)
        secrets = asyncio.run(play(url, logs / "serve.log"))
    text = (logs / "serve.log").read_text(encoding="utf-8")
    assert text.count('"request"') > 30
    assert '"trace"' in text
    assert {name for name, _ in holding(data.resolve(), (NUMBER,))} - {"postgres.log"}
    parts = [secret[:32] for secret in secrets]
    assert holding(logs, (*NAMES, *parts, NUMBER)) == set()
    assert holding(data, (*NAMES, *parts)) == set()
    pg = (data / "pg").resolve()  # a link, where root's server has its own place
    assert holding(pg, (*NAMES, *parts)) == set()
