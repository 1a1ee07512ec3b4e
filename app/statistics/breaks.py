"""Breaks: days on which the law changed, and revisions on which the method did; comparisons across them are marked."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from app import reference
from app.db.database import Connection
from app.statistics.periods import Window, period_of
from app.statistics.question import Question

_METHOD = """
SELECT revision, published_at, note FROM revisions
WHERE cause = 'method' AND revision > $1 AND revision <= $2 ORDER BY revision
"""
_BY_OFFENCE = ("offence", "offence_part")


@dataclass(frozen=True)
class Break:
    """A statute that changed what can be charged, from its day on."""

    id: str
    day: date
    caption: str
    caption_ru: str
    definition: str

    @cached_property
    def articles(self) -> frozenset[str]:
        """The articles of which it made parts."""
        return frozenset(entry.article for entry in reference.offences().values() if entry.in_force_from == self.day)

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption

    def touches(self, question: Question) -> bool:
        """Whether a question counts any of its articles."""
        named = [entry for entry in question.filters if entry.dimension in _BY_OFFENCE and not entry.is_not]
        return all(any(code.partition(":")[0] in self.articles for code in entry.codes) for entry in named)


_BREAKS = (
    Break(
        "365-FZ",
        date(2022, 9, 24),
        "Federal law 365-FZ: parts for mobilisation, martial law and wartime",
        "Федеральный закон № 365-ФЗ: части о мобилизации, военном положении и военном времени",
        "From this day on, absence, desertion, refusal and others have graver parts for mobilisation, martial law,"
        " wartime, armed conflict or combat, and surrender and looting are offences of their own. The day is that of"
        " the law; what was done before it is tried under the old parts long after.",
    ),
    Break(
        "534-FZ",
        date(2026, 1, 9),
        "Federal law 534-FZ: parts for persons conditionally released",
        "Федеральный закон № 534-ФЗ: части об условно освобождённых",
        "From this day on, absence, desertion and evasion have graver parts for persons conditionally released from"
        " punishment, or whose case is suspended at the command's request. What was done before it is tried under the"
        " old parts long after.",
    ),
)

BREAKS: dict[str, Break] = {entry.id: entry for entry in _BREAKS}


def breaks_of(question: Question) -> tuple[Break, ...]:
    """The statutes that matter to a question, by day."""
    return tuple(entry for entry in BREAKS.values() if entry.touches(question))


def describe_breaks(question: Question, window: Window | None, lang: str) -> Iterable[dict[str, Any]]:
    """Breaks within the days of an answer, as it tells them; `period` is the one in which a break falls."""
    for entry in breaks_of(question):
        if window is None or window.first < entry.day <= window.last:
            period = period_of(question.grain, entry.day).key if question.grain else None
            yield describe_break(entry, lang) | {"period": period}


def describe_break(entry: Break, lang: str) -> dict[str, Any]:
    """A break as answers and the catalogue list it."""
    return {"id": entry.id, "kind": "statute", "day": entry.day.isoformat(), "caption": entry.label(lang)}


async def find_method_breaks(connection: Connection, since: int, until: int) -> tuple[dict[str, Any], ...]:
    """Revisions after one and up to another at which courts, offences or a definition changed."""
    rows = await connection.fetch(_METHOD, since, until)
    return tuple(
        {
            "id": f"revision-{row['revision']}",
            "kind": "method",
            "revision": row["revision"],
            "day": row["published_at"].date().isoformat(),
            "caption": row["note"] or "",
        }
        for row in rows
    )


async def warn_across_method(connection: Connection, since: int, until: int) -> tuple[dict[str, Any], ...]:
    """One warning for each revision after one and up to another that changed how is counted."""
    return tuple(
        {
            "code": "across_break",
            "detail": f"Revision {entry['revision']} of {entry['day']} changed how is counted: {entry['caption']}"
            " What that did to the numbers is the part method of a comparison.",
            "break": entry,
        }
        for entry in await find_method_breaks(connection, since, until)
    )
