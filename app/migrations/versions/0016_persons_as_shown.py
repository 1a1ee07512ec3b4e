"""The persons of a version are kept as a page shows them, beside the version.

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


FILL = f"UPDATE versions v SET persons = concat('[', ({_PERSONS}), ']')"  # noqa: S608


def upgrade() -> None:
    """A page looked up two tables for each of its cases, and put the persons together anew each time."""
    op.add_column("versions", sa.Column("persons", sa.Text()))
    op.execute(FILL)
    op.alter_column("versions", "persons", nullable=False)
