"""A batch in a process of its own: parsing and merging never keep a server from its readers.

The process is told what to do on standard input, and hands back what became of it on standard output. It is killed
where nobody waits any more. A batch is one transaction: whatever is killed, it is there whole or not at all.
"""

import asyncio
import pickle
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfileobj
from tempfile import NamedTemporaryFile
from typing import Any, BinaryIO

from app.db.away import is_database_away
from app.db.database import Database
from app.errors import Problem, Unavailable, all_problems
from app.ingest.batch import IngestError, ingest_file
from app.ingest.encodings import Limits
from app.ingest.idempotency import AlreadyAnswered, Answered, Claim, answer_of
from app.ingest.receipt import Options

_PROGRAM = "from app.ingest.apart import main; main()"
_CAN_RETRY = (
    " Whether the batch was taken is not known. Send it again, with the same Idempotency-Key if it had one:"
    " a batch that was taken changes nothing the second time."
)


@dataclass(frozen=True, slots=True)
class Job:
    """One batch to be taken; `encoding` and `is_gzip` as for `ingest_file`."""

    database_url: str
    encoding: str
    is_gzip: bool | None
    options: Options
    claim: Claim | None
    limits: Limits
    writer_wait_s: float
    removal_key: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a batch was not taken: its receipt where rows were refused, else a fault of the whole file."""

    detail: str
    code: str
    place: str
    receipt: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """A problem on its way between processes."""

    slug: str
    problem: dict[str, Any]
    members: dict[str, Any]


Taken = Answered | Refusal


async def take_apart(job: Job, body: BinaryIO) -> tuple[Taken, bool]:
    """Take a batch from an open file, in a process of its own.

    Returns what became of it, and whether that is an answer given before.
    Errors  the problems of `ingest_file` and of its claim; Unavailable where the database went away;
            RuntimeError where the process failed, which has said why on standard error
    """
    told = await _run(pickle.dumps((job, body.fileno())), body.fileno())
    if isinstance(told, _Told):
        kinds: dict[str, type[Problem]] = {kind.slug: kind for kind in all_problems()}
        raise kinds[told.slug](**told.problem, **told.members)
    taken: tuple[Taken, bool] = told
    return taken


async def _run(job: bytes, file: int) -> Any:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-c", _PROGRAM,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        pass_fds=(file,),
        start_new_session=True,  # Ctrl-C is for the server, which lets its requests end
    )  # fmt: skip
    try:
        out, _ = await process.communicate(job)
    except BaseException:
        process.kill()
        await process.wait()
        raise
    if process.returncode:
        raise RuntimeError(f"the process of a batch ended with status {process.returncode}")
    return pickle.loads(out)  # noqa: S301 (from our own process)  # nosec B301


def main() -> None:
    """What the process does."""
    job, file = pickle.load(sys.stdin.buffer)  # noqa: S301 (from the server that started us)  # nosec B301
    sys.stdout.buffer.write(pickle.dumps(asyncio.run(_take(job, file))))


async def _take(job: Job, file: int) -> tuple[Taken, bool] | _Told:
    try:
        with _path_of(file) as path:
            return await _ingest(job, path)
    except AlreadyAnswered as already:
        return already.answered, True
    except IngestError as error:
        return Refusal(error.detail, error.code, error.place), False
    except Problem as problem:
        return _told(problem)
    except Exception as error:
        if not is_database_away(error):
            raise
        detail = "The database went away or does not answer in time."
        return _told(Unavailable(detail + _CAN_RETRY, headers={"Retry-After": "5"}))


async def _ingest(job: Job, path: Path) -> tuple[Taken, bool]:
    receipt = await ingest_file(
        Database(job.database_url, removal_key=job.removal_key),
        path,
        job.options,
        encoding=job.encoding,
        is_gzip=job.is_gzip,
        limits=job.limits,
        writer_wait_s=job.writer_wait_s,
        claim=job.claim,
    )
    if receipt.is_refused and not job.options.is_trial:
        first = receipt.tallied.refused[0]
        return Refusal(first.detail, first.code, first.place, receipt.as_json()), False
    return answer_of(receipt), False


def _told(problem: Problem) -> _Told:
    said = {"detail": problem.detail, "faults": problem.faults, "headers": problem.headers}
    return _Told(problem.slug, said, problem.members)


@contextmanager
def _path_of(file: int) -> Iterator[Path]:
    """A path by which an open file without a name can be opened again; where there is no such path, that of a copy."""
    path = Path(f"/proc/self/fd/{file}")
    if path.exists():
        yield path
        return
    with NamedTemporaryFile(prefix="sudstat-") as copy:
        with open(file, "rb") as source:
            source.seek(0)
            copyfileobj(source, copy)
        copy.flush()
        yield Path(copy.name)
