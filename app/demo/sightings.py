"""When each thing could be seen: cards and decisions appear late, change, are renumbered, and vanish."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from zlib import crc32

from app.demo.arrivals import rewritten
from app.demo.calendar import NEVER, drawn_delay, first_from, newsroom_days, scrape_days, stream
from app.demo.settle import Sight, settled
from app.demo.sheets import other_part
from app.demo.targets import CARD_DELAY, DECISION_DELAY, EXACT, FORCE_DELAY, LAST_FILE, Delay, Figure, Measure
from app.demo.timeline import (
    Case,
    Charge,
    Finding,
    Lot,
    Person,
    Renumbering,
    Rewrite,
    convicted_in,
    received_in,
)

_ACQUITTED, _REQUALIFIED = 0.0012, 0.04
_FINDING_DELAY: Delay = ((1.0, 40, 200),)
_PART_REWRITTEN, _RENUMBERED, _NEW_CARD, _VANISHING = 0.03, 0.3, 0.25, 0.01
_PART_DELAY: Delay = ((1.0, 7, 60),)
_RENUMBERING_DAYS: Delay = ((1.0, 9, 40),)
_VANISHING_DELAY: Delay = ((1.0, 15, 300),)
_LISTS_FORCE_ONE_IN = 3  # courts; other lists have no column for the day on which a judgment came into force


def sighted(cases: Sequence[Case], seed: int) -> tuple[Case, ...]:
    """Cases with the days on which the courts' sites first showed each fact; never seen ones left out."""
    chance = stream(seed, "sightings")
    shown = [rewritten(_with_card(case, chance), chance) for case in cases]
    received = settled(shown, _exact("received"), _RECEIVED, chance)
    decided = [_with_finding(_with_decision(case, chance), chance) for case in received]
    convicted = settled(decided, _exact("convicted"), _CONVICTED, chance)
    return tuple(_with_changes(case, chance) for case in convicted if case.seen_on <= LAST_FILE)


def _exact(measure: Measure) -> tuple[Figure, ...]:
    return tuple(figure for figure in EXACT if figure.measure == measure)


def _with_card(case: Case, chance: Random) -> Case:
    return _card_seen(case, first_from(scrape_days(), case.received_on + drawn_delay(chance, CARD_DELAY)))


def _with_decision(case: Case, chance: Random) -> Case:
    if case.ending is None:
        return case
    return _decision_seen(case, first_from(scrape_days(), case.ending.decided_on + drawn_delay(chance, DECISION_DELAY)))


def _with_finding(case: Case, chance: Random) -> Case:
    """Acquittals, and verdicts on another offence, which no card tells."""
    ending = case.ending
    if not case.is_plain or ending is None or ending.lot is not Lot.VERDICT or ending.seen_on == NEVER:
        return case
    found_on = first_from(newsroom_days(), ending.seen_on + drawn_delay(chance, _FINDING_DELAY))
    is_desertion = case.persons[0].principal.offence == "338:3"
    if found_on == NEVER:
        return case
    if chance.random() < _ACQUITTED:
        return replace(case, findings=(Finding(found_on, "verdict_text", disposition="acquitted"),))
    if is_desertion and chance.random() < _REQUALIFIED:
        finding = Finding(found_on, "verdict_text", disposition="convicted", convicted_of="337:5")
        return replace(case, findings=(finding,))
    return case


# ── What settling needs to know of cards and of decisions ──────────────────────────────────────


def _card_seen(case: Case, day: date) -> Case:
    return replace(case, seen_on=day)


def _decision_seen(case: Case, day: date) -> Case:
    if case.ending is None:
        return case
    return replace(case, ending=replace(case.ending, seen_on=max(day, case.seen_on)))


def _verdict_day(case: Case) -> date | None:
    return case.ending.decided_on if case.ending and case.lot is Lot.VERDICT else None


def _decision_seen_on(case: Case) -> date:
    return case.ending.seen_on if case.ending else NEVER


def _decision_possible_from(case: Case) -> date:
    return max(case.seen_on, case.ending.decided_on) if case.ending else NEVER


_RECEIVED = Sight(
    counted=received_in,
    is_movable=lambda case: case.rewrite is None and not case.is_appeal,
    counts_on=lambda case: case.received_on,
    seen_on=lambda case: case.seen_on,
    possible_from=lambda case: case.received_on,
    moved=_card_seen,
)
_CONVICTED = Sight(
    counted=convicted_in,
    is_movable=lambda case: case.is_plain and not case.findings,
    counts_on=_verdict_day,
    seen_on=_decision_seen_on,
    possible_from=_decision_possible_from,
    moved=_decision_seen,
)


# ── Changes that no figure depends on ──────────────────────────────────────────────────────────


def _with_changes(case: Case, chance: Random) -> Case:
    return _vanishing(_renumbered(_part_rewritten(_in_force(case, chance), chance), chance), chance)


def _in_force(case: Case, chance: Random) -> Case:
    """The site shows when a judgment came into force, if its court's list has a column for it."""
    ending = case.ending
    if ending is None or ending.in_force_on is None or ending.seen_on == NEVER:
        return case
    shown_on = first_from(scrape_days(), ending.in_force_on + drawn_delay(chance, FORCE_DELAY))
    if crc32(case.court.code.encode()) % _LISTS_FORCE_ONE_IN:
        return case
    return replace(case, ending=replace(ending, force_seen_on=max(shown_on, ending.seen_on)))


def _part_rewritten(case: Case, chance: Random) -> Case:
    """The card first gives a lighter part of the same article."""
    first = other_part(case.persons[0].principal.offence)
    if not case.is_plain or len(case.persons[0].charges) > 1 or not first or chance.random() >= _PART_REWRITTEN:
        return case
    drawn = first_from(scrape_days(), case.seen_on + drawn_delay(chance, _PART_DELAY))
    seen_on = min(drawn, _decision_seen_on(case))
    return replace(case, persons=(Person((Charge(first),)),), rewrite=Rewrite(seen_on, case.persons))


def _renumbered(case: Case, chance: Random) -> Case:
    year = case.received_on.year + 1
    is_pending = case.ending is None or case.ending.decided_on > date(year, 1, 20)
    if case.is_appeal or not is_pending or chance.random() >= _RENUMBERED:
        return case
    shown_on = first_from(scrape_days(), date(year, 1, 1) + drawn_delay(chance, _RENUMBERING_DAYS))
    if shown_on == NEVER:
        return case
    has_new_card = chance.random() < _NEW_CARD
    return replace(case, renumbering=Renumbering(max(shown_on, case.seen_on), year, has_new_card=has_new_card))


def _vanishing(case: Case, chance: Random) -> Case:
    """A card is taken down some time after its last change; nothing must follow from that."""
    if chance.random() >= _VANISHING:
        return case
    last = max(day for day in shown_changes(case) if day != NEVER)
    return replace(case, vanishes_on=last + max(drawn_delay(chance, _VANISHING_DELAY), timedelta(days=8)))


def shown_changes(case: Case) -> tuple[date, ...]:
    """The days on which the card shows something new, from its first appearance; NEVER among them."""
    ending, rewrite, renumbering = case.ending, case.rewrite, case.renumbering
    days = (
        case.seen_on,
        ending.seen_on if ending else NEVER,
        ending.force_seen_on if ending else NEVER,
        rewrite.seen_on if rewrite else NEVER,
        renumbering.seen_on if renumbering else NEVER,
        case.text_seen_on,
    )
    return tuple(sorted(set(days)))
