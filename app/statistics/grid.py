"""Grid: what the statements of a plan found, by period and combination of codes."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import getitem
from typing import Any

from app.db.database import Connection
from app.db.turns import aside
from app.errors import TooManyCells
from app.statistics.codes import Codes
from app.statistics.dimensions import DIMENSIONS
from app.statistics.periods import list_periods
from app.statistics.plan import CERTAIN, OWN_BASE, POSSIBLE, STOCK, Plan
from app.statistics.question import Question
from app.statistics.select import Reading, Statement, together

Combination = tuple[str, ...]
Place = tuple[date | None, Combination]  # first day of the period, codes of the dimensions
Values = Mapping[str, Any]
LeftOut = dict[bool, dict[str, int]]  # undated, or after the record's last day; by count
_LESS = "Ask for a shorter time, a coarser grain, fewer dimensions or more filters."
_ALL = 2**31  # more than anybody is given


@dataclass(frozen=True, slots=True)
class Grid:
    """Values by place. What is not there is 0, or has no value where nobody is counted.

    `base`  what coverage is made of, by period and plain dimensions; None where the values have it
    """

    values: Mapping[Place, Values]
    base: Mapping[Place, tuple[int, int]] | None = None

    def at(self, place: Place) -> Values:
        """The values of one place."""
        return self.values.get(place, {})


async def fetch(connection: Connection, statement: Statement) -> list[Any]:
    """All rows of a statement."""
    # fetch, even for one row: fetchrow and fetchval send a row limit, which turns parallel query off
    rows: list[Any] = await connection.fetch(statement.sql, *statement.args)
    return rows


async def fetch_each(connection: Connection, statements: Sequence[Statement]) -> list[list[Any]]:
    """All rows of each of some statements, in one round trip."""
    if len(statements) < 2:
        return [await fetch(connection, one) for one in statements]
    rows = await fetch(connection, together(statements))
    found, start = list[list[Any]](), 0
    for one in statements:
        end = start + 1 + one.width
        found.append(await aside(len(rows), partial(_part, rows, start, end)))
        start = end
    return found


def _part(rows: Sequence[Any], start: int, end: int) -> list[Any]:
    return [row[start + 1 : end] for row in rows if row[start]]


async def read_values(connection: Connection, plan: Plan, cells_limit: int) -> dict[Place, dict[str, Any]]:
    """Run the readings of a plan.

    Errors  TooManyCells, with `cells` and `limit`
    """
    readings = _readings(plan, cells_limit)
    limit = rows_limit(plan, cells_limit)
    found = await fetch_each(connection, [reading.rows(limit + 1) for reading in readings])
    return await _values(connection, plan, readings, found, cells_limit)


async def read_grid(
    connection: Connection, plan: Plan, state: Plan, cells_limit: int, *, shares_base: bool = True
) -> tuple[Grid, LeftOut]:
    """Run the readings of a plan, and of the state what is left out of its window; in one round trip.

    What coverage is made of is there where rows add up to it (`shares_base`: and may hold it), or where it is the same
    whatever combinations there are.

    Errors  TooManyCells, with `cells` and `limit`
    """
    shares_base = shares_base and plan.has_base_in_rows and not plan.has_stock
    readings = _readings(plan, cells_limit, with_base=shares_base)
    limit = rows_limit(plan, cells_limit)
    beside = tuple(state.left_out()) if state.window or state.needs_day else ()
    has_base = plan.has_own_base and not plan.plain_dimensions and not shares_base
    statements = [reading.rows(limit + 1) for reading in readings] + [reading.all() for reading in beside]
    statements += [plan.base([()])] if has_base else []
    found = await fetch_each(connection, statements)
    if shares_base and len(found[0]) > limit:  # some may be of the base alone
        return await read_grid(connection, plan, state, cells_limit, shares_base=False)
    values = await _values(connection, plan, readings, found[: len(readings)], cells_limit)
    left_out: LeftOut = {True: {}, False: {}}
    for reading, rows in zip(beside, found[len(readings) :], strict=False):
        for is_undated, *counts in rows:
            left_out[is_undated].update(zip(reading.names, counts, strict=True))
    base = _bases(found[-1], plan) if has_base else None
    if shares_base:
        base = await aside(len(values), partial(taken_out, values, plan))
    return Grid(values, base), left_out


def taken_out(values: dict[Place, dict[str, Any]], plan: Plan) -> dict[Place, tuple[int, int]]:
    """What coverage is made of, taken out of the values and added up over what is learnt.

    A place that holds nothing else is none of the answer's.
    """
    learnt = learnt_places(plan.question)
    bases: dict[Place, tuple[int, int]] = {}
    for place in list(values):
        held = values[place]
        known, convicted = (held.pop(name, 0) for name in OWN_BASE)
        to = place[0], without(place[1], learnt)
        before = bases.get(to, (0, 0))
        bases[to] = before[0] + known, before[1] + convicted
        if not any(held.values()):
            del values[place]
    return bases


def _readings(plan: Plan, cells_limit: int, *, with_base: bool = False) -> tuple[Reading, ...]:
    if not plan.question.dimensions:
        refuse_beyond(plan.periods, plan.question, cells_limit)
    return tuple(plan.readings(with_base=with_base))


def rows_limit(plan: Plan, cells_limit: int) -> int:
    """How many rows so many cells are."""
    return cells_limit // len(plan.question.measures)


async def _values(
    connection: Connection, plan: Plan, readings: Sequence[Reading], found: Sequence[list[Any]], cells_limit: int
) -> dict[Place, dict[str, Any]]:
    values: dict[Place, dict[str, Any]] = {}
    for reading, rows in zip(readings, found, strict=True):
        if len(rows) > rows_limit(plan, cells_limit):
            wanted = plan.periods * await _count_combinations(connection, plan, reading)
            refuse_beyond(max(wanted, len(rows)), plan.question, cells_limit)
        await aside(len(rows), partial(_add, values, rows, plan.question, reading.names))
    return _with_stock(values, plan) if plan.has_stock else values


def _add(values: dict[Place, dict[str, Any]], rows: Sequence[Any], question: Question, names: Sequence[str]) -> None:
    for place, found in by_place(rows, question, names):
        held = values.get(place)
        if held is None:
            values[place] = found
        else:
            held.update(found)


async def read_bounds(connection: Connection, plan: Plan) -> dict[Place, dict[str, Any]]:
    """What the bounds of a question are made of."""
    found: dict[Place, dict[str, Any]] = {}
    for reading in plan.bounds():
        rows = await fetch(connection, reading.all())
        await aside(len(rows), partial(_add, found, rows, plan.question, reading.names))
    for side in (CERTAIN, POSSIBLE) if plan.has_stock else ():
        found = _with_stock(found, plan, f"{STOCK}:{side}")
    return found


async def read_left_out(connection: Connection, plan: Plan) -> dict[bool, dict[str, int]]:
    """What has no day (True), or one after the record's last (False), and is left out; by count."""
    found: dict[bool, dict[str, int]] = {True: {}, False: {}}
    if plan.window or plan.needs_day:
        for reading in plan.left_out():
            for is_undated, *counts in await fetch(connection, reading.all()):
                found[is_undated].update(zip(reading.names, counts, strict=True))
    return found


