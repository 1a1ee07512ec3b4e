"""Postgres started while the program is still being imported: half of a start is imports, and it needs none of them.

Only a server whose cluster is there is started so; whatever is wrong is found, and said, where it is opened.
"""

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from app.db.embedded import EmbeddedError, embedded_postgres

_COMMAND = "serve"
_taken = threading.Event()
_held: list[threading.Thread] = []


def begin(arguments: Sequence[str]) -> None:
    """Start the server of the data folder, if this is the command that will use it."""
    if arguments[:1] != [_COMMAND] or "--help" in arguments or os.environ.get("SUDSTAT_DATABASE_URL"):
        return
    folder = Path(os.environ.get("SUDSTAT_DATA_DIR") or ".sudstat")
    if (folder / "pg" / "PG_VERSION").exists():
        _held.append(threading.Thread(target=_hold, args=(folder,), daemon=True))
        _held[-1].start()


def taken() -> None:
    """Let go of it: whoever opened it holds it now."""
    _taken.set()
    while _held:
        _held.pop().join()


def _hold(folder: Path) -> None:
    with suppress(EmbeddedError), embedded_postgres(folder):
        _taken.wait()
