"""Layouts: the shape of each publisher's rows. A new one is a file and an entry here."""

from app.ingest.layouts.house import HOUSE
from app.ingest.layouts.sudrfparser import SUDRFPARSER
from app.ingest.layouts.sudrfscraper import SUDRFSCRAPER
from app.ingest.record import Layout

LAYOUTS: dict[str, Layout] = {layout.id: layout for layout in (HOUSE, SUDRFSCRAPER, SUDRFPARSER)}
