"""What the newsroom reads out of texts: service status and sentence, months after the verdict, for a few."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from random import Random

from app.demo.calendar import NEVER, first_from, newsroom_days, scrape_days, stream, within
from app.demo.targets import SENTENCES, WARTIME_PARTS_IN_FORCE, Split
from app.demo.timeline import Case, Finding, Lot, Sentence

Wanted = tuple[str, str]  # service status, class of sentence

_TEXT_AFTER = timedelta(days=14)
_TEXT_WITHIN = timedelta(days=420)
_FIRST_STATUS = date(2022, 12, 1)  # when the first mobilised soldiers came before a court
_PRESS_RELEASE, _FIRST_FROM_PRESS = 0.25, 0.08
_OTHER_KNOWN, _STATUS_ONLY = 0.15, 0.012
_OTHER_STATUSES = ("mobilised", "mobilised", "contract", "contract", "contract", "unknown")
_OTHER_CLASSES = ("custodial", "custodial", "custodial", "suspended", "non_custodial")

# Terms by part in months: (at least, at most) of those served and of those suspended.
_TERMS: Mapping[str, tuple[tuple[int, int], tuple[int, int]]] = {
    "337:1": ((3, 6), (3, 6)),
    "337:2.1": ((6, 24), (6, 30)),
    "337:3": ((5, 18), (6, 24)),
    "337:3.1": ((12, 42), (12, 48)),
    "337:4": ((8, 36), (10, 36)),
    "337:5": ((60, 84), (36, 66)),
    "332:2.1": ((18, 30), (18, 30)),
    "338:3": ((60, 108), (48, 72)),
}
_USUAL_TERMS = ((6, 36), (6, 36))


def with_findings(cases: Sequence[Case], seed: int) -> tuple[Case, ...]:
    """The cases with what the newsroom learnt about their defendants, as the table of sentences says."""
    chance = stream(seed, "findings")
    eligible = [case for case in cases if _may_be_read(case)]
    absence = [case for case in eligible if case.persons[0].principal.article == "337"]
    others = [case for case in eligible if case.persons[0].principal.article in ("332", "338")]
    found = {case.id: case for case in _absences(absence, chance)}
    found |= {case.id: case for case in _others(others, chance)}
    found |= {case.id: case for case in _statuses([case for case in absence if case.id not in found], chance)}
    return tuple(found.get(case.id, case) for case in cases)


def _may_be_read(case: Case) -> bool:
    ending = case.ending
    is_plain = len(case.persons) == 1 and not case.is_appeal and not case.findings and _keeps_article(case)
    return (
        is_plain
        and ending is not None
        and ending.lot is Lot.VERDICT
        and ending.seen_on != NEVER
        and ending.decided_on >= WARTIME_PARTS_IN_FORCE
    )


def _keeps_article(case: Case) -> bool:
    return case.rewrite is None or case.rewrite.persons[0].principal.article == case.persons[0].principal.article


def _absences(cases: Sequence[Case], chance: Random) -> Iterator[Case]:
    """Article 337: as many of each status and class, by each day, as the table has."""
    waiting = sorted(cases, key=lambda case: (_verdict_seen(case), case.id), reverse=True)
    readable: list[Case] = []
    for day, is_last, wanted in _wanted(chance):
        while waiting and _verdict_seen(waiting[-1]) + _TEXT_AFTER <= day:
            readable.append(waiting.pop())
        readable = [case for case in readable if _verdict_seen(case) + _TEXT_WITHIN >= day]
        chance.shuffle(readable)
        for status, sentence_class in tuple(wanted):
            at = next((at for at, case in enumerate(readable) if _fits(case, status)), None)
            if at is not None:
                wanted.remove((status, sentence_class))
                yield _learnt(readable.pop(at), day, status, sentence_class, chance)
        if is_last and wanted:
            raise ValueError(f"no verdicts left by {day} to read {wanted} from")


def _fits(case: Case, status: str) -> bool:
    is_conscript_part = case.persons[0].principal.offence in ("337:1", "337:2.1", "337:3")
    if status == "conscript":
        return is_conscript_part
    return status in ("unknown", "contract") or case.received_on >= _FIRST_STATUS


def _wanted(chance: Random) -> Iterator[tuple[date, bool, list[Wanted]]]:
    """What is to be learnt, day by day; what could not be read one day stays in the list for the next."""
    stages = [(date.min, {}), *SENTENCES]
    for (before, known), (until, wanted) in pairwise(stages):
        days = within(newsroom_days(), before, until)
        more = [item for status, split in wanted.items() for item in _more(status, known.get(status), split)]
        chance.shuffle(more)
        open_: list[Wanted] = []
        for at, day in enumerate(days):
            open_ += more[at * len(more) // len(days) : (at + 1) * len(more) // len(days)]
            yield day, day == days[-1], open_


def _more(status: str, known: Split | None, wanted: Split) -> Iterator[Wanted]:
    for sentence_class in ("custodial", "suspended", "non_custodial"):
        before = getattr(known, sentence_class) if known else 0
        yield from ((status, sentence_class) for _ in range(getattr(wanted, sentence_class) - before))


def _others(cases: Sequence[Case], chance: Random) -> Iterator[Case]:
    for case in cases:
        found_on = first_from(newsroom_days(), _verdict_seen(case) + timedelta(days=chance.randint(14, 200)))
        if found_on != NEVER and chance.random() < _OTHER_KNOWN:
            status, sentence_class = chance.choice(_OTHER_STATUSES), chance.choice(_OTHER_CLASSES)
            yield _learnt(case, found_on, status, sentence_class, chance)


def _statuses(cases: Sequence[Case], chance: Random) -> Iterator[Case]:
    """Of some, only the service status becomes known."""
    for case in cases:
        found_on = first_from(newsroom_days(), _verdict_seen(case) + timedelta(days=chance.randint(10, 90)))
        if found_on != NEVER and case.received_on >= _FIRST_STATUS and chance.random() < _STATUS_ONLY:
            status = chance.choice(("mobilised", "contract"))
            yield replace(case, findings=(Finding(found_on, "newsroom", service_status=status),))


def _verdict_seen(case: Case) -> date:
    return case.ending.seen_on if case.ending else NEVER


def _learnt(case: Case, day: date, status: str, sentence_class: str, chance: Random) -> Case:
    offence = case.persons[0].principal.offence
    sentence = _sentence(offence, status, sentence_class, chance)
    source = "press_release" if chance.random() < _PRESS_RELEASE else "verdict_text"
    finding = Finding(day, source, "convicted", status, sentence)
    findings: tuple[Finding, ...] = (finding,)
    later = first_from(newsroom_days(), day + timedelta(days=60))
    if source == "press_release" and later != NEVER and chance.random() < _FIRST_FROM_PRESS / _PRESS_RELEASE:
        bare = replace(sentence, term_months=None, probation_months=None, fine_rub=None)
        findings = (replace(finding, sentence=bare), replace(finding, found_on=later, source="verdict_text"))
    text_seen_on = first_from(scrape_days(), day - timedelta(days=7)) if source == "verdict_text" else NEVER
    return replace(case, findings=findings, text_seen_on=max(text_seen_on, case.seen_on))


def _sentence(offence: str, status: str, sentence_class: str, chance: Random) -> Sentence:
    served, suspended = _TERMS.get(offence, _USUAL_TERMS)
    if sentence_class == "suspended":
        term = chance.randint(*suspended)
        return Sentence("imprisonment", "suspended", term, probation_months=chance.choice((12, 18, 24, 30, 36, 48)))
    if sentence_class == "custodial":
        if status == "conscript":
            return Sentence("disciplinary_unit", "immediate", chance.randint(3, 20))
        if offence == "337:1":
            return Sentence("arrest", "immediate", chance.randint(1, 4))
        return Sentence("imprisonment", "immediate", chance.randint(*served))
    if status in ("contract", "officer") and chance.random() < 0.6:
        return Sentence("restriction_of_military_service", "immediate", chance.randint(3, 18))
    return Sentence("fine", "immediate", fine_rub=chance.choice((30_000, 50_000, 60_000, 80_000, 100_000)))
