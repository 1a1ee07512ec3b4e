"""Measures: what can be counted, whom each counts, and in which words it may be quoted.

A measure is an entry of `MEASURES`: a count with a predicate, or a share of two counts.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum


class Unit(StrEnum):
    """Who or what one entry of the ledger is."""

    CASE = "case"
    PERSON = "person"
    CHARGE = "charge"


class Event(StrEnum):
    """Whose day places an entry on the time axis."""

    RECEIVED = "received"
    DECIDED = "decided"


@dataclass(frozen=True, slots=True)
class Predicate:
    """Which ledger entries count; an empty tuple and None mean any."""

    disposition: tuple[str, ...] = ()
    sentence_class: tuple[str, ...] = ()
    is_presumed: bool | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """One count over another.

    `over`  a dimension of the question that is summed away in the denominator
    """

    numerator: str
    denominator: str
    has_interval: bool = True
    over: str | None = None


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that can be asked for: a count of entries, or a ratio of two counts."""

    id: str
    unit: Unit
    event: Event
    caption: str
    caption_ru: str
    definition: str
    predicate: Predicate = field(default=Predicate())
    ratio: Ratio | None = None
    definition_version: int = 1

    @property
    def additive(self) -> bool:
        """Whether it adds up over time and every dimension."""
        return self.ratio is None

    @property
    def unit_of_value(self) -> str:
        """In what the value is given: `case`, `person`, `charge` or `share`."""
        return str(self.unit) if self.ratio is None else "share"

    def label(self, lang: str) -> str:
        """The caption in a language."""
        return self.caption_ru if lang == "ru" else self.caption


KNOWN_CLASSES = ("custodial", "suspended", "deferred", "non_custodial")
DECIDED_CASE = ("verdict", "terminated", "medical_measures", "other")
DECIDED_PERSON = (
    "convicted",
    "acquitted",
    "terminated",
    "terminated_rehabilitating",
    "terminated_non_rehabilitating",
    "medical_measures",
    "other",
)
CONVICTED = Predicate(("convicted",))

_FIRST = "First instance only; withdrawn and merged cases are left out."
_CONVICTED = (
    "A person counts as convicted where a judgment is known to convict, and is presumed convicted where the"
    " case"
    " ended in a verdict and nothing known of this person says otherwise"
)


def _sentenced(measure_id: str, sentence_class: str, caption: str, caption_ru: str, whose: str) -> Measure:
    return Measure(
        measure_id,
        Unit.PERSON,
        Event.DECIDED,
        caption,
        caption_ru,
        f"Convicted persons whose sentence is known to be {whose}, by the day of the decision. Sentences"
        " become"
        f" known for a minority only, so this is a lower bound; see coverage. {_FIRST}",
        Predicate(("convicted",), (sentence_class,)),
    )


def _share(measure_id: str, numerator: str, caption: str, caption_ru: str, whose: str) -> Measure:
    return Measure(
        measure_id,
        Unit.PERSON,
        Event.DECIDED,
        caption,
        caption_ru,
        f"Persons whose sentence is known to be {whose}, divided by all convicted persons whose sentence is"
        " known"
        " (custodial, suspended, deferred or non-custodial; the convicted but exempt from punishment are in"
        " neither)."
        " The interval is Wilson's, 95 %, and speaks of chance only, not of which sentences become known; see"
        f" coverage. {_FIRST}",
        ratio=Ratio(numerator, "sentences_known"),
    )


