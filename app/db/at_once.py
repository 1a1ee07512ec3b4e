"""At once: what is worked out in one go, without a statement and without waiting for anybody."""

from collections.abc import Coroutine
from typing import Any, TypeVar, cast

from app.db.database import Connection
from app.errors import Problem

T = TypeVar("T")


class _NeedsStatement(Exception):
    """What was to be had at once needs the database after all."""


class _Nothing:
    """A connection that leads nowhere: whatever is asked of it raises _NeedsStatement."""

    def __getattr__(self, name: str) -> Any:
        raise _NeedsStatement


NO_CONNECTION = cast(Connection, _Nothing())
"""For whoever takes a connection and is to use none."""


def at_once(work: Coroutine[Any, Any, T]) -> T | None:
    """What some work comes to; None where it needs a statement, would wait, or is refused.

    Whoever gets None lets it be done again in the usual way, which waits, and tells what is wrong.
    """
    try:
        work.send(None)
    except StopIteration as done:
        made: T = done.value
        return made
    except (_NeedsStatement, Problem):
        return None
    work.close()
    return None
