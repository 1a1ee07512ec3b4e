"""Formats: a Table to bytes. A new format is one file and one entry here."""

from app.formats.csv import CSV
from app.formats.json import JSON, dump, json_list, objects
from app.formats.ndjson import NDJSON
from app.formats.parquet import PARQUET
from app.formats.writer import Copying, Format, LabelStyle, Options, copied, render, stream

FORMATS: dict[str, Format] = {format_.id: format_ for format_ in (JSON, CSV, NDJSON, PARQUET)}

__all__ = [
    "FORMATS",
    "Copying",
    "Format",
    "LabelStyle",
    "Options",
    "copied",
    "dump",
    "json_list",
    "objects",
    "render",
    "stream",
]