async def read_base(
    connection: Connection, plan: Plan, combinations: Sequence[Combination]
) -> dict[Place, tuple[int, int]] | None:
    """What coverage is made of; None where the values have it."""
    if not plan.has_own_base:
        return None
    learnt = learnt_places(plan.question)
    plain = await aside(len(combinations), lambda: sorted({without(entry, learnt) for entry in combinations}))
    rows = await fetch(connection, plan.base(plain))
    return await aside(len(rows), partial(_bases, rows, plan))


def _bases(rows: Iterable[Any], plan: Plan) -> dict[Place, tuple[int, int]]:
    start = 1 if plan.question.grain else 0
    end = start + len(plan.plain_dimensions)
    return {(row[0] if start else None, tuple(row[start:end])): (row[end], row[end + 1]) for row in rows}


def reading_limit(question: Question, known: Codes, cells_limit: int, rounding: int, *, states: int = 1) -> int:
    """How many cells may be read for an answer of at most so many, shown at so many states.

    How many rows were read, and whether they were too many, would tell of single persons. So where counts are rounded,
    a question is refused by what it asks alone, before anything is read, and otherwise all of it is read.

    Errors  TooManyCells, with the most `cells` that there could be, and `limit`
    """
    if rounding <= 1:
        return cells_limit
    cells = question.most_cells(known.stated) * states
    if cells > cells_limit:
        detail = f"The answer might have {cells} cells, by periods and codes; at most {cells_limit} are given. {_LESS}"
        raise TooManyCells(detail, cells=cells, limit=cells_limit)
    return _ALL


