"""The commands of `sudstat`."""

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Literal, ParamSpec

import asyncpg
import typer
from pydantic import ValidationError
from rich.progress import DownloadColumn
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from app import migrations
from app.access.keys import SCOPES, create_key
from app.api.openapi import openapi_document
from app.cli.printing import err, list_refused, out, progress, show_receipt
from app.cli.serving import CannotStart, listening, serve_on
from app.db.database import Database
from app.db.embedded import EmbeddedError, embedded_postgres
from app.demo.build import DemoError, build, empty, is_finished, only_builder
from app.errors import Problem
from app.ingest.batch import IngestError, ingest_file
from app.ingest.encodings import Limits
from app.ingest.receipt import Options, Receipt
from app.ingest.restate import bring_reference
from app.settings import Settings
from app.statistics.verify import Verdict
from app.statistics.verify import verify as recount

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Prosecution statistics from curated court records: every number is an address.",
)
keys = typer.Typer(no_args_is_help=True, help="Keys of callers.")
cli.add_typer(keys, name="keys")
P = ParamSpec("P")
LayoutId = Literal["house", "sudrfscraper"]
LayerId = Literal["court_card", "newsroom"]


def main() -> None:
    """Entry point of the `sudstat` command."""
    cli()


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
    **dict.fromkeys((EmbeddedError, IngestError, DemoError, CannotStart, Problem), str),
    asyncpg.PostgresError: _of_postgres,
    DBAPIError: lambda error: _of_postgres(error.orig),
    ValidationError: _of_settings,
    OSError: lambda error: f"{error.filename or 'the system'}: {error.strerror or error}",
}


def fail(message: str) -> None:
    """One line on standard error, exit status 1."""
    err.print(f"sudstat: {message}", style="red", highlight=False, markup=False, soft_wrap=True)
    raise typer.Exit(1)


@cli.command()
@said_plainly
def demo(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    build_only: Annotated[bool, typer.Option("--build-only", help="Build the record and stop.")] = False,
) -> None:
    """Build the synthetic demonstration record (once), and serve it."""
    settings = Settings()
    if "SUDSTAT_DATA_DIR" not in os.environ:
        settings = settings.model_copy(update={"data_dir": Path(".sudstat-demo")})
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    sock = None if build_only else listening(settings)
    with opened(settings) as url:
        build_demonstration(url, settings.data_dir)
        if sock is None:
            return
        out.print("The record is synthetic: invented, and marked so in every answer.")
        out.print("A key with scope admin, shown only here:")
        out.print(asyncio.run(_create_key(url, "demo", ["admin"], None)), highlight=False, soft_wrap=True)
        serve_on(sock, settings, url)


def build_demonstration(url: str, folder: Path) -> None:
    """Bring a database to hold the demonstration record; one that is there is left as it is."""
    database = Database(url)
    with only_builder(folder):
        prepare(url)
        if asyncio.run(is_finished(database, folder)):
            return
        asyncio.run(empty(database))
        with progress() as bar:
            task = bar.add_task("Building the demonstration record", total=None)
            asyncio.run(
                build(
                    database,
                    folder,
                    on_step=lambda done, total: bar.update(task, completed=done, total=total),
                )
            )


@cli.command()
@said_plainly
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Worker processes.")] = None,
) -> None:
    """Serve the record over HTTP."""
    given = {"host": host, "port": port, "workers": workers}
    settings = Settings().model_copy(update={name: value for name, value in given.items() if value is not None})
    sock = listening(settings)
    with prepared(settings) as url:
        serve_on(sock, settings, url)


@cli.command()
@said_plainly
def migrate() -> None:
    """Bring the database to this release: tables, courts and offences."""
    with prepared(Settings()):
        out.print(f"The database is at migration {migrations.head()}.")


@cli.command()
@said_plainly
def ingest(
    files: Annotated[list[Path], typer.Argument(help="Files to take in, in this order; each is one revision.")],
    layout: Annotated[LayoutId, typer.Option(help="Shape of the rows.")],
    layer: Annotated[LayerId, typer.Option(help="Whose word it is.")],
    source: Annotated[str, typer.Option(help="Who made the files, such as a scraper's name.")],
    seen_on: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day the rows were seen.")] = None,
    published_at: Annotated[
        str | None,
        typer.Option(help="Instant of publication, for synthetic or archive revisions: marks them backdated."),
    ] = None,
    synthetic: Annotated[bool, typer.Option("--synthetic", help="Mark the revision as demonstration data.")] = False,
    validate_only: Annotated[bool, typer.Option("--validate-only", help="Show the receipt, write nothing.")] = False,
    on_refused: Annotated[
        Literal["reject", "skip"],
        typer.Option(help="Refuse the whole file for one bad row, or skip such rows."),
    ] = "reject",
    as_json: Annotated[bool, typer.Option("--json", help="Print receipts as JSON.")] = False,
) -> None:
    """Take files of records in; each is one revision, all of it or nothing."""
    settings = Settings()
    options = Options(
        layout=layout,
        layer=layer,
        source=source,
        author="command line",
        seen_on=seen_on.date() if seen_on else None,
        published_at=_instant(published_at),
        is_synthetic=synthetic,
        is_trial=validate_only,
        skips_refused=on_refused == "skip",
    )
    is_refused = False
    with prepared(settings) as url:
        for path in files:
            receipt = asyncio.run(_ingest(Database(url), path, options, settings))
            show_receipt(path, receipt, as_json=as_json)
            if options.skips_refused and not options.is_trial:
                list_refused(path, receipt)
            is_refused |= bool(receipt.tallied.refused)
            if receipt.tallied.refused and not options.skips_refused:
                raise typer.Exit(1)
    if is_refused and not as_json:
        err.print("Some rows were refused and are not in the record.", style="yellow")


