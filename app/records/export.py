"""Cases as Postgres writes them: all of a list by COPY, and pages as JSON.

One query for each part of the list's order (rows with a value, rows without), each with the fields or columns that are
asked for. What a row holds is said twice, here and in `cases.py`, but for persons, which are kept as they are shown; a
test holds the two to each other.
"""

from collections.abc import Sequence
from functools import lru_cache

from app.db.copying import Copy
from app.db.database import Connection
from app.formats import Copying, Options
from app.formats.csv import DEFUSED, FORMULA
from app.records.cases import CASES
from app.records.denials import DENYING, denied_in_sql
from app.records.ids import PREFIX, show_id_in_sql, spell_ids
from app.records.listing import ID_MARK, Condition, Order, Wanted, Written, WrittenPage, whole_list, write_rows
from app.records.persons import persons_in_sql
from app.records.revisions import State
from app.records.uid import has_check_digits_in_sql

_AT = "{0}.revision <= $1::int AND ({0}.superseded_in IS NULL OR {0}.superseded_in > $1::int)"
_NUMBER = "CASE WHEN v.number NOT LIKE '%-' THEN v.number END"  # what ends so stands in for one that was removed
_UID = "CASE WHEN v.uid NOT LIKE '%-' THEN v.uid END"
_GUID = "i.guids[cardinality(i.guids)]"
_MERGED_INTO = f"CASE WHEN v.merged_into IS NOT NULL THEN {show_id_in_sql('v.merged_into')} END"
_SENTENCE = {
    "class": "d.sentence_class",
    "kind": "d.sentence_kind",
    "execution": "d.sentence_execution",
    "term_months": "d.term_months",
    "probation_months": "d.probation_months",
    "fine_rub": "d.fine_rub",
    "regime": "d.regime",
    "source": "d.sentence_source",
}
_CHARGE = {
    "offence": "c.offence",
    "role": "c.role",
    "stage": "c.stage",
    "episodes": "c.episodes",
    "principal": "c.is_principal",
}
_PERSON = {
    "id": "'d' || d.defendant",
    "ordinal": "d.ordinal",
    "service_status": "d.service_status",
    "disposition": "d.disposition",
    "is_presumed": "d.is_presumed",
    "decided_on": "d.decided_on",
    "principal_offence": "nullif(d.offence_decided, 'unknown')",
}
_CASE = {
    "id": show_id_in_sql("v.case_id"),
    "version": "v.version",
    "revision": "v.revision",
    "court": "v.court",
    "instance": "v.instance",
    "received_on": "v.received_on",
    "arrival": "v.arrival",
    "decided_on": "v.decided_on",
    "disposition": "v.disposition",
    "in_force_on": "v.in_force_on",
    "is_withdrawn": "v.is_withdrawn",
    "merged_into": _MERGED_INTO,
}
_CONFLICTS = "jsonb_array_length(v.conflicts)"


def _denied_of_person(id_: str, *, as_json: bool) -> str:
    of_person = (
        f"SELECT s.said FROM jsonb_array_elements(n.body -> 'defendants') AS s (said) WHERE s.said ->> 'id' = {id_}"
    )
    return f"(SELECT {denied_in_sql('s.said', as_json=as_json)} FROM ({of_person}) AS s)"


def _where_denied(denied: str, otherwise: str = "NULL") -> str:
    """Nothing is looked for where the newsroom denies nothing of the case, which is nearly always so."""
    return f"CASE WHEN n.body IS NULL THEN {otherwise} ELSE {denied} END"


# ── Cells: one row for each charge ─────────────────────────────────────────────────────────────


