"""What OpenAPI says of an operation: one entry beside each handler."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from app.api.parameters import ParameterSet
from app.formats import FORMATS

COMMON_PROBLEMS = (400, 405, 414, 500, 503)
_ASKED_PROBLEMS = (406, 422)
_KEYED_PROBLEMS = (401, 403)

_HEADERS: Mapping[str, Any] = {
    "ETag": {"description": "Strong; one for each content coding.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page of a list, rel="next".', "schema": {"type": "string"}},
    "Sudstat-Revision": {"description": "The revision that was read.", "schema": {"type": "integer"}},
    "Sudstat-Rows": {"description": "Rows of a whole list, the header aside.", "schema": {"type": "integer"}},
    "Sudstat-Synthetic": {
        "description": "`true` where demonstration data is in the answer; absent otherwise.",
        "schema": {"type": "string", "enum": ["true"]},
    },
    "X-Request-ID": {"description": "By which the log knows the request.", "schema": {"type": "string"}},
}


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `path_parameters` name → (description, example); `results` what 200 holds as JSON."""

    id: str
    tag: str
    summary: str
    description: str
    result: type[BaseModel]
    example: Any = None
    scope: str | None = None
    parameters: ParameterSet | None = None
    path_parameters: Mapping[str, tuple[str, str]] | None = None
    formats: tuple[str, ...] = tuple(FORMATS)
    problems: tuple[int, ...] = ()

    def route(self) -> dict[str, Any]:
        """Arguments of a router's decorator."""
        return {
            "operation_id": self.id,
            "tags": [self.tag],
            "summary": self.summary,
            "description": self._description(),
            "response_class": Response,
            "response_model": None,
            "openapi_extra": {"parameters": self._parameters(), "responses": self._responses(), **self._security()},
        }

    def _description(self) -> str:
        scope = f"\n\nScope: `{self.scope}`." if self.scope else "\n\nOpen to everybody; needs no scope."
        return f"{self.description}{scope} `HEAD` gives the same headers without the body."

    def _parameters(self) -> list[dict[str, Any]]:
        in_path = [
            {"name": name, "in": "path", "required": True, "description": caption, "schema": {"type": "string"}}
            | {"example": example}
            for name, (caption, example) in (self.path_parameters or {}).items()
        ]
        return in_path + (self.parameters.openapi() if self.parameters else [])

    def _responses(self) -> dict[str, Any]:
        content: dict[str, Any] = {FORMATS[name].media_type: {"schema": {"type": "string"}} for name in self.formats}
        content["application/json"] = {"schema": {"$ref": f"#/components/schemas/{self.result.__name__}"}}
        if self.example is not None:
            content["application/json"]["example"] = self.example
        statuses = {*COMMON_PROBLEMS, *self.problems}
        statuses |= set(_ASKED_PROBLEMS if self.parameters else ()) | set(_KEYED_PROBLEMS if self.scope else ())
        held = {"304": {"$ref": "#/components/responses/NotModified"}} if self.scope else {}
        return {
            "200": {"description": self.summary, "headers": dict(_HEADERS), "content": content},
            **held,
            **{str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(statuses)},
        }

    def _security(self) -> dict[str, Any]:
        # The empty one: anonymous callers have the scopes that a deployment gives them.
        return {"security": [{}, {"bearer": []}, {"apiKey": []}]} if self.scope else {"security": []}
