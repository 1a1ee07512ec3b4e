"""Refused rows kept with their batch, and answers kept for idempotency keys."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "refused_rows",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("identifiers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "position"),
    )
    op.create_table(
        "idempotent_answers",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("idempotency_key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "idempotency_key"),
    )
    op.create_index("idempotent_answers_by_age", "idempotent_answers", ["created_at"], unique=False)
    op.execute(_GRANT)


# Answers are no part of the record: they may go once they are too old.
_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT SELECT ON refused_rows, idempotent_answers TO sudstat_reader, sudstat_writer;
    GRANT INSERT ON refused_rows, idempotent_answers TO sudstat_writer;
    GRANT DELETE ON idempotent_answers TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
