"""The cases of a UID are found as of any revision, not only the last."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("versions_by_uid", "versions")
    op.create_index("versions_by_uid", "versions", ["uid"], unique=False, postgresql_where=sa.text("uid IS NOT NULL"))
