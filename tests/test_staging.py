"""What is made of a batch before its turn is as if it had been made after it, whatever came between."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from app.ingest import staging
from app.ingest.staging import open_bodies
from app.records.tables import Charge, Defendant, Version
from app.records.writing import _COLUMNS
from tests.loading import CHITA, GROZNY, JUDGED, MOSCOW, UID, VERDICT, Desk, Json, card, case, empty, outcomes, person

COURTS = (GROZNY, MOSCOW, CHITA)


def some(count: int = 9, *, first: int = 1, said: Mapping[str, str] = MappingProxyType({})) -> list[Json]:
    """Cases of several courts, one defendant each."""
    return [
        case(
            f"1-{number}/2023",
            COURTS[number % 3],
            received_on=f"2023-03-{number:02}",
            defendants=[person("337:5", service_status="contract")],
            **said,
        )
        for number in range(first, first + count)
    ]


async def kept(desk: Desk) -> list[Json]:
    """All that is held, ids aside, and how it is counted."""
    held = await desk.fetch(
        "SELECT v.court, v.number, v.revision, v.version, v.superseded_in, v.arrival, v.content_hash,"
        " (SELECT jsonb_agg(to_jsonb(d) - 'case_id' ORDER BY defendant) FROM defendants d"
        "  WHERE d.court = v.court AND d.case_id = v.case_id AND d.revision = v.revision) AS defendants,"
        " (SELECT jsonb_agg(to_jsonb(c) - 'case_id' ORDER BY c) FROM charges c"
        "  WHERE c.court = v.court AND c.case_id = v.case_id AND c.revision = v.revision) AS charges,"
        " (SELECT jsonb_agg(to_jsonb(s) - 'case_id' - 'digest' ORDER BY s.layer, s.revision) FROM statements s"
        "  WHERE s.court = v.court AND s.case_id = v.case_id) AS statements,"
        " (SELECT jsonb_agg(to_jsonb(i) - 'case_id' ORDER BY i.kind, i.key) FROM identifiers i"
        "  WHERE i.court = v.court AND i.case_id = v.case_id) AS identifiers"
        " FROM versions v ORDER BY v.court, v.number, v.revision"
    )
    return held + await desk.fetch(
        "SELECT revision, cause, court, unit, event, day, service_status, disposition, sum(n) AS n FROM ledger"
        " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8"
    )


BETWEEN: dict[str, Callable[[], list[Json]]] = {
    "nothing that it speaks of": lambda: some(first=20, count=3),
    "some of its cases": lambda: some(4),
    "some of its cases, otherwise": lambda: some(4, said=VERDICT),
    "all of its cases": lambda: some(9, said=VERDICT),
    "all of its cases and more": lambda: some(14),
    "a case of its UID in another court": lambda: [case("1-77/2023", CHITA, received_on="2023-01-01", uid=UID)],
}


@pytest.mark.parametrize("layer", ["court_card", "newsroom"])
@pytest.mark.parametrize("between", BETWEEN)
async def test_what_came_before_its_turn_counts_as_if_all_had_waited(desk: Desk, between: str, layer: str) -> None:
    other = BETWEEN[between]()
    ours = [*some(), case("1-50/2023", GROZNY, received_on="2023-03-05", uid=UID)]

    async def first() -> None:
        await desk.house(*other, layer=layer, seen_on="2023-05-01")

    file = desk.write(*ours)
    receipt = await desk.take(file, layer=layer, seen_on="2023-05-02", after=first())
    staged = await kept(desk)
    assert await desk.differences() == []
    await empty(desk.database)
    await first()
    waited = await desk.take(file, layer=layer, seen_on="2023-05-02")
    assert await kept(desk) == staged
    for told in ("counts", "warnings", "effect", "possible_duplicates"):
        assert receipt[told] == waited[told]


async def test_the_same_file_in_between_leaves_nothing_to_do(desk: Desk) -> None:
    file = desk.write(*some())
    receipt = await desk.take(file, seen_on="2023-05-02", after=desk.take(file, seen_on="2023-05-02"))
    assert (outcomes(receipt), receipt["revision"]) == ({"unchanged": 9}, None)
    assert (await desk.revision(), len(await desk.held())) == (1, 9)
    assert await desk.differences() == []


async def test_rows_about_one_case_are_one_case(desk: Desk) -> None:
    receipt = await desk.scrape(card(), card("1-2/2023"), card(**JUDGED))
    assert outcomes(receipt) == {"created": 2, "superseded_in_file": 1}
    assert (await desk.held())["1-1/2023"]["disposition"] == "verdict"
    assert await desk.differences() == []


async def test_a_reference_that_comes_in_between_counts(desk: Desk) -> None:
    """What is gravest of several offences is asked of the table that holds when the turn comes."""
    grave = "UPDATE offences SET max_months = 999 WHERE reference = 2 AND code = '332:1'"

    async def newer() -> None:
        for table in ("courts", "offences"):
            await desk.fetch(
                f"INSERT INTO {table} SELECT (jsonb_populate_record(t, '{{\"reference\": 2}}')).* FROM {table} t"
                " WHERE reference = 1"
            )
        await desk.fetch(
            "INSERT INTO reference_sets SELECT (jsonb_populate_record(t, '{\"reference\": 2}')).* FROM reference_sets t"
        )
        await desk.fetch(grave)

    said = case("1-1/2023", GROZNY, received_on="2023-03-01", defendants=[person("337:5", "332:1")])
    assert (await desk.house(said, after=newer()))["counts"]["created"] == 1
    assert (await desk.one())["offence_received"] == "332:1"


def test_bodies_are_found_by_line_in_any_order() -> None:
    with open_bodies() as bodies:
        bodies.add({"line": line} for line in (1, 2))
        bodies.add({"line": line} for line in (3, 4))
        assert [bodies.at(line)["line"] for line in (1, 3, 4, 2, 2, 1, 4)] == [1, 3, 4, 2, 2, 1, 4]


async def test_a_file_of_held_cases_is_not_made_ahead(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    stage_new = staging.stage_new

    async def counted(connection: Any, new: Any, terms: Any, revision: int) -> None:
        made.append(len(new))
        await stage_new(connection, new, terms, revision)

    monkeypatch.setattr(staging, "stage_new", counted)
    await desk.house(*some())
    assert made == [9]
    assert outcomes(await desk.house(*some(said=VERDICT), *some(2, first=20))) == {"created": 2, "changed": 9}
    assert made == [9]


@pytest.mark.parametrize("model", [Version, Defendant, Charge])
def test_every_column_of_what_is_staged_goes_to_the_record(model: Any) -> None:
    written = {name.strip() for name in _COLUMNS[model.__tablename__].split(",")} | {"court", "case_id", "revision"}
    assert written == {column.name for column in model.__table__.columns}
