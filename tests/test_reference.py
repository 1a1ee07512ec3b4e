"""The shipped courts and offences: what they hold, and the pitfalls they must not fall into."""

import dataclasses
import re
from collections import Counter
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.reference import (
    OFFENCE_GROUPS,
    content_hash,
    court_by_host,
    court_by_name,
    courts,
    max_months,
    offences,
    tidy,
    to_cyrillic,
    to_latin,
    unverified_parts,
)

EVERY_ARTICLE = {str(number) for number in range(331, 353)} | {"352.1", "356.1"}


def test_there_are_115_courts_of_four_levels() -> None:
    levels = Counter(court.level for court in courts().values())
    assert levels == {"garrison": 104, "district": 9, "appeal": 1, "cassation": 1}
    assert sum(court.is_fleet for court in courts().values()) == 3
    assert all(court.is_fleet <= (court.level == "district") for court in courts().values())


@pytest.mark.parametrize(
    ("code", "region_code", "iso"),
    [
        ("63GV0008", "03", "RU-BA"),  # Ufa: 03 is Bashkortostan, not the plates' Buryatia
        ("75GV0004", "04", "RU-BU"),  # Ulan-Ude: 04 is Buryatia, not the plates' Altai
        ("61GV0012", "20", "RU-CE"),  # Grozny: 20 is Chechnya, not the plates' 95
        ("54GV0003", "22", "RU-ALT"),  # Barnaul sits outside the Novosibirsk of its code
        ("39GV0005", "78", "RU-SPE"),  # the 224th is in St Petersburg, not in Kaliningrad
    ],
)
def test_a_court_is_where_it_sits_and_not_where_its_code_says(code: str, region_code: str, iso: str) -> None:
    assert (courts()[code].region_code, courts()[code].region_iso) == (region_code, iso)


def test_the_code_prefix_of_81_garrison_courts_is_not_their_region() -> None:
    garrison = [court for court in courts().values() if court.level == "garrison"]
    assert sum(court.code[:2] != court.region_code for court in garrison) == 81


def test_five_courts_sit_abroad_and_four_have_no_website() -> None:
    abroad = {court.code for court in courts().values() if court.region_code == "95"}
    offline = {court.code for court in courts().values() if court.subdomain is None}
    assert len(abroad) == 5 and all(courts()[code].region_iso is None for code in abroad)
    assert offline == {"61GV0020", "61GV0021", "61GV0022", "61GV0023"}
    assert {court.code for court in courts().values() if not court.is_verified} == offline


def test_courts_that_an_exporter_lacks_are_here() -> None:
    assert {"77OV0000", "50AV0000"} <= set(courts())


def test_every_court_leads_to_the_court_of_cassation() -> None:
    above = {"garrison": "district", "district": "appeal", "appeal": "cassation"}
    for court in courts().values():
        following = courts()[court.next_court].level if court.next_court else None
        assert following == above.get(court.level)


def test_every_court_is_whole_and_a_region_has_one_name() -> None:
    names: dict[str, set[tuple[str, str, str | None]]] = {}
    for code, court in courts().items():
        assert re.fullmatch(r"\d\d(GV|OV|AV|KV)\d{4}", code) and code == court.code
        assert re.fullmatch(r"\d\d", court.region_code)
        assert court.name_ru == tidy(court.name_ru) == to_cyrillic(court.name_ru)
        assert court.name_en.isascii() and court.region_name_en.isascii()
        assert not re.search("[A-Za-z]", court.region_name_ru)
        region = (court.region_name_ru, court.region_name_en, court.region_iso)
        names.setdefault(court.region_code, set()).add(region)
    assert all(len(known) == 1 for known in names.values())
    assert len(set().union(*names.values())) == len(names)


def test_a_court_is_found_by_every_form_of_its_host() -> None:
    for court in courts().values():
        if court.subdomain:
            bare = court.subdomain.removesuffix(".sudrf.ru")
            doubled = bare.replace(".", "--")
            assert court_by_host(court.subdomain) is court
            assert court_by_host(f"https://{bare.upper()}.sudrf.ru:443/modules.php?name=sud_delo") is court
            assert court_by_host(f"http://{doubled}.sudrf.ru/") is court
            assert court_by_host(bare) is court


def test_a_single_hyphen_belongs_to_the_host() -> None:
    assert court_by_host("s-gavanskygvs.hbr.sudrf.ru") is courts()["25GV0005"]
    assert court_by_host("s--gavanskygvs.hbr.sudrf.ru") is None
    assert court_by_host("gvs-chn.sudrf.ru") is None


@pytest.mark.parametrize("host", ["", " ", "http://", ".sudrf.ru", "sudrf.ru", "leninsky.bkr.sudrf.ru", "-"])
def test_another_host_is_no_court(host: str) -> None:
    assert court_by_host(host) is None


def test_every_name_finds_its_own_court_however_it_is_typed() -> None:
    for court in courts().values():
        assert court_by_name(court.name_ru) is court
        assert court_by_name(to_latin(court.name_ru)) is court
        typed = court.name_ru.upper().replace(" ", "\u00a0 ").replace("-", "\u2013")
        assert court_by_name(f"  {typed} ") is court


