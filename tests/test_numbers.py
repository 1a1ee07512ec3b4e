"""Case numbers, identifiers and days: every real form read, every misprint of a УИД found."""

import string
from datetime import date
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.ingest.layouts.numbers import (
    BadDay,
    classify,
    court_of_uid,
    index_of,
    normalise_uid,
    parse_case_number,
    parse_day,
)
from app.records.uid import has_check_digits, make_uid

SAMPLES = Path(__file__).parents[2] / "shared" / "data" / "samples" / "case_number_forms_real.txt"


@pytest.mark.parametrize(
    ("text", "number", "key", "previous"),
    [
        ("1-45/2023", "1-45/2023", "1-45/2023", ()),
        ("1-125/2023 (1-688/2022;)", "1-125/2023", "1-125/2023", ("1-688/2022",)),
        ("1-1/2023 (1-5/2022; 1-7/2021;)", "1-1/2023", "1-1/2023", ("1-5/2022", "1-7/2021")),
        ("1-48-2021", "1-48-2021", "1-48/2021", ()),
        ("1-48-21", "1-48-21", "1-48/2021", ()),
        ("1-348/22", "1-348/22", "1-348/2022", ()),
        ("1-12/98", "1-12/98", "1-12/1998", ()),
        ("10 – 1587/ 2022", "10-1587/2022", "10-1587/2022", ()),
        ("1-97/9-2014", "1-97/9-2014", "1-97/9/2014", ()),
        ("1-А-275/8-2014", "1-А-275/8-2014", "1-А-275/8/2014", ()),
        ("1-A-275/8-2014", "1-A-275/8-2014", "1-А-275/8/2014", ()),  # a Latin A
        ("3/10-279/15 2013", "3/10-279/15/2013", "3/10-279/15/2013", ()),
        ("3/1-10", "3/1-10", "3/1-10", ()),  # no year, and ten is none
        ("1-444", "1-444", "1-444", ()),
        ("1-2013", "1-2013", "1-2013", ()),  # a sequence number
        ("2-7212/2025 ~ М-5922/2025", "2-7212/2025", "2-7212/2025", ("М-5922/2025",)),
        ("7У-1297/2026 [77-655/2026]", "7У-1297/2026", "7У-1297/2026", ("77-655/2026",)),
        ("7Y-1297/2026", "7Y-1297/2026", "7У-1297/2026", ()),
        ("22к-5/2023", "22к-5/2023", "22К-5/2023", ()),
        ("ДЕЛО № 1-151/2026", "1-151/2026", "1-151/2026", ()),
        ("№1-151/2026", "1-151/2026", "1-151/2026", ()),
        ("1-5/2023; 1-5/2023", "1-5/2023", "1-5/2023", ()),
    ],
)
def test_a_number_has_a_display_a_key_and_its_previous_ones(
    text: str, number: str, key: str, previous: tuple[str, ...]
) -> None:
    parsed = parse_case_number(text)
    assert parsed is not None
    assert (parsed.number, parsed.key) == (number, key)
    assert tuple(other.key for other in parsed.previous) == previous


@pytest.mark.parametrize(
    "text", [None, "", " ", "-", "null", "б/н", "Б/Н", "б\\н", "без номера", "Иванов-12/2023", "2023", "()"]
)
def test_what_is_no_number_gives_no_key(text: str | None) -> None:
    assert parse_case_number(text) is None


def test_all_real_numbers_are_read() -> None:
    if not SAMPLES.exists():
        pytest.skip("the sample of real case numbers is not on this machine")
    lines = SAMPLES.read_text(encoding="utf-8").splitlines()
    numbers = [parse_case_number(line) for line in lines]
    assert len(lines) == 42
    assert all(number and number.key[-5:] in {"/2020", "/2021", "/2022", "/2023"} for number in numbers)
    assert sum(len(number.previous) for number in numbers if number) == sum("(" in line for line in lines) == 12


@given(
    st.sampled_from(["1", "3/10", "22к", "7У", "да", "1-А", "4.13"]),
    st.integers(1, 99999),
    st.sampled_from(["", "/7", "/15"]),
    st.integers(1991, 2069),
    st.sampled_from(["/", "-", " / ", " – "]),
)
def test_a_key_is_its_own_key_and_blanks_and_dashes_do_not_matter(
    index: str, sequence: int, judge: str, year: int, joint: str
) -> None:
    parsed = parse_case_number(f" {index} – {sequence}{judge}{joint}{year}\u00a0")
    assert parsed is not None and parsed.key == f"{index.upper()}-{sequence}{judge}/{year}"
    again = parse_case_number(parsed.key)
    assert again is not None and again.key == parsed.key
    assert index_of(parsed.key) == index.upper().partition("-")[0]


@given(st.text(alphabet=string.digits + "-/.() ;~[]№АаBвKкM" + "\u00a0–", max_size=40))
def test_normalising_any_number_twice_changes_nothing(text: str) -> None:
    parsed = parse_case_number(text)
    if parsed:
        again = parse_case_number(parsed.key)
        assert again is not None and again.key == parsed.key
        shown = parse_case_number(parsed.number)
        assert shown is not None and (shown.number, shown.key) == (parsed.number, parsed.key)


