"""The `names` column: persons and their charges out of one string, and never a name.

    row       = person { ";" person } [ first-instance tail ]
    person    = name [ "-" list ]
    list      = charges CODE  |  CODE ":" ( charges | { "[" charges "]" } )
    charges   = charge { ";" charge }
    charge    = { ("ст.30" | "ст.33") [part] ("," | "-") } provision
    provision = "ст." number [ "ч." number ] [ "п." points ]

Names are dropped by the lexer: a word that is no keyword becomes a token without its text.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from app.reference.spelling import tidy, to_cyrillic

Stage = Literal["completed", "preparation", "attempt"]
Role = Literal["filed", "dropped"]


@dataclass(frozen=True, slots=True)
class ParsedCharge:
    """One offence alleged against one person; `episodes` says how often the row repeats it."""

    offence: str
    stage: Stage = "completed"
    complicity: bool = False
    episodes: int = 1
    role: Role = "filed"


@dataclass(frozen=True, slots=True)
class ParsedPerson:
    """One person, by position in the row; no charges when the row names no article."""

    charges: tuple[ParsedCharge, ...] = ()


@dataclass(frozen=True, slots=True)
class ParsedNames:
    """The persons of a prosecution, in the row's order, and codes of what was not plain."""

    persons: tuple[ParsedPerson, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Skipped:
    """A row that is no prosecution: a material, an administrative or a disciplinary matter."""

    reason: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A row that cannot be read: `names-empty`, `no-person` or `article-unreadable`."""

    code: str


def parse_names(text: str, *, is_lossy: bool = False) -> ParsedNames | Skipped | Refused:
    """Persons and charges of one `names` string.

    is_lossy  the `;`-CSV in which every `;` was written as `,`
    Shape     a person for each one named; equal charges of a person are one, with their episodes;
              of bracketed sets the last is filed, and what only earlier ones hold is dropped
    Errors    none; time is linear in the text
    """
    plain = to_cyrillic(tidy(html.unescape(text)))
    if plain.casefold() in _EMPTY:
        return Refused("names-empty")
    reader = _Reader(_tokens(_without_tail(plain)), is_lossy)
    return _judge(reader.row(), reader.warnings, is_lossy and "," in plain)


# ── Lexer ──────────────────────────────────────────────────────────────────────────────────────

# (kind, value): a kind is a name below or the punctuation mark itself. A value is kept for numbers and
# codes; of words, letters and marks only whether they begin with a capital.
_Token = tuple[str, str]

_END: _Token = ("end", "")
_EMPTY = {"", "-", "null", "none"}
_CRIMINAL, _REPEALED = "criminal", "criminal-repealed"
_LAWS = {
    "ук": _CRIMINAL,
    "укрф": _CRIMINAL,
    "укрсфср": _REPEALED,
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


def _without_tail(text: str) -> str:
    tail = _TAIL.search(text)
    return text[: tail.start()] if tail else text


def _tokens(text: str) -> list[_Token]:
    raised = _SUPERSCRIPT.sub(lambda found: "." + found[0].translate(_PLAIN_DIGITS), text)
    return _joined([*_lexemes(raised), _END])


def _lexemes(text: str) -> Iterator[_Token]:
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


def _word(text: str) -> _Token:
    lowered = text.lower()
    kind = _KEYWORDS.get(lowered)
    if kind in ("law", "state"):
        return kind, lowered
    capital = "capital" if text[0].isupper() else ""
    if kind or len(text) == 1:
        return kind or "letter", capital
    law = _LAW_STEMS.get(lowered[:12])
    return ("law", law) if law else ("word", capital)


def _joined(raw: list[_Token]) -> list[_Token]:
    """Abbreviations and code titles made one token each: `п.п.` a point, `УК РФ` a code."""
    joined: list[_Token] = []
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


def _past(raw: list[_Token], at: int, kind: str) -> int:
    while raw[at][0] in (kind, "."):
        at += 1
    return at


def _mark(token: _Token, following: str) -> _Token:
    # An initial or a surname reads like «ч.» or «ст.»; only a number after it makes it a mark.
    return token if token[0] == "point" or following == "number" else ("letter", token[1])


def _law(word: str, states: Sequence[str]) -> _Token:
    law = _LAWS.get(word, word)
    if law == _CRIMINAL and "рсфср" in states:
        return "law", _REPEALED
    # A bare «УК» closes a list of articles, but in a name it is a management company.
    return ("law" if word != "ук" or any(states) else "bare law"), law


# ── Parser ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _Draft:
    """A provision as read, before its law and what it modifies are known."""

    article: str
    set_number: int
    law: str | None
    part: str | None = None


@dataclass(slots=True)
class _PersonDraft:
    is_named: bool = False
    provisions: list[_Draft] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)


class _Reader:
    """Recursive descent over the tokens: a row of persons, each a name and a list.

    Within a list each kind of token has its own method, which says whether the person goes on.
    """

    def __init__(self, tokens: list[_Token], is_lossy: bool) -> None:
        self.warnings: dict[str, None] = {}
        self._tokens = tokens
        self._separators = (";", ",") if is_lossy else (";",)
        self._closing = _closing_parentheses(tokens)
        self._at = 0
        self._is_name_read = False
        self._steps: dict[str, Callable[[], bool]] = {
            "end": lambda: False,
            ";": self._separator,
            ",": self._separator if is_lossy else self._skip,
            "article": self._article,
            "part": self._part,
            "point": self._point,
            "number": self._number,
            "law": self._closing_law,
            "bare law": self._closing_law,
            "[": self._set,
            "(": self._remark,
            "word": self._words,
            "letter": self._letter,
        }

    def row(self) -> list[_PersonDraft]:
        persons = []
        while self._kind() != "end":
            person = self._person()
            if person.is_named or person.provisions or person.laws:
                persons.append(person)
        return persons

    def _person(self) -> _PersonDraft:
        self._draft = _PersonDraft(is_named=self._is_name_read)
        self._is_name_read = False
        self._open: _Draft | None = None  # the provision that takes the next part
        self._early_part: str | None = None  # «ч.5 ст.337»
        self._heading: str | None = None  # the law of «УК РФ: …»
        self._set_number = 0
        self._unclosed = 0  # the first provision whose law is still to come
        self._is_closed = False
        if self._name():
            if not self._draft.is_named:
                self._warn("name-missing")
            while self._steps.get(self._kind(), self._skip)():
                pass
            if any(provision.law is None for provision in self._draft.provisions):
                self._warn("article-list-not-closed")
        return self._draft

    def _name(self) -> bool:
        """Passes the name; says whether a list follows."""
        while (kind := self._kind()) not in ("article", "part", "law", "[", "end"):
            self._draft.is_named |= kind in ("word", "letter", "point", "bare law")
            self._at = self._closing.get(self._at, self._at) + 1
            if kind in self._separators:
                return False
        return kind != "end"

    def _kind(self, ahead: int = 0) -> str:
        return self._tokens[self._at + ahead][0]

    def _value(self, ahead: int = 0) -> str:
        return self._tokens[self._at + ahead][1]

    def _warn(self, code: str) -> None:
        self.warnings.setdefault(code)

    def _skip(self) -> bool:
        self._at += 1
        return True

    def _separator(self) -> bool:
        separator = self._kind()
        self._at += 1
        return not self._starts_person(separator)

    def _starts_person(self, separator: str) -> bool:
        kind = self._kind()
        if kind in ("letter", "point"):  # an initial, or a point of the provision before
            is_apart = separator == ";" or self._is_closed or self._kind(1) in (".", "word")
            return is_apart and self._value() == "capital"
        return kind in ("word", "-", "(")

    def _article(self) -> bool:
        article = self._value(1)
        self._at += 2
        if self._kind() == "-" and self._kind(1) == "number" and len(self._value(1)) <= 2:
            article += "." + self._value(1)  # «228-1»
            self._at += 2
        self._add(article)
        return True

    def _add(self, article: str, part: str | None = None) -> None:
        self._open = _Draft(article, self._set_number, self._heading, part or self._early_part)
        self._early_part = None
        self._is_closed = False
        self._draft.provisions.append(self._open)

    def _part(self) -> bool:
        part = self._value(1)
        is_apart = self._kind(-1) in self._separators
        self._at += 2
        is_early = self._kind() == "article" and (is_apart or not self._open or self._open.part is not None)
        if is_early:
            self._early_part = part
        elif self._open and self._open.part is None:
            self._open.part = part
        else:
            self._another_part(part)
        return True

    def _another_part(self, part: str) -> None:
        if self._draft.provisions:
            self._add(self._draft.provisions[-1].article, part)
        else:
            self._warn("number-ignored")

    def _number(self) -> bool:
        """A bare number: «ч.1,2» repeats the article, «ст.158,161» is a second article."""
        number = self._value()
        self._at += 1
        if self._open and len(number.partition(".")[0]) == 3:
            self._add(number)
        elif self._open and self._open.part:
            self._another_part(number)
        else:
            self._warn("number-ignored")
        return True

    def _point(self) -> bool:
        self._at += 1
        kind = "letter"
        while kind in ("letter", "number"):
            step = self._kind() in (",", ".", "-") and not self._is_initial(1)
            following = self._kind(step)
            if following == "number" and kind == "letter" and self._kind() == ",":
                break  # «п.а, 161»: no point any more
            kind = following
            if kind in ("letter", "number"):
                self._at += step + 1
        return True

    def _is_initial(self, ahead: int) -> bool:
        is_capital_letter = self._tokens[self._at + ahead] == ("letter", "capital")
        return is_capital_letter and self._kind(ahead + 1) in (".", "word")

    def _letter(self) -> bool:
        return self._words() if self._is_closed or self._is_initial(0) else self._skip()

    def _closing_law(self) -> bool:
        law = self._value()
        self._at += 1
        unclosed = self._draft.provisions[self._unclosed :]
        self._unclosed += len(unclosed)
        self._draft.laws.append(law)
        is_heading = self._kind() == ":" or (not unclosed and self._kind() in ("article", "part", "["))
        for provision in unclosed:
            provision.law = provision.law or (None if is_heading else law)
        self._heading = law if is_heading else None
        self._open = None
        self._is_closed = not is_heading
        return True

    def _set(self) -> bool:
        self._set_number += 1
        self._open = None
        return self._skip()

    def _remark(self) -> bool:
        """«(в ред. ФЗ …)» within a list says nothing of the charge."""
        if self._at not in self._closing:
            self._warn("parenthesis-not-closed")
        self._at = self._closing.get(self._at, self._at) + 1
        return True

    def _words(self) -> bool:
        """Words within a list: the next person if they begin or end like one, else a remark."""
        if self._is_closed and self._value() == "capital":
            self._warn("person-separator-missing")
            return False
        while self._kind() not in ("end", "article", "part", "[", *self._separators):
            if self._kind() == "law" and self._value() != "other-law":
                break  # «ФЗ» within words is an amending act, no law of the charges
            self._at += 1
        self._is_name_read = self._kind(-1) == "-" and self._kind() in ("article", "part", "law", "[")
        self._warn("person-separator-missing" if self._is_name_read else "words-ignored")
        return not self._is_name_read


def _closing_parentheses(tokens: list[_Token]) -> dict[int, int]:
    """Where each opened parenthesis closes, if it does before the next semicolon."""
    closing: dict[int, int] = {}
    opened: list[int] = []
    for at, (kind, _) in enumerate(tokens):
        if kind == "(":
            opened.append(at)
        elif kind == ")" and opened:
            closing[opened.pop()] = at
        elif kind == ";":
            opened.clear()
    return closing


# ── Judgment: what the provisions read amount to ───────────────────────────────────────────────

_READABLE_ARTICLE = re.compile(r"[1-9][0-9]{0,2}(?:\.[1-9][0-9]?)?")
_READABLE_PART = re.compile(r"[1-9](?:\.[1-9][0-9]?)?")
# «3521», «31»: 352.1 and 3.1 whose raised digit was lost; no article has four digits, no part two.
_FLAT_ARTICLE = re.compile(r"[1-3][0-9]{2}[1-9]")
_FLAT_PART = re.compile(r"[1-9][1-9]")
_KOAP_ARTICLE = re.compile(r"(?:[1-9]|[12][0-9]|3[0-2])(?:\.[0-9]{1,2}){1,2}")
_MODIFIERS: dict[str, Literal["stage", "complicity"]] = {"30": "stage", "33": "complicity"}
_FIRST_OFFENCE, _LAST_OFFENCE = 105, 361


def _judge(persons: list[_PersonDraft], warnings: dict[str, None], is_lossy: bool) -> ParsedNames | Skipped | Refused:
    if not persons:
        return Refused("no-person")
    if _looks_administrative(persons):
        return Skipped("administrative-koap")
    foreign = _foreign_law(persons)
    accused = [person for person in persons if not _is_foreign(person)]
    if foreign and not any(map(_has_criminal_law, accused)):
        return Skipped(foreign)
    if foreign:
        warnings["mixed-codes"] = None
    if is_lossy:
        warnings["lossy-separators"] = None
    try:
        parsed = tuple(_parsed(person, warnings) for person in accused)
    except _UnreadableError:
        return Refused("article-unreadable")
    return ParsedNames(parsed, tuple(warnings))


def _parsed(person: _PersonDraft, warnings: dict[str, None]) -> ParsedPerson:
    return ParsedPerson(tuple(_charges(person.provisions, warnings)) if person.provisions else ())


def _is_criminal(law: str | None) -> bool:
    return law in (None, _CRIMINAL, _REPEALED)


def _has_criminal_law(person: _PersonDraft) -> bool:
    laws = [*person.laws, *(provision.law for provision in person.provisions)]
    return any(map(_is_criminal, laws))


def _is_foreign(person: _PersonDraft) -> bool:
    return bool(person.laws) and not _has_criminal_law(person)


def _foreign_law(persons: list[_PersonDraft]) -> str | None:
    """The first law named in the row that is no criminal code."""
    laws = (law for person in persons for law in person.laws)
    return next((law for law in laws if not _is_criminal(law)), None)


def _looks_administrative(persons: list[_PersonDraft]) -> bool:
    """Whether a row without any code's name has КоАП articles only («12.8»)."""
    provisions = [provision for person in persons for provision in person.provisions]
    return bool(provisions) and all(
        provision.law is None and _KOAP_ARTICLE.fullmatch(provision.article) for provision in provisions
    )


class _UnreadableError(Exception):
    """An article or a part that no code can stand for."""


def _charges(provisions: list[_Draft], warnings: dict[str, None]) -> Iterator[ParsedCharge]:
    """Equal charges made one; charges of earlier sets only, dropped."""
    criminal = [provision for provision in provisions if _is_criminal(provision.law)]
    current = max((provision.set_number for provision in criminal), default=0)
    sets: dict[int, Counter[ParsedCharge]] = {}
    for set_number, charge in _bound(criminal, warnings):
        sets.setdefault(set_number if set_number else current, Counter())[charge] += 1
    filed = sets.pop(current, Counter())
    yield from _counted(filed, "filed")
    # Earlier sets are earlier states of one charge sheet: their episodes are not added up.
    earlier: Counter[ParsedCharge] = Counter()
    for charges in sets.values():
        earlier |= charges
    yield from _counted({charge: n for charge, n in earlier.items() if charge not in filed}, "dropped")


def _counted(charges: dict[ParsedCharge, int], role: Role) -> Iterable[ParsedCharge]:
    for charge, episodes in charges.items():
        yield ParsedCharge(charge.offence, charge.stage, charge.complicity, episodes, role)


def _bound(provisions: list[_Draft], warnings: dict[str, None]) -> Iterator[tuple[int, ParsedCharge]]:
    """Each offence with the ст.30 and ст.33 before it, and the number of its set."""
    stage: Stage = "completed"
    complicity = False
    for provision in provisions:
        modifier = _MODIFIERS.get(provision.article)
        if modifier == "stage":
            stage = "preparation" if provision.part == "1" else "attempt"
        elif modifier == "complicity":
            complicity = True
        else:
            if (offence := _offence(provision, warnings)) is not None:
                yield provision.set_number, ParsedCharge(offence, stage, complicity)
            stage, complicity = "completed", False
    if stage != "completed" or complicity:
        warnings["stage-without-offence"] = None


def _offence(provision: _Draft, warnings: dict[str, None]) -> str | None:
    """The code of what is an offence today; rules on sentencing (ст.62, 73) and the old code are none."""
    if provision.law == _REPEALED:
        warnings["repealed-code"] = None
        return None
    article = _readable(provision.article, _READABLE_ARTICLE, _FLAT_ARTICLE, warnings)
    number = int(article.partition(".")[0])
    if number < _FIRST_OFFENCE:
        warnings["general-part-article"] = None
        return None
    if number > _LAST_OFFENCE:
        warnings["article-out-of-range"] = None
    if provision.part is None:
        return article
    return f"{article}:{_readable(provision.part, _READABLE_PART, _FLAT_PART, warnings)}"


def _readable(number: str, readable: re.Pattern[str], flat: re.Pattern[str], warnings: dict[str, None]) -> str:
    if readable.fullmatch(number):
        return number
    if not flat.fullmatch(number):
        raise _UnreadableError
    warnings["flattened-superscript"] = None
    return f"{number[:-1]}.{number[-1]}"
