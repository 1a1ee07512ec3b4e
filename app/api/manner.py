"""Manner: how answers are told under one path to one audience; all of a request but what it asks."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from app.api.answers import Key
from app.api.caching import cache_control, make_tag
from app.api.negotiation import Representation
from app.api.parameters import Asked
from app.api.service import Service
from app.records.revisions import State


@dataclass(frozen=True, slots=True)
class Manner:
    """How answers are told; nothing in it is of one caller, so that it may be kept.

    `path`       as callers see it, behind a proxy too
    `audience`   who has the same scopes, and counts rounded alike
    `rounding`   to multiples of what counts are rounded down; 1: not at all
    `is_public`  whether an anonymous caller may have it too
    """

    service: Service
    path: str
    audience: str
    rounding: int
    is_public: bool

    def address(self, query: str) -> str:
        """The path with a query."""
        return f"{self.path}?{query}" if query else self.path

    def key(self, asked: Asked, shape: Representation) -> Key:
        """Under which an answer is kept."""
        return Key(self.path, asked.canonical(), shape.key, self.audience)

    def tag(self, key: Key, states: Iterable[State]) -> str:
        """The entity tag of an answer about some states, by what it is kept under."""
        held = (number for state in states for number in (state.revision, state.removed_in))
        return make_tag(self.service.seal, key.path, key.question, *held, key.shape, f"counts by {self.rounding}")

    def cache_control(self, *, is_private: bool = False, is_immutable: bool = False) -> str:
        """What others may keep of an answer."""
        is_as_anonymous = self.rounding == self.service.settings.anonymous_rounding
        is_public = self.is_public and is_as_anonymous and not is_private
        return cache_control(is_public=is_public, is_immutable=is_immutable)

    def known_state(self, asked: Asked, revision: int | None = None) -> State | None:
        """The state asked for, or of a cursor's revision, where it is known to be published and nobody has to read it
        again."""
        pointer = self.service.answers.published()
        if pointer is None or pointer.revision is None or asked.one("as_of") is not None:
            return None
        pinned: int | None = asked.one("revision") if revision is None else revision
        number = pointer.revision if pinned is None else pinned
        state = self.service.codes.state(number, self.service.answers.history)
        if state is None or number > pointer.revision:
            return None
        return replace(state, as_of=None, is_pinned=pinned is not None, removed_in=pointer.removed_in)

    def meta(self, state: State, question: str, **more: Any) -> dict[str, Any]:
        """What an answer says of its state."""
        settings = self.service.settings
        asked = self.address(question)
        return {
            "revision": state.revision,
            "as_of": state.as_of or state.published_at,
            "published_at": state.published_at,
            "synthetic": state.is_synthetic,
            "backdated": state.is_backdated,
            "release": self.service.release,
            **more,
            "question": question,
            "cite": f"{settings.publisher}, revision {state.revision} of {state.published_at.date()}, {asked}",
            "licence": settings.licence,
            "attribution": settings.attribution,
        }


def state_headers(state: State) -> dict[str, str]:
    """What even a format without room for `meta` says of the state that was read."""
    synthetic = {"Sudstat-Synthetic": "true"} if state.is_synthetic else {}
    return {"Sudstat-Revision": str(state.revision), **synthetic}
