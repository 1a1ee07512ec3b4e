"""docs/concepts/measures.md, made from the table of measures, so that the two cannot drift.

`python -m tests.measures_page > docs/concepts/measures.md`
"""

from collections.abc import Iterator

from app.statistics.breaks import BREAKS
from app.statistics.dimensions import DIMENSIONS
from app.statistics.measures import MEASURES, SENTENCE_SHARE, SMALL_N, Kind, Measure
from app.statistics.transforms import TRANSFORMS

_ADDS = {
    Kind.COUNT: "adds up over time and every dimension",
    Kind.STOCK: "adds up over every dimension, never over time",
    Kind.ANY_CHARGE: "adds up over time, and over no dimension of the charge",
    Kind.RATIO: "adds up over nothing",
    Kind.SPREAD: "adds up over nothing",
}


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Measures, defined"
    yield ""
    yield "Each paragraph may be quoted as it stands. It is the definition that `GET /v1/statistics/catalogue` and"
    yield "every answer give, with the number of its version. This page is made from the table of measures"
    yield "(`python -m tests.measures_page > docs/concepts/measures.md`), and a test compares the two."
    yield ""
    yield f"A share or a median of fewer than {SMALL_N} says `small_n: true` beside it."
    for measure in (*MEASURES.values(), SENTENCE_SHARE):
        yield ""
        yield from _measure(measure)
    yield ""
    yield "## Dimensions"
    yield ""
    learnt = [f"`{entry.id}`" for entry in DIMENSIONS.values() if entry.learnt]
    plain = [f"`{entry.id}`" for entry in DIMENSIONS.values() if not entry.learnt]
    yield f"Every measure takes every dimension: {', '.join(plain)}; and, learnt from a published text alone,"
    yield f"{', '.join(learnt)}."
    yield ""
    yield "## Transforms"
    yield ""
    yield "`transform=` shows each measure against its own past or against all rows of its period, beside the figure."
    yield ""
    yield "| transform | what | for |"
    yield "|---|---|---|"
    for transform in TRANSFORMS.values():
        kinds = ", ".join(sorted(kind.value.replace("_", " ") for kind in transform.kinds))
        yield f"| `{transform.id}` | {transform.definition} | {kinds} |"
    yield ""
    yield "## Breaks"
    yield ""
    yield "A change of the law is a break on every series that counts its articles. Values that compare across one have"
    yield "the status `break`, and the answer warns."
    for entry in BREAKS.values():
        yield ""
        yield f"- {entry.day}, {entry.caption}. {entry.definition}"


def _measure(measure: Measure) -> Iterator[str]:
    yield f"## {measure.id}"
    yield ""
    yield f"**{measure.caption}** ({measure.caption_ru}). {measure.definition}"
    if measure is SENTENCE_SHARE:
        yield "It is a measure of `/v1/statistics/sentences` alone, whose rows are the classes."
    yield ""
    facts = [
        f"unit {measure.unit}",
        *([f"given in {measure.unit_of_value}s"] if measure.unit_of_value != measure.unit else []),
        f"event {measure.event}",
        _ADDS[measure.kind],
        *(["takes `bounds=true`"] if measure.has_bounds else []),
        f"definition {measure.definition_version}",
    ]
    yield f"*{'; '.join(facts)}*"


if __name__ == "__main__":
    print(page(), end="")
