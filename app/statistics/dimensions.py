"""Dimensions: by what counts can be broken down or filtered, and the grains of time."""

from dataclasses import dataclass

from app.statistics.periods import Grain


@dataclass(frozen=True, slots=True)
class Dimension:
    """One breakdown: a column of the ledger.

    `learnt`   known only from a published text, so that its coverage has to be stated
    `plural`   what all its values are called in `coverage_of`
    `is_of_charge`  a property of a charge, so that one person may have several
    """

    id: str
    codelist: str
    caption: str
    caption_ru: str
    learnt: bool = False
    plural: str = ""
    is_of_charge: bool = False
    additive: bool = True

    @property
    def column(self) -> str:
        """Its column in ledger and tally."""
        return self.id

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption


_DIMENSIONS = (
    Dimension("court", "court", "Court", "Суд"),
    Dimension("court_level", "court_level", "Court level", "Уровень суда"),
    Dimension("region", "region", "Region of the court", "Регион суда"),
    Dimension("district", "district", "Next court above", "Вышестоящий суд"),
    Dimension("offence", "offence", "Offence (article)", "Преступление (статья)", is_of_charge=True),
    Dimension(
        "offence_part", "offence_part", "Offence (article and part)", "Преступление (статья и часть)", is_of_charge=True
    ),
    Dimension("offence_group", "offence_group", "Group of offences", "Группа преступлений", is_of_charge=True),
    Dimension(
        "is_wartime", "is_wartime", "Wartime or mobilisation part", "Военное время или мобилизация", is_of_charge=True
    ),
    Dimension("arrival", "arrival", "Arrival", "Поступление"),
    Dimension("disposition", "disposition", "Disposition", "Результат"),
    Dimension("service_status", "service_status", "Service status", "Статус службы", True, "service statuses"),
    Dimension("sentence_class", "sentence_class", "Class of sentence", "Вид приговора", True, "sentence classes"),
    Dimension("sentence_kind", "sentence_kind", "Main penalty", "Основное наказание", True, "kinds of sentence"),
    Dimension(
        "sentence_execution",
        "sentence_execution",
        "Execution of the sentence",
        "Исполнение наказания",
        True,
        "executions of sentence",
    ),
)

DIMENSIONS: dict[str, Dimension] = {dimension.id: dimension for dimension in _DIMENSIONS}


@dataclass(frozen=True, slots=True)
class GrainEntry:
    """How a grain is called, and an example of the key of its periods."""

    grain: Grain
    type: str
    example: str
    caption: str
    caption_ru: str

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption


_GRAINS = (
    GrainEntry(Grain.DAY, "day", "2023-06-11", "Day", "День"),
    GrainEntry(Grain.WEEK, "iso_week", "2023-W23", "Week (ISO 8601)", "Неделя (ISO 8601)"),
    GrainEntry(Grain.MONTH, "month", "2023-06", "Month", "Месяц"),
    GrainEntry(Grain.QUARTER, "quarter", "2023-Q2", "Quarter", "Квартал"),
    GrainEntry(Grain.HALF_YEAR, "half_year", "2023-H1", "Half-year", "Полугодие"),
    GrainEntry(Grain.YEAR, "year", "2023", "Year", "Год"),
)

GRAINS: dict[str, GrainEntry] = {entry.grain.value: entry for entry in _GRAINS}
