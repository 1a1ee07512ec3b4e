"""Code lists of the reference: which values a filter may name, and their labels."""

from collections.abc import Callable, Mapping
from functools import cache

from app.api.parameters import Lookup
from app.statistics import Codes
from app.vocabulary import CODELISTS

_LOOKUPS = ("court", "region", "district", "offence", "offence_group")


def lookups_of(codes: Codes) -> Mapping[str, Lookup]:
    """The code lists that parameters look their values up in."""
    lookups = {name: Lookup(codes.ids(name)) for name in _LOOKUPS}
    articles = tuple(code for code in codes.ids("offence") if ":" not in code)
    charges = Lookup(codes.ids("offence"), codes.is_foreign)
    return {**lookups, "article": Lookup(articles), "charge": charges}


def label_of(codes: Codes, lang: str) -> Callable[[str, str], str]:
    """The label of a code of any code list, in a language; the code itself where there is none."""

    @cache
    def labels(codelist: str) -> Mapping[str, str]:
        known = codes.lists.get(codelist) or CODELISTS.get(codelist)
        listed = known.codes if known else ()
        return {code.id: code.ru if lang == "ru" else code.en for code in listed}

    return lambda codelist, code: labels(codelist).get(code, code)