_CELLS = {
    **_CASE,
    "number": _NUMBER,
    "previous_numbers": "array_to_string(i.numbers, '|')",
    "uid": _UID,
    "card_guid": _GUID,
    "deny": _where_denied(denied_in_sql("n.body", as_json=False)),
    **{f"defendant.{name}": sql for name, sql in _PERSON.items()},
    "defendant.deny": _where_denied(_denied_of_person("d.defendant::text", as_json=False)),
    **{f"charge.{name}": sql for name, sql in _CHARGE.items()},
    **{f"sentence.{name}": sql for name, sql in _SENTENCE.items()},
    "conflicts": _CONFLICTS,
}
_FREE_TEXT = ("number", "previous_numbers", "uid", "card_guid")
_TRUTHS = ("is_withdrawn", "defendant.is_presumed", "charge.principal")
_SIGNS = "E'" + "".join({"\t": r"\t", "\r": r"\r", "\n": r"\n"}.get(sign, sign) for sign in FORMULA) + "'"
_QUOTED_SIGN = DEFUSED.replace("'", "''")
_KNOWN_BY = f"""LEFT JOIN LATERAL (
    SELECT array_agg(i.value ORDER BY i.revision, i.value) FILTER (WHERE i.kind = 'number') AS numbers,
           array_agg(i.value ORDER BY i.revision, i.value) FILTER (WHERE i.kind = 'guid') AS guids
    FROM identifiers i
    WHERE i.court = v.court AND i.case_id = v.case_id AND {_AT.format("i")}
        AND (i.kind <> 'number' OR i.value IS DISTINCT FROM v.number)) AS i ON true"""
_DENIALS = (
    "LEFT JOIN statements n ON n.court = v.court AND n.case_id = v.case_id"
    f" AND {DENYING.format('n')} AND {_AT.format('n')}"
)
_OF_VERSION = "{0}.court = v.court AND {0}.case_id = v.case_id AND {0}.revision = v.revision"
_PEOPLE = f"LEFT JOIN defendants d ON {_OF_VERSION.format('d')}"
_CHARGES = (
    "LEFT JOIN charges c ON c.court = d.court AND c.case_id = d.case_id AND c.revision = d.revision"
    " AND c.defendant = d.defendant"
)


def _cell(name: str, *, is_defused: bool, is_alone: bool) -> str:
    """A column as text, as the writer of CSV has it; a row that is one empty cell is written as two quotes."""
    text = f"nullif({_CELLS[name]}, '')" if name in _FREE_TEXT else f"({_CELLS[name]})"
    if name in _TRUTHS or is_alone:
        text = f"{text}::text"
    if is_defused and name in _FREE_TEXT:
        text = (
            f"(SELECT CASE WHEN strpos({_SIGNS}, left(t, 1)) > 0 THEN '{_QUOTED_SIGN}' || t ELSE t END"
            f" FROM (SELECT {text} OFFSET 0) AS cell (t))"
        )
    return f"coalesce({text}, '')" if is_alone else text


def _cells(source: str, order: Order, columns: Sequence[str], *, is_defused: bool) -> str:
    cells = [_cell(name, is_defused=is_defused, is_alone=len(columns) == 1) for name in columns]
    return (
        f"SELECT {', '.join(cells)} FROM ({source}) AS v {_PEOPLE} {_CHARGES} {_KNOWN_BY} {_DENIALS}"
        f" ORDER BY {_in_order(order)}, d.ordinal, d.defendant, c.position"
    )


# ── Objects: one for each case ─────────────────────────────────────────────────────────────────


# Written out, because Postgres looks up the type of each value anew for each object that it makes itself; by `||`, as
# `concat` writes each of its parts anew. What is not named here is a code, a day or an id, in which nothing is to be
# escaped.
_AS_THEY_ARE = {
    *("version", "revision", "conflicts", "is_withdrawn", "current", "check_digits"),
    *("identifiers", "type", "deny", "defendants", "layers", "sources"),
}
_NEVER_NULL = {"id", "court", "instance", "arrival", "disposition"}


def _object(fields: dict[str, str]) -> str:
    """A JSON object as text, without blanks."""
    parts = (
        f"'{',' if place else '{'}\"{name}\":' || {_written(name, fields[name])}" for place, name in enumerate(fields)
    )
    return f"({' || '.join(parts)} || '}}')"


def _written(name: str, sql: str) -> str:
    """A value as parts of a text, none of which is null."""
    if name == "value":
        return f"to_json({sql})::text"
    if name in _AS_THEY_ARE:
        return f"coalesce(({sql})::text, 'null')"
    return f"'\"' || ({sql}) || '\"'" if name in _NEVER_NULL else f"coalesce('\"' || ({sql}) || '\"', 'null')"


