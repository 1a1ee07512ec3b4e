"""What the newsroom denies is exported: the few statements that deny anything are found at once."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index of those statements."""
    op.create_index(
        "statements_denying",
        "statements",
        ["court", "case_id"],
        postgresql_where=sa.text("layer = 'newsroom' AND (body ? 'deny' OR body @? '$.defendants[*].deny')"),
    )
