"""In which shape an answer goes out: format, language, content coding, and how CSV is written."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from starlette.datastructures import Headers

from app.api.parameters import Asked
from app.errors import Fault, NotAcceptable, near
from app.formats import FORMATS, Format, LabelStyle, Options

DELIMITERS: Mapping[str, str] = {"comma": ",", "semicolon": ";", "tab": "\t"}
LANGUAGES = ("en", "ru")


@dataclass(frozen=True, slots=True)
class Representation:
    """The shape of one answer; `key` tells it from the other shapes of the same answer."""

    format: Format
    lang: str
    is_gzipped: bool
    delimiter: str = "comma"
    has_bom: bool = False
    labels: LabelStyle = "id"

    @property
    def key(self) -> str:
        """Everything in it that changes bytes, the coding aside."""
        return f"{self.format.id};{self.lang};{self.delimiter};{self.has_bom};{self.labels}"

    def options(self, label: Callable[[str, str], str]) -> Options:
        """How a flat format is to write; `label` names a code of a code list."""
        return Options(DELIMITERS[self.delimiter], self.has_bom, self.labels, label)


def choose(asked: Asked, headers: Headers, offered: Collection[str] = tuple(FORMATS)) -> Representation:
    """The representation that a caller asks for: `?format=` before `Accept`, `?lang=` before `Accept-Language`.

    Errors  NotAcceptable, naming what is offered
    """
    return Representation(
        format=_format(asked.one("format"), headers.get("accept", "*/*"), offered),
        lang=asked.one("lang") or _language(headers.get("accept-language", "")),
        is_gzipped=accepts_gzip(headers),
        delimiter=asked.one("delimiter", "comma"),
        has_bom=asked.one("bom", False),
        labels=asked.one("labels", "id"),
    )


def accepts_gzip(headers: Headers) -> bool:
    """Whether the caller takes gzip."""
    weights = dict(_weighted(headers.get("accept-encoding", "")))
    return weights.get("gzip", weights.get("x-gzip", weights.get("*", 0.0))) > 0


def _format(asked: str | None, accept: str, offered: Collection[str]) -> Format:
    if asked is not None:
        if asked in offered:
            return FORMATS[asked]
        detail = f"{asked[:40]} is not offered here; use {' or '.join(offered)}."
        fault = Fault("not-offered", detail, parameter="format", did_you_mean=near(asked, tuple(offered)))
        raise NotAcceptable(detail, [fault], offered=list(offered))
    best = _preferred(accept, tuple(offered))
    if best is None:
        media_types = [FORMATS[name].media_type for name in offered]
        raise NotAcceptable(f"Nothing in Accept is offered here; use {' or '.join(media_types)}.", offered=media_types)
    return FORMATS[best]


@lru_cache(64)
def _preferred(accept: str, offered: tuple[str, ...]) -> str | None:
    """The format that weighs most of those offered; None where none may be had."""
    weights = dict(_weighted(accept or "*/*"))
    ranked = [(_weight(FORMATS[name].media_type, weights), -place, name) for place, name in enumerate(offered)]
    weight, _, best = max(ranked)
    return best if weight > 0 else None


def _weight(media_type: str, weights: Mapping[str, float]) -> float:
    kind = media_type.partition("/")[0]
    return next((weights[name] for name in (media_type, f"{kind}/*", "*/*") if name in weights), 0.0)


@lru_cache(64)
def _language(accept: str) -> str:
    """The language that weighs most; English where none of ours is named."""
    weights: dict[str, float] = {}
    for name, weight in _weighted(accept):
        language = name.partition("-")[0]
        weights[language] = max(weight, weights.get(language, 0.0))
    known = [(weights.get(language, weights.get("*", 0.0)), -place) for place, language in enumerate(LANGUAGES)]
    return LANGUAGES[-max(known)[1]]


def _weighted(header: str) -> Iterator[tuple[str, float]]:
    """Names of a header with their weights (RFC 9110, 12.4.2); other parameters are set aside."""
    for item in header.split(","):
        name, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((p[2:] for p in parameters if p.startswith("q=")), "1")
        if name:
            yield name, _quality(quality)


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 1.0
    return quality if 0 <= quality <= 1 else 1.0
