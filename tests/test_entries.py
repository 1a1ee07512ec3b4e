"""What versions contribute to the ledger, by its definition; rows of it hold what goes together."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from app.db.database import load_statements
from app.records.writing import STAGE
from app.statistics import ledger
from app.statistics.ledger import ENTRY_COLUMNS, staged_entries
from tests.loading import VERDICT, Desk, case, person
from tests.recount import COURTS, OFFENCES

OPEN = ("pending", "unknown")
FIRST = date(2023, 1, 30)
Unit = dict[str, Any]


def random_cases(pick: random.Random, number: int) -> list[Unit]:
    """Cases as versions hold them: mostly of one person with one charge that says what the case says, and all else."""
    return [_random_case(pick, UUID(int=place + 1)) for place in range(number)]


def _random_case(pick: random.Random, case_id: UUID) -> Unit:
    received_on = pick.choice([None, *[FIRST + timedelta(pick.randrange(9))] * 9])
    one = {
        "court": pick.choice(list(COURTS)),
        "case_id": case_id,
        "instance": pick.choice(["first"] * 9 + ["appeal"]),
        "is_withdrawn": pick.random() < 0.1,
        "merged_into": UUID(int=77) if pick.random() < 0.1 else None,
        "received_on": received_on,
        "decided_on": pick.choice([None, FIRST + timedelta(pick.randrange(-3, 20))]),
        "disposition": pick.choice(["pending", "unknown", "verdict", "verdict", "terminated"]),
        "arrival": pick.choice(["new", "transfer"]),
        "offence_received": pick.choice(list(OFFENCES)),
        "offence_decided": pick.choice(list(OFFENCES)),
    }
    persons = [_random_person(pick, one, number) for number in range(1, pick.choice([0, 1, 1, 1, 1, 2, 3]) + 1)]
    return {**one, "persons": persons}


def _random_person(pick: random.Random, case_: Unit, number: int) -> Unit:
    said = {
        "defendant": number,
        "decided_on": case_["decided_on"],
        "disposition": case_["disposition"] if case_["disposition"] in OPEN else "convicted",
        "is_presumed": pick.random() < 0.5,
        "service_status": pick.choice(["mobilised", "contract"]),
        "sentence_class": pick.choice(["suspended", "unknown"]),
        "sentence_kind": pick.choice(["imprisonment", "fine"]),
        "sentence_execution": pick.choice(["suspended", "unknown"]),
        "term_months": pick.choice([None, 6, 24]),
        "offence_received": case_["offence_received"],
        "offence_decided": case_["offence_decided"],
    }
    differs = {
        "decided_on": FIRST + timedelta(pick.randrange(20)),
        "disposition": pick.choice(["convicted", "acquitted", "pending"]),
        "offence_received": pick.choice(list(OFFENCES)),
        "offence_decided": pick.choice(list(OFFENCES)),
    }
    for name in pick.sample(list(differs), pick.choice([0, 0, 0, 1, 2])):
        said[name] = differs[name]
    known = [said["offence_received"], said["offence_received"], pick.choice(list(OFFENCES))]
    charges = [(pick.choice(known), pick.choice(["filed"] * 4 + ["convicted", "other"])) for _ in range(_few(pick))]
    return {**said, "charges": charges}


def _few(pick: random.Random) -> int:
    return pick.choice([0, 1, 1, 1, 1, 2, 3])


async def stage(connection: Any, cases: list[Unit]) -> None:
    """Stage them as versions, defendants and charges."""
    await connection.execute(STAGE)
    plain = {"revision": 5, "version": 1, "layers": "{}", "conflicts": "[]", "sources": "[]"}
    shown = {"content_hash": b"", "persons": "[]", "flat_rows": 1}
    versions = [{**plain, **shown, **{k: v for k, v in one.items() if k != "persons"}} for one in cases]
    persons = [
        {"court": one["court"], "case_id": one["case_id"], "revision": 5, "ordinal": 1, **someone}
        for one in cases
        for someone in one["persons"]
    ]
    charges = [
        {"court": of["court"], "case_id": of["case_id"], "revision": 5, "defendant": of["defendant"], "position": place,
         "offence": offence, "role": role, "stage": "completed", "episodes": 1, "is_principal": False}
        for of in persons
        for place, (offence, role) in enumerate(of["charges"], 1)
    ]  # fmt: skip
    persons = [{name: value for name, value in someone.items() if name != "charges"} for someone in persons]
    for table, rows in (("new_versions", versions), ("new_defendants", persons), ("new_charges", charges)):
        if rows:
            await connection.copy_records_to_table(
                table, records=[(*row.values(),) for row in rows], columns=[*rows[0]]
            )


def entries_of(one: Unit) -> Iterator[tuple[str, ...]]:
    """The entries of a case, unit by unit and event by event, each as ENTRY_COLUMNS has it."""
    if one["instance"] != "first" or one["is_withdrawn"] or one["merged_into"]:
        return
    persons = [{**someone, **_offences_of(someone)} for someone in one["persons"]]
    shared = {
        name: _shared([someone[name] for someone in persons])
        for name in ("service_status", "sentence_class", "sentence_kind", "sentence_execution")
    }
    offences = sorted({offence for someone in persons for offence in someone["offences"]})
    own = {**one, **shared, "defendant": 0, "is_presumed": False, "term_months": None, "offences": offences}
    yield from _events("case", one, own)
    for someone in persons:
        yield from _events("person", one, someone)
        for offence in someone["counted"]:
            charge = {**someone, "term_months": None, "offence_received": offence}
            yield _entry("charge", "received", one, charge)


def _offences_of(someone: Unit) -> Unit:
    filed = [offence for offence, role in someone["charges"] if role == "filed"]
    counted = filed or [offence for offence, role in someone["charges"] if role == "convicted"]
    return {"offences": sorted({offence for offence, _ in someone["charges"]}), "counted": counted}


def _shared(values: list[str]) -> str:
    return "unknown" if not values else values[0] if len(set(values)) == 1 else "mixed"


def _events(unit: str, one: Unit, own: Unit) -> Iterator[tuple[str, ...]]:
    yield _entry(unit, "received", one, own)
    if own["disposition"] not in OPEN:
        yield _entry(unit, "decided", one, own)


def _entry(unit: str, event: str, one: Unit, own: Unit) -> tuple[str, ...]:
    level, region, district = COURTS[one["court"]]
    part = own[f"offence_{event}"]
    group, is_wartime = OFFENCES[part]
    received_on, decided_on, days = one["received_on"], own["decided_on"], None
    if received_on and decided_on and decided_on >= received_on and own["disposition"] not in OPEN:
        days = (decided_on - received_on).days
    said = {
        **own, "court": one["court"], "case_id": one["case_id"], "arrival": one["arrival"], "unit": unit,
        "event": event, "day": received_on if event == "received" else decided_on, "days": days,
        "court_level": level, "region": region, "district": district, "offence": part.split(":")[0],
        "offence_part": part, "offence_group": group, "is_wartime": is_wartime,
    }  # fmt: skip
    return tuple(str(said[name]) for name in ENTRY_COLUMNS.split(", "))


async def test_the_entries_of_any_versions_are_those_of_the_definition(connection: Any) -> None:
    for seed in range(6):
        cases = random_cases(random.Random(seed), 150)
        async with connection.transaction():
            await stage(connection, cases)
            rows = await connection.fetch(f"SELECT {ENTRY_COLUMNS}, n FROM ({staged_entries(1)}) AS entries", 9)
        found: Counter[tuple[str, ...]] = Counter()
        for *row, n in rows:
            found[tuple(str(value) for value in row)] += n
        assert found == Counter(entry for one in cases for entry in entries_of(one)), seed


async def test_the_view_has_the_entries_of_the_ledgers_rows(desk: Desk) -> None:
    sentence = {"kind": "imprisonment", "execution": "suspended", "term_months": 24}
    await desk.house(
        case("1-1/2023", received_on="2023-03-14", **VERDICT, defendants=[person("337:5", sentence=sentence)]),
        case("1-2/2023", received_on="2023-03-14", defendants=[person("337:5"), person("338:1")]),
        case("1-3/2023", received_on="2023-03-15", defendants=[person("337:5", disposition="terminated")]),
    )
    await desk.house(case("1-1/2023", decided_on="2023-04-22"))
    of_rows = load_statements(ledger.__file__, "ledger.sql")["entries"].format(table="ledger")
    columns = f"SELECT {ENTRY_COLUMNS}, n FROM"
    ours, theirs = f"{columns} ({of_rows}) AS rows", f"{columns} entries"
    assert await desk.fetch(f"({ours} EXCEPT ALL {theirs}) UNION ALL ({theirs} EXCEPT ALL {ours})") == []
    taken_back = await desk.fetch("SELECT DISTINCT unit FROM entries WHERE n < 0 ORDER BY 1")
    assert [row["unit"] for row in taken_back] == ["case", "charge", "person"]


async def test_a_case_its_person_and_their_charge_are_one_row_where_they_say_the_same(desk: Desk) -> None:
    alike = {"received_on": "2023-03-14", **VERDICT}
    later = person("337:5", decided_on="2023-04-30")
    apart = {("received", 1, 0, 0), ("decided", 1, 0, 0), ("received", 0, 1, 1), ("decided", 0, 1, 0)}
    cases: list[tuple[list[Any], set[tuple[str, int, int, int]]]] = [
        ([person("337:5")], {("received", 1, 1, 1), ("decided", 1, 1, 0)}),
        ([], {("received", 1, 0, 0), ("decided", 1, 0, 0)}),
        ([later], apart),
        ([person("337:5", "338:1")], {("received", 1, 1, 0), ("decided", 1, 1, 0), ("received", 0, 0, 1)}),
    ]
    for number, (defendants, rows) in enumerate(cases, start=1):
        await desk.house(case(f"1-{number}/2023", **alike, defendants=defendants))
        held = await desk.fetch(f"SELECT event, cases, persons, charges FROM ledger WHERE revision = {number}")
        assert {tuple(row.values()) for row in held} == rows


async def test_new_cases_go_together_where_others_of_the_revision_change(desk: Desk) -> None:
    await desk.house(case("1-1/2023", received_on="2023-03-14", defendants=[person("337:5")]))
    new = case("1-2/2023", received_on="2023-03-14", defendants=[person("337:5")])
    await desk.house(case("1-1/2023", received_on="2023-03-15"), new)
    held = await desk.fetch("SELECT day, cases, persons, charges FROM ledger WHERE revision = 2 ORDER BY day, 2, 3, 4")
    assert [tuple(map(str, row.values())) for row in held] == [
        ("2023-03-14", *counts) for counts in (("-1", "0", "0"), ("0", "-1", "0"), ("0", "0", "-1"), ("1", "1", "1"))
    ] + [("2023-03-15", *counts) for counts in (("0", "0", "1"), ("0", "1", "0"), ("1", "0", "0"))]
