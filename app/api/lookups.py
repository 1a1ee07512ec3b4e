"""Code lists of the reference: which values a filter may name, and their labels."""

import re
from collections.abc import Callable, Mapping
from functools import cache

from app.api.parameters import Lookup
from app.statistics import Codes
from app.vocabulary import CODELISTS

_FOREIGN = re.compile(r"([0-9]{3})(?:\.[0-9]{1,2})?(?::[0-9]{1,2}(?:\.[0-9]{1,2})?)?")
_CRIMES = range(105, 362)  # articles of the Criminal Code's special part
_LOOKUPS = ("court", "region", "district", "offence", "offence_group")


def lookups_of(codes: Codes) -> Mapping[str, Lookup]:
    """The code lists that parameters look their values up in."""
    own = frozenset(code.partition(":")[0] for code in codes.ids("offence"))
    lookups = {name: Lookup(codes.ids(name)) for name in _LOOKUPS}
    articles = tuple(code for code in codes.ids("offence") if ":" not in code)
    charges = Lookup(codes.ids("offence"), _is_foreign(own))
    return {**lookups, "article": Lookup(articles), "charge": charges}


def _is_foreign(own: frozenset[str]) -> Callable[[str], bool]:
    """Whether a code is an article outside our table: charges may name it, and nobody lists them all."""

    def is_foreign(code: str) -> bool:
        found = _FOREIGN.fullmatch(code)
        return found is not None and int(found[1]) in _CRIMES and code.partition(":")[0] not in own

    return is_foreign


def label_of(codes: Codes, lang: str) -> Callable[[str, str], str]:
    """The label of a code of any code list, in a language; the code itself where there is none."""

    @cache
    def labels(codelist: str) -> Mapping[str, str]:
        known = codes.lists.get(codelist) or CODELISTS.get(codelist)
        listed = known.codes if known else ()
        return {code.id: code.ru if lang == "ru" else code.en for code in listed}

    return lambda codelist, code: labels(codelist).get(code, code)