@cli.command()
@said_plainly
def verify(
    revision: Annotated[int | None, typer.Option(help="Revision to recount; the last by default.")] = None,
) -> None:
    """Recount ledger and tally from the statements; exit status 1 on any difference."""
    with prepared(Settings()) as url:
        verdict = asyncio.run(_verify(Database(url), revision))
    if verdict.is_clean:
        out.print(f"Revision {verdict.revision}: {verdict.cases:,} cases recounted, everything agrees.")
        return
    for difference in verdict.differences:
        err.print(difference, style="red", markup=False, soft_wrap=True)
    fail(f"revision {verdict.revision} does not agree with its statements: {len(verdict.differences)} differences")


@cli.command()
def openapi() -> None:
    """Print the OpenAPI document."""
    sys.stdout.write(json.dumps(openapi_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")


@keys.command("create")
@said_plainly
def keys_create(
    owner: Annotated[str, typer.Option(help="Whose key it is.")],
    scope: Annotated[list[str], typer.Option(help=f"What it may do, once for each: {', '.join(SCOPES)}.")],
    expires: Annotated[str | None, typer.Option(help="Days until it expires, such as 365d.")] = None,
) -> None:
    """Make a key and print it alone on standard output; it is shown only here."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise typer.BadParameter(f"no scope {unknown[0]}; there are {', '.join(SCOPES)}", param_hint="--scope")
    with prepared(Settings()) as url:
        print(asyncio.run(_create_key(url, owner, scope, _days(expires))))


def _days(text: str | None) -> datetime | None:
    if text is None:
        return None
    number = text.removesuffix("d")
    if not number.isdecimal() or not 0 < int(number) <= 36_500:
        raise typer.BadParameter("give days, such as 365d", param_hint="--expires")
    return datetime.now(UTC) + timedelta(days=int(number))


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give an instant such as 2023-07-19T10:00:00Z", param_hint="--published-at") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


@contextmanager
def prepared(settings: Settings) -> Iterator[str]:
    """The address of a database at this release: the one given, else the embedded server, which is started."""
    with opened(settings) as url:
        prepare(url)
        yield url


def prepare(url: str) -> None:
    """Bring a database to this release: tables, courts and offences."""
    try:
        migrations.upgrade(url)
    except OSError as error:
        raise CannotStart(f"cannot reach Postgres: {error.strerror or error}; look at SUDSTAT_DATABASE_URL") from None
    asyncio.run(bring_reference(Database(url)))


@contextmanager
def opened(settings: Settings) -> Iterator[str]:
    """The address of the database, before anything is done to it."""
    if settings.database_url is not None:
        yield _checked(settings.database_url.get_secret_value())
    else:
        with embedded_postgres(settings.data_dir) as url:
            yield url


def _checked(url: str) -> str:
    """An address of a Postgres; what is none is not shown, because it may hold a password."""
    try:
        is_one = make_url(url).drivername in ("postgresql", "postgres")
    except (ArgumentError, ValueError):
        is_one = False
    if not is_one:
        raise CannotStart("SUDSTAT_DATABASE_URL is no address such as postgresql://user:password@host:5432/name")
    return url


async def _ingest(database: Database, path: Path, options: Options, settings: Settings) -> Receipt:
    with progress() as bar:
        bar.columns = (*bar.columns[:2], DownloadColumn(), *bar.columns[2:])
        task = bar.add_task(path.name, total=path.stat().st_size if path.is_file() else None)
        return await ingest_file(
            database,
            path,
            options,
            limits=Limits.of(settings),
            writer_wait_s=settings.writer_wait_s,
            on_bytes=lambda read: bar.update(task, completed=read),
        )


async def _verify(database: Database, revision: int | None) -> Verdict:
    with progress() as bar:
        task = bar.add_task("Recounting", total=None)
        async with database.owner() as connection, connection.transaction():
            return await recount(connection, revision, on_cases=lambda cases: bar.update(task, completed=cases))


async def _create_key(url: str, owner: str, scopes: list[str], expires_at: datetime | None) -> str:
    async with Database(url).owner() as connection:
        return await create_key(connection, owner=owner, scopes=scopes, expires_at=expires_at, note="")
