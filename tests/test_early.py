"""The server of a data folder, started before the command that will use it is imported."""

import threading
from pathlib import Path

import pytest

from app.cli import early
from app.db.embedded import embedded_postgres

QUICK = {"fsync": "off", "shared_buffers": "16MB"}


@pytest.fixture(name="held")
def held_fixture(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    held: list[Path] = []
    monkeypatch.setattr(early, "_hold", held.append)
    monkeypatch.setattr(early, "_taken", threading.Event())
    monkeypatch.delenv("SUDSTAT_DATABASE_URL", raising=False)
    return held


def test_only_a_server_that_serve_will_use_is_started_early(
    tmp_path: Path, held: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDSTAT_DATA_DIR", str(tmp_path))
    early.begin(["serve"])  # no cluster is there: a mistake in the settings must not make one
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").touch()
    for arguments in ([], ["ingest", "serve"], ["serve", "--help"]):
        early.begin(arguments)
    early.taken()
    assert held == []
    early.begin(["serve", "--port", "0"])
    early.taken()
    assert held == [tmp_path]
    monkeypatch.setenv("SUDSTAT_DATABASE_URL", "postgresql://elsewhere/x")
    early.begin(["serve"])
    early.taken()
    assert held == [tmp_path]


def test_whoever_opens_it_has_the_server_that_was_started_early_and_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with embedded_postgres(tmp_path, settings=QUICK):
        pass
    monkeypatch.delenv("SUDSTAT_DATABASE_URL", raising=False)
    monkeypatch.setenv("SUDSTAT_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(early, "_taken", threading.Event())
    early.begin(["serve"])
    with embedded_postgres(tmp_path, settings=QUICK):
        early.taken()
        assert (tmp_path / "pg" / "postmaster.pid").exists()
    assert not (tmp_path / "pg" / "postmaster.pid").exists()
