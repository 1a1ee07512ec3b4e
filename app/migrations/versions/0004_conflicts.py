"""Conflicts: possible duplicates are kept, and a curator's word that a conflict is settled."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "possible_duplicates",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("other_id", sa.Uuid(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "other_id", "reason"),
    )
    op.create_table(
        "conflict_resolutions",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("superseded_in", sa.Integer(), nullable=True),
        sa.Column("resolution", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "tag", "revision"),
    )
    op.create_index(
        "versions_in_conflict",
        "versions",
        ["case_id"],
        unique=False,
        postgresql_where=sa.text("conflicts <> '[]'::jsonb"),
    )
    op.execute(_GRANT)


_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT SELECT ON possible_duplicates, conflict_resolutions TO sudstat_reader, sudstat_writer;
    GRANT INSERT ON possible_duplicates, conflict_resolutions TO sudstat_writer;
    GRANT UPDATE (superseded_in) ON conflict_resolutions TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
