"""Formats: a Table to bytes. A new format is one file and one entry here."""

from app.formats.csv import CSV
from app.formats.json import JSON, dump, objects
from app.formats.writer import Format, LabelStyle, Options, render, stream

FORMATS: dict[str, Format] = {format_.id: format_ for format_ in (JSON, CSV)}

__all__ = ["FORMATS", "Format", "LabelStyle", "Options", "dump", "objects", "render", "stream"]
