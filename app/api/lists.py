"""Lists: pages by cursor, or the whole as a stream in a flat format, at one revision."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any

from fastapi import Response

from app.access.keys import Caller
from app.api.caller import refuse_without
from app.api.common import HIGHEST_LIMIT, LIMIT
from app.api.cursor import Cursor, bind, read_cursor, write_cursor
from app.api.negotiation import Representation
from app.api.parameters import QUESTION, Asked, Role
from app.api.reply import Answer, Overtaken, Reading, Replying, envelope
from app.db.copying import Copy, begun, copy_out
from app.db.database import Connection
from app.db.turns import RESULT_ROWS, aside
from app.errors import BadCursor, Fault, NotFound, near
from app.formats import Copying, Options, copied, dump, json_list, render, stream
from app.records.listing import Condition, Listing, Order, Page, Total, Wanted, WrittenPage
from app.records.revisions import State
from app.statistics import Codes
from app.table import Column, Row, Table

FREE_ROWS = 1000  # results that stream whole without the scope export
COPIED_RESULTS = 1000  # with more, a whole list has a connection of its own, if it can be copied
_EVERYTHING_BUT_CURSOR = frozenset(Role) - {Role.CURSOR}
_SHOWN = frozenset({Role.FILTER, Role.STATE, Role.ORDER, Role.COLUMNS, Role.PAGE})
Shown = Mapping[str, Any]
Copies = Callable[[Copying, Options, Sequence[str], Sequence[Condition], Order, State], Sequence[Copy]]
Count = Callable[[Connection, Sequence[Condition], State], Awaitable[Total]]
Write = Callable[[Connection, Wanted, State, Sequence[str]], Awaitable[WrittenPage]]
Within = Callable[[Reading], Awaitable[tuple[Condition, ...]]]


@dataclass(frozen=True, slots=True)
class Resource:
    """A list: where it is read, its nested fields, and its flat columns with the rows of one result.

    `count`  how many results meet some conditions
    `check`  what else is wrong with the query, by the codes that may be named
    `copies` the whole list as queries whose rows COPY writes, where it is long
    `write`  the same page as `find`, of which each result is JSON with some fields
    """

    name: str
    listing: Listing
    default_order: str
    fields: tuple[str, ...]
    columns: tuple[Column, ...]
    flatten: Callable[[Shown], Iterable[Row]]
    find: Callable[[Connection, Wanted, State], Awaitable[Page]]
    count: Count
    check: Callable[[Codes], Iterable[Fault]] = lambda codes: ()
    copies: Copies | None = None
    write: Write | None = None

    @property
    def listing_key(self) -> str:
        """The column that tells one result from another; the only one, where it does so with a tie-break."""
        names = tuple(self.listing.columns)
        return next((name for name in names if self.listing.columns[name] == self.listing.id), names[0])

    @property
    def all_fields(self) -> tuple[str, ...]:
        """What `fields=` may name in one format or another."""
        return tuple(dict.fromkeys((*self.fields, *(column.id for column in self.columns))))

    def columns_in(self, shape: Representation) -> tuple[Column, ...]:
        """What one row of a format has, and `fields=` may name."""
        nested = shape.format.nests or not shape.format.is_flat
        return _nested(self.fields) if nested else self.columns

    def rows_in(self, shape: Representation, result: Shown) -> Iterable[Row]:
        """The rows of one result under `columns_in` of the same format."""
        return [[result[name] for name in self.fields]] if shape.format.nests else self.flatten(result)


async def reply_with_list(
    resource: Resource, asked: Asked, caller: Caller, reply: Replying, *, within: Within | None = None
) -> Response:
    """One page of a list, or all of it where a flat format is asked without a limit.

    `within` gives conditions that the path sets, or raises NotFound.
    """
    return await _Listed(resource, asked, caller, reply, within).respond()


async def reply_with_one(
    resource: Resource, key: Condition, asked: Asked, reply: Replying, *, also: Condition | None = None
) -> Response:
    """The one result that a condition names, or two together, with the state it was read from.

    Errors  NotFound
    """

    async def find(reading: Reading) -> Answer:
        wanted = Wanted((key, also) if also else (key,), Order(resource.listing_key), limit=1)
        page = await resource.find(reading.connection, wanted, reading.state)
        if not page.rows:
            shown = reply.path.rpartition("/")[2][:60]
            raise NotFound(f"There is no {shown} among the {resource.name} of revision {reading.state.revision}.")
        if reading.shape.format.is_flat:
            return Answer(render(reading.shape.format, table_of(resource, page.rows, reading.shape), reading.options))
        return Answer(dump({**page.rows[0], "meta": reply.meta(reading.state, asked.canonical(_SHOWN))}))

    return await reply.from_record(asked, find)


def table_of(resource: Resource, results: Iterable[Shown], shape: Representation, chosen: Sequence[str] = ()) -> Table:
    """Results as a table for a format, of some columns only where some are chosen."""
    columns = resource.columns_in(shape)
    places = _places(columns, chosen)
    rows = [_cut(row, places) for result in results for row in resource.rows_in(shape, result)]
    return Table(tuple(columns[place] for place in places), rows, total=len(rows))


class _Listed:
    """One request for a list."""

    def __init__(
        self, resource: Resource, asked: Asked, caller: Caller, reply: Replying, within: Within | None
    ) -> None:
        self.resource, self.asked, self.caller, self.reply = resource, asked, caller, reply
        self.within = within
        self.conditions = asked.conditions()
        self.fields: tuple[str, ...] = asked.many("fields")
        sort = asked.one("sort", resource.default_order)
        self.order = Order(sort.lstrip("-"), is_descending=sort.startswith("-"))
        self.bound = bind(reply.path, asked.canonical(QUESTION))
        self.cursor = self._read_cursor()

    async def respond(self) -> Response:
        return await self.reply.from_record(
            self.asked,
            self._find,
            check=self._check,
            revision=self.cursor.revision if self.cursor else None,
            guard=self._guard,
            is_fixed=self._is_one_statement,
        )

    def _read_cursor(self) -> Cursor | None:
        text = self.asked.one("cursor")
        if text is None or self.asked.faults:
            return None
        return read_cursor(self.reply.service.cursor_key, text, self.bound, self.resource.listing, self.order)

    def _check(self, codes: Codes, shape: Representation) -> Iterable[Fault]:
        yield from self.resource.check(codes)
        names = tuple(column.id for column in self.resource.columns_in(shape))
        for name in self.fields:
            if name not in names:
                detail = f"{name} is not a field in {shape.format.id}; use {', '.join(names)}."
                yield Fault("unknown-code", detail, parameter="fields", did_you_mean=near(name, names))

    @property
    def _is_one_statement(self) -> bool:
        """Whether an answer as JSON reads no more than what one statement gives, and so has no need of a snapshot."""
        has_total = self.asked.one("include_total", False)
        return self.resource.write is not None and self.within is None and not has_total

    def _is_whole(self, reading: Reading) -> bool:
        return reading.shape.format.is_flat and not {"limit", "cursor"} & set(self.asked.given)

    async def _guard(self, reading: Reading) -> None:
        """Settle what the path asks for; refuse a long list as a whole to whom may not export."""
        if self.cursor and self.cursor.removed_in != reading.state.removed_in:
            raise BadCursor("Personal data was removed since this cursor was given; begin again at the first page.")
        if self.within is not None:
            self.conditions += await self.within(reading)
        if not self._is_whole(reading) or self.caller.may("export"):
            return
        results = (await self._count(reading)).results
        if results > FREE_ROWS:
            advice = (
                f" The whole list has {results} results, and more than {FREE_ROWS} at once need it."
                f" Page with limit (at most {HIGHEST_LIMIT}) and the Link header, or narrow the filters."
            )
            refuse_without(self.caller, "export", advice)

    async def _find(self, reading: Reading) -> Answer:
        return await (self._whole(reading) if self._is_whole(reading) else self._page(reading))

    async def _page(self, reading: Reading) -> Answer:
        wanted, shape = self._wanted(self.asked.one("limit", LIMIT)), reading.shape
        if self.resource.write and not shape.format.is_flat:
            written = await self.resource.write(
                reading.connection, wanted, reading.state, self.fields or self.resource.fields
            )
            if written.removed_in != reading.state.removed_in:
                raise Overtaken
            return await self._shown(reading, written, 0, partial(json_list, written.text))
        page = await self.resource.find(reading.connection, wanted, reading.state)
        work = len(page.rows) * RESULT_ROWS

        def flat() -> bytes:
            return render(shape.format, table_of(self.resource, page.rows, shape, self.fields), reading.options)

        if shape.format.is_flat:
            return Answer(await aside(work, flat), self._link(self._next(page, reading.state)))
        return await self._shown(reading, page, work, lambda: [_pick(row, self.fields) for row in page.rows])

    async def _shown(
        self, reading: Reading, page: Page | WrittenPage, work: int, results: Callable[[], object]
    ) -> Answer:
        """A page as JSON; `work` is how much its results take, in rows."""
        next_ = self._next(page, reading.state)
        total = (await self._count(reading)).results if self.asked.one("include_total", False) else None
        paging = {"limit": self.asked.one("limit", LIMIT), "has_more": page.has_more, "next": next_, "total": total}
        meta = self.reply.meta(reading.state, self.asked.canonical(_SHOWN))

        def whole() -> bytes:
            return envelope(results(), paging=paging, meta=meta, warnings=[])

        return Answer(await aside(work, whole), self._link(next_))

    def _link(self, next_: str | None) -> dict[str, str]:
        return {"Link": f'<{next_}>; rel="next"'} if next_ else {}

    async def _whole(self, reading: Reading) -> Answer:
        shape = reading.shape
        total = await self._count(reading)
        results, rows = total.results, total.results if shape.format.nests else total.flat_rows
        every = self.resource.columns_in(shape)
        places = _places(every, self.fields)
        columns = tuple(every[place] for place in places)
        copying = shape.format.copying
        has_names = shape.labels != "id" and copying is not None and copying.has_dialect
        if self.resource.copies and copying and not has_names and results > COPIED_RESULTS:
            names = [column.id for column in columns]
            copies = self.resource.copies(copying, reading.options, names, self.conditions, self.order, reading.state)
            pieces = copy_out(self.reply.service.database, copies)
            if not self.reply.request.state.is_head:
                pieces = await begun(pieces)
            body = copied(copying, columns, pieces, reading.options, beside=aside)
        else:
            table = Table(columns, stream=self._batches(reading.state, shape, places), total=rows)
            body = stream(shape.format, table, reading.options, beside=aside)
        is_private = results > FREE_ROWS and "export" not in self.reply.service.settings.anonymous_scope_set
        name = f"{self.resource.name}-r{reading.state.revision}.{shape.format.extension}"
        headers = {"Sudstat-Rows": str(rows), "Content-Disposition": f'attachment; filename="{name}"'}
        return Answer(body, headers, is_private)

    async def _batches(
        self, state: State, shape: Representation, places: Sequence[int]
    ) -> AsyncIterator[Sequence[Row]]:
        """Rows of the whole list. What a revision holds does not change, so that each page may be read by itself,
        and a slow caller keeps no connection."""
        wanted = self._wanted(HIGHEST_LIMIT)
        has_more = True
        while has_more:
            async with self.reply.service.database.snapshot() as connection:
                page = await self.resource.find(connection, wanted, state)
            yield await aside(len(page.rows) * RESULT_ROWS, partial(self._rows, page.rows, shape, places))
            wanted, has_more = replace(wanted, after=page.last), page.has_more

    def _rows(self, results: Iterable[Shown], shape: Representation, places: Sequence[int]) -> list[Row]:
        return [_cut(row, places) for result in results for row in self.resource.rows_in(shape, result)]

    async def _count(self, reading: Reading) -> Total:
        """How many results the list has: of a revision that is counted once."""
        state, counts = reading.state, self.reply.service.counts
        key = (self.bound, state.revision, state.published_at, state.removed_in)
        total = counts.find(key)
        if total is None:
            total = await self.resource.count(reading.connection, self.conditions, state)
            counts.keep(key, total)
        return total

    def _wanted(self, limit: int) -> Wanted:
        after = self.cursor.position if self.cursor else None
        return Wanted(self.conditions, self.order, limit, after)

    def _next(self, page: Page | WrittenPage, state: State) -> str | None:
        if not page.has_more or page.last is None:
            return None
        cursor = write_cursor(
            self.reply.service.cursor_key, Cursor(state.revision, state.removed_in, page.last), self.bound
        )
        query = "&".join(filter(None, (self.asked.canonical(_EVERYTHING_BUT_CURSOR), f"cursor={cursor}")))
        return self.reply.address(query)


@lru_cache(64)
def _nested(fields: tuple[str, ...]) -> tuple[Column, ...]:
    return tuple(Column(name, "json") for name in fields)


def _pick(result: Shown, fields: Sequence[str]) -> Shown:
    return {name: result[name] for name in fields} if fields else result


def _places(columns: Sequence[Column], chosen: Sequence[str]) -> tuple[int, ...]:
    names = [column.id for column in columns]
    return tuple(names.index(name) for name in chosen or names)


def _cut(row: Row, places: Sequence[int]) -> Row:
    return row if len(places) == len(row) and places == tuple(range(len(row))) else [row[place] for place in places]
