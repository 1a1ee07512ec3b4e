"""The entrance: who calls, by key or address, and whether they may still ask. No SQL where the key is known."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.access.addresses import Address, caller_address, is_within, read_networks, stand_in
from app.access.keyring import Keyring
from app.access.keys import Caller
from app.access.quotas import Left, Meter, Quotas, rate_limit_headers
from app.access.windows import WINDOWS
from app.errors import KeyInvalid, Problem, QuotaExceeded
from app.settings import Settings

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="sudstat"'}
_FREE = ("/v1/me", "/v1/config")
_LOOPBACK = read_networks("127.0.0.0/8,::1")
_SHORTEST_S = min(window.length_s for window in WINDOWS.values())
_MOST_GUESTS = 4096
Headers = Sequence[tuple[bytes, bytes]]
Shown = tuple[str | None, str | None, bytes | None, bytes | None, bytes | None, bytes | None]
"""All by which a caller is known: peer, scheme, Authorization, X-API-Key, X-Forwarded-For, X-Forwarded-Proto; the
values of a header that comes several times with a line feed between them."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One request at the entrance.

    `caller`   who asks, or what is wrong with their key
    `who`      what counters know them by: a key's id, or what stands for an address today
    `refused`  the quota that is used up
    `headers`  what the answer tells of quotas
    """

    caller: Caller | Problem
    who: str
    is_local: bool
    is_encrypted: bool
    refused: QuotaExceeded | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def audience(self) -> str:
        """Same scopes, and counts rounded alike: whoever is of one audience gets the same bytes."""
        return audience_of(self.caller)


@dataclass(slots=True)
class Guest:
    """A caller who was let in a moment ago: known by what they show until a window ends or the register changes."""

    caller: Caller
    who: str
    audience: str
    is_encrypted: bool
    meter: Meter
    register: object
    until_s: float

    @property
    def key_id(self) -> str | None:
        """The id of their key."""
        return self.caller.key_id


class Entrance:
    """Where every request comes in."""

    def __init__(self, settings: Settings, keyring: Keyring, quotas: Quotas, secret: bytes) -> None:
        self._nobody = Caller(None, settings.anonymous_scope_set)
        self._keyring = keyring
        self._quotas = quotas
        self._secret = secret
        self._trusted = read_networks(settings.trusted_proxies)
        self._root_path = settings.root_path
        self._of_addresses = _limits(settings.anonymous_quota_minute, settings.anonymous_quota_day)
        self._of_keys = _limits(settings.key_quota_minute, settings.key_quota_day)
        self._guests: dict[Shown, Guest] = {}

    def recognise(self, shown: Shown, now_s: float, now: float) -> Guest | None:
        """Whoever was let in before and still may come, by what they show; None: they have to be admitted.

        `now_s` is of `time.time`, `now` of `time.monotonic`.
        """
        guest = self._guests.get(shown)
        if guest is None or now_s >= guest.until_s:
            return None
        keyring = self._keyring
        if guest.key_id is not None and not (guest.register is keyring.register and now < keyring.trusted_until):
            return None
        return guest

    def may_pass_by(self, guest: Guest, now_s: float) -> bool:
        """Whether `pass_by` would let them; nothing is counted."""
        return guest.meter.look(now_s) is not None

    def pass_by(self, guest: Guest, now_s: float) -> bytes | None:
        """Count one request and tell what `RateLimit` says; None, and nothing is counted, where `admit` has to."""
        told = guest.meter.spend(now_s)
        if told is not None and guest.key_id is not None:
            self._keyring.note_use(guest.key_id, now_s, is_refused=False)
        return told

    async def admit(self, scope: Mapping[str, Any], shown: Shown, now_s: float) -> Visit:
        """Tell who asks, and count it, unless what is asked for is free."""
        headers: Headers = scope["headers"]
        peer = scope["client"][0] if scope.get("client") else None
        forwarded = [value.decode("latin-1") for name, value in headers if name == b"x-forwarded-for"]
        address = caller_address(peer, forwarded, self._trusted)
        is_local = _is_local(address, headers, is_proxied=bool(forwarded))
        guest = self.recognise(shown, now_s, time.monotonic())
        caller: Caller | Problem
        if guest is not None:
            caller, who, is_encrypted = guest.caller, guest.who, guest.is_encrypted
        else:
            caller, good_until_s = await self._identify(headers)
            key_id = caller.key_id if isinstance(caller, Caller) else None
            who = f"k:{key_id}" if key_id else stand_in(address, self._secret, now_s)
            is_encrypted = self._is_encrypted(scope, peer, headers)
        if self._is_free(scope["path"]):
            return Visit(caller, who, is_local, is_encrypted)
        if guest is None and isinstance(caller, Caller):
            self._remember(shown, caller, who, good_until_s, now_s, is_encrypted=is_encrypted)
        lefts = await self._quotas.spend(who, self.limits_of(caller), now_s)
        spent = [left for left in lefts if left.remaining < 0]
        if isinstance(caller, Caller) and caller.key_id:
            self._keyring.note_use(caller.key_id, now_s, is_refused=bool(spent))
        refused = _refusal(spent) if spent else None
        return Visit(caller, who, is_local, is_encrypted, refused, rate_limit_headers(lefts))

    def limits_of(self, caller: Caller | Problem) -> Mapping[str, int]:
        """A caller's quotas by window. Whoever sends a bad key is counted as an address."""
        if isinstance(caller, Problem) or caller.key_id is None:
            return self._of_addresses
        general: Mapping[str, int] = {} if caller.may("admin") else self._of_keys
        return {**general, **caller.quotas} if caller.quotas else general

    def left(self, visit: Visit) -> tuple[Left, ...]:
        """What is left to a caller, without counting."""
        return self._quotas.look(visit.who, self.limits_of(visit.caller), time.time())

    def _remember(
        self, shown: Shown, caller: Caller, who: str, good_until_s: float, now_s: float, *, is_encrypted: bool
    ) -> None:
        if len(self._guests) >= _MOST_GUESTS:
            self._guests.clear()
        # Windows, and what stands for an address, begin anew at a multiple of the shortest.
        until_s = min(good_until_s, (now_s // _SHORTEST_S + 1) * _SHORTEST_S)
        meter = Meter(self._quotas, who, self.limits_of(caller), now_s)
        register = self._keyring.register
        self._guests[shown] = Guest(caller, who, audience_of(caller), is_encrypted, meter, register, until_s)

    async def _identify(self, headers: Headers) -> tuple[Caller | Problem, float]:
        """Who it is, and until when that is so; a bad key is never taken for none."""
        try:
            presented = _presented_key(headers)
            if presented is None:
                return self._nobody, float("inf")
            return await self._keyring.find(presented), self._keyring.good_until_s(presented)
        except Problem as problem:
            return problem, 0.0

    def _is_free(self, path: str) -> bool:
        if self._root_path and path.startswith(f"{self._root_path}/"):
            path = path[len(self._root_path) :]
        return not path.startswith("/v1/") or path in _FREE

    def _is_encrypted(self, scope: Mapping[str, Any], peer: str | None, headers: Headers) -> bool:
        if scope.get("scheme") == "https":
            return True
        told = [value for name, value in headers if name == b"x-forwarded-proto"]
        proxy = caller_address(peer, (), ())
        return bool(told) and told[-1] == b"https" and proxy is not None and is_within(proxy, self._trusted)


def audience_of(caller: Caller | Problem) -> str:
    """The audience of a caller: scopes, and whether there is a key, by which counts may be rounded."""
    if isinstance(caller, Problem):
        return ""
    return " ".join(("a key:" if caller.key_id else "no key:", *sorted(caller.scopes)))


def _presented_key(headers: Headers) -> str | None:
    presented = {_read(name, value) for name, value in headers if name in (b"authorization", b"x-api-key")}
    if len(presented) > 1:
        raise KeyInvalid("Two different keys were given; send one.")
    return presented.pop() if presented else None


def _read(name: bytes, value: bytes) -> str:
    text = value.decode("latin-1")
    if name == b"x-api-key":
        return text
    scheme, _, key = text.partition(" ")
    if scheme.lower() != "bearer":
        raise KeyInvalid("Send the key as Authorization: Bearer sud_…, or as X-API-Key.")
    return key.strip()


def _is_local(address: Address | None, headers: Headers, *, is_proxied: bool) -> bool:
    """Whether this machine itself asks: not a proxy on it that we were not told of, on somebody's behalf."""
    if address is None or not is_within(address, _LOOPBACK):
        return False
    return not is_proxied and not any(name in (b"forwarded", b"via") for name, _ in headers)


def _refusal(spent: Sequence[Left]) -> QuotaExceeded:
    last = max(spent, key=lambda left: left.resets_in_s)
    detail = (
        f"{last.quota} requests a {last.window.id} are used up; ask again in {last.resets_in_s} s."
        " /v1/me, which is free, tells what is left."
    )
    names = [left.window.id for left in spent]
    problem = QuotaExceeded(detail, headers={"Retry-After": str(last.resets_in_s)})
    problem.members["violated-policies"] = names
    return problem


def _limits(minute: int, day: int) -> Mapping[str, int]:
    return {window: quota for window, quota in (("minute", minute), ("day", day)) if quota}
