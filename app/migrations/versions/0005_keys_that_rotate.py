"""Keys that rotate, tell their last use, and may have quotas of their own; a notice whenever the register changes."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    instant = postgresql.TIMESTAMP(timezone=True)
    op.add_column("api_keys", sa.Column("created_by", sa.Text(), server_default="command line", nullable=False))
    op.add_column("api_keys", sa.Column("revoked_by", sa.Text(), nullable=True))
    op.add_column("api_keys", sa.Column("previous_digest", sa.LargeBinary(), nullable=True))
    op.add_column("api_keys", sa.Column("previous_until", instant, nullable=True))
    op.add_column("api_keys", sa.Column("last_used_at", instant, nullable=True))
    op.create_table(
        "api_key_quotas",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=True), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("window", sa.Text(), nullable=False),
        sa.Column("quota", sa.Integer(), nullable=True),
        sa.Column("set_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("set_at", instant, nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "api_key_usage",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "day"),
    )
    op.execute(_NOTIFY)
    op.execute(_ON_KEYS)
    op.execute(_ON_QUOTAS)
    op.execute(_CLOSE)


_NOTIFY = """
CREATE FUNCTION sudstat_notify_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('sudstat_keys', '');
    RETURN NULL;
END $$
"""
# Not on last_used_at: each worker writes it once a minute.
_ON_KEYS = """
CREATE TRIGGER notify_keys AFTER INSERT OR DELETE
    OR UPDATE OF digest, scopes, expires_at, revoked_at, previous_digest, previous_until ON api_keys
    FOR EACH STATEMENT EXECUTE FUNCTION sudstat_notify_keys()
"""
_ON_QUOTAS = """
CREATE TRIGGER notify_keys AFTER INSERT OR UPDATE OR DELETE ON api_key_quotas
    FOR EACH STATEMENT EXECUTE FUNCTION sudstat_notify_keys()
"""
# Neither a question nor an ingest has anything to look for among the keys: only the owner's connections read them.
_CLOSE = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    REVOKE ALL ON api_keys FROM sudstat_reader, sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not revoke: keys are not protected by roles';
END $$
"""
