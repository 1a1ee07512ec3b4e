"""The record, the ledger, the keys; and the roles that make them append-only."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("scopes", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("note", sa.Text(), server_default="", nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("expires_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.Column("revoked_at", postgresql.TIMESTAMP(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("key_id"),
    )
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=True),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("seen_on", sa.Date(), nullable=False),
        sa.Column("created_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("receipt", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("batch_id"),
    )
    op.create_table(
        "cases",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id"),
    )
    op.create_index("cases_by_id", "cases", ["case_id"], unique=False)
    op.create_table(
        "charges",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("defendant", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("offence", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("stage", sa.Text(), nullable=False),
        sa.Column("episodes", sa.SmallInteger(), nullable=False),
        sa.Column("is_principal", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "revision", "defendant", "position"),
    )
    op.create_table(
        "courts",
        sa.Column("reference", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("name_ru", sa.Text(), nullable=False),
        sa.Column("name_en", sa.Text(), nullable=False),
        sa.Column("level", sa.Text(), nullable=False),
        sa.Column("is_fleet", sa.Boolean(), nullable=False),
        sa.Column("region", sa.Text(), nullable=False),
        sa.Column("region_name_ru", sa.Text(), nullable=False),
        sa.Column("region_name_en", sa.Text(), nullable=False),
        sa.Column("region_iso", sa.Text(), nullable=True),
        sa.Column("next_court", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("subdomain", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("is_verified", sa.Boolean(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reference", "code"),
    )
    op.create_table(
        "coverage_windows",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("starts_on", sa.Date(), nullable=False),
        sa.Column("ends_on", sa.Date(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("court", "revision", "starts_on"),
    )
    op.create_table(
        "defendants",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("defendant", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("ordinal", sa.SmallInteger(), nullable=False),
        sa.Column("service_status", sa.Text(), nullable=False),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("is_presumed", sa.Boolean(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("offence_received", sa.Text(), nullable=False),
        sa.Column("offence_decided", sa.Text(), nullable=False),
        sa.Column("sentence_class", sa.Text(), nullable=False),
        sa.Column("sentence_kind", sa.Text(), nullable=False),
        sa.Column("sentence_execution", sa.Text(), nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("probation_months", sa.Integer(), nullable=True),
        sa.Column("fine_rub", sa.BigInteger(), nullable=True),
        sa.Column("regime", sa.Text(), nullable=True),
        sa.Column("sentence_source", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("court", "case_id", "revision", "defendant"),
    )
    op.create_table(
        "identifiers",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("superseded_in", sa.Integer(), nullable=True),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "kind", "key", "revision"),
    )
    op.create_index("identifiers_by_key", "identifiers", ["key"], unique=False)
    op.create_index(
        "identifiers_key",
        "identifiers",
        ["court", "instance", "kind", "key"],
        unique=True,
        postgresql_where=sa.text("superseded_in IS NULL"),
    )
    op.create_table(
        "ledger",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("defendant", sa.SmallInteger(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
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
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("sentence_class", sa.Text(), nullable=False),
        sa.Column("sentence_kind", sa.Text(), nullable=False),
        sa.Column("sentence_execution", sa.Text(), nullable=False),
        sa.Column("is_presumed", sa.Boolean(), nullable=False),
        sa.Column("offences", postgresql.ARRAY(sa.Text()), nullable=False),
        sa.Column("term_months", sa.Integer(), nullable=True),
        sa.Column("n", sa.SmallInteger(), nullable=False),
    )
    op.create_index("ledger_by_court", "ledger", ["court", "day"], unique=False)
    op.create_index("ledger_by_revision", "ledger", ["revision"], unique=False, postgresql_using="brin")
    op.create_table(
        "offences",
        sa.Column("reference", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("article", sa.Text(), nullable=False),
        sa.Column("part", sa.Text(), nullable=True),
        sa.Column("chapter", sa.Text(), nullable=False),
        sa.Column("title_ru", sa.Text(), nullable=True),
        sa.Column("title_en", sa.Text(), nullable=False),
        sa.Column("offence_group", sa.Text(), nullable=False),
        sa.Column("is_wartime", sa.Boolean(), nullable=False),
        sa.Column("min_months", sa.Integer(), nullable=True),
        sa.Column("max_months", sa.Integer(), nullable=True),
        sa.Column("other_penalties", sa.Text(), nullable=True),
        sa.Column("in_force_from", sa.Date(), nullable=True),
        sa.Column("in_force_to", sa.Date(), nullable=True),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("confidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("reference", "code"),
    )
    op.create_table(
        "published",
        sa.Column("one", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("one"),
    )
    op.create_table(
        "reference_sets",
        sa.Column("reference", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=False),
        sa.Column("loaded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("reference"),
    )
    op.create_table(
        "removals",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("court", "digest"),
    )
    op.create_table(
        "revisions",
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=True),
        sa.Column("recorded_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("published_at", postgresql.TIMESTAMP(timezone=True), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=True),
        sa.Column("layout", sa.Text(), nullable=True),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("seen_on", sa.Date(), nullable=True),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        sa.Column("is_backdated", sa.Boolean(), nullable=False),
        sa.Column("counts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("rows_written", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reference", sa.SmallInteger(), nullable=False),
        sa.Column("definition", sa.SmallInteger(), nullable=False),
        sa.PrimaryKeyConstraint("revision"),
    )
    op.create_table(
        "sources",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("first_revision", sa.Integer(), nullable=False),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "statements",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("superseded_in", sa.Integer(), nullable=True),
        sa.Column("seen_on", sa.Date(), nullable=False),
        sa.Column("row_hash", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("body", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "layer", "revision"),
    )
    op.create_index(
        "statements_live",
        "statements",
        ["court", "case_id", "layer"],
        unique=True,
        postgresql_where=sa.text("superseded_in IS NULL"),
    )
    op.create_table(
        "tally",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("sum", sa.Text(), nullable=False),
        sa.Column("block", sa.Integer(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=True),
        sa.Column("court_level", sa.Text(), nullable=True),
        sa.Column("region", sa.Text(), nullable=True),
        sa.Column("district", sa.Text(), nullable=True),
        sa.Column("offence", sa.Text(), nullable=True),
        sa.Column("offence_part", sa.Text(), nullable=True),
        sa.Column("offence_group", sa.Text(), nullable=True),
        sa.Column("is_wartime", sa.Text(), nullable=True),
        sa.Column("arrival", sa.Text(), nullable=True),
        sa.Column("service_status", sa.Text(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=True),
        sa.Column("sentence_class", sa.Text(), nullable=True),
        sa.Column("sentence_kind", sa.Text(), nullable=True),
        sa.Column("sentence_execution", sa.Text(), nullable=True),
        sa.Column("is_presumed", sa.Boolean(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
    )
    op.create_index("tally_by_block", "tally", ["sum", "block", "court", "day"], unique=False)
    op.create_table(
        "versions",
        sa.Column("court", sa.Text(), nullable=False),
        sa.Column("case_id", sa.Uuid(), nullable=False),
        sa.Column("revision", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("superseded_in", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("instance", sa.Text(), nullable=False),
        sa.Column("number", sa.Text(), nullable=True),
        sa.Column("uid", sa.Text(), nullable=True),
        sa.Column("received_on", sa.Date(), nullable=True),
        sa.Column("arrival", sa.Text(), nullable=False),
        sa.Column("decided_on", sa.Date(), nullable=True),
        sa.Column("disposition", sa.Text(), nullable=False),
        sa.Column("in_force_on", sa.Date(), nullable=True),
        sa.Column("offence_received", sa.Text(), nullable=False),
        sa.Column("offence_decided", sa.Text(), nullable=False),
        sa.Column("is_withdrawn", sa.Boolean(), nullable=False),
        sa.Column("merged_into", sa.Uuid(), nullable=True),
        sa.Column("layers", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("conflicts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sources", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("content_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("court", "case_id", "revision"),
    )
    op.create_index("versions_by_receipt", "versions", ["received_on", "case_id"], unique=False)
    op.create_index(
        "versions_by_uid",
        "versions",
        ["uid"],
        unique=False,
        postgresql_where=sa.text("superseded_in IS NULL AND uid IS NOT NULL"),
    )
    op.create_index(
        "versions_live",
        "versions",
        ["court", "case_id"],
        unique=True,
        postgresql_where=sa.text("superseded_in IS NULL"),
    )
    op.execute("INSERT INTO published VALUES (true, 0)")
    for role in ("sudstat_reader", "sudstat_writer"):
        op.execute(_CREATE_ROLE.format(role=role))
    op.execute(_GRANT)


# Readers read. The writer adds rows, marks them superseded and moves the pointer; nobody deletes or rewrites.
# A server that does not let us make roles works without them, and says so.
_CREATE_ROLE = """
DO $$ BEGIN
    CREATE ROLE {role} NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN NULL;
    WHEN insufficient_privilege THEN RAISE WARNING 'may not create role {role}: rows are not protected by it';
END $$
"""
_GRANT = """
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sudstat_writer') THEN RETURN; END IF;
    GRANT sudstat_reader, sudstat_writer TO CURRENT_USER;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO sudstat_reader, sudstat_writer;
    GRANT INSERT ON reference_sets, courts, offences, sources, batches, revisions, coverage_windows, cases,
        identifiers, statements, versions, defendants, charges, ledger, tally TO sudstat_writer;
    GRANT UPDATE (superseded_in) ON identifiers, statements, versions TO sudstat_writer;
    GRANT UPDATE (revision) ON published TO sudstat_writer;
EXCEPTION
    WHEN insufficient_privilege THEN RAISE WARNING 'may not grant: rows are not protected by roles';
END $$
"""
