"""The `names` column as tokens. Here names are dropped: of a word that is no keyword no text is kept."""

import re
from collections.abc import Iterator, Sequence

# (kind, value): a kind is a name below or the punctuation mark itself. A value is kept for numbers and
# codes; of words, letters and marks only whether they begin with a capital.
Token = tuple[str, str]

END: Token = ("end", "")
EMPTY = {"", "-", "null", "none"}
CRIMINAL, REPEALED = "criminal", "criminal-repealed"
_LAWS = {
    "ук": CRIMINAL,
    "укрф": CRIMINAL,
    "укрсфср": REPEALED,
    "упк": "material-upk",
    "упкрф": "material-upk",
    "уик": "execution-uik",
    "коап": "administrative-koap",
    "коапрф": "administrative-koap",
    "кас": "administrative-kas",
    "гпк": "civil-gpk",
    "фз": "other-law",
}
_LAW_STEMS = {"дисциплинарн": "disciplinary-arrest", "правонарушен": "administrative-koap"}
_STATES = {"рф", "рсфср", "россии", "российской", "федерации"}
_KEYWORDS = {
    **dict.fromkeys(("ст", "стст", "статья", "статьи", "статье"), "article"),
    **dict.fromkeys(("ч", "чч", "часть", "части"), "part"),
    **dict.fromkeys(("п", "пп", "пункт", "пункты", "подп"), "point"),
    **dict.fromkeys(_STATES, "state"),
    **dict.fromkeys(_LAWS, "law"),
}
_MARKS = {mark: (mark, "") for mark in ";,.:-[]()"}
_LEXEME = re.compile(r"(<[^<>]*>)|([0-9]+(?:\.[0-9]+)*)|([^\W\d_]+)|([;,.:\-])(?: ?\4)*|[\[\]()]")
_SUPERSCRIPT = re.compile(r"[⁰¹²³⁴-⁹]+")
_PLAIN_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_TAIL = re.compile(
    r"(?:судья|суд) ?(?:\((?:судебный участок|мировой судья)\) ?)?первой инстанции"
    r"|номер дела в первой инстанции|регион суда первой инстанции",
    re.IGNORECASE,
)


def without_tail(text: str) -> str:
    """The column without what an appeal's row says of the first instance."""
    tail = _TAIL.search(text)
    return text[: tail.start()] if tail else text


def read_tokens(text: str) -> list[Token]:
    """The tokens of a text, and the end."""
    raised = _SUPERSCRIPT.sub(lambda found: "." + found[0].translate(_PLAIN_DIGITS), text)
    return _joined([*_lexemes(raised), END])


def _lexemes(text: str) -> Iterator[Token]:
    for found in _LEXEME.finditer(text):
        match found.lastindex:
            case 1:
                yield "word", "capital"
            case 2:
                yield "number", found[0]
            case 3:
                yield _word(found[0])
            case _:
                yield _MARKS[found[0][0]]  # repeated, a mark says no more


def _word(text: str) -> Token:
    lowered = text.lower()
    kind = _KEYWORDS.get(lowered)
    if kind in ("law", "state"):
        return kind, lowered
    capital = "capital" if text[0].isupper() else ""
    if kind or len(text) == 1:
        return kind or "letter", capital
    law = _LAW_STEMS.get(lowered[:12])
    return ("law", law) if law else ("word", capital)


def _joined(raw: list[Token]) -> list[Token]:
    """Abbreviations and code titles made one token each: `п.п.` a point, `УК РФ` a code."""
    joined: list[Token] = []
    at = 0
    while at < len(raw):
        kind = raw[at][0]
        after = at + 1
        if kind in ("article", "part", "point"):
            after = _past(raw, after, kind)
            joined.append(_mark(raw[at], raw[after][0]))
        elif kind == "law":
            after = _past(raw, after, "state")
            joined.append(_law(raw[at][1], [value for _, value in raw[at + 1 : after]]))
        else:
            joined.append(raw[at] if kind != "state" else ("word", ""))
        at = after
    return joined


def _past(raw: list[Token], at: int, kind: str) -> int:
    while raw[at][0] in (kind, "."):
        at += 1
    return at


def _mark(token: Token, following: str) -> Token:
    # An initial or a surname reads like «ч.» or «ст.»; only a number after it makes it a mark.
    return token if token[0] == "point" or following == "number" else ("letter", token[1])


def _law(word: str, states: Sequence[str]) -> Token:
    law = _LAWS.get(word, word)
    if law == CRIMINAL and "рсфср" in states:
        return "law", REPEALED
    # A bare «УК» closes a list of articles, but in a name it is a management company.
    return ("law" if word != "ук" or any(states) else "bare law"), law
