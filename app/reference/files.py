"""The data files as they are shipped: their rows and their hash."""

import csv
import hashlib
from collections.abc import Iterator
from datetime import date
from functools import cache
from importlib import resources

FILES = ("courts.csv", "offences.csv", "unverified_parts.csv")


def rows(name: str) -> Iterator[dict[str, str]]:
    """The rows of a data file, by column; an empty cell is an empty string."""
    return csv.DictReader(_content(name).decode().splitlines())


@cache
def content_hash() -> str:
    """SHA-256 over the names and bytes of all data files, in hexadecimal."""
    digest = hashlib.sha256()
    for name in FILES:
        content = _content(name)
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _content(name: str) -> bytes:
    return (resources.files("app.reference") / "data" / name).read_bytes()


def truth(cell: str) -> bool:
    """A `true` or `false` cell."""
    return {"true": True, "false": False}[cell]


def whole(cell: str) -> int | None:
    """A whole number, or None where the cell is empty."""
    return int(cell) if cell else None


def day(cell: str) -> date | None:
    """An ISO day, or None where the cell is empty."""
    return date.fromisoformat(cell) if cell else None
