"""When a statement was last seen again unchanged.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; until something is seen again, a statement was last seen when it was made."""
    op.create_table(
        "sightings",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(), nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "layer"),
    )
    op.execute(_GRANT)


_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT SELECT ON sightings TO sudstat_reader, sudstat_writer;
    GRANT INSERT, UPDATE (row_hash, seen_on) ON sightings TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
