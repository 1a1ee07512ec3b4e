"""A case as it really went, and as it could be seen: the invented truth that files are made from."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from app.demo.calendar import NEVER
from app.demo.targets import Figure
from app.reference import Court


class Lot(StrEnum):
    """What becomes of a case, in the words of the card."""

    VERDICT = "Вынесен ПРИГОВОР"
    TERMINATED = "Уголовное дело ПРЕКРАЩЕНО"
    RETURNED = "ВОЗВРАЩЕНО ПРОКУРОРУ"
    TRANSFERRED = "Направлено ПО ПОДСУДНОСТИ (подведомственности)"
    MEDICAL = "Применены ПРИНУДИТЕЛЬНЫЕ МЕРЫ МЕДИЦИНСКОГО ХАРАКТЕРА"
    UPHELD = "ОСТАВЛЕН БЕЗ ИЗМЕНЕНИЯ"
    CHANGED = "ИЗМЕНЕН"
    ANNULLED = "ОТМЕНЕН с возвращением на новое рассмотрение"


@dataclass(frozen=True, slots=True)
class Charge:
    """One offence alleged, and how often."""

    offence: str
    is_attempt: bool = False
    episodes: int = 1

    @property
    def article(self) -> str:
        """The article without its part."""
        return self.offence.partition(":")[0]


@dataclass(frozen=True, slots=True)
class Person:
    """One defendant. Charge sheets list the gravest charge first, so that is the principal one."""

    charges: tuple[Charge, ...]

    @property
    def principal(self) -> Charge:
        """The gravest charge."""
        return self.charges[0]


@dataclass(frozen=True, slots=True)
class Ending:
    """How and when a case closed, and when the card came to show it."""

    lot: Lot
    decided_on: date
    seen_on: date = NEVER
    in_force_on: date | None = None
    force_seen_on: date = NEVER


@dataclass(frozen=True, slots=True)
class Rewrite:
    """Charges as the card gives them from a day on."""

    seen_on: date
    persons: tuple[Person, ...]


@dataclass(frozen=True, slots=True)
class Renumbering:
    """The number that a pending case is given at New Year."""

    seen_on: date
    year: int
    number: str = ""
    has_new_card: bool = False


@dataclass(frozen=True, slots=True)
class Sentence:
    """A penalty as a text or a press release gives it."""

    kind: str
    execution: str
    term_months: int | None = None
    probation_months: int | None = None
    fine_rub: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What the newsroom found out about the single defendant of a case."""

    found_on: date
    source: str
    disposition: str | None = None
    service_status: str | None = None
    sentence: Sentence | None = None
    convicted_of: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One card: a case before one court at one instance."""

    id: int
    court: Court
    received_on: date
    persons: tuple[Person, ...]
    lot: Lot
    chain: int  # equal for the cards that share a UID
    style: int  # bits that decide how this card is written
    seen_on: date = NEVER
    ending: Ending | None = None
    rewrite: Rewrite | None = None
    renumbering: Renumbering | None = None
    findings: tuple[Finding, ...] = ()
    vanishes_on: date = NEVER
    text_seen_on: date = NEVER
    is_appeal: bool = False
    first_instance: tuple[str, str] | None = None  # of an appeal: court and number below
    number: str = ""
    uid: str | None = None

    @property
    def is_plain(self) -> bool:
        """A single defendant whose charges keep their article, at first instance."""
        return len(self.persons) == 1 and self.rewrite is None and not self.is_appeal

    def persons_on(self, day: date) -> tuple[Person, ...]:
        """Defendants and charges as the card had them on a day."""
        return self.rewrite.persons if self.rewrite and self.rewrite.seen_on <= day else self.persons

    def principal_on(self, day: date) -> Charge:
        """The gravest charge of the case: the first defendant's, as charge sheets are made here."""
        return self.persons_on(day)[0].principal


def received_in(case: Case, figure: Figure) -> int:
    """Cases that this one adds to a published figure of cases received."""
    is_counted = not case.is_appeal and case.seen_on <= figure.as_of and figure.covers(case.received_on)
    return int(is_counted and _is_meant(case.principal_on(figure.as_of).offence, figure))


def convicted_in(case: Case, figure: Figure) -> int:
    """Persons that this case adds to a published figure of persons convicted."""
    ending = case.ending
    if case.is_appeal or ending is None or ending.lot is not Lot.VERDICT or ending.seen_on > figure.as_of:
        return 0
    known = [finding for finding in case.findings if finding.found_on <= figure.as_of]
    if not figure.covers(ending.decided_on) or any(finding.disposition == "acquitted" for finding in known):
        return 0
    stated = [finding.convicted_of for finding in known if finding.convicted_of]
    offences = stated or [person.principal.offence for person in case.persons_on(figure.as_of)]
    return sum(_is_meant(offence, figure) for offence in offences)


def _is_meant(offence: str, figure: Figure) -> bool:
    article, _, part = offence.partition(":")
    return article in figure.articles and (not figure.is_wartime or part in ("2.1", "3.1", "5"))
