"""Cases as they reach the courts: when, where, about what, and what will become of them."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count
from random import Random

from app.demo.calendar import NEVER, drawn_delay, first_from, next_working, scrape_days, working_days
from app.demo.courts import garrison_weights
from app.demo.sheets import charge_sheet
from app.demo.targets import LAST_FILE, RECEIVED, Delay
from app.demo.timeline import Case, Charge, Lot, Person, Rewrite
from app.reference import courts

_LOTS = (
    (Lot.VERDICT, 0.926),
    (Lot.TERMINATED, 0.036),
    (Lot.RETURNED, 0.03),
    (Lot.TRANSFERRED, 0.004),
    (Lot.MEDICAL, 0.004),
)
NO_FOLLOW_UPS_BEFORE = date(2022, 3, 1)  # 2021 must add up to its published total
_REWRITTEN_DESERTION = 0.04
_REWRITTEN_FROM = date(2023, 1, 1)  # 2022 was published twice with one total, so nothing may join it later
_REWRITE_DELAY: Delay = ((1.0, 10, 70),)


def arrivals(chance: Random) -> Iterator[Case]:
    """Every case received, by article and month; those received after the last file are left out."""
    ids = count()
    weights = garrison_weights(chance)
    codes, shares = tuple(weights), tuple(weights.values())
    for article, day in _receipts(chance):
        code = chance.choices(codes, shares)[0]
        id_ = next(ids)
        yield Case(
            id=id_,
            court=courts()[code],
            received_on=day,
            persons=charge_sheet(article, day, chance),
            lot=_lot(day, chance),
            chain=id_,
            style=chance.getrandbits(32),
        )


def _receipts(chance: Random) -> Iterator[tuple[str, date]]:
    for article, years in RECEIVED.items():
        for year, totals in years.items():
            for month, total in enumerate(totals, start=1):
                days = [day for day in working_days(year, month) if day <= LAST_FILE]
                yield from ((article, day) for day in sorted(chance.choices(days, k=total)))


def _lot(received_on: date, chance: Random) -> Lot:
    lot = chance.choices([lot for lot, _ in _LOTS], [weight for _, weight in _LOTS])[0]
    return Lot.VERDICT if lot is Lot.TRANSFERRED and received_on < NO_FOLLOW_UPS_BEFORE else lot


def rewritten(case: Case, chance: Random) -> Case:
    """Now and then, desertion on the card becomes absence without leave some weeks later."""
    is_desertion = case.persons[0].principal.article == "338" and case.is_plain
    if not is_desertion or case.seen_on == NEVER or case.received_on < _REWRITTEN_FROM:
        return case
    if chance.random() >= _REWRITTEN_DESERTION:
        return case
    offence = "337:5" if case.persons[0].principal.offence == "338:3" else "337:4"
    seen_on = first_from(scrape_days(), case.seen_on + drawn_delay(chance, _REWRITE_DELAY))
    return replace(case, rewrite=Rewrite(seen_on, (Person((Charge(offence),)),)))


def follow_up(case: Case, *, id_: int, court_code: str, after_days: int, chance: Random) -> Case | None:
    """The new card of a case that was closed without an end: elsewhere, or filed again."""
    if case.ending is None:
        return None
    received_on = next_working(case.ending.decided_on + timedelta(days=after_days))
    if received_on > LAST_FILE:
        return None
    return Case(
        id=id_,
        court=courts()[court_code],
        received_on=received_on,
        persons=case.persons,
        lot=Lot.VERDICT,
        chain=case.chain,
        style=chance.getrandbits(32),
    )
