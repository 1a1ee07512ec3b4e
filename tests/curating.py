"""A desk at which cases are curated: corrected, withdrawn, restored, merged."""

from typing import Any
from uuid import UUID

from app.ingest.acting import Act
from app.ingest.correction import correct
from app.ingest.curation import LEDGER_CAUSES, Wanted, merge_into, restore, withdraw
from app.ingest.undo import undo
from tests.loading import Desk, Json


def act(cause: str) -> Act:
    return Act(author="test", cause=LEDGER_CAUSES[cause], note="in a test")


class Curator(Desk):
    """A desk at which cases are curated too, by their numbers."""

    async def id_of(self, number: str) -> UUID:
        found: UUID = await self.value(
            "SELECT case_id FROM identifiers WHERE value = $1 AND superseded_in IS NULL", number
        )
        return found

    async def withdraw(self, number: str) -> Json:
        return (await withdraw(self.database, Wanted(await self.id_of(number)), act("withdrawal"))).as_json()

    async def restore(self, number: str) -> Json:
        return (await restore(self.database, Wanted(await self.id_of(number)), act("restoration"))).as_json()

    async def merge(self, number: str, other: str) -> Json:
        wanted, survivor_id = Wanted(await self.id_of(number)), await self.id_of(other)
        return (await merge_into(self.database, wanted, act("duplicate"), survivor_id=survivor_id)).as_json()

    async def undo(self, receipt: Json) -> Json:
        """Undo the batch of a receipt."""
        return (await undo(self.database, UUID(receipt["batch_id"]), act("undo"))).as_json()

    async def keys(self) -> dict[str, int]:
        """Every key by which a case is known now, with the revision that taught it."""
        rows = await self.fetch("SELECT value, revision FROM identifiers WHERE superseded_in IS NULL ORDER BY value")
        return {row["value"]: row["revision"] for row in rows}

    async def received(self, revision: int | None = None) -> int:
        return await self.counts(unit="case", event="received", revision=revision)

    async def correct(self, number: str, cause: str = "correction", /, **said: Any) -> Json:
        wanted = Wanted(await self.id_of(number))
        return (await correct(self.database, wanted, act(cause), said=said)).as_json()
