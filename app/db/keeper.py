"""The keeper of one Postgres server: makes its cluster, starts it, stops it when its last user has left.

Its own process and session, so that Ctrl-C in a terminal reaches neither it nor Postgres, and kill -9 of
every user leaves no orphan. Started by path with `-I -S`: only the standard library, nothing of ours.
"""

import ctypes
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote

SUPERUSER = DATABASE = "sudstat"
SOCKET_LIMIT_BYTES = 107
MIB = 1024 * 1024
CLUSTER_BYTES = 128 * MIB
NOTHING_BYTES = 1 * MIB
PREDECESSOR_LIMIT_S = 120.0
STOP_LIMIT_S = 300.0
LOG_LIMIT_BYTES = 16 * MIB
PR_SET_PDEATHSIG = 1
COMPLAINT = re.compile(r"(?:FATAL|PANIC|ERROR|error|could not)\b.*")


class KeeperError(Exception):
    """Why the server cannot run, in one line."""


@dataclass(frozen=True)
class Account:
    """As whom a program runs: a command put before it, and a user and group id (None: as we are)."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


@dataclass(frozen=True)
class Plan:
    """All that a keeper needs to know; paths are absolute. The descriptors are open and hold their locks."""

    folder: str
    home: str
    bin_dir: str
    runner: Account
    maker: Account
    settings: Mapping[str, str]
    keeper_fd: int = -1
    start_fd: int = -1
    report_fd: int = -1

    @property
    def cluster(self) -> Path:
        """Where Postgres keeps its files."""
        return Path(self.home, "pg")

    def to_json(self) -> str:
        """Give the plan as one argument of a command line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "Plan":
        """Read what `to_json` wrote."""
        content = json.loads(text)
        accounts = {
            name: Account(**{**content[name], "prefix": tuple(content[name]["prefix"])}) for name in ("runner", "maker")
        }
        return cls(**{**content, **accounts})