@pytest.mark.parametrize(
    ("key", "level", "reason"),
    [
        ("1-45/2023", "garrison", None),
        ("1-А-275/8/2014", "garrison", None),
        ("2-5/2023", "garrison", "civil"),
        ("2А-5/2023", "garrison", "administrative-claim"),
        ("3/10-279/15/2013", "garrison", "material"),
        ("4/17-8/2023", "garrison", "execution"),
        ("4.13-23", "garrison", "execution"),
        ("5-1/2023", "garrison", "administrative"),
        ("ДА-5/2023", "garrison", "disciplinary-arrest"),
        ("99-5/2023", "garrison", None),
        ("1-45/2023", "district", "correspondence"),
        ("2-45/2023", "district", None),
        ("22-45/2023", "district", None),
        ("22К-45/2023", "district", "material"),
        ("55-45/2023", "appeal", None),
        ("7У-45/2023", "cassation", None),
        ("77-45/2023", "cassation", None),
        ("3-45/2023", "elsewhere", None),
    ],
)
def test_the_index_tells_a_prosecution_from_other_matters(key: str, level: str, reason: str | None) -> None:
    assert classify(key, level) == reason


REAL_UIDS = (
    "27GV0008-01-2019-000081-20",
    "26RS0001-01-2024-012553-83",
    "77RS0020-02-2025-007285-88",
    "03RS0003-01-2026-003803-62",
)
PREFIXES = st.from_regex(r"[0-9]{2}(?:GV|OV|AV|KV|RS)[0-9]{4}-0[12]-(?:19|20)[0-9]{2}-[0-9]{6}", fullmatch=True)


@pytest.mark.parametrize("uid", REAL_UIDS)
def test_real_identifiers_pass_the_check_and_are_made_again(uid: str) -> None:
    assert has_check_digits(uid)
    assert make_uid(uid[:-3]) == uid
    assert court_of_uid(uid) == uid[:8]


@pytest.mark.parametrize(
    "uid", ["77GV0005-01-2023-000123-45", "270008-01-2019-000081-20", "", "-", "77GV0005-01-2023-000123-3१"]
)
def test_invented_and_damaged_identifiers_fail_the_check(uid: str) -> None:
    assert not has_check_digits(uid)


@pytest.mark.parametrize(
    ("text", "uid"),
    [
        (" 27gv0008-01-2019-000081-20 ", REAL_UIDS[0]),
        ("27GV0008–01–2019–000081–20", REAL_UIDS[0]),
        ("27GV000801201900008120", REAL_UIDS[0]),
        ("50АV0000-01-2023-000001-00", "50AV0000-01-2023-000001-00"),  # a Cyrillic А
        ("270008-01-2019-000081-20", "270008-01-2019-000081-20"),  # malformed: kept and flagged
        ("", None),
        (None, None),
        ("-", None),
        ("null", None),
        ("нет", None),
        ("Иванов Иван 1985", None),
    ],
)
def test_an_identifier_is_normalised_and_a_placeholder_is_none(text: str | None, uid: str | None) -> None:
    assert normalise_uid(text) == uid


@pytest.mark.parametrize("prefix", ["", "77GV0005", "77gv0005-01-2023-000123", "77GV0005-01-2023-000123-31"])
def test_a_prefix_of_another_form_is_an_error(prefix: str) -> None:
    with pytest.raises(ValueError, match="looks like"):
        make_uid(prefix)


def test_a_damaged_identifier_names_no_court() -> None:
    assert court_of_uid("270008-01-2019-000081-20") is None


@given(PREFIXES, st.data())
def test_every_single_misprint_of_an_identifier_is_detected(prefix: str, data: st.DataObject) -> None:
    uid = make_uid(prefix)
    at = data.draw(st.integers(0, len(uid) - 1))
    assume(uid[at] != "-")
    alphabet = string.digits if uid[at].isdigit() else string.ascii_uppercase
    other = data.draw(st.sampled_from(alphabet.replace(uid[at], "")))
    assert has_check_digits(uid)
    assert not has_check_digits(uid[:at] + other + uid[at + 1 :])


@given(PREFIXES, st.data())
def test_every_swap_of_neighbours_in_an_identifier_is_detected(prefix: str, data: st.DataObject) -> None:
    uid = make_uid(prefix)
    places = [at for at, character in enumerate(uid) if character != "-"]
    first = data.draw(st.integers(0, len(places) - 2))
    left, right = places[first], places[first + 1]
    assume(uid[left] != uid[right])
    swapped = list(uid)
    swapped[left], swapped[right] = uid[right], uid[left]
    assert not has_check_digits("".join(swapped))


@given(st.text(), PREFIXES)
def test_normalising_an_identifier_twice_changes_nothing(text: str, prefix: str) -> None:
    for uid in (normalise_uid(text), normalise_uid(make_uid(prefix).lower().replace("-", " "))):
        assert normalise_uid(uid) == uid


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("14.03.2023", date(2023, 3, 14)),
        (" 1.2.2023 ", date(2023, 2, 1)),
        ("14.03.2023 10:15", date(2023, 3, 14)),
        ("2023-03-14", date(2023, 3, 14)),
        ("2023-03-14T00:00:00Z", date(2023, 3, 14)),
        ("29.02.2024", date(2024, 2, 29)),
        (None, None),
        ("", None),
        ("-", None),
        ("null", None),
        ("31.02.2023", BadDay("day-impossible")),
        ("2023-02-31", BadDay("day-impossible")),
        ("29.02.2023", BadDay("day-impossible")),
        ("14.13.2023", BadDay("day-impossible")),
        ("14.03.0203", BadDay("day-impossible")),
        ("14.03.23", BadDay("day-unreadable")),
        ("не рассмотрено", BadDay("day-unreadable")),
    ],
)
def test_a_day_is_read_absent_or_bad(text: str | None, day: date | BadDay | None) -> None:
    assert parse_day(text) == day


@given(st.dates(date(1991, 1, 1), date(2099, 12, 31)))
def test_a_day_written_either_way_is_read_back(day: date) -> None:
    assert parse_day(day.isoformat()) == parse_day(day.strftime("%d.%m.%Y")) == day


@given(st.text())
def test_no_text_raises(text: str) -> None:
    parse_case_number(text)
    parse_day(text)
    has_check_digits(text)
    classify(text, "garrison")
