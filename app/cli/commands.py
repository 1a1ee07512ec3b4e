"""The commands of `sudstat`."""

import asyncio
import gc
import importlib
import json
import os
import sys
import threading
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.progress import DownloadColumn

from app import migrations
from app.cli.common import fail, opened, prepare, prepared, said_plainly
from app.cli.curation import curation
from app.cli.keys import keys, new_key
from app.cli.printing import err, list_refused, out, progress, show_receipt
from app.cli.removal import remove_command
from app.cli.starting import listening, secret_of
from app.db.database import Database
from app.ingest.batch import ingest_file
from app.ingest.encodings import Limits
from app.ingest.receipt import Options, Receipt
from app.records.removals import removal_key
from app.settings import Settings
from app.statistics.verify import Verdict
from app.statistics.verify import verify as recount

if TYPE_CHECKING:
    from app.demo.build import Crew

cli = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Prosecution statistics from curated court records: every number is an address.",
)
cli.add_typer(keys, name="keys")
cli.add_typer(curation)
cli.command("remove")(remove_command)
LayoutId = Literal["house", "sudrfscraper", "sudrfparser"]
LayerId = Literal["court_card", "newsroom"]


def main() -> None:
    """Entry point of the `sudstat` command."""
    cli()


@cli.command()
@said_plainly
def demo(
    port: Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on.")] = None,
    build_only: Annotated[bool, typer.Option("--build-only", help="Build the record and stop.")] = False,
) -> None:
    """Build the synthetic demonstration record (once), and serve it."""
    from app.cli.serving import serve_on  # noqa: PLC0415 (heavy)
    from app.demo.build import Crew, DemoError, is_unbuilt  # noqa: PLC0415 (heavy, and of no other command)

    settings = Settings()
    if "SUDSTAT_DATA_DIR" not in os.environ:
        settings = settings.model_copy(update={"data_dir": Path(".sudstat-demo")})
    if port is not None:
        settings = settings.model_copy(update={"port": port})
    sock = None if build_only else listening(settings)
    with Crew() if is_unbuilt(settings.data_dir) else nullcontext() as crew, opened(settings) as url:
        try:
            build_demonstration(url, settings.data_dir, crew)
        except DemoError as error:
            fail(str(error))
        if sock is None:
            return
        out.print("The record is synthetic: invented, and marked so in every answer.")
        out.print("A key with scope admin, shown only here:")
        out.print(asyncio.run(new_key(url, "demo", ["admin"])), highlight=False, soft_wrap=True)
        serve_on(sock, settings, url)


def build_demonstration(url: str, folder: Path, crew: "Crew | None") -> None:
    """Bring a database to hold the demonstration record; one that is there is left as it is.

    Errors  DemoError
    """
    from app.demo.build import build, empty, is_finished, only_builder  # noqa: PLC0415 (as above)

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
                    crew=crew,
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
    gc.disable()  # until memory is settled
    # What serves is heavy: it comes while Postgres starts.
    threading.Thread(target=importlib.import_module, args=("app.cli.serving",), daemon=True).start()
    with prepared(settings) as url:
        from app.cli.serving import serve_on  # noqa: PLC0415

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
    max_affected: Annotated[
        int | None, typer.Option(min=0, help="Refuse a file that would change more existing cases than this.")
    ] = None,
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
        max_affected=max_affected,
    )
    is_refused = False
    with prepared(settings) as url:
        database = Database(url, removal_key=removal_key(secret_of(settings)))
        for path in files:
            receipt = asyncio.run(_ingest(database, path, options, settings))
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
    from app.api.openapi import openapi_document  # noqa: PLC0415 (heavy)

    sys.stdout.write(json.dumps(openapi_document(), indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("give an instant such as 2023-07-19T10:00:00Z", param_hint="--published-at") from None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


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
