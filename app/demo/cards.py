"""A card as the scraper writes it: the keys of its JSON, with the faults that real files have."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from app.demo.numbers import card_guid
from app.demo.timeline import Case, Charge, Lot, Person

Row = dict[str, Any]

# Courts whose tables carry their header as the first row.
_WITH_HEADER_ROWS = {"27GV0003", "27GV0005", "27GV0006", "63GV0001", "63GV0007", "77GV0011", "77GV0012"}
_HEADER_STEP = ("Наименование события", "Дата", "Время", "Место проведения", "Результат события")
_HEADER_SIDE = ("Вид лица, участвующего в деле", "Лицо, участвующее в деле (ФИО, наименование)")
_PERSON, _HIDDEN = "Фамилия Имя Отчество", "<Информация скрыта>"
_CASE_TABLE, _APPEAL_TABLE = 1540006, 4
_TEXT = "ПРИГОВОР\nВымышлено: текста нет."
_POINTS = {"158:2": " п.в"}
_STEP_RESULTS: Mapping[Lot, str] = {
    Lot.VERDICT: "Постановление приговора",
    Lot.TERMINATED: "Производство по делу прекращено",
    Lot.RETURNED: "Дело возвращено прокурору",
}
_TERMINATION_GROUND = " назначена мера уголовно-правового характера - СУДЕБНЫЙ ШТРАФ (ст. 25.1 УПК РФ)"


def card_row(case: Case, day: date) -> Row:
    """The row of a case as its card stood on a day, without the run's own counter `id`."""
    ending = case.ending if case.ending and case.ending.seen_on <= day else None
    in_force_on = ending.in_force_on if ending and ending.force_seen_on <= day else None
    nothing = _one_in(case, 4, 30, "-")
    return {
        "region": int(case.court.code[:2]),
        "instance": "APPELLATION" if case.is_appeal else "FIRST",
        "name": _court_name(case),
        "caseNumber": shown_number(case, day),
        "entryDate": written(case.received_on),
        "names": _names(case, day),
        "judge": _one_in(case, 5, 40, "null", "Судья И.О."),
        "resultDate": written(ending.decided_on) if ending else nothing,
        "decision": _decision(case) if ending else nothing,
        "endDate": written(in_force_on) if in_force_on else nothing,
        "steps": _steps(case, day) if _is_one_in(case, 6, 3) else [],
        "sides": _sides(case) if _is_one_in(case, 7, 6) else [],
        "consideredBy": "Рассмотрено единолично судьей" if ending else None,
        "text": _TEXT if case.text_seen_on <= day else None,
        "connectedLinks": {},
        "links": _links(case, day),
        "formed": True,
        "cui": case.uid,
    }


def material_row(case: Case, number: str, day: date) -> Row:
    """A material of the same court, such as every file holds beside the cases: no prosecution."""
    row = card_row(case, day)
    nothings = dict.fromkeys(("resultDate", "decision", "endDate", "consideredBy", "cui"))
    names = f"{_PERSON} - ст.108 УПК РФ"
    return {**row, **nothings, "caseNumber": number, "names": names, "steps": [], "sides": [], "links": {}}


def shown_number(case: Case, day: date) -> str:
    """The number on the card; after a renumbering with the earlier one in parentheses."""
    renumbering = case.renumbering
    if renumbering and renumbering.seen_on <= day:
        return f"{renumbering.number} ({case.number};)"
    return case.number


def written(day: date) -> str:
    """A day as cards write it."""
    return f"{day:%d.%m.%Y}"


# ── Style: how this very card is written ───────────────────────────────────────────────────────


def _style(case: Case, salt: int) -> int:
    # A product that mixes well enough; a generator for each field would cost most of the time.
    return ((case.style ^ salt * 0x9E3779B1) * 0x85EBCA6B >> 11) & 0xFFFFF


def _is_one_in(case: Case, salt: int, number: int) -> bool:
    return _style(case, salt) % number == 0


def _one_in(case: Case, salt: int, number: int, rare: str, usual: str | None = None) -> str | None:
    return rare if _is_one_in(case, salt, number) else usual


def _court_name(case: Case) -> str:
    name = case.court.name_ru
    if _is_one_in(case, 1, 40):
        return f"{name} "
    if _is_one_in(case, 2, 60):
        return name.replace("суд", "cуд")  # the first letter is Latin
    return name.replace(" ", "\u00a0", 1) if _is_one_in(case, 3, 80) else name


