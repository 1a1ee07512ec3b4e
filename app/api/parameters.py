"""One table-driven reader of query strings; the OpenAPI parameters come from the same entries."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, unquote_plus

from app.api.kinds import TRUTH, WHOLE, Kind, Value, spell
from app.errors import Fault, InvalidParameters, near
from app.records.listing import Condition, Operator

_SHOWN = 80  # characters of a caller's own value that a problem repeats
_SAFE = ",:/"  # needs no escape in a query string, and reads better without


class Role(StrEnum):
    """What a parameter is about."""

    FILTER = "filter"  # which rows
    BESIDE = "beside"  # what is told along with the counts
    STATE = "state"  # of which revision
    ORDER = "order"
    PAGE = "page"  # which stretch of the rows
    COLUMNS = "columns"
    CURSOR = "cursor"
    SHOWN_AS = "shown_as"  # format and language


QUESTION = frozenset({Role.FILTER, Role.STATE, Role.ORDER})
"""What a cursor is bound to: with these equal, a list is the same list."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A code list that the reference defines; `is_other` says which values outside it are right all the same."""

    codes: tuple[str, ...]
    is_other: Callable[[str], bool] = lambda _: False

    def admits(self, code: str) -> bool:
        """Whether a value is right."""
        return code in self.codes or self.is_other(code)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a query.

    `operators`  that may follow the name after two underscores
    `codes`      the values there are, where they are known beforehand
    `shown_codes` the same, for documentation only: somebody else judges the values
    `lookup`     the code list of the reference that its values come from
    `is_required` in every query
    """

    name: str
    kind: Kind
    caption: str
    role: Role = Role.FILTER
    is_list: bool = False
    keeps_order: bool = False
    operators: tuple[Operator, ...] = ()
    codes: tuple[str, ...] = ()
    shown_codes: tuple[str, ...] = ()
    lookup: str | None = None
    highest: int | None = None
    default: Value | None = None
    example: str | None = None
    is_required: bool = False


@dataclass(frozen=True, slots=True)
class Spec:
    """A parameter under one of the names by which a query may give it."""

    name: str
    parameter: Parameter
    operator: Operator
    kind: Kind
    is_list: bool


@dataclass(frozen=True)
class Given:
    """One parameter as given: its values, read, each once."""

    spec: Spec
    values: tuple[Value, ...]

    @cached_property
    def canonical(self) -> str:
        """Name and values in their one spelling, of which each answer has need several times."""
        spelt = [spell(value) for value in self.values]
        ordered = spelt if self.spec.parameter.keeps_order else sorted(spelt)
        return f"{self.spec.name}={quote(','.join(ordered), safe=_SAFE)}"


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as read: what was given by name, all that is wrong with it so far, and what holds unless it is said."""

    given: Mapping[str, Given]
    faults: tuple[Fault, ...] = ()
    defaults: tuple[Condition, ...] = ()

    def one(self, name: str, default: Any = None) -> Any:
        """The value of a single parameter, or the default."""
        return self.given[name].values[0] if name in self.given else default

    def many(self, name: str) -> tuple[Any, ...]:
        """The values of a list parameter; empty where it was not given."""
        return self.given[name].values if name in self.given else ()

    def of(self, role: Role) -> tuple[Given, ...]:
        """What was given of one role."""
        return tuple(given for given in self.given.values() if given.spec.parameter.role is role)

    def saying(self, texts: Mapping[str, str]) -> "Asked":
        """The same query with other words for some of its single parameters."""
        given = dict(self.given)
        for name, text in texts.items():
            given[name] = Given(given[name].spec, (text,))
        return replace(self, given=MappingProxyType(given))

    def conditions(self) -> tuple[Condition, ...]:
        """The filters, as conditions of a list."""
        return self.defaults + tuple(
            Condition(given.spec.parameter.name, given.spec.operator, given.values) for given in self.of(Role.FILTER)
        )

    def canonical(self, roles: Collection[Role] = tuple(Role)) -> str:
        """The query string that asks the same: sorted, each parameter once; of some roles only."""
        chosen = (given for given in self.given.values() if given.spec.parameter.role in roles)
        return "&".join(sorted(given.canonical for given in chosen))

    @property
    def has_lookups(self) -> bool:
        """Whether some values can be judged only by the codes of the reference."""
        return any(given.spec.parameter.lookup for given in self.given.values())

    def refuse(self, more: Iterable[Fault] = ()) -> None:
        """Raise InvalidParameters where anything is wrong."""
        faults = (*self.faults, *more)
        if faults:
            others = f" And {len(faults) - 1} more: see errors." if len(faults) > 1 else ""
            raise InvalidParameters(faults[0].detail + others, faults)

    def unknown_codes(self, lookups: Mapping[str, Lookup]) -> Iterator[Fault]:
        """Faults for values that the code lists of the reference do not hold."""
        for given in self.given.values():
            name = given.spec.parameter.lookup
            for value in map(str, given.values if name else ()):
                if name and not lookups[name].admits(value):
                    yield _unknown_code(given.spec.name, value, lookups[name].codes)


