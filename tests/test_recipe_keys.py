"""The recipe of keys is done as it stands: its commands are run, and the last gives an answer."""

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import fill, filled_with, terminal_beside_a_server

ROOT = Path(__file__).parents[1]
COMMANDS = re.findall(r"^```sh\n(.*?)^```$", (ROOT / "docs/recipes/keys.md").read_text(encoding="utf-8"), re.M | re.S)


@pytest.fixture(name="place")
def place_fixture(server_url: str, template: str) -> Iterator[dict[str, str]]:
    """Environment of a terminal in which a small record stands for the demonstration, and a server answers for it."""
    with filled_with(fill, server_url, template) as url, terminal_beside_a_server(url) as said:
        yield said


def test_three_commands_lead_from_nothing_to_the_first_answer(place: dict[str, str]) -> None:
    serve, make, ask, me, keep = COMMANDS
    assert serve == "sudstat demo\n"  # builds for minutes; the fixture serves in its place
    script = "\n".join((make, ask, "echo ---", me)).replace(":8000", f":{place['SUDSTAT_PORT']}")
    done = subprocess.run(["bash", "-euc", script], env=place, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    answer, _, told = done.stdout.partition("---\n")
    assert answer.splitlines()[0] == "year,year_start,year_end,partial,status,completeness,persons_convicted"
    assert len(answer.splitlines()) >= 2
    mine = json.loads(told)
    assert mine["scopes"] == ["statistics", "records"]
    kept = keep.replace("QPgs69wjv2dv", mine["key"]["id"])
    ended = subprocess.run(["bash", "-euc", kept], env=place, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stderr
    assert f"{mine['key']['id']} is revoked." in ended.stdout
