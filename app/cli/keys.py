"""`sudstat keys`: made, listed, rotated, revoked, given quotas."""

import asyncio
import getpass
import sys
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, TypeVar

import orjson
import typer
from rich.table import Column
from rich.table import Table as Grid

from app.access.keys import SCOPES
from app.access.register import create_key, find_keys, revoke_key, rotate_key, set_quota
from app.cli.common import prepared, said_plainly
from app.cli.printing import err, out
from app.db.database import Connection, Database
from app.settings import Settings

keys = typer.Typer(no_args_is_help=True, help="Keys of callers.")
KeyId = Annotated[str, typer.Argument(help="Id of the key: what stands between its two underscores.")]
T = TypeVar("T")
_LONGEST_DAYS = 36_500


@keys.command("create")
@said_plainly
def create(
    scope: Annotated[list[str], typer.Option(help=f"What it may do, once for each: {', '.join(SCOPES)}.")],
    owner: Annotated[str | None, typer.Option(help="Whose key it is; by default who runs this.")] = None,
    expires: Annotated[str | None, typer.Option(help="Days until it expires, such as 365d.")] = None,
    note: Annotated[str, typer.Option(help="What it is for.")] = "",
) -> None:
    """Make a key and print it alone on standard output; it is shown only here."""
    unknown = sorted(set(scope) - set(SCOPES))
    if unknown:
        raise typer.BadParameter(f"no scope {unknown[0]}; there are {', '.join(SCOPES)}", param_hint="--scope")
    expires_at = datetime.now(UTC) + _days(expires, "--expires") if expires else None
    with prepared(Settings()) as url:
        print(asyncio.run(new_key(url, owner or getpass.getuser(), scope, expires_at=expires_at, note=note)))


@keys.command("list")
@said_plainly
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print them as JSON.")] = False) -> None:
    """List all keys, revoked ones too; never their secrets."""
    with prepared(Settings()) as url:
        found = _run(url, find_keys)
    if as_json:
        sys.stdout.write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n")
        return
    grid = Grid(Column("id", no_wrap=True, min_width=12), "owner", "scopes", "made", "last used", "state", "note")
    for key in found:
        grid.add_row(
            key["id"],
            key["owner"],
            ", ".join(key["scopes"]),
            f"{key['created_at']:%Y-%m-%d}",
            f"{key['last_used_at']:%Y-%m-%d %H:%M}" if key["last_used_at"] else "never",
            _state(key),
            key["note"],
        )
    out.print(grid)


@keys.command("revoke")
@said_plainly
def revoke(key_id: KeyId) -> None:
    """End a key for ever; a server that runs refuses it at once."""
    with prepared(Settings()) as url:
        _run(url, lambda connection: revoke_key(connection, key_id, by="command line"))
    out.print(f"{key_id} is revoked.", highlight=False)


@keys.command("rotate")
@said_plainly
def rotate(
    key_id: KeyId,
    overlap: Annotated[str, typer.Option(help="Days for which the secret before works on; 0d ends it now.")] = "7d",
) -> None:
    """Give a key a new secret and print it alone on standard output; it is shown only here."""
    length = _days(overlap, "--overlap", least=0)
    with prepared(Settings()) as url:
        print(_run(url, lambda connection: rotate_key(connection, key_id, overlap=length)))
    err.print(f"The secret before works on for {length.days} days.", highlight=False)


@keys.command("quota")
@said_plainly
def quota(
    key_id: KeyId,
    window: Annotated[Literal["minute", "day"], typer.Option(help="Window of time.")],
    requests: Annotated[int | None, typer.Option(min=1, help="Requests in it; absent: as for any other key.")] = None,
    why: Annotated[str, typer.Option(help="Why this key has a quota of its own.")] = "",
) -> None:
    """Give a key a quota of its own, or take that back; who did it and why is kept."""
    if not why.strip():
        raise typer.BadParameter("say why", param_hint="--why")
    by = f"command line: {getpass.getuser()}"
    with prepared(Settings()) as url:
        _run(url, lambda connection: set_quota(connection, key_id, window, requests, by=by, why=why))
    told = "the general quota" if requests is None else f"{requests} requests"
    out.print(f"{key_id} has {told} a {window}.", highlight=False)


async def new_key(
    url: str, owner: str, scopes: Collection[str], *, expires_at: datetime | None = None, note: str = ""
) -> str:
    """Make a key; the only time that it is seen whole."""
    async with Database(url).owner() as connection:
        return await create_key(connection, owner, scopes=scopes, expires_at=expires_at, note=note)


def _run(url: str, act: Callable[[Connection], Awaitable[T]]) -> T:
    async def run() -> T:
        async with Database(url).owner() as connection:
            return await act(connection)

    return asyncio.run(run())


def _days(text: str, option: str, *, least: int = 1) -> timedelta:
    number = text.removesuffix("d")
    if not number.isdecimal() or not least <= int(number) <= _LONGEST_DAYS:
        raise typer.BadParameter("give days, such as 365d", param_hint=option)
    return timedelta(days=int(number))


def _state(key: Any) -> str:
    now = datetime.now(UTC)
    if key["revoked_at"]:
        return f"revoked {key['revoked_at']:%Y-%m-%d}"
    if key["expires_at"] and key["expires_at"] <= now:
        return f"expired {key['expires_at']:%Y-%m-%d}"
    if key["previous_until"]:
        return f"rotating until {key['previous_until']:%Y-%m-%d %H:%M}"
    return f"until {key['expires_at']:%Y-%m-%d}" if key["expires_at"] else "good"
