"""Parameters that many paths share."""

from app.api.kinds import DAY, DAY_OR_INSTANT, TEXT, TRUTH, WHOLE, Kind
from app.api.negotiation import DELIMITERS, LANGUAGES
from app.api.parameters import Parameter, Role
from app.formats import FORMATS
from app.records.listing import Operator
from app.vocabulary import CODELISTS

LIMIT = 100
HIGHEST_LIMIT = 1000
RANGE: tuple[Operator, ...] = ("gte", "gt", "lte", "lt", "isnull")

STATE = (
    Parameter(
        "as_of",
        DAY_OR_INSTANT,
        "The record as it had been published by the end of this day (UTC), or by this instant.",
        Role.STATE,
        example="2024-07-19",
    ),
    Parameter("revision", WHOLE, "The record as of this revision.", Role.STATE, example="1"),
)

LANGUAGE = Parameter(
    "lang", TEXT, "Language of labels; otherwise Accept-Language tells.", Role.SHOWN_AS, codes=LANGUAGES
)

_FORMATS = Kind(TEXT.read, {"type": "string", "enum": list(FORMATS)})
SHOWN_AS = (
    Parameter("format", _FORMATS, "Format of the answer; otherwise Accept tells.", Role.SHOWN_AS, example="json"),
    LANGUAGE,
    Parameter("delimiter", TEXT, "CSV: between cells.", Role.SHOWN_AS, codes=tuple(DELIMITERS), default="comma"),
    Parameter("bom", TRUTH, "CSV: begin with a byte order mark, for Excel.", Role.SHOWN_AS, default=False),
    Parameter(
        "labels",
        TEXT,
        "CSV: codes, their names, or both in columns side by side.",
        Role.SHOWN_AS,
        codes=("id", "name", "both"),
        default="id",
    ),
)


def paging(orders: tuple[str, ...], default_order: str, fields: tuple[str, ...]) -> tuple[Parameter, ...]:
    """What a list takes beside its filters; `fields` are all that any of its formats has."""
    signed = tuple(sign + name for name in orders for sign in ("", "-"))
    return (
        Parameter(
            "limit",
            WHOLE,
            "How many results a page has; 0 is legal. CSV without it is the whole list.",
            Role.PAGE,
            highest=HIGHEST_LIMIT,
            default=LIMIT,
        ),
        Parameter("cursor", TEXT, "Where the page before ended: from `paging.next`, as it is.", Role.CURSOR),
        Parameter(
            "sort",
            TEXT,
            "Column to sort by, with - from last to first; what is missing comes last, ties go by id.",
            Role.ORDER,
            codes=signed,
            default=default_order,
        ),
        Parameter("fields", TEXT, "Only these fields.", Role.COLUMNS, is_list=True, keeps_order=True, codes=fields),
        Parameter("include_total", TRUTH, "Count all results too.", Role.PAGE, default=False),
    )


def coded(name: str, codelist: str, *, nullable: bool = False) -> Parameter:
    """A filter by the codes of one of our own code lists."""
    operators: tuple[Operator, ...] = ("ne", "isnull") if nullable else ("ne",)
    known = CODELISTS[codelist]
    return Parameter(name, TEXT, f"{known.en}.", is_list=True, operators=operators, codes=known.ids)


def looked_up(name: str, lookup: str, caption: str, example: str) -> Parameter:
    """A filter by the codes of a list that the reference defines."""
    return Parameter(name, TEXT, caption, is_list=True, operators=("ne",), lookup=lookup, example=example)


def day(name: str, caption: str) -> Parameter:
    """A filter by day."""
    return Parameter(name, DAY, caption, is_list=True, operators=RANGE, example="2023-03-14")
