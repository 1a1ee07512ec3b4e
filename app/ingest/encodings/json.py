"""JSON: one object on each line, or one document."""

from collections.abc import Iterator

import orjson

from app.ingest.encodings.inputs import Input
from app.ingest.encodings.lines import BLANK, nul, read_lines, too_long, utf8_detail, utf8_error, without_mark
from app.ingest.record import Json, Refused, Row

Rows = Iterator[Row | Refused]


def read_ndjson(file: Input) -> Rows:
    """One object on each line."""
    for number, line, has_end in read_lines(file):
        if line is None:
            yield too_long(f"line {number}", file.limits.line_bytes)
        elif line and not line.isspace():
            yield _json_line(f"line {number}", line, can_be_cut=not has_end)


def _json_line(place: str, line: bytes, *, can_be_cut: bool) -> Row | Refused:
    try:
        value = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return _refused_json(place, line, error, can_be_cut=can_be_cut)
    return _object_row(place, value, line)


def _refused_json(place: str, text: bytes, error: orjson.JSONDecodeError, *, can_be_cut: bool) -> Refused:
    fault = utf8_error(text)
    if can_be_cut and _is_cut(text, error, fault):
        return Refused(place, "truncated", "The JSON breaks off before its end; the file is not whole.")
    if fault is not None:
        return Refused(place, "not-utf8", utf8_detail(fault))
    if b"\0" in text:
        return nul(place)
    detail = f"Not JSON at column {error.colno}. One JSON object was expected; NaN and Infinity are no JSON."
    return Refused(place, "not-json", detail)


def _is_cut(text: bytes, error: orjson.JSONDecodeError, fault: UnicodeDecodeError | None) -> bool:
    if fault is not None:
        return fault.reason == "unexpected end of data"
    return error.pos >= len(error.doc) or not text.endswith((b"}", b"]"))


def _object_row(place: str, value: Json, source: bytes) -> Row | Refused:
    if not isinstance(value, dict):
        return Refused(place, "not-an-object", "A record is a JSON object, `{…}`.")
    if b"\\u0000" in source and _has_nul(value):
        return nul(place)
    return Row(place, value)


def _has_nul(value: Json) -> bool:
    """Whether any text in a JSON value holds NUL. The parser has bounded the depth."""
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any(_has_nul(key) or _has_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(map(_has_nul, value))


def read_json(file: Input) -> Rows:
    """An array of objects, `{"records": […]}`, or one object; read whole."""
    limit = file.limits.held_bytes
    whole = bytearray()
    for chunk in file.chunks():
        whole += chunk
        if len(whole) > limit:
            detail = f"A .json file is read whole, up to {limit} bytes; NDJSON takes any size."
            yield Refused("file", "file-too-large", detail)
            return
    text = without_mark(bytes(whole)).strip(BLANK)
    if text:
        yield from _json_rows(text)


def _json_rows(text: bytes) -> Rows:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        yield _refused_json("file", text, error, can_be_cut=True)
        return
    if isinstance(value, dict) and value.keys() == {"records"} and isinstance(value["records"], list):
        yield from _array_rows("/records", value["records"], text)
    elif isinstance(value, list):
        yield from _array_rows("", value, text)
    else:
        yield _object_row("/", value, text)


def _array_rows(pointer: str, values: list[Json], source: bytes) -> Rows:
    return (_object_row(f"{pointer}/{index}", value, source) for index, value in enumerate(values))
