"""Undo: which batch takes back which, whose word a restored statement is, and until when a window of coverage stood."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("batches", sa.Column("undoes", sa.Uuid(), nullable=True))
    op.add_column("batches", sa.Column("undone_in", sa.Integer(), nullable=True))
    op.add_column("statements", sa.Column("restored_from", sa.Integer(), nullable=True))
    op.add_column("coverage_windows", sa.Column("superseded_in", sa.Integer(), nullable=True))
    op.execute(_GRANT)


_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT UPDATE (undone_in) ON batches TO sudstat_writer;
    GRANT UPDATE (superseded_in) ON coverage_windows TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
