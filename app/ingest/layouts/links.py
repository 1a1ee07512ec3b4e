"""Links of a card as they are kept: one spelling of the host, no search words, and the card's GUID."""

import re
from dataclasses import dataclass

from app.ingest.layouts.fields import LONGEST_URL, FieldError, guid

# What needs no change but to its host, as nearly every link does, is found at half the cost.
_USUAL = re.compile(r"(https?://)([a-z0-9.-]+)(/[a-z0-9./]*\?(?!.*__)[\w.~=&-]*)", re.A)
_LINK = re.compile(r"(https?)://([a-z0-9.-]+)((?::[0-9]{1,5})?)(/[^\s?#]*)?(?:\?([^\s#]*))?(?:#\S*)?", re.I | re.A)
_PLAIN_PATH = re.compile(r"[\w./~-]*", re.A)
_PLAIN_QUERY = re.compile(r"[\w.~=&-]*", re.A)
_GUID = re.compile(r"_uid=(?:(?<=[?&]_uid=)|(?<=[?&]case_uid=))([0-9A-Fa-f-]{36})(?:&|$)")


@dataclass(frozen=True, slots=True)
class Link:
    """A link to keep, its host, and the GUID of the card to which it leads."""

    url: str
    host: str
    card_guid: str | None


def parse_link(text: str) -> Link | None:
    """A link; None where it is none, or would carry more than numbers and plain words.

    Two hyphens in a host are written as the dot for which they stand. Parameters of a search (`…__…`,
    percent-encoded words) can hold a name; they are left out.
    """
    if len(text) > LONGEST_URL:
        return None
    if usual := _USUAL.fullmatch(text):
        host = usual[2].replace("--", ".")
        return Link(f"{usual[1]}{host}{usual[3]}", host, _card_guid(usual[3]))
    found = _LINK.fullmatch(text.strip().replace("&amp;", "&"))
    if not found:
        return None
    scheme, host, port, path, query = found.groups()
    if path and not _PLAIN_PATH.fullmatch(path):
        return None
    host = host.lower().replace("--", ".")
    kept = "" if query is None else "?" + _plain_query(query)
    return Link(f"{scheme.lower()}://{host}{port}{path or ''}{kept}", host, _card_guid(kept))


def _plain_query(query: str) -> str:
    if "__" not in query and _PLAIN_QUERY.fullmatch(query):
        return query
    pairs = (pair for pair in query.split("&") if "__" not in pair and _PLAIN_QUERY.fullmatch(pair))
    return "&".join(pairs)


def _card_guid(query: str) -> str | None:
    found = _GUID.search(query)
    try:
        return guid(found[1]) if found else None
    except FieldError:
        return None
