"""Revisions: which one a question is about, and what is known of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from app.db.database import Connection
from app.errors import Fault, InvalidParameters, NoRevisionYet

_ASKED = """
SELECT r.revision, r.published_at, r.reference, r.definition, r.is_backdated, p.revision AS last,
       EXISTS (SELECT 1 FROM revisions s WHERE s.revision <= r.revision AND s.is_synthetic) AS is_synthetic,
       (SELECT coalesce(max(x.revision), 0) FROM removals x) AS removed_in
FROM published p JOIN revisions r ON r.revision = {which}
"""
_LAST = _ASKED.format(which="p.revision")
_NUMBERED = _ASKED.format(which="$1 AND r.revision <= p.revision")
_AS_OF = _ASKED.format(
    which="(SELECT max(revision) FROM revisions WHERE published_at <= $1 AND revision <= p.revision)"
)
_BOUNDS = """
SELECT min(r.revision), max(r.revision), min(r.published_at), max(r.published_at)
FROM revisions r JOIN published p ON r.revision <= p.revision
"""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the record that a question is about."""

    revision: int
    published_at: datetime
    as_of: datetime | None  # the instant asked for, if one was
    is_pinned: bool  # the answer can never change
    is_synthetic: bool
    is_backdated: bool
    reference: int
    definition: int
    removed_in: int = 0  # the last revision that removed personal data, from every state; 0 before the first


def end_of(day: date) -> datetime:
    """The last microsecond of a day, UTC."""
    return datetime.combine(day, time(), UTC) + timedelta(days=1, microseconds=-1)


async def get_state(
    connection: Connection, *, as_of: datetime | date | None = None, revision: int | None = None
) -> State:
    """The last published revision, or the one that `as_of` or `revision` names.

    Errors  NoRevisionYet before the first; InvalidParameters for both, for the future, or an unknown number
    """
    if as_of is not None and revision is not None:
        raise InvalidParameters(
            "Give either as_of or revision, not both.",
            [Fault("exclusive", "Leave out one of as_of and revision.", parameter="revision")],
        )
    instant = end_of(as_of) if isinstance(as_of, date) and not isinstance(as_of, datetime) else as_of
    if instant is not None and _is_future(as_of, instant):
        raise await _outside(connection, "as_of", f"{as_of} is in the future")
    if revision is not None:
        row = await connection.fetchrow(_NUMBERED, revision) if 0 < revision < 2**31 else None
    elif instant is not None:
        row = await connection.fetchrow(_AS_OF, instant)
    else:
        row = await connection.fetchrow(_LAST)
    if row is None and revision is not None:
        raise await _outside(connection, "revision", f"there is no revision {revision}")
    if row is None:
        raise NoRevisionYet(await _first(connection))
    return State(
        revision=row["revision"],
        published_at=row["published_at"],
        as_of=instant,
        is_pinned=revision is not None or row["revision"] < row["last"],
        is_synthetic=row["is_synthetic"],
        is_backdated=row["is_backdated"],
        reference=row["reference"],
        definition=row["definition"],
        removed_in=row["removed_in"],
    )


def _is_future(asked: datetime | date | None, instant: datetime) -> bool:
    now = datetime.now(UTC)
    is_day = isinstance(asked, date) and not isinstance(asked, datetime)
    return instant.date() > now.date() if is_day else instant > now


async def _outside(connection: Connection, parameter: str, what: str) -> InvalidParameters:
    first, last, first_at, last_at = await connection.fetchrow(_BOUNDS)
    bounds = (
        "no revision has been published yet"
        if first is None
        else f"the first revision is {first} ({first_at:%Y-%m-%d}), the last {last} ({last_at:%Y-%m-%d})"
    )
    detail = f"{what}; {bounds}."
    return InvalidParameters(detail[0].upper() + detail[1:], [Fault("unknown-revision", detail, parameter=parameter)])


async def _first(connection: Connection) -> str:
    first, _, first_at, _ = await connection.fetchrow(_BOUNDS)
    if first is None:
        return "The record is empty: no revision has been published yet."
    return f"The first revision is {first}, published at {first_at:%Y-%m-%dT%H:%M:%SZ}; ask for that or a later day."
