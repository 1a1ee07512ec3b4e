"""Replies: opens the state asked for, says 304 to whom has the answer already, sends bytes with their headers."""

import gzip
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request, Response

from app.api.answers import Kept, Key, Made, Said
from app.api.caching import holds, quote_etag
from app.api.lookups import label_of, lookups_of
from app.api.manner import Manner, state_headers
from app.api.negotiation import Representation, choose
from app.api.parameters import Asked
from app.api.service import Service, get_service
from app.api.streaming import GZIP_LEVEL, Streamed, gzipped, nothing
from app.db.at_once import NO_CONNECTION, at_once
from app.db.database import Connection
from app.db.turns import LONG_CELLS
from app.errors import Fault, InvalidParameters, NoRevisionYet
from app.formats import FORMATS, Options, dump
from app.records.revisions import State, end_of, get_state
from app.statistics import Codes


@dataclass(frozen=True, slots=True)
class Reading:
    """One state of the record, open for reading, and the shape in which the answer is to go out.

    `before` is the earlier state, where an answer is about two.
    """

    connection: Connection
    state: State
    codes: Codes
    shape: Representation
    before: State | None = None

    @property
    def options(self) -> Options:
        """How a flat format is to write."""
        return self.shape.options(label_of(self.codes, self.shape.lang))


@dataclass(frozen=True, slots=True)
class Answer:
    """Bytes at hand or still to come. `is_private`: an anonymous caller would have been refused."""

    body: bytes | AsyncGenerator[bytes]
    headers: Mapping[str, str] = field(default_factory=dict)
    is_private: bool = False


class Overtaken(Exception):
    """What was read without a snapshot is not of the state that was known: personal data was removed meanwhile."""


Find = Callable[[Reading], Awaitable[Answer]]
Check = Callable[[Codes, Representation], Iterable[Fault]]
Guard = Callable[[Reading], Awaitable[None]]
Weigh = Callable[[Codes], int]
Open = Callable[[Connection, Asked], Awaitable[tuple[State, State]]]


def _nothing(codes: Codes, shape: Representation) -> Iterable[Fault]:
    return ()


def _small(codes: Codes) -> int:
    return 0


async def _let_through(reading: Reading) -> None:
    """Anybody may have it."""


