"""Presets: questions that have a path of their own, and what each fixes."""

from dataclasses import dataclass

from app.statistics.measures import KNOWN_CLASSES, MEASURES, SENTENCE_SHARE, Measure
from app.statistics.periods import Grain

_DEFAULT = (MEASURES["cases_received"], MEASURES["persons_convicted"])


@dataclass(frozen=True, slots=True)
class Preset:
    """What a path adds to a question.

    `measures`      asked where the caller names none, or always where `takes_measures` is false
    `grain`         the only grain
    `dimension`     a dimension that rows always have; it takes no filter
    `always_shown`  its codes that have a row even where nobody is counted
    """

    id: str
    caption: str
    caption_ru: str
    measures: tuple[Measure, ...]
    takes_measures: bool = True
    grain: Grain | None = None
    dimension: str | None = None
    always_shown: tuple[str, ...] = ()


_PRESETS = (
    Preset("any", "Any question", "Любой вопрос", _DEFAULT),
    Preset("weekly", "By ISO week", "По неделям ISO", _DEFAULT, grain=Grain.WEEK),
    Preset(
        "sentences",
        "Convicted persons by class of sentence",
        "Осуждённые по виду приговора",
        (MEASURES["persons_convicted"], SENTENCE_SHARE),
        takes_measures=False,
        dimension="sentence_class",
        always_shown=(*KNOWN_CLASSES, "no_penalty", "unknown"),
    ),
)

PRESETS: dict[str, Preset] = {preset.id: preset for preset in _PRESETS}
