"""Measures: the table of what can be counted, whom each counts, and in which words it may be quoted."""

from app.statistics.measure import Event, Kind, Measure, Predicate, Ratio, Spread, Unit, counts_of

__all__ = [
    "COUNTS",
    "HORIZONS_DAYS",
    "KNOWN_CLASSES",
    "MEASURES",
    "OPEN_CASE",
    "SENTENCE_SHARE",
    "SMALL_N",
    "Event",
    "Kind",
    "Measure",
    "Predicate",
    "Ratio",
    "Spread",
    "Unit",
    "counts_of",
]

SMALL_N = 30
"""A share or a median of fewer is marked `small_n`."""
HORIZONS_DAYS = (30, 60, 90)

KNOWN_CLASSES = ("custodial", "suspended", "deferred", "non_custodial")
OPEN_CASE = ("pending", "unknown")
DECIDED_CASE = ("verdict", "terminated", "medical_measures", "other")
ENDED_UNDECIDED_CASE = ("returned_to_prosecutor", "transferred_jurisdiction", "joined")
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
PRESUMED = Predicate(("convicted",), is_presumed=True)
ACQUITTED = Predicate(("acquitted",))
IMPRISONED = Predicate(("convicted",), sentence_kind=("imprisonment",), has_term=True)

_FIRST = "First instance only; withdrawn and merged cases are left out."
_CONVICTED = (
    "A person counts as convicted where a judgment is known to convict, and is presumed convicted where the case"
    " ended in a verdict and nothing known of this person says otherwise"
)
_BY_DECISION = "by the day of the decision"
_WILSON = "The interval is Wilson's, 95 %, and speaks of chance only"


def _sentenced(measure_id: str, sentence_class: str, caption: str, caption_ru: str, whose: str) -> Measure:
    return Measure(
        measure_id,
        Unit.PERSON,
        Event.DECIDED,
        caption,
        caption_ru,
        f"Convicted persons whose sentence is known to be {whose}, {_BY_DECISION}. Sentences become known for a"
        f" minority only, so this is a lower bound; see coverage. {_FIRST}",
        Predicate(("convicted",), (sentence_class,)),
        is_sentence=True,
        possible=(Predicate(("convicted",), (sentence_class, "unknown")),),
    )


def _share(measure_id: str, numerator: str, caption: str, caption_ru: str, whose: str) -> Measure:
    others = tuple(entry for entry in KNOWN_CLASSES if entry != numerator)
    return Measure(
        measure_id,
        Unit.PERSON,
        Event.DECIDED,
        caption,
        caption_ru,
        f"Persons whose sentence is known to be {whose}, divided by all convicted persons whose sentence is known"
        " (custodial, suspended, deferred or non-custodial; the convicted but exempt from punishment are in neither)."
        f" {_WILSON}, not of which sentences become known; see coverage. {_FIRST}",
        ratio=Ratio(
            numerator,
            "sentences_known",
            others=(Predicate(CONVICTED.disposition, others),),
            perhaps_others=(Predicate(CONVICTED.disposition, (*others, "unknown")),),
        ),
        is_sentence=True,
    )


def _term(measure_id: str, place: int | None, caption: str, caption_ru: str, what: str) -> Measure:
    return Measure(
        measure_id,
        Unit.PERSON,
        Event.DECIDED,
        caption,
        caption_ru,
        f"{what} of the terms, in months, of persons sentenced to imprisonment whose term is known, {_BY_DECISION},"
        " whether the sentence is served at once, suspended or deferred (break down by sentence_execution). Quartiles"
        f" are interpolated linearly between the two nearest persons. {_FIRST}",
        IMPRISONED,
        spread=Spread("term_months", "month", place),
        no_bounds="a term that is not known may be of any length, so that nothing bounds what is made of all of them",
        is_sentence=True,
        population="imprisoned_with_term",
    )