class Replying:
    """Replies to one request."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.service: Service = get_service(request)

    @property
    def path(self) -> str:
        """The path of the request as callers see it, behind a proxy too."""
        path, root = str(self.request.scope["path"]), self.service.settings.root_path
        return path if path.startswith(f"{root}/") else root + path

    @property
    def rounding(self) -> int:
        """To multiples of what counts are rounded down for this caller; 1: not at all."""
        return int(self.request.state.rounding)

    @cached_property
    def manner(self) -> Manner:
        """How its answer is told."""
        state = self.request.state
        return Manner(self.service, self.path, state.visit.audience, self.rounding, bool(state.is_public))

    def address(self, query: str) -> str:
        """The path with a query."""
        return self.manner.address(query)

    async def from_record(
        self,
        asked: Asked,
        find: Find,
        *,
        check: Check = _nothing,
        revision: int | None = None,
        may_pin: bool = False,
        guard: Guard = _let_through,
        weigh: Weigh = _small,
        opens: Open | None = None,
        is_fixed: bool = False,
        offered: Collection[str] = tuple(FORMATS),
    ) -> Response:
        """Answer what derives from the record as of the state asked for.

        `revision` is a cursor's; `may_pin`: a pinned answer never changes; `guard` may refuse, even to whom has it;
        `weigh` tells how many cells the answer may have at most: a large question is asked in a turn for such, or
        refused before anything is read for it; `opens` opens two states, the earlier first, where an answer is about
        two; `is_fixed`: whatever is read, a revision fixes it, so that of a known one no snapshot is needed, unless
        `find` says that it was overtaken.

        Errors  InvalidParameters with every fault of the query; NoRevisionYet; NotAcceptable
        """
        if not asked.has_lookups and check is _nothing:
            asked.refuse()
        shape = choose(asked, self.request.headers, offered)
        key = self.manner.key(asked, shape)

        async def make() -> Made:
            # By the codes that are known, so that who is refused has cost nothing; by those of the state, once read.
            as_large = is_large(self.service.codes.latest)
            try:
                made = await attempt(as_large=as_large)
            except Overtaken:
                made = await attempt(as_large=as_large, is_known=False)
            if made is None:
                made = await attempt(as_large=True)
            assert made is not None
            return made

        def is_large(codes: Codes | None) -> bool:
            with suppress(InvalidParameters):  # they are told with the query's other faults
                return codes is not None and weigh(codes) >= LONG_CELLS
            return False

        async def attempt(*, as_large: bool, is_known: bool = True) -> Made | None:
            known = self.manner.known_state(asked, revision) if is_known and is_fixed and opens is None else None
            database, before = self.service.database, None
            async with (
                database.reading(is_large=as_large) if known else database.snapshot(is_large=as_large) as connection
            ):
                if known:
                    state = known
                elif opens is None:
                    state = await open_state(connection, asked, revision)
                else:
                    before, state = await opens(connection, asked)
                codes = await self.service.codes.at(connection, state)
                codes = codes.stated if self.rounding > 1 else codes
                unknown = asked.unknown_codes(lookups_of(codes)) if asked.has_lookups else ()
                asked.refuse([*unknown, *check(codes, shape)])
                states = (before, state) if before else (state,)
                tag = self.manner.tag(key, states)
                etag = quote_etag(tag, is_gzipped=shape.is_gzipped)
                is_immutable = may_pin and all(one.is_pinned for one in states)
                reading = Reading(connection, state, codes, shape, before)
                await guard(reading)
                if self._holds(etag):
                    return self._not_modified(etag, self.manner.cache_control(is_immutable=is_immutable))
                if not as_large and is_large(codes):
                    return None  # leaves this turn: nobody waits in one for another
                answer = await find(reading)
            cache = self.manner.cache_control(is_private=answer.is_private, is_immutable=is_immutable)
            headers = _headers(state, shape, answer)
            if isinstance(answer.body, bytes):
                return Kept.of(states, answer.body, tag, cache, headers)
            return self._send(answer.body, shape, {"ETag": etag, "Cache-Control": cache, **headers})

        if asked.faults:  # they are no part of the key
            made, was_there = await make(), False
        else:
            made, was_there = await self.service.answers.get(key, make)
        return await self._answer(made, shape, was_there=was_there) if isinstance(made, Kept) else made

    async def _answer(self, kept: Kept, shape: Representation, *, was_there: bool) -> Response:
        """An answer from its bytes; the edge is told of them, and sends them itself the next time."""
        if shape.is_gzipped:
            await kept.pack()
        self.request.state.kept = kept, shape.is_gzipped
        etag = kept.etag(is_gzipped=shape.is_gzipped)
        if self._holds(etag):
            return self._not_modified(etag, kept.cache_control)
        self.request.state.cache = "hit" if was_there else "miss"
        coding = {"Content-Encoding": "gzip"} if shape.is_gzipped else {}
        headers = {**kept.headers, **coding, "ETag": etag, "Cache-Control": kept.cache_control}
        return Response(kept.coded(is_gzipped=shape.is_gzipped), headers=headers)

    def offer(self, again: Callable[[Said], tuple[Key, Kept] | None]) -> None:
        """Tell the edge how the same is answered at once with another window."""
        self.request.state.again = again

    def as_is(
        self,
        asked: Asked,
        make: Callable[[Representation], tuple[str, bytes | AsyncGenerator[bytes]]],
        *,
        offered: Collection[str] = tuple(FORMATS),
    ) -> Response:
        """Answer with a body whose tag is made with it."""
        asked.refuse()
        shape = choose(asked, self.request.headers, offered)
        tag, body = make(shape)
        etag = quote_etag(tag, is_gzipped=shape.is_gzipped)
        cache = self.manner.cache_control()
        if self._holds(etag):
            return self._not_modified(etag, cache)
        return self._send(body, shape, {"ETag": etag, "Cache-Control": cache})

    def meta(self, state: State, question: str, **more: Any) -> dict[str, Any]:
        """What an answer says of its state."""
        return self.manner.meta(state, question, **more)

    def _holds(self, etag: str) -> bool:
        return holds(self.request.headers.get("if-none-match"), etag)

    def _not_modified(self, etag: str, cache: str) -> Response:
        self.request.state.cache = "not-modified"
        return Response(status_code=304, headers={"ETag": etag, "Cache-Control": cache})

    def _send(self, body: bytes | AsyncGenerator[bytes], shape: Representation, headers: dict[str, str]) -> Response:
        self.request.state.cache = "miss"
        headers |= {"Content-Type": shape.format.content_type}
        if shape.is_gzipped:
            headers |= {"Content-Encoding": "gzip"}
        if isinstance(body, bytes):
            coded = gzip.compress(body, GZIP_LEVEL, mtime=0) if shape.is_gzipped else body
            return Response(coded, headers=headers)
        pieces = nothing() if self.request.state.is_head else body
        return Streamed(gzipped(pieces) if shape.is_gzipped else pieces, headers=headers)


def tell_at_once(
    manner: Manner, asked: Asked, find: Find, shape: Representation, revision: int
) -> tuple[Key, Kept] | None:
    """An answer about a revision as `Replying.from_record` makes it; None where it takes a statement, or is refused.

    The query is known to be right, and what is found is fixed by the revision, and never changes where that is pinned.
    """
    state = manner.known_state(asked)
    if state is None or state.revision != revision:
        return None
    answer = at_once(_found(manner.service, find, state, shape, is_stated=manner.rounding > 1))
    if answer is None or not isinstance(answer.body, bytes):
        return None
    cache = manner.cache_control(is_private=answer.is_private, is_immutable=state.is_pinned)
    key = manner.key(asked, shape)
    headers = _headers(state, shape, answer)
    return key, Kept.of((state,), answer.body, manner.tag(key, (state,)), cache, headers)


async def _found(service: Service, find: Find, state: State, shape: Representation, *, is_stated: bool) -> Answer:
    codes = await service.codes.at(NO_CONNECTION, state)
    return await find(Reading(NO_CONNECTION, state, codes.stated if is_stated else codes, shape))


def _headers(state: State, shape: Representation, answer: Answer) -> dict[str, str]:
    return {"Content-Type": shape.format.content_type, **state_headers(state), **answer.headers}


async def _replying(request: Request) -> Replying:
    """Not the class itself: FastAPI would hand it to a thread."""
    return Replying(request)


Reply = Annotated[Replying, Depends(_replying)]


def envelope(results: object, *, paging: object, meta: object, warnings: object, **more: object) -> bytes:
    """The body of a list as JSON."""
    return dump({"results": results, **more, "paging": paging, "meta": meta, "warnings": warnings})


async def open_state(connection: Connection, asked: Asked, revision: int | None = None) -> State:
    """The state asked for; a fault in that is told together with the query's other faults."""
    as_of = asked.one("as_of")
    try:
        if revision is None:
            return await get_state(connection, as_of=as_of, revision=asked.one("revision"))
        state = await get_state(connection, revision=revision)
    except InvalidParameters as problem:
        asked.refuse(problem.faults)
        raise
    except NoRevisionYet:
        asked.refuse()
        raise
    instant = end_of(as_of) if as_of is not None and not hasattr(as_of, "hour") else as_of
    return replace(state, as_of=instant)
