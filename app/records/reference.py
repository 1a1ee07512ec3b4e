"""Courts and offences as loaded: numbered sets, so that every revision can be recounted with its own."""

from collections.abc import Sequence
from datetime import date
from functools import cache

from app import reference
from app.db.database import Connection
from app.records.resolve import Gravity

_LATEST = "SELECT reference, content_hash FROM reference_sets ORDER BY reference DESC LIMIT 1"
_COURT_COLUMNS = [
    "reference",
    "code",
    "name_ru",
    "name_en",
    "level",
    "is_fleet",
    "region",
    "region_name_ru",
    "region_name_en",
    "region_iso",
    "next_court",
    "district",
    "subdomain",
    "source",
    "is_verified",
    "note",
]
_OFFENCE_COLUMNS = [
    "reference",
    "code",
    "article",
    "part",
    "chapter",
    "title_ru",
    "title_en",
    "offence_group",
    "is_wartime",
    "min_months",
    "max_months",
    "other_penalties",
    "in_force_from",
    "in_force_to",
    "basis",
    "confidence",
]


async def is_loaded(connection: Connection) -> bool:
    """Whether the last set loaded is the one shipped with this release."""
    latest = await connection.fetchrow(_LATEST)
    return latest is not None and latest["content_hash"] == reference.content_hash()


async def load_reference(connection: Connection) -> tuple[int, int]:
    """Load the shipped courts and offences where they differ from the last set loaded.

    Returns the number of the set before (0: none) and now; equal where nothing was loaded.
    """
    latest = await connection.fetchrow(_LATEST)
    before = latest["reference"] if latest else 0
    if latest and latest["content_hash"] == reference.content_hash():
        return before, before
    number = before + 1
    await connection.execute("INSERT INTO reference_sets VALUES ($1, $2, now())", number, reference.content_hash())
    courts = [
        (number, c.code, c.name_ru, c.name_en, c.level, c.is_fleet, c.region_code, c.region_name_ru, c.region_name_en,
         c.region_iso, c.next_court, _district(c), c.subdomain, c.source, c.is_verified, c.note)
        for c in reference.courts().values()
    ]  # fmt: skip
    offences = [
        (number, o.code, o.article, o.part, o.chapter, o.title_ru, o.title_en, o.offence_group, o.is_wartime,
         o.imprisonment_min_months, o.imprisonment_max_months, o.other_penalties, o.in_force_from,
         o.in_force_to, o.basis, o.confidence)
        for o in reference.offences().values()
    ]  # fmt: skip
    await connection.copy_records_to_table("courts", records=courts, columns=_COURT_COLUMNS)
    await connection.copy_records_to_table("offences", records=offences, columns=_OFFENCE_COLUMNS)
    return before, number


def _district(court: reference.Court) -> str | None:
    """The district a court belongs to: a garrison court its next court, a district court itself."""
    if court.level == "garrison":
        return court.next_court or None
    return court.code if court.level == "district" else None


async def gravity_of(connection: Connection, number: int) -> Gravity:
    """How grave an offence is by one reference set: the table's own by their maximum, then foreign ones."""
    rows = await connection.fetch(
        "SELECT code, article, max_months, in_force_from, in_force_to FROM offences WHERE reference = $1",
        number,
    )
    return _gravity([tuple(row) for row in rows])


def _gravity(rows: Sequence[tuple[str, str, int | None, date | None, date | None]]) -> Gravity:
    articles = {article for _, article, *_ in rows}
    by_code = {code: maximum for code, _, maximum, *_ in rows}

    @cache
    def gravity(offence: str, on: date | None) -> tuple[int, int]:
        article = offence.partition(":")[0]
        if article not in articles:
            return (1, 0)
        if ":" in offence:
            return (0, -(by_code.get(offence) or 0))
        valid = (
            maximum or 0
            for _, of_article, maximum, start, end in rows
            if of_article == article and (on is None or ((start is None or start <= on) and (end is None or on <= end)))
        )
        return (0, -max(valid, default=0))

    return gravity
