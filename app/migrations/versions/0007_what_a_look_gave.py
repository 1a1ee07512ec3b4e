"""What a look gave: rows promised and received with each window of coverage.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the site promised, what came, whether that is all of it, and the day of the look."""
    op.add_column("coverage_windows", sa.Column("promised", sa.Integer(), nullable=True))
    op.add_column("coverage_windows", sa.Column("received", sa.Integer(), nullable=True))
    op.add_column(
        "coverage_windows", sa.Column("is_whole", sa.Boolean(), server_default=sa.text("true"), nullable=False)
    )
    op.add_column("coverage_windows", sa.Column("seen_on", sa.Date(), nullable=True))
