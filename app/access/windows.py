"""The windows of time in which requests are counted."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time that begins anew at each multiple of its length since 1970 (UTC)."""

    id: str
    length_s: int


WINDOWS: Mapping[str, Window] = {window.id: window for window in (Window("minute", 60), Window("day", 86_400))}
