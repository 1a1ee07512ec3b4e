"""A row of the ledger holds entries of a case, its person and their charge where these go together.

Revision ID: 0017
Revises: 0016
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_SHARED = (
    "event, day, days, court_level, region, district, offence, offence_part, offence_group, is_wartime, arrival,"
    " service_status"
)
_OF_PERSON = "sentence_class, sentence_kind, sentence_execution"
TAKE_OVER = f"""
INSERT INTO ledger (revision, cause, court, case_id, defendant, {_SHARED}, case_disposition, disposition, {_OF_PERSON},
                    is_presumed, offences, term_months, cases, persons, charges)
SELECT revision, cause, court, case_id, defendant, {_SHARED}, CASE unit WHEN 'case' THEN disposition END,
       CASE WHEN unit <> 'case' THEN disposition END, {_OF_PERSON}, is_presumed, offences, term_months,
       CASE unit WHEN 'case' THEN n ELSE 0 END, CASE unit WHEN 'person' THEN n ELSE 0 END,
       CASE unit WHEN 'charge' THEN n ELSE 0 END
FROM ledger_by_unit ORDER BY revision, court
"""  # noqa: S608
_VIEW = f"""
CREATE VIEW entries AS
SELECT revision, cause, court, case_id, 0::smallint AS defendant, 'case' AS unit, {_SHARED},
       case_disposition AS disposition, {_OF_PERSON}, false AS is_presumed, offences, NULL::int AS term_months,
       cases AS n
FROM ledger WHERE cases <> 0
UNION ALL
SELECT revision, cause, court, case_id, defendant, 'person', {_SHARED}, disposition, {_OF_PERSON}, is_presumed,
       offences, term_months, persons
FROM ledger WHERE persons <> 0
UNION ALL
SELECT revision, cause, court, case_id, defendant, 'charge', {_SHARED}, disposition, {_OF_PERSON}, is_presumed,
       offences, NULL, charges
FROM ledger WHERE charges <> 0
"""  # noqa: S608
_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT SELECT ON ledger, entries TO sudstat_reader, sudstat_writer;
    GRANT INSERT ON ledger TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""


def upgrade() -> None:
    """Three rows said of most cases what one says; what is held already stays as it is, each entry a row by itself."""
    op.rename_table("ledger", "ledger_by_unit")
    op.create_table(
        "ledger",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("defendant", sa.SmallInteger(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("days", sa.Integer(), nullable=True),
        sa.Column("court_level", sa.Text(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("district", sa.Text(), nullable=False),
        sa.Column("offence", sa.Text(), nullable=False),
        sa.Column("offence_part", sa.Text(), nullable=False),
        sa.Column("offence_group", sa.Text(), nullable=False),
        sa.Column("is_wartime", sa.Text(), nullable=False),
        sa.Column("arrival", sa.Text(), nullable=False),
        sa.Column("service_status", sa.Text(), nullable=False),
        sa.Column("case_disposition", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("sentence_class", sa.Text(), nullable=False),
        sa.Column("sentence_kind", sa.Text(), nullable=False),
        sa.Column("sentence_execution", sa.Text(), nullable=False),
        sa.Column("is_presumed", sa.Boolean(), nullable=False),
        sa.Column("offences", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("cases", sa.SmallInteger(), nullable=False),
        sa.Column("persons", sa.SmallInteger(), nullable=False),
        sa.Column("charges", sa.SmallInteger(), nullable=False),
    )
    op.execute(TAKE_OVER)
    op.drop_table("ledger_by_unit")
    op.create_index("ledger_by_court", "ledger", ["court", "day"])
    op.create_index("ledger_by_revision", "ledger", ["revision"])
    op.execute(_VIEW)
    op.execute(_GRANT)
