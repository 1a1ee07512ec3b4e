"""The flat shape of cases: one row for each charge, under the dotted names of the house record's CSV."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.records.resolve import Person
from app.table import Column

CASE_COLUMNS = (
    Column("id", caption="Id of the case"),
    Column("version", "integer"),
    Column("revision", "integer"),
    Column("court", codelist="court"),
    Column("instance", codelist="instance"),
    Column("number"),
    Column("previous_numbers", caption="Earlier numbers, joined by |"),
    Column("uid"),
    Column("card_guid"),
    Column("received_on", "day"),
    Column("arrival", codelist="arrival"),
    Column("decided_on", "day"),
    Column("disposition", codelist="case_disposition"),
    Column("in_force_on", "day"),
    Column("deny", caption="Fields that the newsroom denies, joined by |"),
    Column("is_withdrawn", "boolean"),
    Column("merged_into"),
    Column("defendant.id"),
    Column("defendant.ordinal", "integer"),
    Column("defendant.service_status", codelist="service_status"),
    Column("defendant.disposition", codelist="person_disposition"),
    Column("defendant.is_presumed", "boolean"),
    Column("defendant.decided_on", "day"),
    Column("defendant.principal_offence", codelist="offence"),
    Column("defendant.deny", caption="Fields of the person that the newsroom denies, joined by |"),
    Column("charge.offence", codelist="offence"),
    Column("charge.role", codelist="charge_role"),
    Column("charge.stage", codelist="charge_stage"),
    Column("charge.episodes", "integer"),
    Column("charge.principal", "boolean"),
    Column("sentence.class", codelist="sentence_class"),
    Column("sentence.kind", codelist="sentence_kind"),
    Column("sentence.execution", codelist="sentence_execution"),
    Column("sentence.term_months", "integer", unit="month"),
    Column("sentence.probation_months", "integer", unit="month"),
    Column("sentence.fine_rub", "integer", unit="rouble"),
    Column("sentence.regime", codelist="regime"),
    Column("sentence.source", codelist="sentence_source"),
    Column("conflicts", "integer"),
)


def flat_rows_of(persons: Sequence[Person]) -> int:
    """How many rows a case has: one for each charge, person without one, case without a person."""
    return sum(len(person.charges) or 1 for person in persons) or 1


def flatten_case(case: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of a case under `CASE_COLUMNS`: one for each charge, nulls where there is no charge or no person."""
    by_type = _values_by_type(case["identifiers"])
    current = {kind: value for (kind, is_current), (value, *_) in by_type.items() if is_current}
    own = {
        **case,
        "number": current.get("case_number"),
        "previous_numbers": _joined(by_type.get(("case_number", False), ())),
        "uid": current.get("uid"),
        "card_guid": current.get("card_guid"),
        "deny": _joined(case["deny"]),
    }
    people: Sequence[Mapping[str, Any]] = case["defendants"] or ({},)
    for person in people:
        charges: Sequence[Mapping[str, Any]] = person.get("charges") or ({},)
        for charge in charges:
            defendant = {**person, "deny": _joined(person.get("deny", ()))}
            parts = {"defendant": defendant, "charge": charge, "sentence": person.get("sentence") or {}}
            yield tuple(_cell(column.id, own, parts) for column in CASE_COLUMNS)


def _joined(names: Iterable[str]) -> str | None:
    return "|".join(names) or None


def _cell(column: str, own: Mapping[str, Any], parts: Mapping[str, Mapping[str, Any]]) -> Any:
    part, dot, name = column.partition(".")
    return parts[part].get(name) if dot else own[column]


def _values_by_type(identifiers: Iterable[Mapping[str, Any]]) -> Mapping[tuple[str, bool], list[str]]:
    values: dict[tuple[str, bool], list[str]] = defaultdict(list)
    for identifier in identifiers:
        values[identifier["type"], identifier["current"]].append(identifier["value"])
    return values
