"""Kin: the cases of one UID, in all courts. How each came to its court is derived from the others."""

from itertools import groupby

from app.db.database import Connection, analyze, load_statements
from app.records.resolve import Kin, arrivals

_SQL = load_statements(__file__, "kin.sql")


async def restate_arrivals(connection: Connection, revision: int, *, with_live: bool = True) -> None:
    """Derive the arrival of every case whose UID the staged versions touch, now or before.

    Staged versions are corrected in place. A live version that is not staged gets a staged successor; with
    `with_live` false the staged versions are all there are.
    """
    await connection.execute(analyze("new_versions (court, case_id, uid)"))
    rows = await connection.fetch(_SQL["kin" if with_live else "staged_kin"])
    moved = []
    for _, group in groupby(rows, key=lambda row: row["uid"]):
        kin = {(row["court"], row["case_id"]): row for row in group}
        derived = arrivals([_kin(row) for row in kin.values()])
        moved += [(*key, arrival) for key, arrival in derived.items() if kin[key]["arrival"] != arrival]
    if not moved:
        return
    await connection.copy_records_to_table("moved", records=moved)
    await connection.execute(_SQL["correct"])
    if with_live:
        names = ("succeed_charges", "succeed_defendants", "succeed")
        await connection.execute("; ".join(_SQL[name].format(revision=revision) for name in names))


def _kin(row: dict[str, object]) -> Kin:
    return Kin(
        key=(row["court"], row["case_id"]),
        court=str(row["court"]),
        instance=str(row["instance"]),
        number=row["number"],  # type: ignore[arg-type]
        received_on=row["received_on"],  # type: ignore[arg-type]
        decided_on=row["decided_on"],  # type: ignore[arg-type]
        disposition=str(row["disposition"]),
        stated=str(row["arrival"]) if row["is_stated"] else None,
    )
