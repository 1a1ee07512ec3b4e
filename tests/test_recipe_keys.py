"""The recipe of keys is done as it stands: its commands are run, and the last gives an answer."""

import asyncio
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.loading import until
from tests.serving import fill, filled_with

ROOT = Path(__file__).parents[1]
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/recipes/keys.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(name="place")
def place_fixture(server_url: str, template: str) -> Iterator[dict[str, str]]:
    """Environment of a terminal in which a small record stands for the demonstration, and a server answers for it."""
    with socket.socket() as free, filled_with(fill, server_url, template) as url:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        said = {"PATH": path, "SUDSTAT_DATABASE_URL": url, "SUDSTAT_PORT": port, "SUDSTAT_SECRET": "s" * 40}
        with subprocess.Popen(["sudstat", "serve"], env=said) as server:
            asyncio.run(until(lambda: is_ready(port)))
            yield said
            server.terminate()


async def is_ready(port: str) -> bool:
    async with httpx.AsyncClient() as client:
        try:
            return (await client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200
        except httpx.TransportError:
            return False


def test_three_commands_lead_from_nothing_to_the_first_answer(place: dict[str, str]) -> None:
    serve, make, ask, me, keep = COMMANDS
    assert serve == "sudstat demo\n"  # builds for minutes; the fixture serves in its place
    script = "\n".join((make, ask, "echo ---", me)).replace(":8000", f":{place['SUDSTAT_PORT']}")
    done = subprocess.run(["bash", "-euc", script], env=place, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer, _, told = done.stdout.partition("---\n")
    assert answer.splitlines()[0] == "year,year_start,year_end,partial,persons_convicted"
    assert len(answer.splitlines()) >= 2
    mine = json.loads(told)
    assert mine["scopes"] == ["statistics", "records"]
    kept = keep.replace("QPgs69wjv2dv", mine["key"]["id"])
    ended = subprocess.run(["bash", "-euc", kept], env=place, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f"{mine['key']['id']} is revoked." in ended.stdout
