"""The `names` column: persons and their charges out of one string, and never a name.

    row       = person { ";" person } [ first-instance tail ]
    person    = name [ "-" list ]
    list      = charges CODE  |  CODE ":" ( charges | { "[" charges "]" } )
    charges   = charge { ";" charge }
    charge    = { ("ст.30" | "ст.33") [part] ("," | "-") } provision
    provision = "ст." number [ "ч." number ] [ "п." points ]

Names are dropped by the lexer: a word that is no keyword becomes a token without its text.
"""

import html

from app.ingest.layouts.names.judgment import (
    ParsedCharge,
    ParsedNames,
    ParsedPerson,
    Refused,
    Role,
    Skipped,
    Stage,
    judge,
)
from app.ingest.layouts.names.lexer import EMPTY, read_tokens, without_tail
from app.ingest.layouts.names.parser import Reader
from app.reference.spelling import tidy, to_cyrillic

__all__ = ["ParsedCharge", "ParsedNames", "ParsedPerson", "Refused", "Role", "Skipped", "Stage", "parse_names"]


def parse_names(text: str, *, is_lossy: bool = False) -> ParsedNames | Skipped | Refused:
    """Persons and charges of one `names` string.

    is_lossy  the `;`-CSV in which every `;` was written as `,`
    Shape     a person for each one named; equal charges of a person are one, with their episodes;
              of bracketed sets the last is filed, and what only earlier ones hold is dropped
    Errors    none; time is linear in the text
    """
    plain = to_cyrillic(tidy(html.unescape(text)))
    if plain.casefold() in EMPTY:
        return Refused("names-empty")
    reader = Reader(read_tokens(without_tail(plain)), is_lossy)
    return judge(reader.row(), reader.warnings, is_lossy and "," in plain)
