"""Generated requests against a running service, by its OpenAPI document: `make fuzz EXAMPLES=600 LONGEST=3600`.

No answer may be a 5xx, have an undocumented status or media type, or differ from its schema; every operation is
asked, with a key that may do everything, on a record of its own that is thrown away. Half of the requests name cases,
conflicts, batches and keys that are there; an operation that never got beyond 401 and 403 counts as a failure.
"""

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import httpx

from app import migrations
from app.access.keys import SCOPES, read_key_id
from app.access.register import create_key
from app.api.openapi import openapi_document
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.restate import bring_method
from bench.service import BIN, served
from tests.conftest import QUICK
from tests.serving import CHITA, PUBLISHED, case, fill, take

_BATCH = {"layout": "house", "layer": "newsroom", "source": "fuzz"}
_LABEL = re.compile(r'(\w+)="([^"]*)"')
# What is generated for these is either refused by HTTP itself or rightly refused for reasons no schema can tell.
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "unsupported_method",
)


async def prepare(url: str) -> str:
    """A small record with a conflict in it, and a key that may do everything."""
    await bring_method(Database(url))
    await fill(url)
    against = (case(CHITA, "1-7/2023", decided_on="2023-04-20"),)
    await take(Database(url), against, layer="newsroom", published_at=PUBLISHED[1])
    async with Database(url).owner() as connection:
        return await create_key(connection, "fuzz", scopes=SCOPES)


def known(address: str, key: str) -> dict[str, Any]:
    """Ids that are there, by where in a path they belong, and the id of the key that asks."""
    with httpx.Client(base_url=address, headers={"X-API-Key": key}) as client:
        sent = client.post("/v1/ingest/batches", params=_BATCH, json=[case(CHITA, "1-9/2023")]).json()
        spare = [
            client.post("/v1/keys", json={"owner": "spare", "scopes": ["records"]}).json()["id"] for _ in range(20)
        ]
        ids: dict[str, list[Any]] = {
            f"/v1/{name}": [row[id_] for row in client.get(f"/v1/{name}").json()["results"]]
            for name, id_ in (("cases", "id"), ("conflicts", "id"), ("courts", "code"), ("offences", "code"))
        }
    ids |= {"/v1/keys": spare, "/v1/revisions": [1, 2, 3], "/v1/ingest/batches": [sent["batch_id"]]}
    return {"ids": ids, "own": read_key_id(key)}


def unreached(address: str) -> list[str]:
    """Operations that met nothing but 401 and 403, by the service's own count."""
    met: dict[tuple[str, str], set[str]] = {}
    with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:  # noqa: S310
        for line in answer.read().decode().splitlines():
            if "_bucket{" in line:
                told = dict(_LABEL.findall(line))
                met.setdefault((told["method"], told["route"]), set()).add(told["status"])
    ours = [(method.upper(), path) for path, methods in openapi_document()["paths"].items() for method in methods]
    return [
        f"{method} {path}" for method, path in ours if (method, path) in met and met[method, path] <= {"401", "403"}
    ]


def main() -> int:
    """Run, and print how many requests were generated and what was wrong."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--examples", type=int, default=100, help="for each operation and phase")
    asked.add_argument("--port", type=int, default=8765)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--phases", default="examples,coverage,fuzzing")
    asked.add_argument("--longest", type=int, default=3600, help="seconds")
    asked.add_argument("--operation", help="only operations whose id matches")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory() as folder, embedded_postgres(Path(folder), settings=QUICK) as url:
        migrations.upgrade(url)
        key = asyncio.run(prepare(url))
        with served(url, given.port) as address:
            command = [BIN / "schemathesis", "run", f"{address}/openapi.json", "--checks", ",".join(CHECKS)]
            # Both, because a scheme that is not given is made up, and two different keys are refused.
            command += ["--header", f"Authorization: Bearer {key}", "--header", f"X-API-Key: {key}", "--no-color"]
            command += ["--seed", str(given.seed), "--phases", given.phases, "--continue-on-failure"]
            command += ["--max-examples", str(given.examples), "--max-time", str(given.longest)]
            if given.operation:
                command += ["--include-operation-id-regex", given.operation]
            said = {"SUDSTAT_FUZZ": json.dumps(known(address, key)), "SCHEMATHESIS_HOOKS": "bench.fuzz_hooks"}
            said["PYTHONPATH"] = str(Path(__file__).parents[1])
            worst = subprocess.run(command, check=False, cwd=folder, env={**os.environ, **said}).returncode  # noqa: S603
            beyond = [] if given.operation else unreached(address)
    for operation in beyond:
        print(f"{operation} was never asked beyond 401 and 403")
    return worst or int(bool(beyond))


if __name__ == "__main__":
    sys.exit(main())
