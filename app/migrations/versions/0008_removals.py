"""Removal of a person's data: removed cases stay kin."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "uid_links",
        sa.Column("uid", sa.Text(), nullable=False),
        sa.Column("stand_in", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("uid"),
    )
    op.execute(_GRANT)


# Nobody but the owner writes it: a removal rewrites what the roles may not.
_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT SELECT ON uid_links TO sudstat_reader, sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
