"""Statements and versions are superseded in place: no index speaks of it, and their pages have room.

Revision ID: 0014
Revises: 0013
"""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Each superseded row was entered anew into every index of its table; the primary keys lead to the live one too."""
    op.drop_index("statements_live", "statements")
    op.drop_index("versions_live", "versions")
    for table in ("statements", "versions"):
        op.execute(f"ALTER TABLE {table} SET (fillfactor = 85)")
