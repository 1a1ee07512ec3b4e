"""Layout house: our own record, as JSON, NDJSON or CSV."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from app.ingest.layouts.house_csv import HOUSE_CSV_COLUMNS, read_csv
from app.ingest.layouts.house_record import HouseShapes, read_record
from app.ingest.record import Layout, Outcome, Refused, Row

__all__ = ["HOUSE", "HOUSE_CSV_COLUMNS", "HouseShapes", "read_record"]


def _read(rows: Iterable[Row | Refused], encoding: str) -> Iterator[Outcome]:
    shapes = HouseShapes(datetime.now(UTC).date())
    if encoding == "csv":
        yield from read_csv(rows, shapes)
        return
    for row in rows:
        yield row if isinstance(row, Refused) else read_record(row.place, row.value, shapes)


HOUSE = Layout(
    id="house",
    caption="Our own record: one object for each case, or CSV with one row for each charge",
    encodings={".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv"},
    read=_read,
    refuses_duplicates=True,
)
