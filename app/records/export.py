"""All cases of a list as COPY writes them: the same rows as pages have, made by Postgres.

One query for each part of the list's order (rows with a value, rows without), each with the fields or columns that are
asked for. What a row holds is said twice, here and in `cases.py`; a test holds the two to each other.
"""

from collections.abc import Sequence

from app.db.copying import Copy
from app.formats import Copying, Options
from app.formats.csv import DEFUSED, FORMULA
from app.records.cases import CASES
from app.records.denials import DENYING, denied_in_sql
from app.records.ids import show_id_in_sql
from app.records.listing import Condition, Order, Wanted, whole_list
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

_OF_PERSON = "p.said ->> 'id' = d.defendant::text"
_SAID_OF_PERSON = f"SELECT p.said FROM jsonb_array_elements(n.body -> 'defendants') AS p (said) WHERE {_OF_PERSON}"


def _denied_of_person(*, as_json: bool) -> str:
    denied = f"(SELECT {denied_in_sql('p.said', as_json=as_json)} FROM ({_SAID_OF_PERSON}) AS p)"
    return _where_any(f"coalesce({denied}, '[]')" if as_json else denied, as_json=as_json)


def _denied_of_case(*, as_json: bool) -> str:
    return _where_any(denied_in_sql("n.body", as_json=as_json), as_json=as_json)


def _where_any(denied: str, *, as_json: bool) -> str:
    """Nothing is looked for where the newsroom denies nothing of the case, which is nearly always so."""
    return f"CASE WHEN n.body IS NOT NULL THEN {denied} {_NOTHING if as_json else ''} END"


_NOTHING = "ELSE '[]'::json"


# ── Cells: one row for each charge ─────────────────────────────────────────────────────────────


_CELLS = {
    **_CASE,
    "number": _NUMBER,
    "previous_numbers": "array_to_string(i.numbers, '|')",
    "uid": _UID,
    "card_guid": _GUID,
    "deny": _denied_of_case(as_json=False),
    **{f"defendant.{name}": sql for name, sql in _PERSON.items()},
    "defendant.deny": _denied_of_person(as_json=False),
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
    direction = "DESC" if order.is_descending else "ASC"
    return (
        f"SELECT {', '.join(cells)} FROM ({source}) AS v {_PEOPLE} {_CHARGES} {_KNOWN_BY} {_DENIALS}"
        f" ORDER BY sort_value {direction}, sort_id {direction}, d.ordinal, d.defendant, c.position"
    )


# ── Objects: one for each case ─────────────────────────────────────────────────────────────────


# Written out, because Postgres looks up the type of each value anew for each object that it makes itself. What is not
# named here is a code, a day or an id, in which nothing is to be escaped.
_AS_THEY_ARE = {
    *("version", "revision", "ordinal", "episodes", "term_months", "probation_months", "fine_rub", "conflicts"),
    *("is_withdrawn", "is_presumed", "principal", "current", "check_digits"),
    *("identifiers", "deny", "charges", "sentence", "defendants", "layers", "sources"),
}


def _object(fields: dict[str, str]) -> str:
    """A JSON object as text, without blanks."""
    named = " || ',".join(f'"{name}":\' || {_written(name, sql)}' for name, sql in fields.items())
    return f"('{{{named} || '}}')"


def _written(name: str, sql: str) -> str:
    if name == "value":
        return f"to_json({sql})::text"
    return f"coalesce(({sql})::text, 'null')" if name in _AS_THEY_ARE else f"coalesce('\"' || ({sql}) || '\"', 'null')"


def _list(fields: dict[str, str], source: str, order: str) -> str:
    return f"(SELECT coalesce('[' || string_agg({_object(fields)}, ',' ORDER BY {order}) || ']', '[]') FROM {source})"


_PLAIN = {"type": "k.type", "value": "k.value", "current": "k.is_current"}
_OF_UID = {**_PLAIN, "check_digits": has_check_digits_in_sql("k.value")}
_IDENTIFIERS = f"""(SELECT coalesce('[' || string_agg(
        CASE k.type WHEN 'uid' THEN {_object(_OF_UID)} ELSE {_object(_PLAIN)} END,
        ',' ORDER BY k.rank, k.is_current DESC, k.place) || ']', '[]')
    FROM (
        SELECT 1 AS rank, 'case_number' AS type, {_NUMBER} AS value, true AS is_current, 0 AS place
        UNION ALL SELECT 1, 'case_number', o.value, false, o.place
        FROM unnest(i.numbers) WITH ORDINALITY AS o (value, place)
        UNION ALL SELECT 2, 'uid', {_UID}, true, 0
        UNION ALL SELECT 3, 'card_guid', o.value, o.place = cardinality(i.guids), o.place
        FROM unnest(i.guids) WITH ORDINALITY AS o (value, place)
    ) AS k WHERE k.value IS NOT NULL)"""
_OF_PERSON_ONLY = (
    "c.court = d.court AND c.case_id = d.case_id AND c.revision = d.revision AND c.defendant = d.defendant"
)
_DEFENDANT = {
    **_PERSON,
    "deny": _denied_of_person(as_json=True),
    "charges": _list(_CHARGE, f"charges c WHERE {_OF_PERSON_ONLY}", "c.position"),
    "sentence": _object(_SENTENCE),
}
_FIELDS = {
    **_CASE,
    "identifiers": _IDENTIFIERS,
    "deny": _denied_of_case(as_json=True),
    "defendants": _list(_DEFENDANT, f"defendants d WHERE {_OF_VERSION.format('d')}", "d.ordinal, d.defendant"),
    "layers": "v.layers",
    "conflicts": _CONFLICTS,
    "sources": "v.sources",
}


def _objects(source: str, order: Order, fields: Sequence[str]) -> str:
    direction = "DESC" if order.is_descending else "ASC"
    chosen = _object({name: _FIELDS[name] for name in fields})
    return (
        f"SELECT {chosen} FROM ({source}) AS v {_KNOWN_BY} {_DENIALS}"
        f" ORDER BY sort_value {direction}, sort_id {direction}"
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
