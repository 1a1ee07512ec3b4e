"""Code lists: every closed vocabulary of the record, with English and Russian labels.

A list is an entry in `CODELISTS`; validation, `/v1/vocabularies`, filters and OpenAPI read it from there.
"""

from dataclasses import dataclass, field
from enum import StrEnum


class Layer(StrEnum):
    """Whose word a statement is."""

    COURT_CARD = "court_card"
    NEWSROOM = "newsroom"


class Cause(StrEnum):
    """Why a ledger entry was written; every entry has exactly one."""

    NEW = "new"
    LATE_REPORTED = "late_reported"
    NEWLY_FOUND = "newly_found"
    RECLASSIFIED = "reclassified"
    CORRECTED = "corrected"
    MERGED_DUPLICATE = "merged_duplicate"
    WITHDRAWN = "withdrawn"
    RESTORED = "restored"
    UNDONE = "undone"
    REMOVED = "removed"
    METHOD = "method"


@dataclass(frozen=True, slots=True)
class Code:
    """One value of a code list."""

    id: str
    en: str
    ru: str
    definition: str = ""


@dataclass(frozen=True, slots=True)
class Codelist:
    """A closed list of codes, in the order in which they are shown."""

    id: str
    en: str
    ru: str
    codes: tuple[Code, ...]
    ids: tuple[str, ...] = field(init=False, repr=False, compare=False)
    """The codes alone, in order."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "ids", tuple(code.id for code in self.codes))

    def label(self, code_id: str, lang: str = "en") -> str:
        """The label of a code; the code itself where the list does not hold it."""
        found = next((code for code in self.codes if code.id == code_id), None)
        return code_id if found is None else (found.ru if lang == "ru" else found.en)


UNKNOWN = Code("unknown", "Unknown", "Неизвестно", "Not stated by any layer.")
MIXED = Code("mixed", "Mixed", "Смешанно", "The persons of a case differ on this dimension.")
PENDING = Code("pending", "Pending", "Не рассмотрено", "Not closed by this court.")

_LISTS = (
    Codelist(
        "layer",
        "Layer",
        "Слой",
        (
            Code("court_card", "Court card", "Карточка суда", "What the court's own card says."),
            Code("newsroom", "Newsroom", "Редакция", "What the newsroom established."),
        ),
    ),
    Codelist(
        "instance",
        "Instance",
        "Инстанция",
        (
            Code("first", "First instance", "Первая инстанция"),
            Code("appeal", "Appeal", "Апелляция"),
            Code("cassation", "Cassation", "Кассация"),
        ),
    ),
    Codelist(
        "court_level",
        "Court level",
        "Уровень суда",
        (
            Code("garrison", "Garrison court", "Гарнизонный военный суд"),
            Code("district", "District or fleet court", "Окружной (флотский) военный суд"),
            Code("appeal", "Court of appeal", "Апелляционный военный суд"),
            Code("cassation", "Court of cassation", "Кассационный военный суд"),
        ),
    ),
    Codelist(
        "arrival",
        "Arrival",
        "Поступление",
        (
            Code("new", "New", "Впервые", "First receipt of this prosecution by a court."),
            Code("transfer", "By transfer", "По подсудности", "From another court, by jurisdiction."),
            Code("return", "After return", "После возврата прокурору", "Filed again by the prosecutor."),
            Code("retrial", "Retrial", "После отмены", "After annulment by a higher court."),
            Code("severed", "Severed", "Выделено", "Severed from another case of the same court."),
        ),
    ),
    Codelist(
        "case_disposition",
        "Disposition of the case",
        "Результат по делу",
        (
            Code("verdict", "Verdict", "Приговор", "A judgment was given; the card does not say which."),
            Code("terminated", "Terminated", "Прекращено", "Ended without a judgment on guilt."),
            Code("returned_to_prosecutor", "Returned to the prosecutor", "Возвращено прокурору"),
            Code("transferred_jurisdiction", "Transferred", "Направлено по подсудности"),
            Code("medical_measures", "Medical measures", "Принудительные меры медицинского характера"),
            Code("joined", "Joined to another case", "Соединено с другим делом"),
            Code("upheld", "Upheld", "Оставлено без изменения", "Appeal and cassation only."),
            Code("changed", "Changed", "Изменено", "Appeal and cassation only."),
            Code("annulled", "Annulled", "Отменено", "Appeal and cassation only."),
            Code("other", "Other", "Иное"),
            PENDING,
        ),
    ),
    Codelist(
        "person_disposition",
        "Disposition of the person",
        "Результат в отношении лица",
        (
            Code(
                "convicted",
                "Convicted",
                "Осуждён",
                "Known to be convicted, or presumed so: the case ended in a verdict and nothing says otherwise.",
            ),
            Code("acquitted", "Acquitted", "Оправдан"),
            Code("terminated", "Terminated", "Прекращено", "The ground is not known."),
            Code(
                "terminated_rehabilitating",
                "Terminated, exonerating ground",
                "Прекращено по реабилитирующему",
            ),
            Code(
                "terminated_non_rehabilitating",
                "Terminated, non-exonerating ground",
                "Прекращено по нереабилитирующему",
            ),
            Code("medical_measures", "Medical measures", "Принудительные меры медицинского характера"),
            Code("returned", "Returned to the prosecutor", "Возвращено прокурору"),
            Code("transferred", "Transferred", "Направлено по подсудности"),
            Code("joined", "Joined to another case", "Соединено с другим делом"),
            Code("other", "Other", "Иное"),
            PENDING,
            UNKNOWN,
        ),
    ),
    Codelist(
        "service_status",
        "Service status",
        "Статус службы",
        (
            Code("mobilised", "Mobilised", "Мобилизованный"),
            Code("contract", "Contract soldier", "Контрактник"),
            Code("conscript", "Conscript", "Срочник"),
            Code("volunteer_formation", "Volunteer formation", "Доброволец"),
            Code("reservist_training", "Reservist in training", "На сборах"),
            Code("released_convict", "Released convict", "Освобождённый осуждённый"),
            Code("officer", "Officer", "Офицер"),
            MIXED,
            UNKNOWN,
        ),
    ),
    Codelist(
        "charge_role",
        "Role of a charge",
        "Роль обвинения",
        (
            Code("filed", "Filed", "Предъявлено"),
            Code("convicted", "Convicted of", "Осуждён по"),
            Code("dropped", "Dropped", "Исключено"),
        ),
    ),
    Codelist(
        "charge_stage",
        "Stage of the offence",
        "Стадия",
        (
            Code("completed", "Completed", "Оконченное"),
            Code("attempt", "Attempt", "Покушение", "Article 30, part 3."),
            Code("preparation", "Preparation", "Приготовление", "Article 30, part 1."),
        ),
    ),
    Codelist(
        "sentence_kind",
        "Main penalty",
        "Основное наказание",
        (
            Code("imprisonment", "Imprisonment", "Лишение свободы"),
            Code("life_imprisonment", "Life imprisonment", "Пожизненное лишение свободы"),
            Code("disciplinary_unit", "Disciplinary military unit", "Дисциплинарная воинская часть"),
            Code(
                "restriction_of_military_service",
                "Restriction of military service",
                "Ограничение по военной службе",
            ),
            Code("arrest", "Arrest", "Арест"),
            Code("fine", "Fine", "Штраф"),
            Code("corrective_labour", "Corrective labour", "Исправительные работы"),
            Code("compulsory_labour", "Compulsory labour", "Обязательные работы"),
            Code("forced_labour", "Forced labour", "Принудительные работы"),
            Code("restriction_of_liberty", "Restriction of liberty", "Ограничение свободы"),
            Code("none", "No penalty", "Без наказания", "Convicted, but exempt from punishment."),
            MIXED,
            UNKNOWN,
        ),
    ),
    Codelist(
        "sentence_execution",
        "Execution of the sentence",
        "Исполнение наказания",
        (
            Code("immediate", "Immediate", "Реально"),
            Code("suspended", "Suspended", "Условно", "Article 73 of the Criminal Code."),
            Code("deferred", "Deferred", "Отсрочка"),
            Code("not_applicable", "Not applicable", "Неприменимо"),
            MIXED,
            UNKNOWN,
        ),
    ),
    Codelist(
        "sentence_class",
        "Class of sentence",
        "Вид приговора",
        (
            Code(
                "custodial",
                "Custodial",
                "Реальный срок",
                "Imprisonment, life imprisonment, disciplinary unit or arrest, served at once.",
            ),
            Code("suspended", "Suspended", "Условный", "Any kind of penalty, suspended."),
            Code("deferred", "Deferred", "С отсрочкой"),
            Code("non_custodial", "Non-custodial", "Без лишения свободы", "Every other kind of penalty."),
            Code("no_penalty", "No penalty", "Без наказания", "Acquitted, terminated, or convicted but exempt."),
            MIXED,
            UNKNOWN,
        ),
    ),
    Codelist(
        "regime",
        "Regime of the colony",
        "Режим",
        (
            Code("settlement", "Colony settlement", "Колония-поселение"),
            Code("general", "General", "Общий"),
            Code("strict", "Strict", "Строгий"),
            Code("special", "Special", "Особый"),
            Code("prison", "Prison", "Тюрьма"),
            UNKNOWN,
        ),
    ),
    Codelist(
        "sentence_source",
        "Source of the sentence",
        "Источник приговора",
        (
            Code("verdict_text", "Text of the verdict", "Текст приговора"),
            Code("press_release", "Press release of the court", "Пресс-релиз суда"),
            Code("newsroom", "The newsroom's own work", "Работа редакции"),
        ),
    ),
    Codelist(
        "offence_group",
        "Group of offences",
        "Группа преступлений",
        (),
    ),
    Codelist(
        "is_wartime",
        "Wartime or mobilisation part",
        "Военное время или мобилизация",
        (
            Code("true", "Yes", "Да", "The part speaks of mobilisation, martial law, wartime or combat."),
            Code("false", "No", "Нет"),
            Code("unknown", "Unknown", "Неизвестно", "The part is not known."),
        ),
    ),
    Codelist(
        "source_kind",
        "Kind of source",
        "Вид источника",
        (
            Code("court_card", "Court card", "Карточка дела"),
            Code("verdict_text", "Text of the verdict", "Текст приговора"),
            Code("press_release", "Press release of the court", "Пресс-релиз суда"),
            Code("newsroom", "The newsroom's own work", "Работа редакции"),
        ),
    ),
    Codelist(
        "change",
        "What a revision did to a case",
        "Что ревизия сделала с делом",
        (
            Code("created", "Created", "Создано"),
            Code("changed", "Changed", "Изменено"),
            Code("withdrawn", "Withdrawn", "Отозвано"),
            Code("merged", "Merged into another case", "Объединено с другим делом"),
            Code("restored", "Restored", "Восстановлено"),
            Code("undone", "Taken back with its batch", "Отменено вместе с загрузкой"),
            Code("removed", "Personal data removed", "Личные данные удалены"),
        ),
    ),
    Codelist(
        "conflict_kind",
        "Kind of conflict",
        "Вид расхождения",
        (
            Code("values_differ", "Values differ", "Значения расходятся", "Card and newsroom say different things."),
            Code("denied", "Denied", "Отрицается", "The newsroom denies what the card says."),
            Code(
                "defendants_changed",
                "Defendants changed",
                "Изменились подсудимые",
                "It is not clear who of those now listed is who; nothing was moved.",
            ),
            Code("possible_duplicate", "Possible duplicate", "Возможный дубль", "Two cases may be one."),
        ),
    ),
    Codelist(
        "cause",
        "Cause of a change",
        "Причина изменения",
        (
            Code("new", "New", "Новое", "An event after the last day covered for that court."),
            Code("late_reported", "Reported late", "Поздняя публикация", "The day had been covered before."),
            Code("newly_found", "Newly found", "Найдено", "The day had not been covered before."),
            Code("reclassified", "Reclassified", "Переквалификация", "The offence changed."),
            Code("corrected", "Corrected", "Исправление"),
            Code("merged_duplicate", "Merged duplicate", "Слияние дублей"),
            Code("withdrawn", "Withdrawn", "Отозвано"),
            Code("restored", "Restored", "Восстановлено"),
            Code("undone", "Undone", "Отмена загрузки"),
            Code("removed", "Personal data removed", "Удаление личных данных"),
            Code("method", "Method", "Методика", "Reference data or a definition changed."),
        ),
    ),
)


def _disposition() -> Codelist:
    """Dispositions of cases and persons in one list: statistics take either, by the unit of the measure."""
    ends = (PENDING, UNKNOWN)
    codes = [
        code
        for codelist in _LISTS
        if codelist.id in ("case_disposition", "person_disposition")
        for code in codelist.codes
        if code not in ends
    ]
    first_of_each = {code.id: code for code in reversed(codes)}
    return Codelist("disposition", "Disposition", "Результат", (*reversed(first_of_each.values()), *ends))


CODELISTS: dict[str, Codelist] = {codelist.id: codelist for codelist in (*_LISTS, _disposition())}
