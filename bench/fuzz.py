"""Generated requests against a running service, by its OpenAPI document: `make fuzz EXAMPLES=600`.

No answer may be a 5xx, have an undocumented status or media type, or differ from its schema; every operation is
asked, with a key that may do everything, on a record of its own that is thrown away.
"""

import argparse
import asyncio
import subprocess
import sys
import tempfile
from pathlib import Path

from app import migrations
from app.access.keys import SCOPES
from app.access.register import create_key
from app.db.database import Database
from app.db.embedded import embedded_postgres
from app.ingest.restate import bring_reference
from bench.service import BIN, served
from tests.conftest import QUICK
from tests.serving import fill

_LAST = "revoke_key"
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
    """A small record, and a key that may do everything."""
    await bring_reference(Database(url))
    await fill(url)
    async with Database(url).owner() as connection:
        return await create_key(connection, "fuzz", scopes=SCOPES)


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
            # The end of a key comes last: ids are taken from answers, so that it ends the key that asks.
            turns = [["--exclude-operation-id", _LAST], ["--include-operation-id", _LAST]]
            if given.operation:
                turns = [["--include-operation-id-regex", given.operation]]
            return max(subprocess.run([*command, *turn], check=False, cwd=folder).returncode for turn in turns)  # noqa: S603


if __name__ == "__main__":
    sys.exit(main())
