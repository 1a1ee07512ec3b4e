"""Courts and offences shipped with the service: data, and a reader without I/O beyond it."""

from app.reference.court import Court, court_by_host, court_by_name, courts
from app.reference.files import content_hash
from app.reference.offence import (
    OFFENCE_GROUPS,
    Offence,
    UnverifiedPart,
    max_months,
    offences,
    unverified_parts,
)
from app.reference.spelling import tidy, to_cyrillic, to_latin

__all__ = [
    "OFFENCE_GROUPS",
    "Court",
    "Offence",
    "UnverifiedPart",
    "content_hash",
    "court_by_host",
    "court_by_name",
    "courts",
    "max_months",
    "offences",
    "tidy",
    "to_cyrillic",
    "to_latin",
    "unverified_parts",
]