def _decided_within(days: int) -> tuple[Measure, ...]:
    """The share decided within so many days of receipt, and the counts that it is made of."""
    measure_id = f"decided_within_{days}_days"
    within = Predicate(DECIDED_CASE, within_days=days, ended_horizon=days)
    untold = Predicate((*DECIDED_CASE, "unknown"), past_horizon=days, lacks_days=True)  # in time, or too late
    later = (
        Predicate(DECIDED_CASE, beyond_days=days, past_horizon=days),
        Predicate(("pending", *ENDED_UNDECIDED_CASE), past_horizon=days),
    )
    whole = Measure(
        f"{measure_id}_share",
        Unit.CASE,
        Event.RECEIVED,
        f"Cases decided within {days} days of receipt, as a share",
        f"Доля дел, рассмотренных за {days} дней с поступления",
        f"Of the cases received in a period, the share that the court had decided within {days} days of receipt. Only"
        f" cases count whose {days} days were over by the last day to which their court is known to have been looked"
        " at, as of the revision; the others are stated as not_yet, with all cases of a court of which nobody noted"
        " that. Where no source notes what it looked at, the record's last day stands for every court. A case that was"
        " transferred, returned to the prosecutor or joined was received and not decided."
        " Cases without a day of receipt, and closed ones whose day of decision is missing or before the receipt, are"
        f" in neither number. {_WILSON}. {_FIRST}",
        ratio=Ratio(
            measure_id,
            f"cases_observed_{days}_days",
            not_yet=f"cases_not_yet_{days}_days",
            others=later,
            perhaps_others=(*later, untold),
        ),
        population="cases_received",
    )

    def count(name: str, predicate: Predicate, possible: tuple[Predicate, ...] = ()) -> Measure:
        return Measure(
            name, Unit.CASE, Event.RECEIVED, whole.caption, whole.caption_ru, "", predicate, possible=possible
        )

    return (
        whole,
        count(measure_id, within, (within, untold)),
        count(f"cases_observed_{days}_days", Predicate(ended_horizon=days)),
        count(f"cases_not_yet_{days}_days", Predicate(running_horizon=days)),
    )


_COHORTS = tuple(_decided_within(days) for days in HORIZONS_DAYS)

_MEASURES = (
    Measure(
        "cases_received",
        Unit.CASE,
        Event.RECEIVED,
        "Cases received",
        "Поступило дел",
        "Criminal cases received by a court, by the day of receipt. Every arrival counts: a case transferred to"
        " another court or returned and filed again is received twice; arrival=new counts without repeats."
        f" {_FIRST}",
    ),
    Measure(
        "persons_received",
        Unit.PERSON,
        Event.RECEIVED,
        "Persons in cases received",
        "Лиц в поступивших делах",
        "Defendants in criminal cases received by a court, by the day of receipt. Every arrival of a case counts"
        f" each of its defendants. {_FIRST}",
    ),
    Measure(
        "cases_decided",
        Unit.CASE,
        Event.DECIDED,
        "Cases decided",
        "Рассмотрено дел",
        f"Criminal cases that a court decided, {_BY_DECISION}: a verdict, a termination, compulsory medical measures,"
        " or another final ruling. Cases returned to the prosecutor, transferred to another court or joined to"
        f" another case are closed but not decided. {_FIRST}",
        Predicate(DECIDED_CASE),
    ),
    Measure(
        "cases_pending",
        Unit.CASE,
        Event.RECEIVED,
        "Cases pending",
        "Дел в производстве на конец периода",
        "Criminal cases that a court had received and not closed by the last day of the period, or of the window where"
        " that ends sooner, as known at the revision asked. A stock: it adds up over courts, never over time. Without"
        " a window, all that are not closed. Cases received before the record begins are not in it; those without a"
        " day of receipt, and closed ones whose day of closing is missing or before the receipt, are in no period."
        f" {_FIRST}",
        is_stock=True,
        population="cases_open",
    ),
    Measure(
        "days_to_decision_median",
        Unit.CASE,
        Event.DECIDED,
        "Days from receipt to decision, median",
        "Медиана срока рассмотрения, дней",
        f"The median number of days from receipt to decision of the cases decided, {_BY_DECISION}; where both days are"
        " known and the decision is not before the receipt. It looks back from the decision, so that cases still"
        " pending are not in it; decided_within_90_days_share looks forward from the receipt. Interpolated linearly"
        f" between the two nearest cases. {_FIRST}",
        Predicate(DECIDED_CASE, has_days=True),
        spread=Spread("days", "day", 1),
        no_bounds="days that are not known may be any number, so that nothing bounds their median",
        population="cases_decided",
    ),
    Measure(
        "persons_decided",
        Unit.PERSON,
        Event.DECIDED,
        "Persons whose case was decided",
        "Лиц, дела которых рассмотрены",
        "Defendants with a final decision of the court, by the day of that decision: convicted (known or presumed),"
        " acquitted, terminated, compulsory medical measures, or another final ruling. Those whose case was returned,"
        f" transferred or joined are not counted. {_FIRST}",
        Predicate(DECIDED_PERSON),
    ),
    Measure(
        "persons_convicted",
        Unit.PERSON,
        Event.DECIDED,
        "Persons convicted (known or presumed)",
        "Осуждено лиц (известно или предполагается)",
        f"Persons convicted, known and presumed, {_BY_DECISION}. {_CONVICTED}; how many are presumed is"
        " persons_convicted_presumed. It counts judgments, before any appeal, so a judgment after a retrial counts"
        f" again. {_FIRST}",
        CONVICTED,
        certain=Predicate(("convicted",), is_presumed=False),
    ),
    Measure(
        "persons_convicted_presumed",
        Unit.PERSON,
        Event.DECIDED,
        "Persons presumed convicted",
        "Лиц, предположительно осуждённых",
        f"Persons presumed convicted, {_BY_DECISION}: the case ended in a verdict and nothing known of this person"
        f" says otherwise. They are a part of persons_convicted. {_FIRST}",
        PRESUMED,
    ),
    Measure(
        "persons_acquitted",
        Unit.PERSON,
        Event.DECIDED,
        "Persons acquitted",
        "Оправдано лиц",
        f"Persons known to be acquitted, {_BY_DECISION}. A court card does not say who was acquitted, so this is a"
        f" lower bound. {_FIRST}",
        ACQUITTED,
        possible=(ACQUITTED, PRESUMED),
    ),
    Measure(
        "sentences_known",
        Unit.PERSON,
        Event.DECIDED,
        "Convicted persons whose sentence is known",
        "Осуждённых с известным наказанием",
        "Convicted persons whose sentence is known to be custodial, suspended, deferred or non-custodial,"
        f" {_BY_DECISION}; the denominator of the shares. The convicted but exempt from punishment are not in it."
        f" {_FIRST}",
        Predicate(("convicted",), KNOWN_CLASSES),
        is_sentence=True,
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
        "Charges filed against the defendants of cases received, by the day of receipt; one for each offence alleged"
        f" against each defendant, so one person may count several times. {_FIRST}",
    ),
    Measure(
        "persons_charged",
        Unit.PERSON,
        Event.RECEIVED,
        "Persons charged, by any charge",
        "Лиц, которым предъявлено обвинение (любое)",
        "Defendants in cases received, by the day of receipt, each counted once in every offence that is or was among"
        " their charges (filed, convicted of or dropped), not in the gravest alone. Rows by offence, part, group or"
        " wartime overlap and must not be added; a filter on these looks for one charge that meets all of them."
        f" {_FIRST}",
        is_any_charge=True,
    ),
    Measure(
        "cases_charged",
        Unit.CASE,
        Event.RECEIVED,
        "Cases, by any charge",
        "Дел по любому обвинению",
        "Criminal cases received, by the day of receipt, each counted once in every offence that is or was among the"
        " charges of its defendants (filed, convicted of or dropped), not in the gravest alone. Rows by offence, part,"
        " group or wartime overlap and must not be added; a filter on these looks for one charge that meets all of"
        f" them. {_FIRST}",
        is_any_charge=True,
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
        "Convicted persons whose sentence is known, divided by all persons convicted, known and presumed. In a row"
        " grouped or filtered by something that is itself learnt from a text (service status, class, kind or"
        " execution of the sentence) that must be known as well, and both numbers are taken without that grouping or"
        f" filter; coverage_of names the base. {_FIRST}",
        ratio=Ratio("sentences_known", "persons_convicted", has_interval=False),
        no_bounds="it says how much is known, and that is known",
        is_sentence=True,
    ),
    _term("term_months_median", 1, "Term of imprisonment, median", "Медиана срока лишения свободы", "The median"),
    _term("term_months_p25", 0, "Term of imprisonment, 25th percentile", "Срок лишения свободы, 25-й процентиль",
          "The 25th percentile"),
    _term("term_months_p75", 2, "Term of imprisonment, 75th percentile", "Срок лишения свободы, 75-й процентиль",
          "The 75th percentile"),
    _term("term_months_mean", None, "Term of imprisonment, mean", "Средний срок лишения свободы", "The mean"),
    *(whole for whole, *_ in _COHORTS),
)  # fmt: skip

