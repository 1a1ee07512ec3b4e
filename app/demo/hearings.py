"""Decisions: each case gets its day in court, and what comes after it: transfer, refiling, appeal."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from heapq import heappop, heappush
from itertools import count
from random import Random

from app.demo.arrivals import NO_FOLLOW_UPS_BEFORE, follow_up
from app.demo.calendar import drawn_delay, next_working, working_days
from app.demo.courts import garrison_weights, hears_appeals
from app.demo.targets import HEARING_DELAY, LAST_FILE, VERDICTS, Delay
from app.demo.timeline import Case, Ending, Lot

_LEAST_DAYS_TO_VERDICT = timedelta(days=10)
_TO_FORCE: Delay = ((0.9, 11, 16), (0.1, 40, 75))
_REFILED, _APPEALED = 0.3, 0.04
_APPEAL_RESULTS = ((Lot.UPHELD, 0.85), (Lot.CHANGED, 0.13), (Lot.ANNULLED, 0.02))
_APPEAL_DELAY: Delay = ((1.0, 18, 40),)


def heard(cases: Sequence[Case], chance: Random) -> tuple[Case, ...]:
    """The cases with their endings, and the further cards that those endings lead to."""
    queued = [case for case in cases if _is_queued(case)]
    others = [_decided_alone(case, chance) for case in cases if not _is_queued(case)]
    first = sorted([*_queue(queued, chance), *others], key=lambda case: case.id)
    ids = count(len(first))
    further = [_decided_alone(case, chance) for case in _follow_ups(first, ids, chance)]
    appeals = [_decided_alone(case, chance) for case in _appeals(first, ids, chance)]
    retrials = [_decided_alone(case, chance) for case in _retrials(appeals, first, ids, chance)]
    return (*first, *further, *appeals, *retrials)


def _is_queued(case: Case) -> bool:
    is_absence = case.persons[0].principal.article == "337"
    return is_absence and len(case.persons) == 1 and case.lot is Lot.VERDICT


def _decided_alone(case: Case, chance: Random) -> Case:
    decided_on = next_working(case.received_on + drawn_delay(chance, HEARING_DELAY))
    return _with_ending(case, decided_on, chance)


def _with_ending(case: Case, decided_on: date, chance: Random) -> Case:
    if decided_on > LAST_FILE:
        return case
    is_final = case.lot in (Lot.VERDICT, Lot.TERMINATED, Lot.MEDICAL)
    in_force_on = decided_on + drawn_delay(chance, _TO_FORCE) if is_final else None
    return replace(case, ending=Ending(case.lot, decided_on, in_force_on=in_force_on))


def _queue(cases: Iterable[Case], chance: Random) -> Iterator[Case]:
    """Verdicts by what courts get through: each day takes those longest due among the cases at hand."""
    arriving = sorted(cases, key=lambda case: (case.received_on, case.id), reverse=True)
    due: list[tuple[date, int, Case]] = []
    for day, places in sorted(_places(chance).items()):
        while arriving and arriving[-1].received_on <= day - _LEAST_DAYS_TO_VERDICT:
            case = arriving.pop()
            heappush(due, (case.received_on + drawn_delay(chance, HEARING_DELAY), case.id, case))
        for _ in range(min(places, len(due))):
            yield _with_ending(heappop(due)[2], day, chance)
    yield from arriving
    yield from (case for _, _, case in due)


def _places(chance: Random) -> Mapping[date, int]:
    """How many verdicts each working day has room for."""
    places: dict[date, int] = {}
    for year, totals in VERDICTS.items():
        for month, total in enumerate(totals, start=1):
            days = [day for day in working_days(year, month) if day <= LAST_FILE]
            even, odd = divmod(total, len(days))
            places |= dict.fromkeys(days, even)
            for day in chance.sample(days, odd):
                places[day] += 1
    return places


def _follow_ups(cases: Iterable[Case], ids: Iterator[int], chance: Random) -> Iterator[Case]:
    codes = tuple(garrison_weights(chance))
    for case in cases:
        if case.ending is None or case.received_on < NO_FOLLOW_UPS_BEFORE:
            continue
        if case.lot is Lot.TRANSFERRED:
            code, days = chance.choice([code for code in codes if code != case.court.code]), chance.randint(8, 25)
        elif case.lot is Lot.RETURNED and chance.random() < _REFILED:
            code, days = case.court.code, chance.randint(30, 110)
        else:
            continue
        again = follow_up(case, id_=next(ids), court_code=code, after_days=days, chance=chance)
        if again:
            yield again


def _appeals(cases: Iterable[Case], ids: Iterator[int], chance: Random) -> Iterator[Case]:
    for case in cases:
        above = hears_appeals(case.court)
        if case.lot is not Lot.VERDICT or not case.ending or not above or chance.random() >= _APPEALED:
            continue
        received_on = next_working(case.ending.decided_on + drawn_delay(chance, _APPEAL_DELAY))
        if received_on <= LAST_FILE:
            lot = chance.choices([lot for lot, _ in _APPEAL_RESULTS], [share for _, share in _APPEAL_RESULTS])[0]
            yield replace(
                case,
                id=next(ids),
                court=above,
                received_on=received_on,
                lot=lot,
                style=chance.getrandbits(32),
                ending=None,
                is_appeal=True,
                first_instance=(case.court.code, ""),
            )


def _retrials(appeals: Iterable[Case], first: Sequence[Case], ids: Iterator[int], chance: Random) -> Iterator[Case]:
    for appeal in appeals:
        is_sent_back = appeal.lot is Lot.ANNULLED and appeal.ending is not None
        if is_sent_back and appeal.received_on >= NO_FOLLOW_UPS_BEFORE:
            below = first[appeal.chain].court.code
            days = chance.randint(15, 40)
            again = follow_up(appeal, id_=next(ids), court_code=below, after_days=days, chance=chance)
            if again:
                yield again
