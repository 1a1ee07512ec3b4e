"""What the handlers of one process share: settings, database, keys, codes, delays and days of revisions."""

from asyncio import Semaphore
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from hashlib import blake2b

from fastapi import Request

from app.access.keyring import Keyring
from app.api.answers import Answers
from app.api.cursor import cursor_key
from app.api.entrance import Entrance
from app.db.database import Connection, Database
from app.records.listing import Total
from app.records.revisions import State
from app.settings import Settings
from app.statistics import Codes, find_codes
from app.statistics.days import KnownDays
from app.statistics.delays import KnownDelays
from app.telemetry import Telemetry

_KEPT_REVISIONS = 512
_KEPT_COUNTS = 2048
_BATCHES_AT_ONCE = 2  # one is merged, the next is read


class KnownCodes:
    """The codes as of a revision, kept with its state for the last revisions asked for: they never change."""

    def __init__(self) -> None:
        self._kept: OrderedDict[int, tuple[State, Codes]] = OrderedDict()
        self._history = 0

    @property
    def latest(self) -> Codes | None:
        """Those that were asked for last."""
        _, codes = next(reversed(self._kept.values()), (None, None))
        return codes

    def state(self, revision: int, history: int) -> State | None:
        """The state of a revision of which the codes are known; another history has other states."""
        if history != self._history:
            self._kept.clear()
            self._history = history
        state, _ = self._kept.get(revision, (None, None))
        return state

    async def at(self, connection: Connection, state: State) -> Codes:
        """The codes that a question about a state may name."""
        known, codes = self._kept.get(state.revision, (None, None))
        if known is None or codes is None or known.published_at != state.published_at:
            before = self.latest
            codes = await find_codes(connection, state)
            if before and (before.lists, before.stated_lists) == (codes.lists, codes.stated_lists):
                codes = replace(codes, lists=before.lists, stated_lists=before.stated_lists)  # once in memory
            self._kept[state.revision] = state, codes
        self._kept.move_to_end(state.revision)
        while len(self._kept) > _KEPT_REVISIONS:
            self._kept.popitem(last=False)
        return codes


class KnownCounts:
    """How many results lists have, of the last that were asked for."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, Total] = OrderedDict()

    def find(self, key: Hashable) -> Total | None:
        """The total under a key, if it is known."""
        return self._kept.get(key)

    def keep(self, key: Hashable, total: Total) -> None:
        """Know a total from now on; the key is all that it depends on."""
        self._kept[key] = total
        if len(self._kept) > _KEPT_COUNTS:
            self._kept.popitem(last=False)


@dataclass(slots=True)
class Service:
    """One process's means; `is_building` is true while its demonstration record is being made."""

    settings: Settings
    database: Database
    keyring: Keyring
    entrance: Entrance
    telemetry: Telemetry
    answers: Answers
    days: KnownDays
    secret: bytes
    release: str
    migration_head: str | None = None
    is_building: bool = False
    codes: KnownCodes = field(default_factory=KnownCodes)
    counts: KnownCounts = field(default_factory=KnownCounts)
    delays: KnownDelays = field(default_factory=KnownDelays)
    batches: Semaphore = field(default_factory=lambda: Semaphore(_BATCHES_AT_ONCE))

    @property
    def cursor_key(self) -> bytes:
        """The key that signs cursors."""
        return cursor_key(self.secret)

    @property
    def seal(self) -> str:
        """What of this deployment shows in its answers, as a short hash: part of every ETag."""
        shown = (self.release, self.settings.licence, self.settings.attribution, self.settings.publisher)
        return blake2b("\n".join((*shown, self.settings.root_path)).encode(), digest_size=6).hexdigest()


def get_service(request: Request) -> Service:
    """The service of the application that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service
