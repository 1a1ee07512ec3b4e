"""Two smaller sums, and an index that leads to one unit's events.

Revision ID: 0013
Revises: 0012
"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# By the larger sum that holds all of it: its blocks are of the same revisions.
_FROM = {
    "by_day_alone": ("by_day", "false", ()),
    "by_status_alone": ("by_status", "is_presumed", ("service_status", "disposition", "sentence_class")),
}


def upgrade() -> None:
    """Every row of a sum over all courts was read for whatever unit and event; now a fifth of them is."""
    for name, (source, presumed, kept) in _FROM.items():
        columns = ", ".join(("court", "block", "unit", "event", "day", *kept))
        op.execute(
            f"INSERT INTO tally (sum, {columns}, is_presumed, n)"  # noqa: S608
            f" SELECT '{name}', {columns}, {presumed} AS presumed, sum(n) FROM tally WHERE sum = '{source}'"
            f" GROUP BY {columns}, presumed HAVING sum(n) <> 0"
        )
    op.drop_index("tally_by_block", "tally")
    op.create_index("tally_by_block", "tally", ["sum", "block", "court", "unit", "event", "day"])
