"""Layout house: our own record, as JSON, NDJSON, CSV or XLSX."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from app.ingest.layouts.house_csv import HOUSE_CSV_COLUMNS, read_csv
from app.ingest.layouts.house_record import HouseShapes, read_record
from app.ingest.record import Layout, Outcome, Read, Row

__all__ = ["HOUSE", "HOUSE_CSV_COLUMNS", "HouseShapes", "read_record"]


def _read(rows: Iterable[Read], encoding: str, name: str = "") -> Iterator[Outcome]:
    shapes = HouseShapes(datetime.now(UTC).date())
    if encoding in ("csv", "xlsx"):
        yield from read_csv(rows, shapes)
        return
    for row in rows:
        yield read_record(row.place, row.value, shapes) if isinstance(row, Row) else row


HOUSE = Layout(
    id="house",
    caption="Our own record: one object for each case; as CSV or XLSX, one row for each charge",
    encodings={".json": "json", ".ndjson": "ndjson", ".jsonl": "ndjson", ".csv": "csv", ".xlsx": "xlsx"},
    read=_read,
    refuses_duplicates=True,
)
