"""The feed: versions in the order of revisions."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("versions_by_revision", "versions", ["revision", "case_id"], unique=False)
