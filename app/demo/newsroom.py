"""What the newsroom hands in, as house records: status, sentence, acquittal, and where it was read."""

from datetime import date
from typing import Any

from app.demo.timeline import Case, Finding, Sentence

Row = dict[str, Any]


def newsroom_row(case: Case, finding: Finding) -> Row:
    """The house record of one finding; what it does not know it leaves out."""
    return {
        "court": case.court.code,
        "instance": "first",
        **_number(case, finding.found_on),
        **({"uid": case.uid} if case.uid else {}),
        "defendants": [_defendant(case, finding)],
        "sources": [_source(case, finding.source, finding.found_on)],
    }


def _number(case: Case, day: date) -> Row:
    renumbering = case.renumbering
    if renumbering and renumbering.seen_on <= day:
        return {"number": renumbering.number, "previous_numbers": [case.number]}
    return {"number": case.number}


def _defendant(case: Case, finding: Finding) -> Row:
    row: Row = {"ordinal": 1}
    if finding.service_status:
        row["service_status"] = finding.service_status
    if finding.disposition:
        row["disposition"] = finding.disposition
    if finding.convicted_of:
        filed = case.persons_on(finding.found_on)[0].principal.offence
        row["charges"] = [{"offence": filed, "role": "filed"}, {"offence": finding.convicted_of, "role": "convicted"}]
    if finding.sentence:
        row["sentence"] = {**_sentence(finding.sentence), "source": finding.source}
    return row


def _sentence(sentence: Sentence) -> Row:
    values = {
        "kind": sentence.kind,
        "execution": sentence.execution,
        "term_months": sentence.term_months,
        "probation_months": sentence.probation_months,
        "fine_rub": sentence.fine_rub,
    }
    return {name: value for name, value in values.items() if value is not None}


def _source(case: Case, kind: str, day: date) -> Row:
    return {"kind": kind, "url": f"https://demonstration.invalid/{kind}/{case.id}", "seen_on": day.isoformat()}
