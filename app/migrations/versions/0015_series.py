"""The tally holds series: a row is a cell of a year, or of all years by week and month, no longer of a day.

Revision ID: 0015
Revises: 0014
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_COLUMNS = (
    *("court_level", "region", "district", "offence", "offence_part", "offence_group", "is_wartime"),
    *("service_status", "disposition", "sentence_class", "is_presumed", "term_months"),
)
_RESULT = ("disposition", "sentence_class", "is_presumed")
_OFFENCE = ("offence", "offence_part", "offence_group", "is_wartime")
# By number: the columns that are kept.
_KEPT = {
    1: (),
    2: _RESULT,
    3: (*_RESULT, "service_status"),
    4: (*_RESULT, *_OFFENCE),
    5: (*_RESULT, "offence", "service_status"),
    6: (*_RESULT, *_OFFENCE, "service_status"),
    7: (*_RESULT, "court_level", "region", "district", "offence"),
    8: ("offence", "term_months"),
}
_BY_COURT, _BY_TERM = 7, 8
_IMPRISONED = (
    "unit = 'person' AND event = 'decided' AND disposition = 'convicted' AND sentence_kind = 'imprisonment'"
    " AND term_months IS NOT NULL"
)
_KIND = (
    "(CASE unit WHEN 'case' THEN 0 WHEN 'person' THEN 2 ELSE 4 END + CASE event WHEN 'decided' THEN 1 ELSE 0 END)"
    "::smallint"
)
# How many revisions a block covers: the greatest power of eight that divides its number.
_REACHES = """
CREATE TEMPORARY TABLE reaches_of_blocks ON COMMIT DROP AS
SELECT revision AS block, revision - max(power::int) AS after
FROM revisions, unnest(ARRAY[1, 8, 64, 512, 4096, 32768, 262144, 2097152, 16777216]) AS power
WHERE revision % power::int = 0 GROUP BY revision
"""
_KEYS = f"court, sum, block, kind, {', '.join(_COLUMNS)}"
# A day is a number (1 is 0001-01-01, a Monday; 0 is none); an element its number << 32, and a count.
_YEARS = f"""
INSERT INTO tally ({_KEYS}, year, n, series, running)
SELECT {_KEYS}, year, sum(n), array_agg((at::bigint << 32) + n ORDER BY at) FILTER (WHERE at > 0),
       array_agg((at::bigint << 32) + upto ORDER BY at) FILTER (WHERE at > 0 AND sum = {_BY_TERM})
FROM (
    SELECT *, sum(n) OVER (PARTITION BY {_KEYS}, year ORDER BY at) AS upto
    FROM (SELECT *, CASE WHEN at > 0 THEN extract(year FROM DATE '0001-01-01' + at - 1)::smallint END AS year
          FROM cells) AS dated
) AS held
WHERE year IS NULL OR sum IN (1, 6, 7, 8) GROUP BY {_KEYS}, year
"""  # noqa: S608
_WHOLE = f"""
INSERT INTO tally ({_KEYS}, year, n, series, running)
SELECT {_KEYS}, 0, coalesce(sum(n) FILTER (WHERE is_month), 0),
       array_agg((at::bigint << 32) + n ORDER BY at) FILTER (WHERE NOT is_month),
       array_agg((at::bigint << 32) + upto ORDER BY at) FILTER (WHERE is_month)
FROM (
    SELECT *, sum(n) OVER (PARTITION BY {_KEYS}, is_month ORDER BY at) AS upto
    FROM (
        SELECT {_KEYS}, is_month, CASE WHEN is_month THEN at - extract(day FROM DATE '0001-01-01' + at - 1)::int + 1
                                       ELSE at - (at - 1) % 7 END AS at, sum(n) AS n
        FROM cells, (VALUES (true), (false)) AS spans (is_month) WHERE at > 0 AND sum NOT IN (6, 7)
        GROUP BY {_KEYS}, is_month, 18 HAVING sum(n) <> 0
    ) AS added
) AS held GROUP BY {_KEYS}
"""  # noqa: S608


def upgrade() -> None:
    """Make the tally anew, from the ledger; a row of it had been written for each day, one of them for each entry."""
    op.execute("TRUNCATE tally")
    op.drop_index("tally_by_block", "tally")
    for name in ("sum", "unit", "event", "day", "arrival", "sentence_kind", "sentence_execution"):
        op.drop_column("tally", name)
    for column in (
        sa.Column("sum", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.SmallInteger(), nullable=False),
        sa.Column("year", sa.SmallInteger()),
        sa.Column("term_months", sa.Integer()),
        sa.Column("series", postgresql.ARRAY(sa.BigInteger())),
        sa.Column("running", postgresql.ARRAY(sa.BigInteger())),
    ):
        op.add_column("tally", column)
    op.alter_column("tally", "is_presumed", nullable=True)
    # A year of days is held in its row.
    op.execute("ALTER TABLE tally SET (toast_tuple_target = 8160)")
    op.create_index("tally_by_block", "tally", ["sum", "block", "court", "kind", "year"])
    for statement in refill():
        op.execute(statement)


def refill() -> Iterator[str]:
    """The statements that fill an empty tally."""
    columns = ", ".join(f"{name} {_type(name)}" for name in _COLUMNS)
    yield _REACHES
    yield (
        "CREATE TEMPORARY TABLE cells (court text, sum smallint, block int, kind smallint,"
        f" {columns}, at int, n int) ON COMMIT DROP"
    )
    places = ", ".join(str(place) for place in range(1, 6 + len(_COLUMNS)))
    for number, kept in _KEPT.items():
        named = ", ".join(_column(number, name) if name in kept else f"NULL::{_type(name)}" for name in _COLUMNS)
        court = "l.court" if number == _BY_COURT else "'*'"
        which = _IMPRISONED if number == _BY_TERM else "true"
        yield (
            f"INSERT INTO cells SELECT {court}, {number}, r.block, {_KIND}, {named},"  # noqa: S608
            " coalesce(day - DATE '0001-01-01' + 1, 0), sum(n)"
            " FROM reaches_of_blocks r JOIN ledger l ON l.revision > r.after AND l.revision <= r.block"
            f" WHERE {which} GROUP BY {places} HAVING sum(n) <> 0"
        )
    yield _YEARS
    yield _WHOLE


def _type(name: str) -> str:
    return {"is_presumed": "boolean", "term_months": "int"}.get(name, "text")


def _column(number: int, name: str) -> str:
    """What came out is kept by court of what was decided only."""
    return f"CASE WHEN event = 'decided' THEN {name} END" if number == _BY_COURT and name in _RESULT else name
