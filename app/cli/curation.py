"""`sudstat correct`, `withdraw`, `restore`, `merge`, `settle`, `undo`: curators' acts, each one revision."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
import typer

from app.cli.common import fail, prepared, said_plainly
from app.cli.printing import out
from app.db.database import Database
from app.errors import InvalidBody
from app.ingest.acting import Act
from app.ingest.correction import correct
from app.ingest.curation import LEDGER_CAUSES, Wanted, merge_into, restore, withdraw
from app.ingest.receipt import Receipt
from app.ingest.resolution import settle
from app.ingest.undo import undo
from app.records.conflicts import read_conflict_id
from app.records.ids import read_id
from app.settings import Settings

curation = typer.Typer()
CaseId = Annotated[str, typer.Argument(help="Id of the case, cs_ and 26 more characters.")]
Note = Annotated[str | None, typer.Option(help="Why; shown with the revision, so without names of persons.")]
Version = Annotated[int | None, typer.Option("--version", min=1, help="Only where the case is at this version still.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the receipt as JSON.")]


@curation.command("correct")
@said_plainly
def correct_(
    case: CaseId,
    file: Annotated[Path, typer.Argument(help="JSON object with fields of the house record; - is standard input.")],
    cause: Annotated[Literal["correction", "reclassification", "late_report"], typer.Option(help="What it is.")],
    note: Note = None,
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Correct a case: what the newsroom says of it wins over the court's card."""
    try:
        said = orjson.loads(sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes())
    except orjson.JSONDecodeError:
        fail(f"{file}: this is not JSON in UTF-8")
    if not isinstance(said, dict):
        fail(f"{file}: a JSON object was expected")
    _perform(partial(correct, said=said), _wanted(case, version), cause, note, as_json=as_json)


@curation.command("withdraw")
@said_plainly
def withdraw_(case: CaseId, note: Note = None, version: Version = None, as_json: AsJson = False) -> None:
    """Withdraw a case: it counts nowhere, and no scrape brings it back."""
    _perform(withdraw, _wanted(case, version), "withdrawal", note, as_json=as_json)


@curation.command("restore")
@said_plainly
def restore_(case: CaseId, note: Note = None, version: Version = None, as_json: AsJson = False) -> None:
    """Take a withdrawal or a merge back."""
    _perform(restore, _wanted(case, version), "restoration", note, as_json=as_json)


@curation.command("merge")
@said_plainly
def merge(
    case: CaseId,
    other: Annotated[str, typer.Argument(help="Id of the case that stays.")],
    note: Note = None,
    version: Version = None,
    as_json: AsJson = False,
) -> None:
    """Merge a duplicate into the case that stays."""
    act_on = partial(merge_into, survivor_id=_wanted(other, None).case_id)
    _perform(act_on, _wanted(case, version), "duplicate", note, as_json=as_json)


@curation.command("settle")
@said_plainly
def settle_(
    conflict: Annotated[str, typer.Argument(help="Id of the conflict, as /v1/conflicts shows it.")],
    resolution: Annotated[
        Literal["court_card", "newsroom", "not_duplicates"],
        typer.Option(help="Whose word stands; or that two cases are two. A duplicate is merged instead."),
    ],
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Settle a conflict: take the card's word, keep the newsroom's, or tell two cases apart."""
    known = read_conflict_id(conflict)
    if known is None:
        fail(f"there is no conflict {conflict[:60]}")
    case_id, tag = known
    _perform(partial(settle, tag=tag, resolution=resolution), Wanted(case_id), "resolution", note, as_json=as_json)


@curation.command("undo")
@said_plainly
def undo_(
    batch: Annotated[UUID, typer.Argument(help="Id of the batch, as in its receipt.")],
    note: Note = None,
    as_json: AsJson = False,
) -> None:
    """Take a batch back: what it replaced stands again."""
    _perform(undo, batch, "undo", note, as_json=as_json)


def _wanted(shown: str, version: int | None) -> Wanted:
    case_id = read_id(shown)
    if case_id is None:
        fail(f"there is no case {shown[:40]}; the id of one reads cs_ and 26 more characters")
    return Wanted(case_id, None if version is None else {version})


def _perform(
    act_on: Callable[..., Awaitable[Receipt]], what: Wanted | UUID, cause: str, note: str | None, *, as_json: bool
) -> None:
    """Do an act and print its receipt."""
    settings = Settings()
    act = Act(author="command line", cause=LEDGER_CAUSES[cause], note=note)

    async def run(url: str) -> Receipt:
        return await act_on(Database(url), what, act, writer_wait_s=settings.writer_wait_s)

    with prepared(settings) as url:
        try:
            receipt = asyncio.run(run(url))
        except InvalidBody as problem:
            fail("; ".join(f"{fault.pointer or 'the object'}: {fault.detail}" for fault in problem.faults))
    _show(receipt.as_json(), as_json=as_json)


def _show(receipt: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(orjson.dumps(receipt, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    say = partial(out.print, highlight=False, markup=False, soft_wrap=True)
    say(f"Revision {receipt['revision']}, batch {receipt['batch_id']}." if receipt["applied"] else "Nothing to change.")
    for moved in receipt["effect"][:20]:
        say(f"{moved['period']}  {moved['measure']}: {moved['before']:,} → {moved['after']:,}")
    if receipt["effect_total"] > 20:
        say(f"… and {receipt['effect_total'] - 20:,} numbers more.")
    kept = receipt.get("not_undone", {"count": 0, "first": []})
    if kept["count"]:
        say(f"{kept['count']:,} statements stay as they are, the first of them:")
    for stays in kept["first"][:20]:
        since = f" of revision {stays['revision']}" if stays["revision"] else ""
        say(f"{stays['id']}  {stays['layer']}: {stays['reason']}{since}")