MEASURES: dict[str, Measure] = {measure.id: measure for measure in _MEASURES}


def _hidden(name: str, unit: Unit, event: Event, predicate: Predicate) -> Measure:
    return Measure(name, unit, event, name, name, "", predicate)


COUNTS: dict[str, Measure] = {
    **{name: measure for name, measure in MEASURES.items() if measure.kind in (Kind.COUNT, Kind.ANY_CHARGE)},
    **{part.id: part for _, *parts in _COHORTS for part in parts},
    "imprisoned_with_term": _hidden("imprisoned_with_term", Unit.PERSON, Event.DECIDED, IMPRISONED),
    "cases_open": _hidden("cases_open", Unit.CASE, Event.RECEIVED, Predicate(OPEN_CASE)),
}
"""Every count that a statement may make, those included that nobody asks for by name."""

SENTENCE_SHARE = Measure(
    "share",
    Unit.PERSON,
    Event.DECIDED,
    "Share of a class among persons whose sentence is known",
    "Доля вида приговора среди известных наказаний",
    "Convicted persons with this class of sentence, divided by all convicted persons whose sentence is known. The four"
    " known classes (custodial, suspended, deferred, non-custodial) add up to 1; the convicted but exempt and those"
    f" whose sentence is unknown have no share. {_WILSON}, not of which sentences become known; see coverage. {_FIRST}",
    ratio=Ratio("persons_convicted", "sentences_known", over="sentence_class"),
    is_sentence=True,
)