def _decision(case: Case) -> str:
    if case.lot is Lot.TERMINATED and _is_one_in(case, 8, 4):
        return case.lot.value + _TERMINATION_GROUND
    return "Вынесен приговор" if case.lot is Lot.VERDICT and _is_one_in(case, 9, 25) else case.lot.value


# ── Persons and charges ────────────────────────────────────────────────────────────────────────


def _names(case: Case, day: date) -> str:
    persons = case.persons_on(day)
    dialect = _style(case, 10) % 10
    written_ = [_person(case, at, person, dialect, day) for at, person in enumerate(persons)]
    return "; ".join(written_) + _tail(case)


def _person(case: Case, at: int, person: Person, dialect: int, day: date) -> str:
    name = _HIDDEN if _is_one_in(case, 20 + at, 7) else _PERSON
    is_spaced = dialect == 1
    if case.rewrite and case.rewrite.seen_on <= day and _is_one_in(case, 11, 2):
        before = _charges(case.persons[at].charges, is_spaced=True)
        return f"{name} - УК РФ: [{before}] [{_charges(person.charges, is_spaced=True)}]"
    if dialect == 0:
        return f"{name} - УК РФ: {_charges(person.charges, is_spaced=True)}"
    return f"{name} - {_charges(person.charges, is_spaced=is_spaced)} УК РФ"


def _charges(charges: Sequence[Charge], *, is_spaced: bool) -> str:
    article = "ст. " if is_spaced else "ст."
    return "; ".join(_charge(charge, article) for charge in charges for _ in range(charge.episodes))


def _charge(charge: Charge, article: str) -> str:
    number, _, part = charge.offence.partition(":")
    attempt = f"{article}30 ч.3, " if charge.is_attempt else ""
    return attempt + article + number + (f" ч.{part}" if part else "") + _POINTS.get(charge.offence, "")


def _tail(case: Case) -> str:
    if case.first_instance is None:
        return ""
    court, number = case.first_instance
    return f" Суд (судебный участок) первой инстанции: {court} Номер дела в первой инстанции: {number}"


# ── What hangs on a card ───────────────────────────────────────────────────────────────────────


def _steps(case: Case, day: date) -> list[Row]:
    return [_step(*cells) for cells in _step_cells(case, day)]


def _step_cells(case: Case, day: date) -> Iterator[tuple[str, str, str | None, str | None, str | None]]:
    if case.court.code in _WITH_HEADER_ROWS:
        yield _HEADER_STEP
    yield "Регистрация поступившего в суд дела", written(case.received_on), "10:00", None, None
    ending = case.ending
    if ending and ending.seen_on <= day:
        result = _STEP_RESULTS.get(ending.lot)
        yield "Судебное заседание", written(ending.decided_on), "10:00", "Зал №1", result


def _step(event: str, day: str, time: str | None, place: str | None, result: str | None) -> Row:
    return {
        "eventName": event,
        "eventDate": day,
        "eventTime": time,
        "eventPlace": place,
        "eventResult": result,
        "eventResultReason": None,
        "additionalInfo": None,
        "publishedDate": "Дата размещения" if event == _HEADER_STEP[0] else day,
        "notParsed": None,
    }


def _sides(case: Case) -> list[Row]:
    header = [_HEADER_SIDE] if case.court.code in _WITH_HEADER_ROWS else []
    return [_side(*cells) for cells in [*header, ("Прокурор", "Информация скрыта")]]


def _side(kind: str, name: str) -> Row:
    return {
        "sideType": kind,
        "sideName": name,
        "notParsed": None,
        "inn": None,
        "kpp": None,
        "ogrn": None,
        "ogrnip": None,
    }


def _links(case: Case, day: date) -> Row:
    renumbering = case.renumbering
    is_new = bool(renumbering and renumbering.has_new_card and renumbering.seen_on <= day)
    site = f"http://{_host(case)}/modules.php?name=sud_delo&srv_num=1"
    table = _APPEAL_TABLE if case.is_appeal else _CASE_TABLE
    card = f"{site}&name_op=case&case_id={case.id}&case_uid={card_guid(case, is_new=is_new)}&delo_id={table}"
    text = f"{site}&name_op=doc&number={case.id}&delo_id={table}&new=0&text_number=1"
    return {"META": card} | ({"TEXT": text} if case.text_seen_on <= day else {})


def _host(case: Case) -> str:
    """The court's host, its dots but the last two as two hyphens for every other card."""
    subdomain = (case.court.subdomain or "").removesuffix(".sudrf.ru")
    return (subdomain.replace(".", "--") if _is_one_in(case, 12, 2) else subdomain) + ".sudrf.ru"
