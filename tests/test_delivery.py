"""What is delivered beside the code: locks with hashes, the bill of materials, the container's rights, the checks."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PINNED = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[\w,]+\])?==(\S+)", re.MULTILINE)


def read(name: str) -> str:
    """A file of the project."""
    return (ROOT / name).read_text(encoding="utf-8")


def pinned(lock: str) -> set[tuple[str, str]]:
    """Names and versions of a lock; some have two, for one Python or another."""
    return {(name.lower(), version) for name, version in PINNED.findall(read(lock))}


@pytest.mark.parametrize("lock", ["requirements.txt", "requirements-dev.txt"])
def test_every_locked_package_has_a_version_and_hashes_and_none_an_index(lock: str) -> None:
    entries = read(lock).replace("\\\n", "").splitlines()
    assert len(entries) == len(pinned(lock)) > 20
    for entry in entries:
        assert PINNED.match(entry), entry
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry
        assert "://" not in entry
        assert "index-url" not in entry


def test_the_bill_of_materials_names_what_is_locked_with_its_hashes(tmp_path: Path) -> None:
    recipe = read("Makefile").split("\nsbom: setup\n")[1].split("\n\n")[0]
    assert "cyclonedx_py requirements requirements.txt" in recipe
    path = tmp_path / "sbom.json"
    command = "-m cyclonedx_py requirements requirements.txt --pyproject pyproject.toml --mc-type application"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command.split(), "--output-reproducible", "--of", "JSON", "-o", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    bill = json.loads(path.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["metadata"]["component"]["name"]) == ("CycloneDX", "sudstat")
    assert {(part["name"].lower(), part["version"]) for part in bill["components"]} == pinned("requirements.txt")
    for part in bill["components"]:
        assert [each for reference in part["externalReferences"] for each in reference["hashes"]], part["name"]


def test_the_container_runs_without_rights_on_a_file_system_that_is_read_only() -> None:
    image = read("Dockerfile").split("\nFROM ")[-1]
    lines = [line.split() for line in image.splitlines()]
    assert [line[1] for line in lines if line[:1] == ["USER"]] == ["sudstat"]
    assert image.index("USER sudstat") < image.index("CMD")
    assert "--require-hashes" in read("Dockerfile")
    service = re.split(r"\n  (?=\w)", read("docker-compose.yml"))[1]
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]', "tmpfs: [/tmp]"):
        assert f"    {line}" in service, line
    # What is written lies in the volume; a body of a batch is too large for a folder in memory.
    assert 'volumes: ["sudstat:/var/lib/sudstat"]' in service
    assert "SUDSTAT_SPOOL_DIR: /var/lib/sudstat" in service


def test_what_must_pass_looks_for_unsafe_code_and_for_known_faults_and_makes_the_bill() -> None:
    for target in ("make check", "make audit", "make sbom", "make test", "make fuzz"):
        assert target in read(".ci/run")
    assert "bandit --quiet --recursive app" in read("Makefile")
    assert "pip-audit" in read(".ci/audit.py")
