"""The persons of a version are kept as they are shown, and how many cases and rows a whole list has.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

# Rows as JSON have no blanks; aggregates have, so that lists are put together as texts.
_OF_VERSION = "{0}.court = v.court AND {0}.case_id = v.case_id AND {0}.revision = v.revision"
_CHARGES = f"""
    SELECT string_agg(row_to_json(shown)::text, ',' ORDER BY c.position)
    FROM charges c CROSS JOIN LATERAL (
        SELECT c.offence, c.role, c.stage, c.episodes, c.is_principal AS principal) AS shown
    WHERE {_OF_VERSION.format("c")} AND c.defendant = d.defendant"""  # noqa: S608
_PERSONS = f"""
    SELECT string_agg(row_to_json(shown)::text, ',' ORDER BY d.ordinal, d.defendant)
    FROM defendants d CROSS JOIN LATERAL (
        SELECT d.sentence_class AS class, d.sentence_kind AS kind, d.sentence_execution AS execution, d.term_months,
               d.probation_months, d.fine_rub, d.regime, d.sentence_source AS source) AS sentence
    CROSS JOIN LATERAL (
        SELECT 'd' || d.defendant AS id, d.ordinal, d.service_status, d.disposition, d.is_presumed, d.decided_on,
               nullif(d.offence_decided, 'unknown') AS principal_offence, '[]'::json AS deny,
               concat('[', ({_CHARGES}), ']')::json AS charges, row_to_json(sentence) AS sentence) AS shown
    WHERE {_OF_VERSION.format("d")}"""  # noqa: S608


_FLAT_ROWS = f"""
    SELECT count(*) FROM (SELECT) AS one LEFT JOIN defendants d ON {_OF_VERSION.format("d")}
    LEFT JOIN charges c ON {_OF_VERSION.format("c")} AND c.defendant = d.defendant"""  # noqa: S608
FILL = f"UPDATE versions v SET persons = concat('[', ({_PERSONS}), ']'), flat_rows = ({_FLAT_ROWS})"  # noqa: S608
# What each revision brought, less what it superseded, added up.
TOTALS = """
WITH shown AS (SELECT * FROM versions WHERE NOT is_withdrawn AND merged_into IS NULL),
moved AS (
    SELECT revision, 1 AS n, flat_rows FROM shown
    UNION ALL SELECT superseded_in, -1, -flat_rows FROM shown WHERE superseded_in IS NOT NULL
),
held AS (
    SELECT r.revision, coalesce(sum(sum(m.n)) OVER until, 0) AS cases,
           coalesce(sum(sum(m.flat_rows)) OVER until, 0) AS flat_rows
    FROM revisions r LEFT JOIN moved m ON m.revision = r.revision
    GROUP BY r.revision WINDOW until AS (ORDER BY r.revision)
)
UPDATE revisions r SET cases = h.cases, flat_rows = h.flat_rows FROM held h WHERE h.revision = r.revision
"""


def upgrade() -> None:
    """A page looked up two tables for each of its cases and put the persons together anew each time; a whole list was
    counted before its first byte, all of the record, once for each revision.
    """
    op.add_column("versions", sa.Column("persons", sa.Text()))
    op.add_column("versions", sa.Column("flat_rows", sa.SmallInteger()))
    op.execute(FILL)
    for column in ("persons", "flat_rows"):
        op.alter_column("versions", column, nullable=False)
    for column in ("cases", "flat_rows"):
        op.add_column("revisions", sa.Column(column, sa.Integer()))
    op.execute(TOTALS)
    for column in ("cases", "flat_rows"):
        op.alter_column("revisions", column, nullable=False)
