"""The military courts of Russia, found by code, by host or by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

from app.reference.files import rows, truth
from app.reference.spelling import tidy, to_cyrillic


@dataclass(frozen=True, slots=True)
class Court:
    """One court; its region is where it sits, which its code does not tell."""

    code: str
    name_ru: str
    name_en: str
    level: str  # garrison, district (fleets too), appeal, cassation
    is_fleet: bool
    region_code: str  # sudrf's numbering with its leading zero, no number plate's
    region_name_ru: str
    region_name_en: str
    region_iso: str | None  # ISO 3166-2; None outside Russia and Ukraine
    next_court: str | None  # the code of the court that hears its appeals or, last, cassation
    subdomain: str | None
    source: str
    is_verified: bool  # on the portal's own list of courts
    note: str


@cache
def courts() -> Mapping[str, Court]:
    """Every court by its code, in the order of codes."""
    return MappingProxyType({row["code"]: _court(row) for row in rows("courts.csv")})


def _court(row: Mapping[str, str]) -> Court:
    optional = {name: row[name] or None for name in ("region_iso", "next_court", "subdomain")}
    truths = {name: truth(row[name]) for name in ("is_fleet", "is_verified")}
    return Court(**{**row, **optional, **truths})  # type: ignore[arg-type]


def court_by_host(host_or_url: str) -> Court | None:
    """The court with that website: `gvs.chn.sudrf.ru`, `http://gvs--chn.sudrf.ru/…` or `gvs.chn`."""
    return _by_host().get(_host(host_or_url))


def court_by_name(name: str) -> Court | None:
    """The court with that Russian name, however its blanks, dashes, ё and look-alike letters are typed."""
    return _by_name().get(_name(name))


@cache
def _by_host() -> Mapping[str, Court]:
    return {_host(court.subdomain): court for court in courts().values() if court.subdomain}


@cache
def _by_name() -> Mapping[str, Court]:
    return {_name(court.name_ru): court for court in courts().values()}


def _host(text: str) -> str:
    address = text.strip().lower().rpartition("://")[2]
    host = re.split(r"[/?#:]", address, maxsplit=1)[0].strip(".").removeprefix("www.")
    # Two hyphens stand for a dot; a single one is a letter of the name («s-gavanskygvs.hbr»).
    return host.removesuffix(".sudrf.ru").replace("--", ".")


def _name(text: str) -> str:
    plain = to_cyrillic(tidy(text).upper())
    return re.sub(r"(?<=\d)-?(?:Й|ЫЙ|ИЙ)\b|[^\w -]", "", plain)
