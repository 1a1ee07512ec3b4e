"""Numbers, unique identifiers and card identifiers, as courts would have given them out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from hashlib import blake2b
from random import Random
from uuid import UUID

from app.demo.calendar import stream
from app.demo.timeline import Case
from app.records.uid import make_uid

_INDEX_FIRST, _INDEX_APPEAL = "1", "22"
_RENUMBERED_ON = (1, 9)
_WITHOUT_UID, _WRONG_CHECK_DIGITS = 0.05, 0.0008
Given = tuple[str, date, int, bool]  # court, day, case, whether at New Year


def numbered(cases: Sequence[Case], seed: int) -> tuple[Case, ...]:
    """The cases with numbers in the order of receipt at each court, and identifiers by chain."""
    chance = stream(seed, "numbers")
    numbers = _numbers(cases, chance)
    by_id = {case.id: case for case in cases}
    uids = _uids(cases, by_id, chance)
    return tuple(_with_numbers(case, by_id, numbers, uids) for case in cases)


def card_guid(case: Case, *, is_new: bool = False) -> str:
    """The identifier of the card in its court's database, for ever the same for a case."""
    seed = f"{case.style}:{case.id}:{is_new}".encode()
    return str(UUID(bytes=blake2b(seed, digest_size=16).digest(), version=4))


def _with_numbers(
    case: Case, by_id: Mapping[int, Case], numbers: Mapping[tuple[int, bool], str], uids: Mapping[int, str | None]
) -> Case:
    renumbering = case.renumbering
    below = by_id.get(case.chain)
    has_below = case.first_instance and below is not None
    return replace(
        case,
        number=numbers[case.id, False],
        renumbering=replace(renumbering, number=numbers[case.id, True]) if renumbering else None,
        first_instance=(below.court.name_ru, numbers[below.id, False]) if has_below and below else None,
        uid=uids[case.chain],
    )


def _numbers(cases: Sequence[Case], chance: Random) -> dict[tuple[int, bool], str]:
    given = [(case.court.code, case.received_on, case.id, False) for case in cases]
    given += [
        (case.court.code, date(case.renumbering.year, *_RENUMBERED_ON), case.id, True)
        for case in cases
        if case.renumbering
    ]
    is_appeal = {case.id: case.is_appeal for case in cases}
    last: Counter[tuple[str, int]] = Counter()
    numbers = {}
    for code, day, id_, is_renumbering in sorted(given):
        # Cases of other kinds, which this record does not hold, take numbers too.
        last[code, day.year] += chance.randint(1, 3)
        index = _INDEX_APPEAL if is_appeal[id_] else _INDEX_FIRST
        numbers[id_, is_renumbering] = f"{index}-{last[code, day.year]}/{day.year}"
    return numbers


def _uids(cases: Sequence[Case], by_id: Mapping[int, Case], chance: Random) -> dict[int, str | None]:
    last: Counter[tuple[str, int]] = Counter()
    uids: dict[int, str | None] = {}
    for case in sorted(cases, key=lambda case: (case.received_on, case.id)):
        if case.chain not in uids:
            year = case.received_on.year
            last[case.court.code, year] += chance.randint(1, 4)
            uids[case.chain] = _uid(case.court.code, year, last[case.court.code, year], chance)
    return uids


def _uid(code: str, year: int, sequence: int, chance: Random) -> str | None:
    uid = make_uid(f"{code}-01-{year}-{sequence:06d}")
    if chance.random() < _WRONG_CHECK_DIGITS:
        return f"{uid[:-2]}{(int(uid[-2:]) + 7) % 100:02d}"
    return None if chance.random() < _WITHOUT_UID else uid