def refuse_beyond(rows: int, question: Question, cells_limit: int) -> None:
    """Raise TooManyCells where so many rows have more cells than are given."""
    cells = rows * len(question.measures)
    if rows <= cells_limit // len(question.measures):
        return
    detail = (
        f"The answer would have {cells} cells ({rows} rows of {len(question.measures)} measures);"
        f" at most {cells_limit} are given. {_LESS}"
    )
    raise TooManyCells(detail, cells=cells, limit=cells_limit)


def by_place(rows: Iterable[Any], question: Question, names: Sequence[str]) -> Iterable[tuple[Place, dict[str, Any]]]:
    """Rows of a statement (period, dimensions, values) by where they belong."""
    start = 1 if question.grain else 0
    end = start + len(question.dimensions)
    for row in rows:
        place = (row[0] if start else None, tuple(row[start:end]))
        yield place, dict(zip(names, row[end:], strict=True))


def disclosable(values: Mapping[Place, Values], rounding: int) -> Iterable[Place]:
    """The places that may be shown: where counts are rounded, only those of a combination that has some count left.

    Otherwise the mere presence of a row would tell of a single person.
    """
    if rounding <= 1:
        return values
    sums: dict[tuple[Combination, str], int] = {}
    for (_, combination), found in values.items():
        for name, value in found.items():
            if isinstance(value, int):
                sums[(combination, name)] = sums.get((combination, name), 0) + value
    shown = {combination for (combination, _), total in sums.items() if total >= rounding}
    return [place for place in values if place[1] in shown]


def order_combinations(places: Iterable[Place], question: Question, known: Codes) -> tuple[Combination, ...]:
    """Every combination of codes that has a row, in the order of the rows."""
    observed = {combination for _, combination in places}
    if not question.dimensions:
        observed = {()}
    if question.preset.dimension:
        place = question.dimensions.index(question.preset.dimension)
        rest = {without(entry, (place,)) for entry in observed} or ({()} if len(question.dimensions) == 1 else set())
        codes = {entry[place] for entry in observed}.union(question.preset.always_shown)
        observed = {(*entry[:place], code, *entry[place:]) for entry in rest for code in codes}
    return tuple(sorted(observed, key=ranking(observed, question, known)))


def ranking(
    combinations: Collection[Combination], question: Question, known: Codes
) -> Callable[[Combination], tuple[int, ...]]:
    """By what some combinations of codes are sorted, to stand in the order of the rows."""
    orders = [
        known.order(name, {entry[place] for entry in combinations}) for place, name in enumerate(question.dimensions)
    ]
    return lambda entry: tuple(map(getitem, orders, entry))


def without(entry: Combination, places: Sequence[int]) -> Combination:
    """A combination without the codes at some places."""
    return tuple(value for place, value in enumerate(entry) if place not in places)


def learnt_places(question: Question) -> tuple[int, ...]:
    """Where its learnt dimensions stand among its dimensions."""
    return tuple(place for place, name in enumerate(question.dimensions) if DIMENSIONS[name].learnt)


async def _count_combinations(connection: Connection, plan: Plan, reading: Reading) -> int:
    preset = plan.question.preset
    start = 1 if plan.question.grain else 0
    free = [start + place for place, name in enumerate(plan.question.dimensions) if name != preset.dimension]
    shown = max(1, len(preset.always_shown))
    if not free:
        return shown
    rows = await fetch(connection, reading.combinations(free))
    return int(rows[0][0]) * shown


def _with_stock(values: dict[Place, dict[str, Any]], plan: Plan, name: str = STOCK) -> dict[Place, dict[str, Any]]:
    """Changes of a stock added up from period to period."""
    if plan.question.grain is None or plan.window is None:
        return values
    held = dict.fromkeys((combination for _, combination in values), 0)
    for period in list_periods(plan.question.grain, plan.window):
        for combination in held:
            change = values.get((period.first, combination), {}).get(name, 0)
            held[combination] += change
            if held[combination]:
                values.setdefault((period.first, combination), {})[name] = held[combination]
            elif change:
                values[(period.first, combination)][name] = 0
    return values
