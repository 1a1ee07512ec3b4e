"""One spelling for text that courts type by hand: blanks, dashes, look-alike letters."""

_LATIN = "ABCEHKMOPTXYaceopxy"
_CYRILLIC = "АВСЕНКМОРТХУасеорху"
_TO_CYRILLIC = str.maketrans(_LATIN + "Ёё", _CYRILLIC + "Ее")
_TO_LATIN = str.maketrans(_CYRILLIC, _LATIN)
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹣－"), "-")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))


def tidy(text: str) -> str:
    """The text with single blanks, plain hyphens and no invisible characters."""
    return " ".join(text.translate(_DASHES | _INVISIBLE).split())


def to_cyrillic(text: str) -> str:
    """Latin letters that look Cyrillic made Cyrillic, and ё made е; the length stays."""
    return text.translate(_TO_CYRILLIC)


def to_latin(text: str) -> str:
    """Cyrillic letters that look Latin made Latin; the length stays."""
    return text.translate(_TO_LATIN)
