"""What the command line shows: progress, receipts, refused rows."""

import csv
import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table as Grid

from app.ingest.receipt import EFFECT_SHOWN, Receipt

out = Console()
err = Console(stderr=True)
_EFFECT_ROWS = 20


def progress() -> Progress:
    """A progress bar on standard error, which is silent where that is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
        console=err,
        disable=not err.is_terminal,
    )


def show_receipt(path: Path, receipt: Receipt, *, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        sys.stdout.write(orjson.dumps(receipt.as_json(), option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        _print_receipt(path, receipt)


def list_refused(path: Path, receipt: Receipt) -> None:
    """List the rows that were skipped beside the input, if there are any; where that cannot be, say so."""
    if not receipt.tallied.refused:
        return
    beside = path.with_name(path.name + ".refused.csv")
    try:
        write_refused(beside, receipt)
    except OSError as error:
        err.print(f"Refused rows are not listed: {beside}: {error.strerror}.", highlight=False, soft_wrap=True)
        return
    err.print(f"Refused rows are listed in {beside}.", highlight=False, soft_wrap=True)


def write_refused(path: Path, receipt: Receipt) -> None:
    """List refused rows as CSV: place, code, what would be right, identifiers; never a row's text."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("place", "code", "detail", "court", "number", "uid"))
        for refused in receipt.tallied.refused:
            known = refused.identifiers
            writer.writerow(
                (
                    refused.place,
                    refused.code,
                    refused.detail,
                    *(known.get(k, "") for k in ("court", "number", "uid")),
                )
            )


def _print_receipt(path: Path, receipt: Receipt) -> None:
    shown = receipt.as_json()
    number = receipt.revision
    head = f"revision {number}" if receipt.applied else "nothing written"
    if number is not None and not receipt.applied:
        head = f"would be revision {number}; nothing written"
    out.print(f"{path.name}: {head}", highlight=False, markup=False, soft_wrap=True)
    grid = Grid("rows", "count")
    for outcome, count in shown["counts"].items():
        if count or outcome == "received":
            grid.add_row(outcome, f"{count:,}")
    out.print(grid)
    _print_effect(shown["effect"], shown["effect_total"])
    for reason, count in shown["skipped"].items():
        out.print(f"skipped  {reason}: {count:,}", highlight=False)
    for warning in shown["warnings"]:
        out.print(
            f"warning  {warning['code']} ({warning['count']:,}): {warning.get('detail', '')}",
            highlight=False,
            markup=False,
        )
    for refused in shown["refused"][:20]:
        err.print(
            f"{refused['pointer']}: {refused['code']}: {refused['detail']}",
            style="red",
            highlight=False,
            markup=False,
            soft_wrap=True,
        )
    for pair in shown["possible_duplicates"][:20]:
        out.print(f"possible duplicate  {pair['place']}: {pair['reason']}", highlight=False, markup=False)
    for row in shown["defendants_changed"][:20]:
        out.print(
            f"defendants changed  {row['place']}: nobody was moved; see /v1/conflicts", highlight=False, markup=False
        )


def _print_effect(effect: list[dict[str, Any]], total: int) -> None:
    """The published numbers that move, by week; the first few of many."""
    if not effect:
        return
    grid = Grid("week", "measure", "before", "after")
    for moved in effect[:_EFFECT_ROWS]:
        grid.add_row(moved["period"], moved["measure"], f"{moved['before']:,}", f"{moved['after']:,}")
    out.print(grid)
    if total > _EFFECT_ROWS:
        out.print(f"and {total - _EFFECT_ROWS:,} more numbers; --json shows {EFFECT_SHOWN} of them", highlight=False)