_MEASURES = (
    Measure(
        "cases_received",
        Unit.CASE,
        Event.RECEIVED,
        "Cases received",
        "Поступило дел",
        "Criminal cases received by a court, by the day of receipt. Every arrival counts: a case"
        " transferred to"
        " another court or returned and filed again is received twice; arrival=new counts without repeats."
        f" {_FIRST}",
    ),
    Measure(
        "persons_received",
        Unit.PERSON,
        Event.RECEIVED,
        "Persons in cases received",
        "Лиц в поступивших делах",
        "Defendants in criminal cases received by a court, by the day of receipt. Every arrival of a case"
        " counts"
        f" each of its defendants. {_FIRST}",
    ),
    Measure(
        "cases_decided",
        Unit.CASE,
        Event.DECIDED,
        "Cases decided",
        "Рассмотрено дел",
        "Criminal cases that a court decided, by the day of the decision: a verdict, a termination,"
        " compulsory"
        " medical measures, or another final ruling. Cases returned to the prosecutor, transferred to"
        " another court"
        f" or joined to another case are closed but not decided. {_FIRST}",
        Predicate(DECIDED_CASE),
    ),
    Measure(
        "persons_decided",
        Unit.PERSON,
        Event.DECIDED,
        "Persons whose case was decided",
        "Лиц, дела которых рассмотрены",
        "Defendants with a final decision of the court, by the day of that decision: convicted (known or"
        " presumed),"
        " acquitted, terminated, compulsory medical measures, or another final ruling. Those whose case was"
        " returned,"
        f" transferred or joined are not counted. {_FIRST}",
        Predicate(DECIDED_PERSON),
    ),
    Measure(
        "persons_convicted",
        Unit.PERSON,
        Event.DECIDED,
        "Persons convicted (known or presumed)",
        "Осуждено лиц (известно или предполагается)",
        f"Persons convicted, known and presumed, by the day of the decision. {_CONVICTED}; how many are"
        " presumed is"
        " persons_convicted_presumed. It counts judgments, before any appeal, so a judgment after a retrial"
        " counts"
        f" again. {_FIRST}",
        CONVICTED,
    ),
    Measure(
        "persons_convicted_presumed",
        Unit.PERSON,
        Event.DECIDED,
        "Persons presumed convicted",
        "Лиц, предположительно осуждённых",
        "Persons presumed convicted, by the day of the decision: the case ended in a verdict and nothing"
        " known of"
        f" this person says otherwise. They are a part of persons_convicted. {_FIRST}",
        Predicate(("convicted",), is_presumed=True),
    ),
    Measure(
        "persons_acquitted",
        Unit.PERSON,
        Event.DECIDED,
        "Persons acquitted",
        "Оправдано лиц",
        "Persons known to be acquitted, by the day of the decision. A court card does not say who was"
        " acquitted, so"
        f" this is a lower bound. {_FIRST}",
        Predicate(("acquitted",)),
    ),
    Measure(
        "sentences_known",
        Unit.PERSON,
        Event.DECIDED,
        "Convicted persons whose sentence is known",
        "Осуждённых с известным наказанием",
        "Convicted persons whose sentence is known to be custodial, suspended, deferred or non-custodial,"
        " by the day"
        " of the decision; the denominator of the shares. The convicted but exempt from punishment are not"
        " in it."
        f" {_FIRST}",
        Predicate(("convicted",), KNOWN_CLASSES),
    ),
    _sentenced(
        "custodial",
        "custodial",
        "Custodial sentences",
        "Приговоры к реальному лишению свободы",
        "custodial: imprisonment, life imprisonment, a disciplinary unit or arrest, to be served at once",
    ),
    _sentenced(
        "suspended",
        "suspended",
        "Suspended sentences",
        "Условные приговоры",
        "suspended, whatever the kind of penalty",
    ),
    _sentenced(
        "deferred",
        "deferred",
        "Deferred sentences",
        "Приговоры с отсрочкой",
        "deferred, whatever the kind of penalty",
    ),
    _sentenced(
        "non_custodial",
        "non_custodial",
        "Non-custodial sentences",
        "Приговоры без лишения свободы",
        "neither custodial nor suspended nor deferred, such as a fine or restriction of military service",
    ),
    Measure(
        "charges",
        Unit.CHARGE,
        Event.RECEIVED,
        "Charges",
        "Обвинения",
        "Charges filed against the defendants of cases received, by the day of receipt; one for each"
        " offence alleged"
        f" against each defendant, so one person may count several times. {_FIRST}",
    ),
    _share(
        "custodial_share",
        "custodial",
        "Custodial among persons whose sentence is known",
        "Доля реальных сроков среди известных наказаний",
        "custodial (imprisonment, life imprisonment, a disciplinary unit or arrest, served at once)",
    ),
    _share(
        "suspended_share",
        "suspended",
        "Suspended among persons whose sentence is known",
        "Доля условных сроков среди известных наказаний",
        "suspended, whatever the kind of penalty",
    ),
    Measure(
        "coverage",
        Unit.PERSON,
        Event.DECIDED,
        "Persons convicted whose sentence is known, as a share",
        "Доля осуждённых с известным наказанием",
        "Convicted persons whose sentence is known, divided by all persons convicted, known and presumed."
        " In a row"
        " grouped or filtered by something that is itself learnt from a text (service status, class, kind"
        " or execution"
        " of the sentence) that must be known as well, and both numbers are taken without that grouping or"
        " filter;"
        f" coverage_of names the base. {_FIRST}",
        ratio=Ratio("sentences_known", "persons_convicted", has_interval=False),
    ),
)

MEASURES: dict[str, Measure] = {measure.id: measure for measure in _MEASURES}

SENTENCE_SHARE = Measure(
    "share",
    Unit.PERSON,
    Event.DECIDED,
    "Share of a class among persons whose sentence is known",
    "Доля вида приговора среди известных наказаний",
    "Convicted persons with this class of sentence, divided by all convicted persons whose sentence is"
    " known. The four"
    " known classes (custodial, suspended, deferred, non-custodial) add up to 1; the convicted but exempt"
    " and those"
    " whose sentence is unknown have no share. The interval is Wilson's, 95 %, and speaks of chance only,"
    " not of"
    f" which sentences become known; see coverage. {_FIRST}",
    ratio=Ratio("persons_convicted", "sentences_known", over="sentence_class"),
)


def counts_of(measures: Iterable[Measure]) -> tuple[str, ...]:
    """Ids of the counts that the measures are made of, each once, in order."""
    found: dict[str, None] = {}
    for measure in measures:
        parts = (measure.ratio.numerator, measure.ratio.denominator) if measure.ratio else (measure.id,)
        found |= dict.fromkeys(parts)
    return tuple(found)
