"""Series: the rows of a sum as counts by day, each part of a window from the coarsest that holds it; pure.

What is made is the text of a table with the columns court, kind, those of the sum, day and n; `add` makes a parameter.
A day stands for the week or month that begins on it where the periods asked for are no finer; it is null for what has
no day, and wherever no period is asked for.
"""

from calendar import monthrange
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from app.statistics.periods import Grain, Period, Window
from app.statistics.sums import ALL_COURTS, SUMS, WHOLE, Sum, blocks, count, position

Add = Callable[[Any], str]
_LAST = date.max.toordinal()
_UNDATED = "NULL::date AS day"


def state(source: Sum, revision: int, window: Window | None, grain: Grain | None, add: Add) -> str:
    """What a sum holds as of a revision: in a window; without one all, and what has no day."""
    rows = f"block = ANY({add(list(blocks(revision)))}::int[])"
    if window is None:
        which = f"(year = {WHOLE} OR year IS NULL)" if source.has_spans else "true"
        return _rows(source, source, f"{rows} AND {which}", _UNDATED, "n")
    first, last = window.first.toordinal(), window.last.toordinal()
    core = _core(source, first, last, grain)
    if core is None:
        return (
            _days(source, rows, first, last, grain, add)
            if first <= last
            else _rows(source, source, f"{rows} AND false", _UNDATED, "n")
        )
    parts = [_spans(source, rows, *core, grain, add)]
    parts += [_days(source, rows, first, core[0] - 1, grain, add)] if first < core[0] else []
    parts += [_days(source, rows, core[1] + 1, last, grain, add)] if core[1] < last else []
    return " UNION ALL ".join(parts)


def left_out(source: Sum, revision: int, last: date | None, add: Add) -> str:
    """What has no day, and what has one after the last."""
    rows = f"block = ANY({add(list(blocks(revision)))}::int[])"
    undated = _rows(source, source, f"{rows} AND year IS NULL", _UNDATED, "n")
    if last is None or last == date.max:
        return undated
    return f"{undated} UNION ALL {_days(source, rows, last.toordinal() + 1, _LAST, Grain.DAY, add)}"


def vintages(source: Sum, revisions: Mapping[Period, int], add: Add) -> str:
    """What it holds of each period as of a revision of its own."""
    days = _with_days(source)
    cuts = [
        (block, period.first.year, period.last.year, _before(period.first.toordinal()), _until(period.last.toordinal()))
        for period, until in revisions.items()
        for block in blocks(until)
    ]
    kinds = ("int", "int", "int", "bigint", "bigint")
    arrays = ", ".join(f"{add([cut[place] for cut in cuts])}::{kind}[]" for place, kind in enumerate(kinds))
    joined = (
        f" JOIN unnest({arrays}) AS cuts (cut_block, cut_from, cut_to, cut_before, cut_until)"
        f" ON block = cut_block AND year BETWEEN cut_from AND cut_to, {_slice('series', 'cut_before', 'cut_until')}"
    )
    return _rows(source, days, "year > 0", f"{_date('e')} AS day", count("e"), joined)


def _core(source: Sum, first: int, last: int, grain: Grain | None) -> tuple[int, int] | None:
    """First and last day of the whole weeks or months of a window, where the sum has them and they are fine enough."""
    if not source.has_spans or grain is Grain.DAY or (source.is_of_terms and grain is not None):
        return None
    if grain is Grain.WEEK:
        begin, end = first + (1 - first) % 7, last - last % 7
    else:
        day, end_day = date.fromordinal(max(first, 1)), date.fromordinal(last)
        begin = first if day.day == 1 else first - day.day + 1 + monthrange(day.year, day.month)[1]
        end = last if end_day.day == monthrange(end_day.year, end_day.month)[1] else last - end_day.day
    return (begin, end) if begin < end else None


def _spans(source: Sum, rows: str, first: int, last: int, grain: Grain | None, add: Add) -> str:
    """Whole weeks or months."""
    before, until = f"{add(_before(first))}::bigint", f"{add(_until(last))}::bigint"
    rows = f"{rows} AND year = {WHOLE}"
    if grain is None:
        return _rows(source, source, rows, _UNDATED, _between("running", before, until))
    if grain is Grain.WEEK:
        return _rows(source, source, rows, f"{_date('e')} AS day", count("e"), f", {_slice('series', before, until)}")
    grown = f"{count('e')} - coalesce({count('running[place - 1]')}, 0)"
    unnested = ", unnest(running) WITH ORDINALITY AS months (e, place)"
    return _rows(source, source, f"{rows} AND e > {before} AND e <= {until}", f"{_date('e')} AS day", grown, unnested)


def _days(source: Sum, rows: str, first: int, last: int, grain: Grain | None, add: Add) -> str:
    """Days, from the years that hold them."""
    days = _with_days(source)
    years = f"{add(date.fromordinal(first).year)}::int AND {add(date.fromordinal(last).year)}::int"
    rows = f"{rows} AND year BETWEEN {years}"
    before, until = f"{add(_before(first))}::bigint", f"{add(_until(last))}::bigint"
    if grain is None and days.is_of_terms:
        return _rows(source, days, rows, _UNDATED, _between("running", before, until))
    if grain is None:
        inside = _whole_years(first, last)
        cut = f" AND year NOT BETWEEN {inside[0]} AND {inside[1]}" if inside else ""
        part = _rows(source, days, rows + cut, _UNDATED, count("e"), f", {_slice('series', before, until)}")
        if inside:
            whole = f"{rows} AND year BETWEEN {inside[0]} AND {inside[1]}"
            part += f" UNION ALL {_rows(source, days, whole, _UNDATED, 'n')}"
        return part
    return _rows(source, days, rows, f"{_date('e')} AS day", count("e"), f", {_slice('series', before, until)}")


def _whole_years(first: int, last: int) -> tuple[int, int] | None:
    """The first and last of the years that lie in a window as a whole."""
    begin, end = date.fromordinal(first), date.fromordinal(last)
    since = begin.year + ((begin.month, begin.day) != (1, 1))
    until = end.year - ((end.month, end.day) != (12, 31))
    return (since, until) if since <= until else None


def _rows(source: Sum, read: Sum, which: str, day: str, n: str, more: str = "") -> str:
    """Some rows of a sum under the columns of another."""
    columns = "".join(f"{name}, " for name in source.columns)
    court = "" if read.is_by_court else f" AND court = '{ALL_COURTS}'"
    return f"SELECT court, kind, {columns}{day}, {n} AS n FROM tally{more} WHERE sum = {read.number}{court} AND {which}"


def _with_days(source: Sum) -> Sum:
    return source if source.has_days else SUMS[source.base]


def _before(first: int) -> int:
    """What is greater than every element of a day before the first, and less than every one from it on."""
    return (first << 32) - 2**31 - 1


def _until(last: int) -> int:
    return _before(last + 1)


def _slice(array: str, before: str, until: str) -> str:
    """The elements between two bounds: arrays rise."""
    return f"unnest({array}[width_bucket({before}, {array}) + 1 : width_bucket({until}, {array})]) AS e"


def _between(array: str, before: str, until: str) -> str:
    """What a running sum grew by between two bounds."""
    upto = (f"coalesce({count(f'{array}[width_bucket({bound}, {array})]')}, 0)" for bound in (until, before))
    return " - ".join(upto)


def _date(element: str) -> str:
    return f"DATE '0001-01-01' + {position(element)} - 1"
