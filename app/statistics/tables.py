"""The ledger and the tally.

Both are plain tables without a primary key: nothing addresses one row of them, rows are only added, and a key on
the largest table of the service would be its dearest index.
"""

from sqlalchemy import Boolean, Column, Date, Index, Integer, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from app.statistics.sums import DIMENSION_COLUMNS


def _dimension(name: str, *, nullable: bool) -> Column[object]:
    return Column(name, Text, nullable=nullable)


ledger = Table(
    "ledger",
    SQLModel.metadata,
    Column("court", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("defendant", SmallInteger, nullable=False),  # 0 on entries of unit case
    Column("unit", Text, nullable=False),  # case, person, charge
    Column("event", Text, nullable=False),  # received, decided
    Column("day", Date),  # null: undated
    Column("days", Integer),  # from receipt to first decision
    *(_dimension(name, nullable=False) for name in DIMENSION_COLUMNS),
    Column("is_presumed", Boolean, nullable=False),
    Column("offences", ARRAY(Text), nullable=False),  # distinct and sorted, of all charges
    Column("term_months", Integer),
    Column("n", SmallInteger, nullable=False),
    # one court's series over dimensions that no sum keeps
    Index("ledger_by_court", "court", "day"),
    # what did this revision write?
    Index("ledger_by_revision", "revision"),
)

tally = Table(
    "tally",
    SQLModel.metadata,
    Column("court", Text, nullable=False),  # '*' in sums over all courts
    Column("sum", Text, nullable=False),
    Column("block", Integer, nullable=False),
    Column("unit", Text, nullable=False),
    Column("event", Text, nullable=False),
    Column("day", Date),
    *(_dimension(name, nullable=True) for name in DIMENSION_COLUMNS),  # null: summed away
    Column("is_presumed", Boolean, nullable=False),
    Column("n", Integer, nullable=False),
    # one sum as of one revision, in a window
    Index("tally_by_block", "sum", "block", "court", "unit", "event", "day"),
)
