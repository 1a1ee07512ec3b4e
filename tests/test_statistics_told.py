"""What a reader is told beside the numbers: coverage, what is left out, what is refused."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.errors import InvalidParameters, TooManyCells
from app.statistics import Codes, find_answer, find_codes, read_question
from app.vocabulary import Code
from tests.ledgers import ask, hold, person, rows_of, state_of, write
from tests.recount import LAST_REVISION, ORDER, ratio


async def test_an_empty_record_has_one_row_of_zeros_and_no_period(connection: Any) -> None:
    answer = await ask(connection, {"measures": ("persons_convicted", "suspended_share")})
    assert answer.coverage == {"first": None, "last": None}
    assert rows_of(answer) == [
        {"persons_convicted": 0, **ratio("suspended_share", 0, 0), "coverage": None, "coverage_status": "undefined",
         "coverage_of": "persons_convicted"}
    ]  # fmt: skip
    assert rows_of(await ask(connection, {}, "weekly")) == []
    assert rows_of(await ask(connection, {"group_by": ("court",)})) == []
    classes = rows_of(await ask(connection, {}, "sentences"))
    assert [row["sentence_class"] for row in classes] == ORDER["sentence_class"]


async def test_an_asked_window_is_shown_whole_even_where_the_record_is_empty(connection: Any) -> None:
    given = {"start_period": ("2020-W53",), "end_period": ("2021-W02",)}
    answer = await ask(connection, given, "weekly")
    assert [(row["week"], row["cases_received"], row["partial"]) for row in rows_of(answer)] == [
        ("2020-W53", 0, False),
        ("2021-W01", 0, False),
        ("2021-W02", 0, False),
    ]
    assert [warning["code"] for warning in answer.warnings] == ["beyond_coverage"]


async def test_a_row_of_unknown_sentences_does_not_look_fully_covered(connection: Any) -> None:
    known = {"sentence_class": "suspended"}
    await hold(
        connection,
        person(**known),
        person(),
        person(service_status="unknown", **known),
        person(service_status="unknown"),
        person(service_status="contract"),
        person(service_status="contract", disposition="acquitted", sentence_class="no_penalty"),
    )
    given = {"measures": ("suspended_share",), "group_by": ("service_status",)}
    mobilised, contract, unknown = rows_of(await ask(connection, given))
    base = {"coverage": 1 / 5, "coverage_status": "normal", "coverage_of": "persons_convicted, all service statuses"}
    assert mobilised == {"service_status": "mobilised", **ratio("suspended_share", 1, 1), **base}
    assert contract == {"service_status": "contract", **ratio("suspended_share", 0, 0), **base}
    assert unknown == {"service_status": "unknown", **ratio("suspended_share", 1, 1), **base}
    [filtered] = rows_of(await ask(connection, {"measures": ("coverage",), "service_status": ("mobilised",)}))
    assert filtered == base
    [plain] = rows_of(await ask(connection, {"measures": ("coverage",)}))
    assert plain == {"coverage": 2 / 5, "coverage_status": "normal", "coverage_of": "persons_convicted"}


async def test_undated_events_count_where_no_time_is_asked_and_are_told_of_where_it_is(connection: Any) -> None:
    await hold(connection, person(), person(None), person(None), person(None, service_status="contract"))
    assert rows_of(await ask(connection, {"measures": ("persons_convicted",)})) == [{"persons_convicted": 4}]
    given = {"measures": ("persons_convicted",), "group_by": ("year",), "service_status": ("mobilised",)}
    answer = await ask(connection, given)
    assert [row["persons_convicted"] for row in rows_of(answer)] == [1]
    [warning] = answer.warnings
    assert (warning["code"], warning["measure"], warning["undated"]) == ("undated", "persons_convicted", 2)


async def test_a_day_after_publication_is_left_out_unless_asked_and_told_of(connection: Any) -> None:
    await hold(connection, person("2021-01-04"), person("2021-02-01"))
    answer = await ask(connection, {"measures": ("persons_convicted",), "group_by": ("month",)})
    assert [(row["month"], row["persons_convicted"]) for row in rows_of(answer)] == [("2021-01", 1)]
    assert answer.coverage == {"first": "2021-01-04", "last": "2021-01-20"}
    assert [(w["code"], w["left_out"]) for w in answer.warnings] == [("after_publication", 1)]
    given = {"measures": ("persons_convicted",), "group_by": ("month",), "end_period": ("2021-02",)}
    asked = await ask(connection, given)
    assert [row["persons_convicted"] for row in rows_of(asked)] == [1, 1]
    assert [warning["code"] for warning in asked.warnings] == ["beyond_coverage"]


async def test_coverage_windows_widen_the_record_from_the_revision_that_brought_them(connection: Any) -> None:
    await write(connection, [(1, person("2021-01-06"), 1)])
    await connection.execute(
        "INSERT INTO coverage_windows (court, revision, starts_on, ends_on, source)"
        " VALUES ('61GV0001', 2, '2020-12-28', '2021-01-17', 'x')"
    )
    weeks = {
        revision: [row["week"] for row in rows_of(await ask(connection, {}, "weekly", revision=revision))]
        for revision in (1, 2)
    }
    assert weeks == {1: ["2021-W01"], 2: ["2020-W53", "2021-W01", "2021-W02"]}


async def test_last_n_are_the_last_periods_of_the_record(connection: Any) -> None:
    await hold(connection, person("2020-12-30"), person("2021-01-06"), person("2021-01-12"))
    answer = await ask(connection, {"last_n": ("2",), "measures": ("persons_convicted",)}, "weekly")
    assert [(row["week"], row["persons_convicted"], row["partial"]) for row in rows_of(answer)] == [
        ("2021-W01", 1, False),
        ("2021-W02", 1, True),
    ]
    longer = await ask(connection, {"last_n": ("50",)}, "weekly")
    assert [row["week"] for row in rows_of(longer)] == ["2020-W53", "2021-W01", "2021-W02"]
    assert not longer.warnings


async def test_an_article_means_its_parts_and_never_its_namesake(connection: Any) -> None:
    part = {"offence_group": "x", "is_wartime": "unknown"}
    await hold(
        connection,
        person(),
        person(offence_part="337", **part),
        person(offence="352", offence_part="352", **part),
        person(offence="352.1", offence_part="352.1", **part),
    )

    async def convicted(**given: tuple[str, ...]) -> int:
        [row] = rows_of(await ask(connection, {"measures": ("persons_convicted",), **given}))
        return int(row["persons_convicted"])

    assert await convicted(offence=("337",)) == 2
    assert await convicted(offence=("337:5",)) == 1
    assert await convicted(offence=("352",)) == 1
    assert await convicted(offence=("337:5", "352.1")) == 2
    assert await convicted(offence__ne=("337",)) == 2
    assert await convicted(offence=("337",), offence__ne=("337:5",)) == 1
    assert await convicted(offence_part=("337",)) == 1


async def test_an_article_outside_the_reference_may_be_asked_for_whether_or_not_the_record_holds_it(
    connection: Any,
) -> None:
    foreign = person(offence="158", offence_part="158:2", offence_group="other", is_wartime="unknown")
    await write(connection, [(2, foreign, 1), (3, foreign, -1)])
    given = {"measures": ("persons_convicted",), "offence": ("158:2",)}
    for revision, count in ((1, 0), (2, 1), (3, 0)):
        assert rows_of(await ask(connection, given, revision=revision)) == [{"persons_convicted": count}]
    with pytest.raises(InvalidParameters):
        await ask(connection, given | {"offence": ("337:99",)})


async def test_too_many_cells_are_refused_with_their_number_and_never_cut(connection: Any) -> None:
    await hold(connection, person("2021-01-04"), person("2021-01-10", court="77GV0001"), person("2021-01-12"))
    given = {"measures": ("persons_convicted", "custodial_share"), "group_by": ("day", "court")}
    cells = 9 * 2 * 2
    assert len(rows_of(await ask(connection, given, cells_limit=cells))) == 9 * 2
    for limit in (cells - 1, 5, 1):
        with pytest.raises(TooManyCells) as caught:
            await ask(connection, given, cells_limit=limit)
        assert caught.value.members == {"cells": cells, "limit": limit}


async def test_too_many_periods_are_refused_before_they_are_listed(connection: Any) -> None:
    given = {"group_by": ("day",), "start_period": ("0001",), "end_period": ("9998",)}
    with pytest.raises(TooManyCells) as caught:
        await ask(connection, given)
    days = (date(9998, 12, 31) - date(1, 1, 1)).days + 1
    assert caught.value.members == {"cells": 2 * days, "limit": 50_000}


async def test_too_many_classes_of_sentence_are_refused_with_their_number(connection: Any) -> None:
    await hold(connection, person("2021-01-04"), person("2021-01-10", court="77GV0001"))
    given = {"group_by": ("day", "court")}
    cells = 7 * 2 * 6 * 2
    assert len(rows_of(await ask(connection, given, "sentences", cells_limit=cells))) == 7 * 2 * 6
    for limit in (cells - 1, 3):
        with pytest.raises(TooManyCells) as caught:
            await ask(connection, given, "sentences", cells_limit=limit)
        assert caught.value.members == {"cells": cells, "limit": limit}


@pytest.mark.parametrize("persons", [29, 30])
async def test_fewer_than_thirty_are_small(connection: Any, persons: int) -> None:
    sentenced: dict[str, Any] = {"sentence_class": "custodial", "sentence_kind": "imprisonment", "term_months": 12}
    received = person("2020-06-01", unit="case", event="received", disposition="verdict", days=3)
    await hold(connection, *[person(**sentenced)] * persons, *[received] * persons)
    names = ("custodial_share", "term_months_median", "decided_within_30_days_share")
    [row] = rows_of(await ask(connection, {"measures": names}))
    assert {row[f"{name}_n"] for name in names} == {persons}
    assert {row[f"{name}_small_n"] for name in names} == {persons < 30}


async def test_the_answer_describes_itself(connection: Any) -> None:
    await hold(connection, person())
    given = {"measures": ("persons_convicted", "suspended_share"), "group_by": ("service_status", "week")}
    answer = await ask(connection, given, lang="ru")
    assert answer.dimensions == (
        {"id": "week", "type": "iso_week"},
        {"id": "service_status", "codelist": "service_status", "additive": True},
    )
    first, second = answer.measures
    assert (first["id"], first["unit"], first["event"], first["additive"]) == (
        "persons_convicted", "person", "decided", True,
    )  # fmt: skip
    assert "known and presumed" in first["definition"]
    assert not second["additive"]
    assert answer.table.column_ids == (
        "week", "week_start", "week_end", "partial", "service_status", "persons_convicted",
        "suspended_share", "suspended_share_low", "suspended_share_high", "suspended_share_n",
        "suspended_share_numerator", "suspended_share_small_n", "suspended_share_status",
        "coverage", "coverage_status", "coverage_of",
    )  # fmt: skip
    assert answer.table.total == len(answer.table.rows) == 1
    assert answer.table.columns[4].caption == "Статус службы"
    assert answer.question == "measures=persons_convicted,suspended_share&group_by=week,service_status"


async def test_no_value_that_is_asked_becomes_sql(connection: Any) -> None:
    known = await find_codes(connection, state_of(LAST_REVISION))
    hostile = "x' OR '1'='1"
    lists = {name: replace(entry, codes=(*entry.codes, Code(hostile, "", ""))) for name, entry in known.lists.items()}
    trusting = Codes(lists, known.covered)
    await hold(connection, person())
    for name in ORDER:
        given = {"measures": ("persons_convicted", "coverage"), "group_by": (name,), name: (hostile,)}
        question = read_question(given, None, trusting)
        assert rows_of(await find_answer(connection, state_of(LAST_REVISION), question, trusting)) == []
