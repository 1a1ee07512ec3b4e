"""The ledger and the tally.

A row of the ledger holds entries of several units where these go together: those of a case, its person and the one
charge differ in nothing but the unit and how the case ended. The view `entries` has them one by one, each with its
`unit` and count `n`.

Both are plain tables without a primary key: nothing addresses one row of them, rows are only added, and a key on
the largest table of the service would be its dearest index.
"""

from sqlalchemy import BigInteger, Boolean, Column, Date, Index, Integer, SmallInteger, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from app.statistics.sums import CELL_COLUMNS, DIMENSION_COLUMNS


def _cell(name: str) -> Column[object]:
    return Column(name, {"is_presumed": Boolean, "term_months": Integer}.get(name, Text))


ledger = Table(
    "ledger",
    SQLModel.metadata,
    Column("court", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("cause", Text, nullable=False),
    Column("case_id", Uuid, nullable=False),
    Column("defendant", SmallInteger, nullable=False),  # 0: none
    Column("event", Text, nullable=False),  # received, decided
    Column("day", Date),  # null: undated
    Column("days", Integer),  # from receipt to first decision
    Column("case_disposition", Text),  # null where it holds no entry of a case
    *(Column(name, Text, nullable=name == "disposition") for name in DIMENSION_COLUMNS),  # null: none of a person
    Column("is_presumed", Boolean, nullable=False),
    Column("offences", ARRAY(Text), nullable=False),  # distinct and sorted, of all charges
    Column("term_months", Integer),
    # how many entries it holds of each unit; less than 0 where they are taken back
    *(Column(name, SmallInteger, nullable=False) for name in ("cases", "persons", "charges")),
    # one court's series over dimensions that no sum keeps
    Index("ledger_by_court", "court", "day"),
    # what did this revision write?
    Index("ledger_by_revision", "revision"),
)

tally = Table(
    "tally",
    SQLModel.metadata,
    Column("court", Text, nullable=False),  # '*' in sums over all courts
    Column("sum", SmallInteger, nullable=False),
    Column("block", Integer, nullable=False),
    Column("kind", SmallInteger, nullable=False),  # of unit and event
    Column("year", SmallInteger),  # null: undated; 0: all years
    *(_cell(name) for name in CELL_COLUMNS),  # null: summed away
    Column("n", Integer, nullable=False),  # in the year; in all years, the undated left out
    # Elements (day << 32) + count, rising; day 1 is 0001-01-01.
    Column("series", ARRAY(BigInteger)),  # by day in a year, by week (its Monday) in all years
    Column("running", ARRAY(BigInteger)),  # sums from the first on: by month in all years, of terms by day in a year
    # one sum as of one revision, in a window
    Index("tally_by_block", "sum", "block", "court", "kind", "year"),
)
