"""Tokens of the `names` column to drafts: each person and the provisions read for it, with what was not plain."""

from collections.abc import Callable
from dataclasses import dataclass, field

from app.ingest.layouts.names.lexer import Token


@dataclass(slots=True)
class Draft:
    """A provision as read, before its law and what it modifies are known."""

    article: str
    set_number: int
    law: str | None
    part: str | None = None


@dataclass(slots=True)
class PersonDraft:
    """A person as read: whether a name stands there, what is alleged, and the laws named with it."""

    is_named: bool = False
    provisions: list[Draft] = field(default_factory=list)
    laws: list[str] = field(default_factory=list)


class Reader:
    """Recursive descent over the tokens: a row of persons, each a name and a list.

    Within a list each kind of token has its own method, which says whether the person goes on.
    """

    def __init__(self, tokens: list[Token], is_lossy: bool) -> None:
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

    def row(self) -> list[PersonDraft]:
        persons = []
        while self._kind() != "end":
            person = self._person()
            if person.is_named or person.provisions or person.laws:
                persons.append(person)
        return persons

    def _person(self) -> PersonDraft:
        self._draft = PersonDraft(is_named=self._is_name_read)
        self._is_name_read = False
        self._open: Draft | None = None  # the provision that takes the next part
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
        self._open = Draft(article, self._set_number, self._heading, part or self._early_part)
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


def _closing_parentheses(tokens: list[Token]) -> dict[int, int]:
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
