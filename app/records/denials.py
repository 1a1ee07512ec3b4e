"""What the newsroom denies of a case: fields of which it says that the card is wrong, without saying what is right."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from app.db.database import Connection, load_statements

_SQL = load_statements(__file__, "reading.sql")
Denials = dict[int | None, list[str]]
"""Names of fields by defendant; those of the case itself under None."""

# Fields that a body denies, in the order of its list. One of which the same body says something all the same is left
# out: what is said counts then, and a row may not do both.
_DENIED = """(SELECT {made} FROM jsonb_array_elements_text({body} -> 'deny') WITH ORDINALITY AS f (name, place)
    WHERE CASE jsonb_typeof({body} -> f.name)
        WHEN 'object' THEN NOT EXISTS (
            SELECT FROM jsonb_each_text({body} -> f.name) AS said WHERE said.value NOT IN ('unknown', 'pending'))
        ELSE coalesce({body} ->> f.name, 'unknown') IN ('unknown', 'pending') END)"""
# Few statements deny anything; the test is that of the index `statements_denying`.
DENYING = "{0}.layer = 'newsroom' AND ({0}.body ? 'deny' OR {0}.body @? '$.defendants[*].deny')"


def denied_in_sql(body: str, *, as_json: bool) -> str:
    """The fields that a body denies: an array of JSON, or text joined by |, null where there are none."""
    aggregate = (
        "coalesce(json_agg(f.name ORDER BY f.place), '[]')" if as_json else "string_agg(f.name, '|' ORDER BY f.place)"
    )
    return _DENIED.format(made=aggregate, body=body)


async def find_denials(
    connection: Connection, courts: Sequence[str], ids: Sequence[UUID], at: Sequence[int]
) -> defaultdict[tuple[str, UUID, int], Denials]:
    """What is denied of some cases as of some revisions; keys as three sequences of equal length."""
    sql = _SQL["denials"].format(denied=denied_in_sql("part.said", as_json=False), denying=DENYING.format("s"))
    found: defaultdict[tuple[str, UUID, int], Denials] = defaultdict(dict)
    for row in await connection.fetch(sql, courts, ids, at):
        if row["denied"]:
            found[row["court"], row["case_id"], row["revision"]][row["defendant"]] = row["denied"].split("|")
    return found
