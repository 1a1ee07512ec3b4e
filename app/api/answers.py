"""Answers kept as bytes: what was asked before at this revision costs no SQL, no routing and no packing again.

An answer that a question pins to a revision stays until it is crowded out; any other is of the published revision that
its own snapshot read, and is used while that is the published one. What is known of the pointer comes from the watch
(`app.records.watching`), from every snapshot, and from this worker's own writers; while nobody could read it for some
seconds, nothing is used.
"""

import asyncio
import gzip
import re
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping, MutableMapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Any, NamedTuple

from fastapi import Response

from app.api.caching import quote_etag
from app.db.database import Database
from app.db.turns import LARGE_ROWS, aside
from app.records.revisions import State
from app.records.watching import Pointer, read_pointer

TRUSTED_S = 5.0
"""How long a reading of the pointer is believed."""
_GZIP_LEVEL = 6
_MOST_FORMS = 1024
_MOST_SPELLINGS = 32  # of one question, known by their raw bytes; others are read anew each time
_LARGEST_PART = 8  # no answer takes more than this part of the room
_OVERHEAD_BYTES = 2048  # of an answer, beside its bytes
_ROW_BYTES = 100  # of an answer, that take as long to pack as a row to make
_SPELLING_BYTES = 512  # of a spelling, beside its own
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
Pairs = tuple[tuple[bytes, bytes], ...]


class Key(NamedTuple):
    """What an answer depends on, beside the revision and what never changes while a process lives.

    `question`  the query in its one spelling, format and state included; `shape` format, language, way of writing
    `audience`  whose answer it is: who has the same scopes, and counts rounded alike, gets the same bytes
    """

    path: str
    question: str
    shape: str
    audience: str


Raw = tuple[bytes, bytes, bytes | None, bytes | None, bytes | None, str]
"""A request as it came, as far as an answer depends on it, so that what it asks need not be read again: path, query,
Accept, Accept-Encoding, Accept-Language, audience."""


Said = Mapping[str, str]
"""What a request says of its window: `start_period`, `end_period`, or both."""
_WINDOW = (b"start_period", b"end_period")
_PERIOD = re.compile(rb"[0-9A-Z-]{4,10}")  # what else there may be is left to the parser


@dataclass(slots=True)
class Ready:
    """One answer in one coding, as it is sent but for what each request has of its own."""

    kept: "Kept"
    route: str
    etag: str
    etag_bytes: bytes
    body: MutableMapping[str, Any]
    headers: list[tuple[bytes, bytes]]
    short_headers: list[tuple[bytes, bytes]]  # of 304
    head: bytes  # the same as they go over the wire, with the line of the status
    short_head: bytes


