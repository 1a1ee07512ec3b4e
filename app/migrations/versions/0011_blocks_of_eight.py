"""The tally's blocks reach over powers of eight, not of two; a sum of nothing but days; two indexes serve what they are there for.

Revision ID: 0011
Revises: 0010
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_KEPT = {
    "by_day": "disposition, sentence_class",
    "by_status": "disposition, sentence_class, offence, service_status",
    "by_offence": "disposition, sentence_class, offence, offence_part, offence_group, is_wartime",
    "by_court": "disposition, sentence_class, court_level, region, district, offence",
}
# How many revisions a block covers: the greatest power of eight that divides its number.
_BLOCKS = """
CREATE TEMPORARY TABLE reaches ON COMMIT DROP AS
SELECT revision AS block, revision - max(power::int) AS after
FROM revisions, unnest(ARRAY[1, 8, 64, 512, 4096, 32768, 262144, 2097152, 16777216]) AS power
WHERE revision % power::int = 0 GROUP BY revision
"""


def upgrade() -> None:
    """Rebuild the tally from the ledger; two indexes for which the planner took others.

    BRIN knew nothing of pages that no vacuum had seen; a number of a case is one in every court.
    """
    op.drop_index("ledger_by_revision", "ledger")
    op.create_index("ledger_by_revision", "ledger", ["revision"])
    op.drop_index("identifiers_by_key", "identifiers")
    op.create_index("identifiers_by_key", "identifiers", ["key", "court"])
    op.execute("TRUNCATE tally")
    op.execute(_BLOCKS)
    for name, kept in _KEPT.items():
        court = "l.court" if name == "by_court" else "'*'"
        op.execute(
            f"INSERT INTO tally (court, sum, block, unit, event, day, is_presumed, {kept}, n)"  # noqa: S608
            f" SELECT {court}, '{name}', r.block, unit, event, day, is_presumed, {kept}, sum(n)"
            " FROM reaches r JOIN ledger l ON l.revision > r.after AND l.revision <= r.block"
            f" GROUP BY {court if name == 'by_court' else '1'}, r.block, unit, event, day, is_presumed, {kept}"
            " HAVING sum(n) <> 0"
        )
