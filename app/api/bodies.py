"""Bodies: read within bounds, checked against a shape, refused with a pointer to each fault."""

import asyncio
import re
from collections.abc import Iterator
from typing import TypeVar

import orjson
from fastapi import Request
from pydantic import BaseModel, ValidationError

from app.errors import BadRequest, BodyTooLarge, Fault, InvalidBody, RequestTimeout, UnsupportedMediaType

LIMIT_BYTES = 64 * 1024
LONGEST_S = 30.0
_DEPTH_LIMIT = 16
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_JSON = "application/json"
Shape = TypeVar("Shape", bound=BaseModel)


async def read_body(request: Request, shape: type[Shape], *, limit_bytes: int = LIMIT_BYTES) -> Shape:
    """A small JSON body as its shape; who may send it is asked before.

    Errors  UnsupportedMediaType; BodyTooLarge, before the whole is read; BadRequest for what is no JSON; InvalidBody
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != _JSON:
        raise UnsupportedMediaType(f"Send the body as {_JSON}.")
    try:
        value = orjson.loads(await read_bytes(request, limit_bytes=limit_bytes))
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON in UTF-8.") from None
    faults = list(_unfit(value))
    if not faults:
        try:
            return shape.model_validate(value)
        except ValidationError as error:
            faults = [_fault(each["loc"], each["type"], each["msg"]) for each in error.errors(include_input=False)]
    raise InvalidBody(faults[0].detail, faults)


async def read_bytes(request: Request, *, limit_bytes: int) -> bytes:
    """The body, refused as soon as it is longer than may be.

    Errors  BodyTooLarge; RequestTimeout
    """
    too_large = BodyTooLarge(f"The body is longer than {limit_bytes} bytes; send less.", limit_bytes=limit_bytes)
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(LONGEST_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > limit_bytes:
                    raise too_large
    except TimeoutError:
        detail = f"The body did not arrive within {LONGEST_S:.0f} s."
        raise RequestTimeout(detail, headers={"Connection": "close"}) from None
    return bytes(body)


def _unfit(value: object, pointer: str = "", depth: int = 0) -> Iterator[Fault]:
    """What no shape of ours may hold: control characters, which Postgres and readers choke on, and deep nesting."""
    if depth > _DEPTH_LIMIT:
        yield Fault("too-deep", f"At most {_DEPTH_LIMIT} levels are read.", pointer=pointer[:200])
    elif isinstance(value, str):
        if _CONTROL.search(value):
            yield Fault("control-character", "A text holds a control character; leave it out.", pointer=pointer)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if _CONTROL.search(name):
                yield Fault("control-character", "A name holds a control character.", pointer=pointer)
            yield from _unfit(inner, f"{pointer}/{_escaped(name)}", depth + 1)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _unfit(inner, f"{pointer}/{place}", depth + 1)


def _fault(where: tuple[int | str, ...], code: str, message: str) -> Fault:
    pointer = "".join(f"/{_escaped(str(part))}" for part in where)
    return Fault(code.replace("_", "-"), f"{pointer or 'The body'}: {message}.", pointer=pointer)


def _escaped(name: str) -> str:
    """A name as a part of a JSON pointer (RFC 6901), without what cannot be shown."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", name)[:80].replace("~", "~0").replace("/", "~1")
