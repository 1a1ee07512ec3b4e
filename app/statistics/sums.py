"""Sums: which narrow sums of the ledger the tally keeps, and which of its blocks make a state.

The tally is a tree over revisions: block b holds what the revisions (b - reach(b), b] added, so that any state is the
sum of a few blocks. A sum holds days, weeks and months, or both; see `app.statistics.tables` for its rows.
"""

from collections.abc import Collection
from dataclasses import dataclass

RADIX = 8  # of the tree: more means that less is written, and that more blocks are read
ALL_COURTS = "*"  # `court` in the rows of a sum over all courts
WHOLE = 0  # `year` in the rows of all years together; null: what has no day

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

CELL_COLUMNS = (*DIMENSION_COLUMNS[:7], "service_status", "disposition", "sentence_class", "is_presumed", "term_months")
"""The columns by which some sum is broken down, in their order; beside court and kind."""

KINDS = (
    ("case", "received"),
    ("case", "decided"),
    ("person", "received"),
    ("person", "decided"),
    ("charge", "received"),
)
"""Units and their events; a row of the tally has the number of one."""

RESULT = frozenset({"disposition", "is_presumed", "sentence_class"})
"""Columns that say what came out."""
COURT = frozenset({"court", "court_level", "region", "district"})
OFFENCE = frozenset({"offence", "offence_part", "offence_group", "is_wartime"})
IMPRISONED = frozenset({"disposition", "sentence_kind", "term_months"})
"""Columns by which it is told who was sentenced to imprisonment of a known term."""


@dataclass(frozen=True, slots=True)
class Sum:
    """One narrow sum: the columns that it keeps beside kind and day.

    `results`  columns that it keeps of what was decided only
    `base`     the sum from whose days it is made; where it has none of its own, these are read in their place
    `has_days`, `has_spans`  days, year by year; weeks and months of all years
    `is_of_terms`  persons sentenced to imprisonment of a known term alone, by this term
    """

    number: int
    name: str
    keeps: frozenset[str]
    results: frozenset[str] = frozenset()
    base: str = ""
    has_days: bool = False
    has_spans: bool = False
    is_of_terms: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its rows, in their order."""
        kept = self.keeps | self.results | ({"term_months"} if self.is_of_terms else frozenset())
        return tuple(name for name in CELL_COLUMNS if name in kept)

    @property
    def is_by_court(self) -> bool:
        """Whether a row is of one court, not of all."""
        return "court" in self.keeps

    def covers(self, columns: Collection[str], event: str) -> bool:
        """Whether what a question reads of one event, beside unit and day, can be read from this sum."""
        kept = self.keeps | self.results if event == "decided" else self.keeps
        return kept.issuperset(columns)


_SUMS = (  # the expected size grows; the first that covers a question answers it
    Sum(1, "by_day_alone", frozenset(), base="by_all", has_spans=True, has_days=True),
    Sum(2, "by_day", RESULT, base="by_all", has_spans=True),
    Sum(3, "by_status_alone", RESULT | {"service_status"}, base="by_all", has_spans=True),
    Sum(4, "by_offence", RESULT | OFFENCE, base="by_all", has_spans=True),
    Sum(5, "by_status", RESULT | {"offence", "service_status"}, base="by_all", has_spans=True),
    Sum(6, "by_all", RESULT | OFFENCE | {"service_status"}, base="by_all", has_days=True),
    Sum(7, "by_court", COURT | {"offence"}, RESULT, base="by_court", has_days=True),
    Sum(8, "by_term", frozenset({"offence"}), base="by_term", has_spans=True, has_days=True, is_of_terms=True),
)

SUMS: dict[str, Sum] = {entry.name: entry for entry in _SUMS}
BASES = tuple(entry for entry in _SUMS if entry.base == entry.name)


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


def position(element: str) -> str:
    """SQL: the day, as a number, of an element of a series (`app.statistics.tables`)."""
    return f"(({element} + 2147483648) >> 32)::int"


def count(element: str) -> str:
    """SQL: the count of an element of a series."""
    return f"({element} - (({element} + 2147483648) >> 32 << 32))::int"
