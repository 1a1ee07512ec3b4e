"""The command line: what each command prints and with which status it ends, from without."""

import asyncio
import csv
import fcntl
import getpass
import gzip
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.access.keyring import POLL_S
from app.cli.commands import cli
from app.db.database import Database
from tests.databases import cloned
from tests.loading import GROZNY, GUIDS, UID, Desk, card, case, empty, person, until

ROOT = Path(__file__).parents[1]
CANARY = "Канарейкин"
NOBODY = 65534
COMMANDS = (
    (),
    ("demo",),
    ("serve",),
    ("migrate",),
    ("ingest",),
    ("verify",),
    ("openapi",),
    ("keys",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("keys", "rotate"),
    ("keys", "quota"),
)
PROGRAM = "from app.cli import main; main()"
TAKE = ("--layout", "house", "--layer", "court_card", "--source", "test")


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def told(self) -> str:
        """The one line that a command which cannot do its work leaves."""
        assert (self.status, self.out) == (1, ""), self
        (line,) = self.err.splitlines()
        return line


Run = Callable[..., Ended]
Ask = Callable[..., Awaitable[Ended]]


def environment(**settings: object) -> dict[str, str]:
    """The environment of a command: ours without settings of this service, and those given."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("SUDSTAT_")}
    given = {f"SUDSTAT_{name.upper()}": str(value) for name, value in settings.items()}
    return {**plain, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100", **given}


def sudstat(*arguments: object, **settings: object) -> Ended:
    """Run a command to its end, in this process: a quick stand-in for one of its own."""
    cleared = {name: None for name in os.environ if name.startswith("SUDSTAT_")}
    ended = CliRunner().invoke(cli, [*map(str, arguments)], env={**cleared, **environment(**settings)})
    assert ended.exception is None or isinstance(ended.exception, SystemExit), ended.exception
    return Ended(ended.exit_code, ended.stdout, ended.stderr)


def process(*arguments: object, program: str = PROGRAM, cwd: Path, **settings: object) -> Ended:
    """Run a command to its end, in a process of its own."""
    ended = subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        env=environment(**settings),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


@pytest.fixture(scope="module")
def place(server_url: str, template: str) -> Iterator[str]:
    """Address of one database for the commands of this file that need not have their own."""
    clone = cloned(server_url, template)
    url = asyncio.run(clone.__aenter__())
    yield url
    asyncio.run(clone.__aexit__())


@pytest.fixture
def run(place: str, tmp_path: Path) -> Run:
    """Runs a command on that database."""
    return lambda *arguments, **settings: sudstat(
        *arguments, **{"database_url": place, "data_dir": tmp_path / "data", **settings}
    )


@pytest.fixture
async def desk(place: str, tmp_path: Path) -> Desk:
    """An empty record in that database."""
    await empty(Database(place))
    return Desk(Database(place), tmp_path)


@pytest.fixture
def ask(desk: Desk) -> Ask:
    """Runs a command beside a test that is itself at work on the record."""
    return lambda *arguments: asyncio.to_thread(sudstat, *arguments, database_url=desk.database.url)


# ── Usage ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_every_command_has_help(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(cli, [*words, "--help"])
    assert shown.exit_code == 0
    assert "Usage:" in shown.output


@pytest.mark.parametrize(
    "arguments",
    [
        ("no-such-command",),
        ("verify", "--no-such-option"),
        ("verify", "--revision", "last"),
        ("ingest", "file.ndjson", "--layer", "court_card", "--source", "test"),
        ("ingest", "file.ndjson", "--layout", "xml", "--layer", "court_card", "--source", "test"),
        ("ingest", *TAKE),
        ("ingest", "file.ndjson", *TAKE, "--seen-on", "14.03.2023"),
        ("ingest", "file.ndjson", *TAKE, "--published-at", "yesterday"),
        ("ingest", "file.ndjson", *TAKE, "--on-refused", "ignore"),
        ("keys", "create", "--owner", "desk", "--scope", "everything"),
        ("keys", "create", "--owner", "desk", "--scope", "admin", "--expires", "soon"),
        ("keys", "create", "--owner", "desk"),
        ("keys", "rotate", "4fGh7Kq2LmNp", "--overlap", "-1d"),
        ("keys", "quota", "4fGh7Kq2LmNp", "--window", "minute", "--requests", "5"),
        ("serve", "--port", "70000"),
        ("serve", "--workers", "0"),
    ],
    ids=" ".join,
)
def test_wrong_usage_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    assert CliRunner().invoke(cli, arguments).exit_code == 2


# ── Ingest ─────────────────────────────────────────────────────────────────────────────────────


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


async def test_ingest_says_what_it_did_and_validate_only_writes_nothing(desk: Desk, ask: Ask) -> None:
    path = write(desk.folder / "cases.ndjson", case(received_on="2023-03-14"), case("1-2/2023"))
    tried = await ask("ingest", path, *TAKE, "--validate-only", "--json")
    assert (tried.status, tried.err) == (0, "")
    receipt = json.loads(tried.out)
    assert (receipt["applied"], receipt["counts"]["created"]) == (False, 2)
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM batches")) == (0, 0)

    taken = await ask("ingest", path, *TAKE, "--published-at", "2023-07-19T10:00:00Z", "--synthetic")
    assert (taken.status, taken.err) == (0, "")
    assert taken.out.splitlines()[0] == "cases.ndjson: revision 1"
    (row,) = await desk.fetch("SELECT published_at::text, is_backdated, is_synthetic FROM revisions")
    assert row == {"published_at": "2023-07-19 10:00:00+00", "is_backdated": True, "is_synthetic": True}

    late = await ask("ingest", write(path, case("1-3/2023")), *TAKE, "--published-at", "2023-07-18")
    assert late.told == "sudstat: The time of publication is before the last revision's, 2023-07-19T10:00:00Z."
    assert await desk.revision() == 1


async def test_refused_rows_reject_the_file_or_are_listed_beside_it_without_a_name(desk: Desk, ask: Ask) -> None:
    bird = {"names": f"{CANARY} И.И. - ст.337 ч.5 УК РФ", "judge": CANARY}
    bad = card("1-1/2023", guid=GUIDS[0], cui=UID, **{**bird, "entryDate": f"31.02.2023 {CANARY}"})
    path = write(desk.folder / "scrape.json", bad, card("1-2/2023", **bird))
    take = ("--layout", "sudrfscraper", "--layer", "court_card", "--source", "test")
    listed = path.with_name("scrape.json.refused.csv")

    rejected = await ask("ingest", path, *take)
    assert (rejected.status, await desk.revision(), listed.exists()) == (1, 0, False)
    assert rejected.err.startswith("line 1 /entryDate: bad-date: ")

    tried = await ask("ingest", path, *take, "--on-refused", "skip", "--validate-only")
    assert (tried.status, await desk.revision(), listed.exists()) == (0, 0, False)

    skipped = await ask("ingest", path, *take, "--on-refused", "skip", "--json")
    assert (skipped.status, json.loads(skipped.out)["revision"]) == (0, 1)
    header, row = csv.reader(listed.read_text(encoding="utf-8").splitlines())
    assert header == ["place", "code", "detail", "court", "number", "uid"]
    assert [*row[:2], *row[3:]] == ["line 1 /entryDate", "bad-date", GROZNY, "1-1/2023", UID]
    listed.unlink()

    again = await ask("ingest", path, *take, "--on-refused", "skip")  # changes nothing, and refuses the same
    assert (again.status, listed.exists()) == (0, True)
    for ended in (rejected, tried, skipped, again):
        assert CANARY not in ended.out + ended.err + listed.read_text(encoding="utf-8")


async def test_a_file_shows_what_it_moves_and_is_refused_where_it_would_change_too_much(desk: Desk, ask: Ask) -> None:
    path = desk.folder / "cases.ndjson.gz"
    rows = [case(f"1-{n}/2023", received_on="2023-03-14") for n in range(1, 4)]
    path.write_bytes(gzip.compress("".join(json.dumps(row) + "\n" for row in rows).encode()))
    tried = await ask("ingest", path, *TAKE, "--validate-only", "--max-affected", 0)
    assert (tried.status, await desk.revision()) == (0, 0)
    assert re.search(r"2023-W11 +│ cases_received +│ 0 +│ 3 ", tried.out)
    assert (await ask("ingest", path, *TAKE)).status == 0

    other = write(desk.folder / "other.ndjson", *({**row, "received_on": "2023-03-21"} for row in rows))
    ended = await ask("ingest", other, *TAKE, "--max-affected", 2)
    assert ended.told.startswith("sudstat: The batch would change 3 existing cases, and max_affected allows 2.")
    assert await desk.revision() == 1
    assert (await ask("ingest", other, *TAKE, "--max-affected", 3)).status == 0


async def test_several_files_are_as_many_revisions_up_to_the_first_that_is_refused(desk: Desk, ask: Ask) -> None:
    good, bad, later = (
        write(desk.folder / f"{name}.ndjson", row)
        for name, row in (("good", case()), ("bad", case(court="nowhere")), ("later", case("1-2/2023")))
    )
    ended = await ask("ingest", good, bad, later, *TAKE)
    assert (ended.status, await desk.revision()) == (1, 1)
    assert "line 1 /court: court-unknown" in ended.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("none.ndjson", *TAKE), "sudstat: {}/none.ndjson: there is no such file"),
        (
            ("rows.xml", *TAKE),
            "sudstat: rows.xml: layout house takes files ending in .json, .ndjson, .jsonl, .csv, .xlsx",
        ),
        (
            ("cases.ndjson", *TAKE, "--published-at", "2999-01-01"),
            "sudstat: The time of publication is in the future.",
        ),
        (
            ("cases.ndjson", *TAKE, "--seen-on", "2999-01-01"),
            "sudstat: the day of seeing, 2999-01-01, is in the future",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, tuple) else "",
)
def test_what_cannot_be_taken_is_told_in_one_line(
    run: Run, tmp_path: Path, arguments: tuple[str, ...], line: str
) -> None:
    write(tmp_path / "cases.ndjson", case("1-99/2023"))
    assert run("ingest", tmp_path / arguments[0], *arguments[1:]).told == line.format(tmp_path)


# ── Verify, keys, documents ────────────────────────────────────────────────────────────────────


async def test_verify_ends_with_status_1_once_a_row_of_the_ledger_was_changed(desk: Desk, ask: Ask) -> None:
    await desk.house(case(received_on="2023-03-14", defendants=[person("337:5")]))
    clean = await ask("verify")
    assert (clean.status, clean.out) == (0, "Revision 1: 1 cases recounted, everything agrees.\n")
    async with desk.database.owner() as connection:
        await connection.execute("UPDATE ledger SET day = day + 1 WHERE persons = 1")
    torn = await ask("verify", "--revision", 1)
    assert (torn.status, torn.out) == (1, "")
    assert torn.err.splitlines()[0].startswith("ledger: ")
    assert torn.err.splitlines()[-1].startswith("sudstat: revision 1 does not agree with its statements: ")
    missing = await ask("verify", "--revision", 2)
    assert missing.told == "sudstat: There is no revision 2; the last is 1."


def test_keys_create_prints_the_key_alone(place: str, tmp_path: Path) -> None:
    asked = ("--owner", "desk", "--scope", "ingest", "--scope", "curate", "--expires", "365d")
    made = process("keys", "create", *asked, cwd=tmp_path, database_url=place)
    assert (made.status, made.err) == (0, "")
    assert re.fullmatch(r"sud_[A-Za-z0-9]+_[A-Za-z0-9]+\n", made.out)


def test_keys_are_listed_rotated_given_a_quota_and_revoked(run: Run) -> None:
    key = run("keys", "create", "--scope", "admin").out.strip()
    key_id = key.split("_")[1]
    rotated = run("keys", "rotate", key_id)
    assert re.fullmatch(rf"sud_{key_id}_[A-Za-z0-9]+\n", rotated.out)
    assert (rotated.out.strip() != key, "7 days" in rotated.err) == (True, True)
    assert (
        "60 requests a minute"
        in run("keys", "quota", key_id, "--window", "minute", "--requests", 60, "--why", "a slow client").out
    )
    (told,) = [each for each in json.loads(run("keys", "list", "--json").out) if each["id"] == key_id]
    assert (told["owner"], told["quotas"][0]["why"]) == (getpass.getuser(), "a slow client")
    assert key_id in run("keys", "list").out
    assert run("keys", "revoke", key_id).out == f"{key_id} is revoked.\n"
    assert "revoked_by" in run("keys", "list", "--json").out
    assert key[-38:] not in run("keys", "list", "--json").out + run("keys", "list").out
    assert run("keys", "revoke", "nobody").told == "sudstat: There is no key nobody."


def test_migrate_and_openapi_print_what_they_are_for(run: Run) -> None:
    assert re.fullmatch(r"The database is at migration \w+\.\n", run("migrate").out)
    assert json.loads(run("openapi").out)["openapi"].startswith("3.1")


# ── What is wrong with the place ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        ({"database_url": "postgresql://sudstat:hidden@127.0.0.1:1/x"}, r"sudstat: cannot reach Postgres: .*"),
        ({"database_url": "hidden"}, r"sudstat: SUDSTAT_DATABASE_URL is no address such as postgresql://.*"),
        ({"database_url": "mysql://hidden@host/x"}, r"sudstat: SUDSTAT_DATABASE_URL is no address such as .*"),
        ({"database_url": "postgresql://u:hidden@host:port/x"}, r"sudstat: SUDSTAT_DATABASE_URL is no address .*"),
        ({"port": "hidden"}, r"sudstat: SUDSTAT_PORT: Input should be a valid integer.*"),
    ],
    ids=lambda value: "",
)
def test_a_wrong_setting_is_told_in_one_line_that_does_not_repeat_it(
    run: Run, settings: dict[str, str], line: str
) -> None:
    said = run("verify", **settings).told
    assert re.fullmatch(line, said)
    assert "hidden" not in said


def test_a_database_that_lets_us_not_in_is_told_in_one_line(run: Run, place: str) -> None:
    name = place.partition("?")[0].rsplit("/", 1)[1]
    said = run("verify", database_url=place.replace(name, "no_such_database")).told
    assert said == 'sudstat: Postgres says: database "no_such_database" does not exist'


@pytest.mark.parametrize("kind", ["read-only", "file"])
def test_a_data_folder_that_cannot_be_used_is_told_in_one_line(kind: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        data = Path(folder) / "data"
        if kind == "file":
            data.touch()
        else:
            data.mkdir(mode=0o555)
        program = f"import os; from app.cli import main; os.geteuid() or os.setuid({NOBODY}); main()"
        assert str(data) in process("verify", program=program, cwd=Path(folder), data_dir=data).told


# ── Serving ────────────────────────────────────────────────────────────────────────────────────


def free_port() -> int:
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def started(*arguments: object, cwd: Path, **settings: object) -> "Iterator[subprocess.Popen[str]]":
    """A command at work, in a process group of its own as under a terminal; killed at the end if it still is."""
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        env=environment(**settings),
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def press_ctrl_c(process: "subprocess.Popen[str]") -> tuple[str, str]:
    os.killpg(process.pid, signal.SIGINT)
    return process.communicate(timeout=30)


def status_of(port: int, path: str = "/healthz") -> int:
    deadline = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as reply:
                return int(reply.status)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def has_server(folder: Path) -> bool:
    """Whether a Postgres, or its keeper, is at work in a data folder."""
    with (folder / "keeper.lock").open("r+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def test_a_port_in_use_is_told_before_anything_is_started(run: Run, tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = run("serve", "--port", port, database_url="postgresql://nowhere.invalid/x").told
    assert said.startswith(f"sudstat: cannot listen on 127.0.0.1:{port}: Address already in use; ")
    assert not (tmp_path / "data").exists()


def test_a_server_with_its_own_postgres_shares_the_folder_and_leaves_nothing_running(tmp_path: Path) -> None:
    folder, port, other_port = tmp_path / "data", free_port(), free_port()
    with started("serve", "--port", port, cwd=tmp_path, data_dir=folder) as server:
        assert status_of(port) == 200
        assert "Address already in use" in sudstat("serve", "--port", port, data_dir=folder).told
        with started("serve", "--port", other_port, cwd=tmp_path, data_dir=folder) as second:
            assert status_of(other_port, "/readyz") == 200
            press_ctrl_c(second)
        taken = sudstat("ingest", write(tmp_path / "a.ndjson", case()), *TAKE, data_dir=folder)
        assert (taken.status, has_server(folder)) == (0, True)
        assert status_of(port, "/v1/statistics") == 200
        out, err = press_ctrl_c(server)
        assert "Traceback" not in out + err
        assert f"http://127.0.0.1:{port}" in out.splitlines()[0]
        assert [line for line in err.splitlines() if not line.startswith("{")] == ["Stopped."]  # after the requests
    assert not has_server(folder)


def test_two_workers_serve_and_stop_together(tmp_path: Path, place: str) -> None:
    port = free_port()
    settings: dict[str, Any] = {"cwd": tmp_path, "database_url": place, "data_dir": tmp_path / "data"}
    with started("serve", "--port", port, "--workers", 2, **settings) as server:
        assert status_of(port) == 200
        out, err = press_ctrl_c(server)
        assert "Traceback" not in out + err
    with closing(socket.socket()) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a closed connection may linger; a listener may not
        sock.bind(("127.0.0.1", port))


def test_a_key_that_is_revoked_from_the_command_line_is_refused_by_every_worker_at_once(
    run: Run, tmp_path: Path, place: str
) -> None:
    port = free_port()
    key = run("keys", "create", "--owner", "desk", "--scope", "admin").out.strip()
    settings: dict[str, Any] = {"cwd": tmp_path, "database_url": place, "data_dir": tmp_path / "data"}

    headers = {"Authorization": f"Bearer {key}", "Via": "1.1 a proxy"}

    def asked(connection: HTTPConnection) -> tuple[int, str]:
        connection.request("GET", "/metrics", headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()

    with started("serve", "--port", port, "--workers", 2, **settings) as server:
        assert status_of(port) == 200
        to_each, deadline = dict[str, HTTPConnection](), time.monotonic() + 30  # a lasting connection meets one worker
        while len(to_each) < 2 and time.monotonic() < deadline:
            connection = HTTPConnection("127.0.0.1", port, timeout=20)
            status, text = asked(connection)
            assert status == 200
            if to_each.setdefault(re.findall(r'worker="(\w+)"', text)[0], connection) is not connection:
                connection.close()
        assert len(to_each) == 2
        assert run("keys", "revoke", key.split("_")[1]).status == 0
        revoked_at = time.monotonic()
        while {asked(connection)[0] for connection in to_each.values()} != {401}:
            assert time.monotonic() < revoked_at + POLL_S / 2  # by the notice, then, and not by the poll
        for connection in to_each.values():
            connection.close()
        press_ctrl_c(server)


def test_a_worker_that_starts_slowly_is_not_replaced(tmp_path: Path, place: str) -> None:
    slow = "import sys, time\nif 'multiprocessing.spawn' in ' '.join(sys.orig_argv):\n    time.sleep(7)\n"
    (tmp_path / "sitecustomize.py").write_text(slow, encoding="utf-8")
    port, path = free_port(), os.pathsep.join((str(tmp_path), str(ROOT)))
    settings: dict[str, Any] = {"cwd": tmp_path, "database_url": place, "data_dir": tmp_path / "data"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys.modules[__name__], "ROOT", path)
        with started("serve", "--port", port, "--workers", 2, **settings) as process:
            assert status_of(port) == 200  # by a process that slept, and was let sleep
            assert "Traceback" not in "".join(press_ctrl_c(process))


_WAITING = "SELECT true FROM pg_locks WHERE NOT granted AND relation = 'ledger'::regclass"


async def test_ctrl_c_during_an_ingest_is_one_line_and_takes_nothing(desk: Desk) -> None:
    path = write(desk.folder / "cases.ndjson", case(received_on="2023-03-14"))
    async with desk.database.owner() as gate, gate.transaction():
        await gate.execute("LOCK TABLE ledger IN SHARE MODE")  # holds the ingest up in the middle
        with started("ingest", path, *TAKE, cwd=desk.folder, database_url=desk.database.url) as ingest:
            await until(lambda: desk.value(_WAITING))
            out, err = await asyncio.to_thread(press_ctrl_c, ingest)
            assert (ingest.returncode, out, err) == (130, "", "Stopped.\n")
    await until(lambda: desk.value("SELECT true WHERE NOT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory')"))
    assert (await desk.revision(), await desk.value("SELECT count(*) FROM statements")) == (0, 0)