def _identifier(type_: str, value: str, is_current: str, **more: str) -> str:
    return _object({"type": f"'\"{type_}\"'", "value": value, "current": is_current, **more})


def _others(type_: str, values: str, is_current: str) -> str:
    """Identifiers from an array, the current one first; there mostly are none."""
    one = _identifier(type_, "o.value", is_current)
    return f"""CASE WHEN {values} IS NOT NULL THEN (
        SELECT string_agg({one}, ',' ORDER BY {is_current} DESC, o.place)
        FROM unnest({values}) WITH ORDINALITY AS o (value, place)) END"""


_IDENTIFIERS = f"""'[' || concat_ws(',',
    CASE WHEN v.number NOT LIKE '%-' THEN {_identifier("case_number", "v.number", "true")} END,
    {_others("case_number", "i.numbers", "false")},
    CASE WHEN v.uid NOT LIKE '%-' THEN
        {_identifier("uid", "v.uid", "true", check_digits=has_check_digits_in_sql("v.uid"))} END,
    {_others("card_guid", "i.guids", "(o.place = cardinality(i.guids))")}) || ']'"""
_DENIED = _denied_of_person("substr(p.shown ->> 'id', 2)", as_json=True)
_FIELDS = {
    **_CASE,
    "identifiers": _IDENTIFIERS,
    "deny": _where_denied(denied_in_sql("n.body", as_json=True), "'[]'"),
    "defendants": _where_denied(persons_in_sql("v.persons", f"coalesce({_DENIED}, '[]')"), "v.persons"),
    "layers": "v.layers",
    "conflicts": _CONFLICTS,
    "sources": "v.sources",
}


_IN_PAGE = {**_FIELDS, "id": f"'{PREFIX}' || {ID_MARK}"}


@lru_cache(64)
def _chosen(fields: tuple[str, ...], *, in_page: bool) -> Written:
    """An object of some fields, and what is joined to `v` for them."""
    texts = _IN_PAGE if in_page else _FIELDS
    joins = (_KNOWN_BY, {"identifiers"}), (_DENIALS, {"deny", "defendants"})
    needed = (join for join, by in joins if by.intersection(fields))
    return Written(_object({name: texts[name] for name in fields}), " ".join(needed), spell_ids)


def _in_order(order: Order) -> str:
    direction = "DESC" if order.is_descending else "ASC"
    return f"sort_value {direction}, sort_id {direction}"


def _objects(source: str, order: Order, fields: Sequence[str]) -> str:
    chosen = _chosen(tuple(fields), in_page=False)
    return f"SELECT {chosen.text} FROM ({source}) AS v {chosen.joins} ORDER BY {_in_order(order)}"


async def write_cases(connection: Connection, wanted: Wanted, state: State, fields: Sequence[str]) -> WrittenPage:
    """One page of cases as of a revision, of which each is JSON with these fields: one statement, seldom two."""
    return await write_rows(
        connection, CASES, wanted, state.revision, _chosen(tuple(dict.fromkeys(fields)), in_page=True)
    )


# ── Both ───────────────────────────────────────────────────────────────────────────────────────

# JSON is one cell without control characters, so that with these it is never put in quotes.
_AS_IS = {"format": "csv", "delimiter": "\x01", "quote": "\x02", "escape": "\x02"}


def copies_of_cases(
    copying: Copying,
    options: Options,
    names: Sequence[str],
    conditions: Sequence[Condition],
    order: Order,
    state: State,
) -> list[Copy]:
    """Queries that give all cases under some conditions as of a revision: only the fields or columns of these names."""
    copies = []
    for source, arguments in whole_list(CASES, Wanted(tuple(conditions), order, limit=0), state.revision):
        if copying.shape == "objects":
            copies.append(Copy(_objects(source, order, names), arguments, _AS_IS))
            continue
        sql = _cells(source, order, names, is_defused=copying.is_defused)
        delimiter = options.delimiter if copying.has_dialect else ","
        copies.append(Copy(sql, arguments, {"format": "csv", "delimiter": delimiter}))
    return copies
