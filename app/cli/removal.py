"""`sudstat remove`: a person's data out of the record, and out of the files it lies in."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

import typer

from app.cli.common import prepared, said_plainly
from app.cli.printing import err, out
from app.cli.starting import secret_of
from app.db.database import Database
from app.db.purge import purge
from app.ingest.removal import TOUCHED, remove
from app.records.ids import read_id, show_id
from app.records.removals import removal_key
from app.settings import Settings

Reason = Literal["request", "court_order", "minor", "mistake", "other"]


@said_plainly
def remove_command(
    cases: Annotated[
        list[str] | None, typer.Argument(help="Ids of cases; none only overwrites what was freed.")
    ] = None,
    reason: Annotated[Reason | None, typer.Option(help="Why.")] = None,
    purges: Annotated[
        bool, typer.Option("--purge/--no-purge", help="Overwrite what was freed; readers wait meanwhile.")
    ] = True,
) -> None:
    """Remove a person's data: identifiers, links and notes of a case, at every revision. It cannot be undone."""
    ids = [_read(case) for case in cases or ()]
    settings = Settings()
    key = removal_key(secret_of(settings))
    with prepared(settings) as url:
        database = Database(url)
        for case_id in ids:
            done = asyncio.run(remove(database, case_id, key=key, author="command line", reason=reason))
            what = f"revision {done.revision}, {done.identifiers} identifiers" if done.revision else "nothing was left"
            out.print(f"{show_id(case_id)}: {what}", highlight=False)
            for other in done.related:
                err.print(f"The person may still be found by {show_id(other)}; remove it too.", style="yellow")
        if purges and not asyncio.run(_purge(database)):
            err.print(
                "The log of Postgres was left alone, for want of rights: see the operations page.", style="yellow"
            )


def _read(case: str) -> UUID:
    case_id = read_id(case)
    if case_id is None:
        raise typer.BadParameter(f"{case[:40]} is no id of a case; one reads cs_ and 26 more characters")
    return case_id


async def _purge(database: Database) -> bool:
    async with database.owner() as connection:
        return await purge(connection, TOUCHED)