def test_ordinals_and_yo_do_not_matter_in_a_name() -> None:
    assert court_by_name("5-й гарнизонный военный суд") is courts()["61GV0015"]
    assert court_by_name("1 Восточный окружной военный суд") is courts()["27OV0000"]
    assert court_by_name("Будённовский гарнизонный военный суд") is courts()["61GV0005"]
    assert court_by_name("Московский городской суд") is None


def test_every_article_is_present_with_titles_and_a_known_group() -> None:
    groups = {group.id for group in OFFENCE_GROUPS}
    articles = {code: offence for code, offence in offences().items() if offence.part is None}
    assert set(articles) == EVERY_ARTICLE
    assert all(offence.title_ru and offence.title_en for offence in articles.values())
    assert {offence.offence_group for offence in offences().values()} == groups
    assert {code for code, offence in offences().items() if offence.chapter == "34"} == {
        code for code in offences() if code.startswith("356.1")
    }


def test_a_code_is_the_article_and_its_part() -> None:
    for code, offence in offences().items():
        assert re.fullmatch(r"3\d\d(\.1)?(:\d(\.\d)?)?", code)
        assert code == offence.article + (f":{offence.part}" if offence.part else "")
        assert offence.offence_group == offences()[offence.article].offence_group
        assert (offence.imprisonment_min_months or 0) <= (offence.imprisonment_max_months or 999)
        assert offence.confidence in {"high", "medium", "low"} and offence.basis


def test_the_parts_added_in_2022_are_decimals_and_dated() -> None:
    mobilisation = {"332:2.1", "332:2.2", "337:2.1", "337:3.1", "337:5", "338:3", "339:3", "352.1", "356.1:1"}
    for code in mobilisation:
        assert offences()[code].is_wartime and offences()[code].in_force_from == date(2022, 9, 24)
    assert offences()["337:2.2"].in_force_from == date(2026, 1, 9)
    assert "337:4.1" not in offences()


@pytest.mark.parametrize(
    ("code", "on", "months"),
    [
        ("337:5", None, 120),
        ("337:5", date(2022, 9, 24), 120),
        ("337:5", date(2022, 9, 23), None),  # not yet law
        ("337:4", date(2001, 1, 1), 60),
        ("337", date(2022, 9, 23), 60),  # the gravest part was then the fourth
        ("337", date(2022, 9, 24), 120),
        ("337", date(2026, 2, 1), 120),  # 534-FZ's twelve years have no verified part
        ("338", date(2026, 2, 1), 180),
        ("352", None, 84),  # of the article, not of 352.1
        ("352.1", None, 120),
        ("352.1", date(2022, 9, 1), None),
        ("356.1:4", None, 180),
        ("337:1", None, None),  # no imprisonment
        ("340", None, None),  # not verified
        ("331", None, None),
        ("337:9", None, None),
        ("158:2", None, None),
        ("", None, None),
    ],
)
def test_the_maximum_is_of_the_law_on_that_day(code: str, on: date | None, months: int | None) -> None:
    assert max_months(code, on) == months


@given(st.sampled_from(sorted(EVERY_ARTICLE)), st.dates(date(1997, 1, 1), date(2030, 1, 1)))
def test_an_article_is_as_grave_as_its_gravest_part(article: str, on: date) -> None:
    codes = [code for code in offences() if code.startswith(f"{article}:")]
    own = offences()[article]
    known = [max_months(code, on) for code in codes]
    if own.is_in_force(on):
        known.append(own.imprisonment_max_months)
    assert max_months(article, on) == max((months for months in known if months), default=None)


def test_parts_without_a_verified_number_are_shown_and_match_nothing() -> None:
    assert Counter(part.label.split(",")[0] for part in unverified_parts()) == {"365-FZ": 7, "534-FZ": 4}
    for part in unverified_parts():
        assert part.article in EVERY_ARTICLE and part.label not in offences()
        assert not hasattr(part, "code")
        assert part.in_force_from
        before = part.in_force_from - timedelta(days=1)
        if part.label.startswith("534"):
            assert max_months(part.article, before) == max_months(part.article, part.in_force_from)


def test_the_reference_is_frozen_and_its_hash_is_stable() -> None:
    court = courts()["61GV0012"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        court.code = "x"  # type: ignore[misc]
    with pytest.raises(TypeError):
        courts()["x"] = court  # type: ignore[index]
    assert re.fullmatch(r"[0-9a-f]{64}", content_hash()) and content_hash() == content_hash()


@given(st.text())
def test_spelling_is_idempotent_and_look_alikes_keep_the_length(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)
    assert len(to_cyrillic(text)) == len(to_latin(text)) == len(text)
    assert to_cyrillic(to_latin(to_cyrillic(text))) == to_cyrillic(text)


@given(st.text())
def test_no_text_breaks_a_lookup(text: str) -> None:
    court_by_host(text)
    court_by_name(text)
    max_months(text)
