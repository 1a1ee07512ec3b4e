"""What a layout makes of a row: a record, a skip with a reason, or a refusal with a reason."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from hashlib import blake2b
from typing import Any, Protocol

import orjson

Json = Any


@dataclass(slots=True)  # not frozen, as a record: that would double the time of making them
class Row:
    """One row or object of an input file, and where it stands (`line 12`, `/4`)."""

    place: str
    value: dict[str, Json]


@dataclass(slots=True)
class Record:
    """One case as one row states it; no name of a person is in it.

    `said` holds only what the row says: case fields (`received_on arrival decided_on disposition in_force_on`),
    `defendants` (each with `ordinal service_status disposition decided_on charges sentence deny`), `deny`,
    `sources`. Days are ISO strings. A field that is absent says nothing; `None` takes back what the layer said.
    """

    place: str
    court: str
    instance: str
    number: str | None  # as shown
    number_key: str | None  # normalised, for identity
    previous: tuple[tuple[str, str], ...]  # (shown, key) of earlier numbers
    uid: str | None
    card_guid: str | None
    seen_on: date | None
    said: dict[str, Json]
    warnings: tuple[str, ...] = ()

    @property
    def row_hash(self) -> bytes:
        """16 bytes that are equal for rows that say the same; where and when they stood does not count."""
        parts = (self.number_key, self.previous, self.uid, self.card_guid, self.said)
        return blake2b(orjson.dumps(parts, option=orjson.OPT_SORT_KEYS), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no case of ours, recognised as what it is."""

    place: str
    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be taken: place, code, what would be right. Never a name or the row's text."""

    place: str
    code: str
    detail: str
    identifiers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Warned:
    """Something about the whole file that its reader should know."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Covered:
    """Days of receipt, both included, that a source looked at in a court, and how many rows it was promised and gave.

    One that is not whole is shown, but nothing is concluded from it.
    """

    court: str
    starts_on: date
    ends_on: date
    promised: int | None
    received: int
    is_whole: bool


Read = Row | Refused | Warned
"""What an encoding makes of a file, one after another."""
Outcome = Record | Skipped | Refused | Warned | Covered
"""What a layout makes of it."""


class IngestError(Exception):
    """A file that cannot be ingested at all: what would be right, a code, and the place where it was found out.

    Nothing of such a file is taken, not even where refused rows are to be skipped.
    """

    def __init__(self, detail: str, *, code: str = "unreadable", place: str = "file") -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.place = place


class Reading(Protocol):
    """What a layout makes of rows."""

    def __call__(self, rows: Iterable[Read], encoding: str, name: str = "") -> Iterator[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a publisher's rows.

    `encodings` maps a file's ending to an encoding; `read` turns rows into outcomes, in order. It is told the encoding
    and the file's name, which may be empty.
    """

    id: str
    caption: str
    encodings: dict[str, str]
    read: Reading
    refuses_duplicates: bool = False
    beside: Callable[[str], str] = lambda _: ""  # what a file's name says that its rows do not
    lists_all_defendants: bool = False  # one whom a row does not mention is gone, not merely untouched
