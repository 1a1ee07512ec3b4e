"""Sums: which narrow sums of the ledger the tally keeps, and which of its blocks make a state.

The tally is a tree over revisions: block b holds what the revisions (b - reach(b), b] added, so that any state is the
sum of a few blocks.
"""

from collections.abc import Collection
from dataclasses import dataclass

RADIX = 8  # of the tree: more means that less is written, and that more blocks are read
ALL_COURTS = "*"  # `court` in the rows of a sum over all courts

DIMENSION_COLUMNS = (
    "court_level",
    "region",
    "district",
    "offence",
    "offence_part",
    "offence_group",
    "is_wartime",
    "arrival",
    "service_status",
    "disposition",
    "sentence_class",
    "sentence_kind",
    "sentence_execution",
)
"""The columns of the ledger by which it can be broken down, in their order; beside the court."""

RESULT = frozenset({"disposition", "is_presumed", "sentence_class"})
"""Columns that say what came out; every sum keeps them but the smallest, which is of days and nothing else."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One narrow sum: the columns that it keeps beside unit, event and day."""

    name: str
    keeps: frozenset[str]

    @property
    def columns(self) -> tuple[str, ...]:
        """The dimension columns among them, in their order."""
        return tuple(name for name in DIMENSION_COLUMNS if name in self.keeps)

    @property
    def is_presumed(self) -> str:
        """What its rows hold in the one column of results that is never null."""
        return "is_presumed" if "is_presumed" in self.keeps else "false"

    @property
    def is_by_court(self) -> bool:
        """Whether a row is of one court, not of all."""
        return "court" in self.keeps

    def covers(self, columns: Collection[str]) -> bool:
        """Whether a question over these columns can be answered from this sum."""
        return self.keeps.issuperset(columns)


_SUMS = (  # the expected size grows; the first that covers a question answers it
    Sum("by_day_alone", frozenset()),
    Sum("by_day", RESULT),
    Sum("by_status_alone", RESULT | {"service_status"}),
    Sum("by_status", RESULT | {"offence", "service_status"}),
    Sum("by_offence", RESULT | {"offence", "offence_part", "offence_group", "is_wartime"}),
    Sum("by_court", RESULT | {"court", "court_level", "region", "district", "offence"}),
)

SUMS: dict[str, Sum] = {entry.name: entry for entry in _SUMS}


def reach(block: int) -> int:
    """How many revisions a block covers: the greatest power of eight that divides its number."""
    covered = 1
    while block % (covered * RADIX) == 0:
        covered *= RADIX
    return covered


def blocks(revision: int) -> tuple[int, ...]:
    """The blocks that make the state as of a revision, latest first: 18 → (18, 17, 16, 8); 0 → ()."""
    found = []
    while revision > 0:
        found.append(revision)
        revision -= reach(revision)
    return tuple(found)


def swallowed(block: int) -> tuple[int, ...]:
    """The blocks of which a block is the sum, with its own revision: 16 → (15, 14, 13, 12, 11, 10, 9); 17 → ()."""
    return tuple(earlier for earlier in blocks(block - 1) if earlier > block - reach(block))


def choose_sum(columns: Collection[str], available: Collection[str]) -> Sum | None:
    """The smallest sum at hand that covers these columns; None: the ledger has to be read."""
    return next((entry for entry in _SUMS if entry.name in available and entry.covers(columns)), None)