def keep(plan: Plan) -> None:
    """Run the server of a plan until its last user has left; report its address, or why not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        _make_cluster(plan)
        _wait_for_predecessor(plan.cluster)
        with _run_dir(plan) as run_dir:
            server = _start(plan, run_dir)
            _announce(plan, _url(run_dir))
            threading.Thread(target=_stop_when_alone, args=(plan, server), daemon=True).start()
            server.wait()
        os.close(plan.keeper_fd)
    except (KeeperError, OSError) as error:
        # Before the report: whoever reads it may unmount the disk at once.
        os.close(plan.keeper_fd)
        os.close(plan.start_fd)
        _report(plan, error=_explain(plan, str(error)))


def _stop_when_alone(plan: Plan, server: "subprocess.Popen[bytes]") -> None:
    users = os.open(Path(plan.folder, "users.lock"), os.O_RDWR | os.O_CLOEXEC)
    # Never closed by hand: newcomers wait on it until this process has ended.
    fcntl.flock(users, fcntl.LOCK_EX)
    os.ftruncate(plan.keeper_fd, 0)
    server.send_signal(signal.SIGINT)
    time.sleep(STOP_LIMIT_S)
    server.send_signal(signal.SIGQUIT)


def _announce(plan: Plan, url: str) -> None:
    os.pwrite(plan.keeper_fd, f"{url}\n{os.getpid()}\n".encode(), 0)
    _report(plan, url=url)
    os.close(plan.start_fd)


def _report(plan: Plan, **message: str) -> None:
    # The starter may have been killed: others may wait, and if none does, the server stops at once.
    with suppress(BrokenPipeError):
        os.write(plan.report_fd, json.dumps(message).encode())
    os.close(plan.report_fd)


def _make_cluster(plan: Plan) -> None:
    if (plan.cluster / "PG_VERSION").exists():
        return
    _require_space(Path(plan.home))
    new = Path(plan.home, "pg.new")
    if new.exists():
        shutil.rmtree(new)
    _give(Path(plan.home), plan.maker)
    _initdb(plan, new)
    for path in (new, *new.rglob("*")):
        _give(path, plan.runner)
    _give(Path(plan.home), plan.runner)
    new.rename(plan.cluster)
    _link(plan)
    _sync(Path(plan.home))


def _initdb(plan: Plan, new: Path) -> None:
    is_durable = plan.settings.get("fsync") != "off"
    options = ["-U", SUPERUSER, "-E", "UTF8", "--no-locale", "--auth-local=trust", "--auth-host=reject"]
    zone = ["-c", "timezone=UTC", "-c", "log_timezone=UTC", "--no-instructions"]
    _run(plan, "initdb", "-D", str(new), *options, *zone, *([] if is_durable else ["--no-sync"]))
    single = ["--single", "-D", str(new), *([] if is_durable else ["-F"]), "postgres"]
    _run(plan, "postgres", *single, sentence=f"CREATE DATABASE {DATABASE}\n")


def _link(plan: Plan) -> None:
    link = Path(plan.folder, "pg")
    if link != plan.cluster:
        link.symlink_to(plan.cluster)


def _run(plan: Plan, program: str, *arguments: str, sentence: str = "") -> None:
    done = subprocess.run(  # noqa: S603  our own program
        [*plan.maker.prefix, f"{plan.bin_dir}/{program}", *arguments],
        input=sentence.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
        **_identity(plan.maker, signal.SIGKILL),
    )
    output = done.stdout.decode(errors="replace")
    if done.returncode or re.search(r"\b(ERROR|FATAL|PANIC):", output):
        with _log(Path(plan.folder, "postgres.log")) as log:
            log.write(done.stdout)
        raise KeeperError(_complaint(output) or f"{program} ended with {done.returncode}")


def _identity(account: Account, signal_number: signal.Signals) -> dict[str, Any]:
    own: dict[str, Any] = {
        "cwd": "/",
        "env": {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        "preexec_fn": _die_with_parent(signal_number),
    }
    if account.uid is not None:
        own |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return own


def _die_with_parent(signal_number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl, parent = ctypes.CDLL(None).prctl, os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(signal_number), 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)

    return ask_kernel


def _wait_for_predecessor(cluster: Path) -> None:
    """Wait until the processes of a killed keeper's server are gone, and forget its pid.

    Postgres alone would refuse to start when another process of ours got that pid meanwhile.
    """
    pid_file = cluster / "postmaster.pid"
    if sys.platform != "linux" or not pid_file.exists():
        return
    deadline = time.monotonic() + PREDECESSOR_LIMIT_S
    while found := list(_servers_in(cluster)):
        if time.monotonic() > deadline:
            raise KeeperError(f"another Postgres (process {found[0]}) runs on {cluster}: stop that one first")
        time.sleep(0.02)
    pid_file.unlink(missing_ok=True)


def _servers_in(cluster: Path) -> Iterator[int]:
    home = os.path.realpath(cluster)
    for entry in Path("/proc").iterdir():
        # A server and its children stand in their cluster; so may somebody's shell. Others' we may not see.
        with suppress(OSError):
            stands_here = entry.name.isdigit() and str((entry / "cwd").readlink()) == home
            if stands_here and (entry / "exe").readlink().name.startswith("postgres"):
                yield int(entry.name)


@contextmanager
def _run_dir(plan: Plan) -> Iterator[Path]:
    run_dir = Path(plan.home, "run")
    # A comma separates hosts in a URL and folders in Postgres' own list.
    is_usable = len(os.fsencode(run_dir / ".s.PGSQL.5432")) <= SOCKET_LIMIT_BYTES and "," not in str(run_dir)
    if not is_usable:
        run_dir = Path(tempfile.mkdtemp(prefix="sudstat-", dir="/tmp"))  # TMPDIR may be long too  # nosec B108
    run_dir.mkdir(mode=0o700, exist_ok=True)
    _give(run_dir, plan.runner)
    try:
        yield run_dir
    finally:
        if not is_usable:
            shutil.rmtree(run_dir, ignore_errors=True)


def _url(run_dir: Path) -> str:
    return f"postgresql://{SUPERUSER}@/{DATABASE}?host={quote(str(run_dir))}&port=5432"


def _start(plan: Plan, run_dir: Path) -> "subprocess.Popen[bytes]":
    log_path = Path(plan.folder, "postgres.log")
    with _log(log_path) as log:
        begun = log.tell()
        server = _launch(plan, run_dir, log)
    while not _is_ready(plan.cluster, server.pid):
        if server.poll() is not None:
            said = log_path.read_bytes()[begun:].decode(errors="replace")
            raise KeeperError(_complaint(said) or f"Postgres ended with {server.returncode}")
        time.sleep(0.01)
    return server


def _launch(plan: Plan, run_dir: Path, log: BinaryIO) -> "subprocess.Popen[bytes]":
    sockets = {"listen_addresses": "", "port": "5432", "unix_socket_directories": str(run_dir)}
    settings = {**sockets, **plan.settings}
    return subprocess.Popen(  # noqa: S603  our own program
        [
            *plan.runner.prefix,
            f"{plan.bin_dir}/postgres",
            f"-D{plan.cluster}",
            *(f"--{name}={value}" for name, value in settings.items()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        **_identity(plan.runner, signal.SIGINT),
    )


def _log(path: Path) -> BinaryIO:
    if path.exists() and path.stat().st_size > LOG_LIMIT_BYTES:
        path.replace(path.with_suffix(".log.1"))
    log = path.open("ab")
    owner = path.parent.stat()
    if os.geteuid() == 0:
        os.fchown(log.fileno(), owner.st_uid, owner.st_gid)
    os.fchmod(log.fileno(), 0o600)
    return log


def _is_ready(cluster: Path, pid: int) -> bool:
    try:
        lines = (cluster / "postmaster.pid").read_text().split("\n")
    except FileNotFoundError:
        return False
    return lines[0] == str(pid) and len(lines) > 7 and lines[7].strip() == "ready"


def _complaint(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    found = [match.group() for line in lines if (match := COMPLAINT.search(line))]
    return (found or lines or [""])[-1]


def _explain(plan: Plan, reason: str) -> str:
    free, needed = _free_bytes(Path(plan.home)), CLUSTER_BYTES // MIB
    # On a full disk the log may hold nothing: then the free space has to tell.
    if "No space left" in reason or "Disk quota" in reason or free < NOTHING_BYTES:
        full = f"The disk of {plan.home} is full ({free // MIB} MiB free)"
        return f"{full}: free at least {needed} MiB there, or choose another data folder"
    return f"Postgres does not start in {plan.folder}: {reason} (more in {plan.folder}/postgres.log)"


def _require_space(home: Path) -> None:
    if _free_bytes(home) < CLUSTER_BYTES:
        raise KeeperError("No space left for a new database")


def _free_bytes(home: Path) -> int:
    disk = os.statvfs(home)
    return disk.f_bavail * disk.f_frsize


def _give(path: Path, account: Account) -> None:
    if account.uid is not None and account.gid is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


if __name__ == "__main__" and os.fork() == 0:
    # Forked, so that the starter has no child to wait for when the server ends.
    keep(Plan.from_json(sys.argv[1]))
