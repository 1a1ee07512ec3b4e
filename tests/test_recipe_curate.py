"""The recipe of a curator's day is done as it stands, over HTTP and from the command line, and prints what it shows."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.loading import one_for_all
from tests.serving import terminal_beside_a_server

PAGE = (Path(__file__).parents[1] / "docs/recipes/curate.md").read_text(encoding="utf-8")
OR = "Or, from the command line:\n\n"
BLOCK = re.compile(rf"^({OR})?```sh\n(.*?)^```$(?:\n\n^```(?:csv)?\n(.*?)^```$)?", re.MULTILINE | re.DOTALL)
END = "--- end of a block\n"
Steps = list[tuple[str, str]]


def steps(*, from_command_line: bool) -> Steps:
    """Commands and their output, each step done in one of the ways that the page gives."""
    taken: Steps = []
    for alternative, commands, shown in BLOCK.findall(PAGE):
        if not alternative:
            taken.append((commands, shown))
        elif from_command_line:
            taken[-1] = (commands, shown)
    return taken


def test_every_block_of_the_page_is_a_step_or_the_output_of_one() -> None:
    blocks = BLOCK.findall(PAGE)
    assert PAGE.count("```") == 2 * sum(1 + bool(shown) for _, _, shown in blocks)
    assert sum(bool(alternative) for alternative, _, _ in blocks) == PAGE.count("Or, from") >= 5


@pytest.mark.parametrize("from_command_line", [False, True])
def test_the_whole_day_prints_what_the_page_shows(
    from_command_line: bool, server_url: str, template: str, tmp_path: Path
) -> None:
    (serve, _), *day = steps(from_command_line=from_command_line)
    assert serve == "sudstat serve\n"
    script = "".join(f"{commands}echo '{END.strip()}'\n" for commands, _ in day)
    with one_for_all(server_url, template) as database, terminal_beside_a_server(database.url) as place:
        script = script.replace("127.0.0.1:8000", f"127.0.0.1:{place['SUDSTAT_PORT']}")
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script], env=place, cwd=tmp_path,
            capture_output=True, text=True, timeout=240, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    printed = done.stdout.split(END)
    assert printed.pop() == ""
    for (commands, shown), output in zip(day, printed, strict=True):
        assert masked(output) == masked(shown), commands


def masked(output: str) -> str:
    """An output without what is another one each time: ids of batches."""
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "…", output)
