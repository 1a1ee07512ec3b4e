"""What commands share: the database they work on, and mistakes said plainly."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, NoReturn, ParamSpec
from urllib.parse import urlsplit

import asyncpg
import typer
from pydantic import ValidationError

from app import migrations
from app.cli import early
from app.cli.printing import err
from app.cli.starting import CannotStart
from app.db.database import Database
from app.db.embedded import EmbeddedError, embedded_postgres
from app.errors import Problem
from app.ingest.batch import IngestError
from app.ingest.restate import bring_method
from app.settings import Settings

P = ParamSpec("P")


def said_plainly(command: Callable[P, None]) -> Callable[P, None]:
    """Turn what a person can mend into one line on standard error and exit status 1."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except KeyboardInterrupt:
            err.print("Stopped.")
            raise typer.Exit(130) from None
        except tuple(_PLAINLY) as error:
            fail(next(plainly(error) for kind, plainly in _PLAINLY.items() if isinstance(error, kind)))

    return run


def _of_postgres(error: BaseException | None) -> str:
    return f"Postgres says: {str(error).partition(chr(10))[0] or type(error).__name__}"


def _of_settings(error: ValidationError) -> str:
    wrong = ((fault["loc"], fault["msg"]) for fault in error.errors(include_input=False))
    return "; ".join(f"SUDSTAT_{'_'.join(map(str, where)).upper()}: {what}" for where, what in wrong)


_PLAINLY: dict[type[Exception], Callable[[Any], str]] = {
    **dict.fromkeys((EmbeddedError, IngestError, CannotStart, Problem), str),
    asyncpg.PostgresError: _of_postgres,
    migrations.CannotMigrate: _of_postgres,
    ValidationError: _of_settings,
    OSError: lambda error: f"{error.filename or 'the system'}: {error.strerror or error}",
}


def fail(message: str) -> NoReturn:
    """One line on standard error, exit status 1."""
    err.print(f"sudstat: {message}", style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


@contextmanager
def prepared(settings: Settings) -> Iterator[str]:
    """The address of a database at this release: the one given, else the embedded server, which is started."""
    with opened(settings) as url:
        prepare(url)
        yield url


def prepare(url: str) -> None:
    """Bring a database to this release: tables, courts and offences, and what counts."""
    try:
        migrations.upgrade(url)
    except OSError as error:
        raise CannotStart(f"cannot reach Postgres: {error.strerror or error}; look at SUDSTAT_DATABASE_URL") from None
    asyncio.run(bring_method(Database(url)))


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The address of the database, before anything is done to it."""
    if settings.database_url is not None:
        yield _checked(settings.database_url.get_secret_value())
    else:
        with embedded_postgres(settings.data_dir) as url:
            early.taken()
            yield url


def _checked(url: str) -> str:
    """An address of a Postgres; what is none is not shown, because it may hold a password."""
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in ("postgresql", "postgres") and (parts.port is None or parts.port > 0)
    except ValueError:
        is_one = False
    if not is_one:
        raise CannotStart("SUDSTAT_DATABASE_URL is no address such as postgresql://user:password@host:5432/name")
    return url
