"""What OpenAPI says of an operation: one entry beside each handler."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from app.access.keys import READING_SCOPES
from app.api.parameters import ParameterSet
from app.formats import FORMATS

COMMON_PROBLEMS = (400, 405, 414, 500, 503)
_ASKED_PROBLEMS = (406, 422)
_KEYED_PROBLEMS = (401, 403, 429)
_BODY_PROBLEMS = (408, 413, 415, 422)

_TEXT: Mapping[str, Any] = {"schema": {"type": "string"}}
_HEADERS: Mapping[str, Any] = {
    "ETag": {"description": "Strong; one for each content coding.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page of a list, rel="next".', "schema": {"type": "string"}},
    "Sudstat-Revision": {"description": "The revision that was read.", "schema": {"type": "integer"}},
    "Sudstat-Revision-Before": {
        "description": "Of a comparison: the earlier of the two.",
        "schema": {"type": "integer"},
    },
    "Sudstat-Rows": {"description": "Rows of a whole list, the header aside.", "schema": {"type": "integer"}},
    "Sudstat-Synthetic": {
        "description": "`true` where demonstration data is in the answer; absent otherwise.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "RateLimit": {
        "description": "What is left (`r`) in each window, and seconds (`t`) until it begins anew.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {
        "description": "Quota (`q`) of each window of `w` seconds; absent where nothing is limited.",
        "schema": {"type": "string"},
    },
    "X-Request-ID": {"description": "By which the log knows the request.", "schema": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation.

    `result`   what success holds as JSON; None where it has no body, or text of a `media_type`
    `scopes`   of which a caller needs one, the same as in the handler's type; empty: open to everybody
    `body`     what it takes as JSON, or the schema of each media type that it takes
    `headers`  that it reads: name → (description, example)
    `statuses` of success
    `moves`    a merged case answers 308, with the address of its survivor
    `path_parameters` name → (description, example)
    """

    id: str
    tag: str
    summary: str
    description: str
    result: type[BaseModel] | None
    scopes: tuple[str, ...]
    example: Any = None
    body: type[BaseModel] | Mapping[str, Any] | None = None
    headers: Mapping[str, tuple[str, str]] | None = None
    media_type: str | None = None
    statuses: tuple[int, ...] = (200,)
    parameters: ParameterSet | None = None
    path_parameters: Mapping[str, tuple[str, str]] | None = None
    formats: tuple[str, ...] = tuple(FORMATS)
    problems: tuple[int, ...] = ()
    moves: bool = False

    def route(self) -> dict[str, Any]:
        """Arguments of a router's decorator."""
        return {
            "operation_id": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self._description(),
            "response_class": Response,
            "response_model": None,
            "openapi_extra": {
                "parameters": self._parameters(),
                **self._request_body(),
                "responses": self._responses(),
                "security": self._security(),
            },
        }

    def _description(self) -> str:
        asked = " or ".join(f"`{scope}`" for scope in self.scopes)
        scope = f"\n\nScope: {asked}." if asked else "\n\nOpen to everybody; needs no scope."
        head = "" if self.body else " `HEAD` gives the same headers without the body."
        return f"{self.description}{scope}{head}"

    def _parameters(self) -> list[dict[str, Any]]:
        places = (("path", True, self.path_parameters), ("header", False, self.headers))
        outside_query = [
            {"name": name, "in": place, "required": is_required, "description": caption, "schema": {"type": "string"}}
            | {"example": example}
            for place, is_required, named in places
            for name, (caption, example) in (named or {}).items()
        ]
        return outside_query + (self.parameters.openapi() if self.parameters else [])

    def _request_body(self) -> dict[str, Any]:
        if self.body is None:
            return {}
        if isinstance(self.body, Mapping):
            content = {media_type: {"schema": schema} for media_type, schema in self.body.items()}
        else:
            content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{self.body.__name__}"}}}
        return {"requestBody": {"required": True, "content": content}}

    def _responses(self) -> dict[str, Any]:
        problems = {*COMMON_PROBLEMS, *self.problems}
        problems |= set(_ASKED_PROBLEMS if self.parameters else ()) | set(_KEYED_PROBLEMS if self.scopes else ())
        problems |= set(_BODY_PROBLEMS if self.body else ())
        held = {"304": {"$ref": "#/components/responses/NotModified"}} if self.parameters and self.body is None else {}
        return {
            **{str(status): self._success() for status in self.statuses},
            **({"308": {"$ref": "#/components/responses/Moved"}} if self.moves else {}),
            **held,
            **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(problems)},
        }

    def _success(self) -> dict[str, Any]:
        described = {"description": self.summary, "headers": dict(_HEADERS)}
        if self.result is None:
            return {**described, **({"content": {self.media_type: _TEXT}} if self.media_type else {})}
        content: dict[str, Any] = {FORMATS[name].media_type: {"schema": {"type": "string"}} for name in self.formats}
        content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{self.result.__name__}"}}
        if self.example is not None:
            content["application/json"]["example"] = self.example
        return {**described, "content": content}

    def _security(self) -> list[dict[str, list[str]]]:
        """Either way of sending a key, with its scope; the empty one where a deployment may open it to anybody."""
        if not self.scopes:
            return []
        keyed: list[dict[str, list[str]]] = [{way: [scope]} for scope in self.scopes for way in ("bearer", "apiKey")]
        return [{}, *keyed] if set(self.scopes) & set(READING_SCOPES) else keyed