@dataclass(slots=True, eq=False)
class Kept:
    """One answer. `revision` is the published one that it was read at; None where the question pins its own."""

    revision: int | None
    removed_in: int
    body: bytes
    tag: str
    cache_control: str
    headers: dict[str, str]
    _packed: bytes | None = None
    _ready: dict[bool, Ready] = field(default_factory=dict)
    key: Key | None = None  # under which it is kept
    spellings: list[Raw] = field(default_factory=list)
    size_bytes: int = 0  # as counted

    @classmethod
    def of(cls, states: Sequence[State], body: bytes, tag: str, cache_control: str, headers: dict[str, str]) -> "Kept":
        """An answer about some states, all read in one snapshot."""
        latest = [state.revision for state in states if not state.is_pinned]
        return cls(latest[0] if latest else None, states[0].removed_in, body, tag, cache_control, headers)

    @property
    def weight_bytes(self) -> int:
        """What it takes, roughly."""
        spelt = sum(_SPELLING_BYTES + sum(map(len, filter(None, raw))) for raw in self.spellings)
        return _OVERHEAD_BYTES + len(self.body) + len(self._packed or b"") + spelt

    async def pack(self) -> None:
        """Pack the bytes, beside the event loop where they are many."""
        if self._packed is None:
            packing = partial(gzip.compress, self.body, _GZIP_LEVEL, mtime=0)
            self._packed = await aside(len(self.body) // _ROW_BYTES, packing)

    def coded(self, *, is_gzipped: bool) -> bytes:
        """The bytes in a coding; packed once."""
        if not is_gzipped:
            return self.body
        if self._packed is None:
            self._packed = gzip.compress(self.body, _GZIP_LEVEL, mtime=0)
        return self._packed

    def etag(self, *, is_gzipped: bool) -> str:
        """The entity tag in a coding."""
        return quote_etag(self.tag, is_gzipped=is_gzipped)

    def ready(self, route: str, around: Pairs, *, is_gzipped: bool) -> Ready:
        """The whole answer in a coding; `around` are the headers of every answer."""
        if is_gzipped not in self._ready:
            etag = self.etag(is_gzipped=is_gzipped)
            tagged = {"etag": etag, "cache-control": self.cache_control}
            body = self.coded(is_gzipped=is_gzipped)
            coding = {"content-encoding": "gzip"} if is_gzipped else {}
            whole = {**self.headers, **coding, **tagged, "content-length": str(len(body))}
            headers, short_headers = _raw(whole), _raw(tagged)
            self._ready[is_gzipped] = Ready(
                self, route, etag, etag.encode(), {"type": "http.response.body", "body": body},
                [*headers, *around], [*short_headers, *around],
                _head(b"200 OK", headers, around), _head(b"304 Not Modified", short_headers, around),
            )  # fmt: skip
        return self._ready[is_gzipped]


class Form(NamedTuple):
    """What came before with another window: how it is answered at once with any, if it can be.

    `tell` gives the answer and what it is known by; None where the usual way has to be gone.
    """

    tell: Callable[[Said], tuple[Key, Kept] | None]
    route: str
    is_gzipped: bool


Made = Kept | Response
"""An answer to be kept, or one for this caller alone: a stream, or that they have it already."""


class Answers:
    """The answers of one process, at most `limit_bytes` of them; those used longest ago go first."""

    def __init__(self, limit_bytes: int) -> None:
        self.size_bytes = 0
        self._limit_bytes = limit_bytes
        self._pointer = Pointer(None, 0)
        self._watched = Pointer(None, 0)
        self._trusted_until = float("-inf")
        self._doubted_at = float("-inf")
        self._epoch = 0
        self.history = 0
        """Rises where what was known of revisions is no longer theirs."""
        self._kept: dict[Key, Kept] = {}
        self._order: OrderedDict[Kept, None] = OrderedDict()  # from the one used longest ago to the latest
        self._spelt: dict[Raw, Ready] = {}
        self._forms: OrderedDict[Raw, Form] = OrderedDict()  # by a request whose window is left open
        self._flights: dict[Hashable, asyncio.Future[Kept | None]] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def heed(self, pointer: Pointer, read_at: float) -> None:
        """Take note of the pointer as the watch read it; `read_at` (monotonic) is before it was read."""
        if (pointer.revision or 0) < (self._watched.revision or 0):
            self._forget()  # another history than the one that we know: a database was restored
        self._watched = pointer
        self.learn(pointer, read_at)

    def learn(self, pointer: Pointer, read_at: float) -> None:
        """Take note of the pointer as somebody read it; an older one than is known changes nothing."""
        known = self._pointer
        if (pointer.revision or 0) > (known.revision or 0) or pointer.removed_in > known.removed_in:
            revision = max(pointer.revision or 0, known.revision or 0) or None
            self._pointer = Pointer(revision, max(pointer.removed_in, known.removed_in))
            self._epoch += 1
        if read_at >= self._doubted_at and (pointer.revision or 0) >= (self._pointer.revision or 0):
            self._trusted_until = max(self._trusted_until, read_at + TRUSTED_S)

    def doubt(self) -> None:
        """A revision may have been published that we could not read: use nothing of the latest until we have."""
        self._doubted_at = time.monotonic()
        self._trusted_until = float("-inf")
        self._epoch += 1

    def published(self) -> Pointer | None:
        """What is published, if that is known and believed now."""
        if self._pointer.revision is None or time.monotonic() >= self._trusted_until:
            return None
        return self._pointer

    def find(self, raw: Raw, now: float) -> Ready | None:
        """The answer to a request that came before, byte for byte; `now` is of monotonic."""
        ready = self._spelt.get(raw)
        if ready is None or not self._is_live(ready.kept, now):
            return None
        self._order.move_to_end(ready.kept)
        return ready

    def spell(self, raw: Raw, ready: Ready) -> None:
        """Know a request again that led to an answer."""
        kept = ready.kept
        if kept.key is None:
            return
        if len(kept.spellings) < _MOST_SPELLINGS and raw not in self._spelt:
            self._spelt[raw] = ready
            kept.spellings.append(raw)
        self._weigh(kept)

    def learn_form(self, raw: Raw, form: Form) -> None:
        """Know from now on how a request is answered that says anything of its window."""
        opened = _opened(raw)
        if opened is not None:
            self._forms[opened[0]] = form
            self._forms.move_to_end(opened[0])
            if len(self._forms) > _MOST_FORMS:
                self._forms.popitem(last=False)

    def has_form(self, raw: Raw) -> bool:
        """Whether it is known how a request is answered, whatever it says of its window."""
        opened = _opened(raw) if self._forms else None
        return opened is not None and opened[0] in self._forms

    def fill(self, raw: Raw, around: Pairs) -> Ready | None:
        """The answer to a request whose form is known, made at once; `around` as in `Kept.ready`."""
        opened = _opened(raw)
        form = self._forms.get(opened[0]) if opened else None
        if opened is None or form is None:
            return None
        told = form.tell(opened[1])
        if told is None:
            del self._forms[opened[0]]
            return None
        self._forms.move_to_end(opened[0])
        key, kept = told
        self._keep(key, kept)
        if form.is_gzipped and len(kept.body) // _ROW_BYTES >= LARGE_ROWS:
            return None  # long to pack, which is done beside the event loop
        ready = kept.ready(form.route, around, is_gzipped=form.is_gzipped)
        self.spell(raw, ready)
        return ready

    async def get(self, key: Key, make: Callable[[], Awaitable[Made]]) -> tuple[Made, bool]:
        """The answer to a question, and whether it was there; whoever asks while it is being made waits for it."""
        kept = self._kept.get(key)
        if kept is not None and self._is_live(kept, time.monotonic()):
            self._order.move_to_end(kept)
            return kept, True
        # What a flight that began before the last revision became known brings is not for who asks now.
        place = (key, self._epoch)
        flight = self._flights.get(place)
        if flight is not None:
            await asyncio.wait([flight])
            shared = None if flight.cancelled() else flight.result()
            if shared is not None:
                return shared, True
            return await self._make(key, make), False
        flight = self._flights[place] = asyncio.get_running_loop().create_future()
        made: Made | None = None
        try:
            made = await self._make(key, make)
            return made, False
        finally:
            del self._flights[place]
            flight.set_result(made if isinstance(made, Kept) else None)

    async def _make(self, key: Key, make: Callable[[], Awaitable[Made]]) -> Made:
        begun = time.monotonic()
        made = await make()
        if isinstance(made, Kept):
            self.learn(Pointer(made.revision, made.removed_in), begun)
            self._keep(key, made)
        return made

    def _is_live(self, kept: Kept, now: float) -> bool:
        if now >= self._trusted_until or kept.removed_in != self._pointer.removed_in:
            return False
        return kept.revision is None or kept.revision == self._pointer.revision

    def _keep(self, key: Key, kept: Kept) -> None:
        if kept.weight_bytes > self._limit_bytes // _LARGEST_PART:
            return
        if kept.revision is not None and kept.revision != self._pointer.revision:
            return  # a later one was published while it was made
        if key in self._kept:
            self._drop(self._kept[key])
        self._kept[key] = kept
        self._order[kept] = None
        kept.key = key
        self._weigh(kept)

    def _weigh(self, kept: Kept) -> None:
        """Count what an answer takes now, and make room."""
        weight_bytes = kept.weight_bytes
        self.size_bytes += weight_bytes - kept.size_bytes
        kept.size_bytes = weight_bytes
        while self.size_bytes > self._limit_bytes and self._order:
            self._drop(next(iter(self._order)))

    def _drop(self, kept: Kept) -> None:
        assert kept.key is not None
        del self._kept[kept.key], self._order[kept]
        kept.key = None
        self.size_bytes -= kept.size_bytes
        for raw in kept.spellings:
            del self._spelt[raw]

    def _forget(self) -> None:
        for kept in list(self._order):
            self._drop(kept)
        self._forms.clear()
        self._pointer = Pointer(None, 0)
        self._trusted_until = float("-inf")
        self._epoch += 1
        self.history += 1


async def renew(answers: Answers, database: Database) -> None:
    """Read which revision is published now; where that cannot be, whatever was known is doubted."""
    answers.doubt()
    begun = time.monotonic()
    with suppress(Exception):  # the write has succeeded, and is to be told of whatever ails its readers
        async with database.snapshot() as connection:
            answers.learn(await read_pointer(connection), begun)


def _opened(raw: Raw) -> tuple[Raw, Said] | None:
    """A request with its window left open, and what it says of that; None where it says nothing that is plain."""
    parts, said = raw[1].split(b"&"), dict[str, str]()
    for place, part in enumerate(parts):
        name, _, value = part.partition(b"=")
        if name in _WINDOW:
            if not _PERIOD.fullmatch(value):
                return None
            said[name.decode()] = value.decode()
            parts[place] = name
    return ((raw[0], b"&".join(parts), *raw[2:]), said) if said else None


def _raw(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]


def _head(status: bytes, headers: Iterable[tuple[bytes, bytes]], around: Pairs) -> bytes:
    """The head of an answer as it goes over the wire.

    Errors  ValueError where a header would end before its end
    """
    return b"HTTP/1.1 %b\r\n%b%b" % (status, _lines(headers), _lines_around(around))


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    lines = [b"%b: %b" % pair for pair in headers]
    if any(map(_CONTROL.search, lines)):
        raise ValueError("a header holds a control character")
    return b"\r\n".join((*lines, b""))


@cache
def _lines_around(around: Pairs) -> bytes:
    return _lines(around)
