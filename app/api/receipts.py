"""Receipts: what became of each batch, and the rows of it that were refused."""

from collections.abc import AsyncGenerator
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.access.keys import Caller
from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caching import short_hash
from app.api.caller import ReceiptReader
from app.api.common import SHOWN_AS
from app.api.describe import Operation
from app.api.negotiation import Representation
from app.api.parameters import Asked, ParameterSet
from app.api.reply import Reply, Replying
from app.db.turns import aside
from app.errors import NotFound
from app.formats import dump, stream
from app.ingest.kept import Kept, RefusedRows, find_refused, get_batch

router = APIRouter()

SHOWN = ParameterSet(SHOWN_AS)
_ID = {"id": ("Id of the batch, as in its receipt.", examples.RECEIPT["batch_id"])}
_SCOPES = ("ingest", "curate", "admin")
_ALL_SCOPES = ("curate", "admin")  # of which one sees the receipts of others

_RECEIPT = Operation(
    id="get_batch",
    tag="Ingest",
    summary="The receipt of a batch",
    description="What became of a batch, also of one that was refused or changed nothing. A key with the scope"
    " `ingest` alone sees its own.",
    result=schemas.Receipt,
    example=examples.RECEIPT,
    scopes=_SCOPES,
    parameters=SHOWN,
    path_parameters=_ID,
    formats=("json",),
    problems=(404,),
)
_REFUSED = Operation(
    id="list_refused_rows",
    tag="Ingest",
    summary="Refused rows of a batch",
    description="Every row that could not be taken, in the order of the file: where it stood, why, and its identifiers;"
    " never a name or the row's text. The first 200,000 are kept.",
    result=schemas.RefusedRowList,
    scopes=_SCOPES,
    parameters=SHOWN,
    path_parameters=_ID,
    problems=(404,),
)


@router.get("/v1/ingest/batches/{id}", **_RECEIPT.route())
async def read_batch(caller: ReceiptReader, asked: Annotated[Asked, Depends(Asking(SHOWN))], reply: Reply) -> Response:
    """One receipt."""
    asked.refuse()
    _, kept = await _kept(caller, reply)
    body = dump(kept.receipt)
    return reply.as_is(asked, lambda _: (short_hash(body), body), offered=("json",))


@router.get("/v1/ingest/batches/{id}/refused", **_REFUSED.route())
async def read_refused(
    caller: ReceiptReader, asked: Annotated[Asked, Depends(Asking(SHOWN))], reply: Reply
) -> Response:
    """The refused rows of one batch."""
    asked.refuse()
    batch_id, kept = await _kept(caller, reply)
    rows = await find_refused(reply.service.database, batch_id)

    def make(shape: Representation) -> tuple[str, AsyncGenerator[bytes]]:
        tag = short_hash(f"{shape.key} {rows.fingerprint}".encode())
        body = stream(shape.format, rows.table, shape.options(lambda _, code: code), beside=aside)
        return tag, body if shape.format.is_flat else _enveloped(body, _around(rows, kept))

    return reply.as_is(asked, make)


async def _kept(caller: Caller, reply: Replying) -> tuple[UUID, Kept]:
    """The batch of the path, where the caller may see it.

    Errors  NotFound, for the batch of another as well
    """
    shown = reply.request.path_params["id"]
    try:
        batch_id = UUID(shown)
    except ValueError:
        raise NotFound(f"There is no batch {shown[:40]}.") from None
    async with reply.service.database.snapshot() as connection:
        kept = await get_batch(connection, batch_id)
    if kept is None or not (kept.author == caller.key_id or any(map(caller.may, _ALL_SCOPES))):
        raise NotFound(f"There is no batch {batch_id}, or it is another's: a key with the scope curate sees all.")
    return batch_id, kept


def _around(rows: RefusedRows, kept: Kept) -> dict[str, Any]:
    """What a list has beside its results."""
    refused = kept.receipt["counts"]["refused"]
    total = rows.table.total or 0
    detail = f"{refused} rows were refused; the first {total} were kept."
    return {
        "paging": {"limit": None, "has_more": False, "next": None, "total": total},
        "warnings": [{"code": "refused_rows_cut", "detail": detail}] if total < refused else [],
    }


async def _enveloped(results: AsyncGenerator[bytes], around: dict[str, Any]) -> AsyncGenerator[bytes]:
    yield b'{"results":'
    async for piece in results:
        yield piece
    yield b"," + dump(around)[1:]