@dataclass(frozen=True)
class ParameterSet:
    """The parameters that one path takes."""

    parameters: tuple[Parameter, ...]

    @cached_property
    def specs(self) -> Mapping[str, Spec]:
        """Every name that a query may use, in the order of the table."""
        return MappingProxyType({spec.name: spec for parameter in self.parameters for spec in _specs(parameter)})

    def read(self, query: str) -> Asked:
        """Read a raw query string. Nothing is raised: all that is wrong stands in `faults`."""
        faults: list[Fault] = []
        texts: dict[str, list[str]] = {}
        for name, text in split_query(query):
            if name not in self.specs:
                faults.append(self._unknown(name))
            elif name in texts and not self.specs[name].is_list:
                detail = f"{name} takes one value and was given twice; give it once."
                faults.append(Fault("repeated", detail, parameter=name))
            else:
                texts.setdefault(name, []).extend(text.split(",") if self.specs[name].is_list else [text])
        faults += [_missing(parameter) for parameter in self._required if parameter.name not in texts]
        read = [self._read_one(self.specs[name], found, faults) for name, found in texts.items()]
        given = MappingProxyType({given.spec.name: given for given in read if given.values})
        return Asked(given, tuple(faults), self._defaults({each.spec.parameter.name for each in read}))

    def _defaults(self, given: Collection[str]) -> tuple[Condition, ...]:
        """The filters that hold unless the query speaks of them."""
        return tuple(
            Condition(parameter.name, "eq", (parameter.default,))
            for parameter in self._with_defaults
            if parameter.name not in given
        )

    @cached_property
    def _required(self) -> tuple[Parameter, ...]:
        return tuple(parameter for parameter in self.parameters if parameter.is_required)

    @cached_property
    def _with_defaults(self) -> tuple[Parameter, ...]:
        """The filters that have one."""
        return tuple(one for one in self.parameters if one.role is Role.FILTER and one.default is not None)

    def _unknown(self, name: str) -> Fault:
        names = tuple(self.specs)
        base = name.partition("__")[0]
        family = tuple(known for known in names if known.partition("__")[0] == base)
        detail = f"{_shown(name)} is not a parameter here; {_offer(near(name, names) or family or names)}."
        return Fault("unknown-parameter", detail, parameter=name[:_SHOWN], did_you_mean=near(name, names))

    def _read_one(self, spec: Spec, texts: list[str], faults: list[Fault]) -> Given:
        values: dict[Value, None] = {}
        for text in texts:
            fault = _fault_in(spec, text)
            if fault is None:
                values[spec.kind.read(text)] = None
            else:
                faults.append(fault)
        return Given(spec, tuple(values))

    def openapi(self) -> list[dict[str, Any]]:
        """The parameters as OpenAPI shows them."""
        return [_describe(spec) for spec in self.specs.values()]


def split_query(query: str) -> Iterator[tuple[str, str]]:
    """Names and values of a query string, decoded; a value that is not given is empty."""
    for part in query.split("&"):
        if part:
            name, _, text = part.partition("=")
            yield unquote_plus(name), unquote_plus(text)


def _specs(parameter: Parameter) -> Iterator[Spec]:
    yield Spec(parameter.name, parameter, "eq", parameter.kind, parameter.is_list)
    for operator in parameter.operators:
        kind = TRUTH if operator == "isnull" else parameter.kind
        yield Spec(f"{parameter.name}__{operator}", parameter, operator, kind, operator == "ne")


def _fault_in(spec: Spec, text: str) -> Fault | None:
    if text == "":
        detail = f"{spec.name} is empty; give a value or leave the parameter out."
        return Fault("empty", detail, parameter=spec.name)
    try:
        value = spec.kind.read(text)
    except ValueError as error:
        return Fault("bad-value", f"{_shown(text)} does not fit {spec.name}: {error}.", parameter=spec.name)
    codes, highest = spec.parameter.codes, spec.parameter.highest
    if codes and spec.kind is not TRUTH and text not in codes:
        return _unknown_code(spec.name, text, codes)
    if highest is not None and isinstance(value, int) and value > highest:
        return Fault("too-large", f"{spec.name} is at most {highest}.", parameter=spec.name)
    return None


def _missing(parameter: Parameter) -> Fault:
    which = f": {', '.join(parameter.codes)}" if parameter.codes else ""
    return Fault("missing", f"{parameter.name} is needed{which}.", parameter=parameter.name)


def _unknown_code(name: str, text: str, codes: tuple[str, ...]) -> Fault:
    meant = near(text, codes) or near(text.lower(), codes)
    detail = f"{_shown(text)} is not a value of {name}; {_offer(meant or codes)}."
    return Fault("unknown-code", detail, parameter=name, did_you_mean=meant)


def _offer(words: tuple[str, ...]) -> str:
    most = 20
    rest = f" and {len(words) - most} more" if len(words) > most else ""
    return f"use {', '.join(words[:most])}{rest}" if words else "none is known"


def _shown(text: str) -> str:
    return f"“{text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}”"


_WORDS: Mapping[Operator, str] = {
    "eq": "",
    "ne": "None of these. ",
    "gte": "From this on. ",
    "gt": "After this. ",
    "lte": "Up to this. ",
    "lt": "Before this. ",
    "isnull": "Whether it is missing. ",
}


def _describe(spec: Spec) -> dict[str, Any]:
    schema = dict(spec.kind.schema)
    parameter = spec.parameter
    codes = parameter.codes or parameter.shown_codes
    if codes and spec.kind is not TRUTH:
        schema["enum"] = list(codes)
    if parameter.highest is not None:
        schema["maximum"] = parameter.highest
    if spec.is_list:
        schema = {"type": "array", "items": schema, "minItems": 1}
    if parameter.default is not None and spec.operator == "eq":
        default = spell(parameter.default) if isinstance(parameter.default, str) else parameter.default
        schema["default"] = [default] if spec.is_list else default
    described = {
        "name": spec.name,
        "in": "query",
        "description": _WORDS[spec.operator] + parameter.caption,
        "required": parameter.is_required,
        "schema": schema,
        "style": "form",
        "explode": False,
    }
    example = "true" if spec.operator == "isnull" else parameter.example
    if example is not None and spec.kind is not TRUTH:
        shown = int(example) if spec.kind is WHOLE else example
        described["example"] = [shown] if spec.is_list else shown
    return described
