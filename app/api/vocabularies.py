"""Vocabularies: every code list with labels and definitions."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import schemas
from app.api.asking import Asking
from app.api.caching import short_hash
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS
from app.api.describe import Operation
from app.api.negotiation import Representation
from app.api.parameters import Asked, ParameterSet
from app.api.reply import Reply, envelope
from app.formats import render
from app.reference import OFFENCE_GROUPS
from app.table import Column, Table
from app.vocabulary import CODELISTS, Code, Codelist

router = APIRouter()
ALL = ParameterSet(SHOWN_AS)

_ALL = Operation(
    id="list_vocabularies",
    tag="Reference",
    summary="Code lists",
    description="Every closed list of codes, with English and Russian labels and definitions. Lists of courts and"
    " offences have paths of their own.",
    result=schemas.VocabularyList,
    scopes=("statistics",),
    parameters=ALL,
)
_COLUMNS = (
    Column("codelist"),
    Column("code"),
    Column("label_en"),
    Column("label_ru"),
    Column("definition"),
)
# The groups are defined with the offences that they group.
_OWN_CODES: dict[str, tuple[Code, ...]] = {"offence_group": OFFENCE_GROUPS}


@router.get("/v1/vocabularies", **_ALL.route())
async def list_vocabularies(
    _: StatisticsReader, asked: Annotated[Asked, Depends(Asking(ALL))], reply: Reply
) -> Response:
    """All code lists; they come with the release, whatever the record holds."""
    settings = reply.service.settings
    meta = {
        "release": reply.service.release,
        "licence": settings.licence,
        "attribution": settings.attribution,
    }

    def write(shape: Representation) -> tuple[str, bytes]:
        body = (
            render(shape.format, _table(), shape.options(lambda _, code: code)) if shape.format.is_flat else _body(meta)
        )
        return short_hash(shape.key.encode() + body), body

    return reply.as_is(asked, write)


def _codes(codelist: Codelist) -> tuple[Code, ...]:
    return codelist.codes or _OWN_CODES[codelist.id]


def _body(meta: dict[str, str]) -> bytes:
    results = [
        {
            "id": codelist.id,
            "label_en": codelist.en,
            "label_ru": codelist.ru,
            "codes": [
                {"id": code.id, "label_en": code.en, "label_ru": code.ru, "definition": code.definition}
                for code in _codes(codelist)
            ],
        }
        for codelist in CODELISTS.values()
    ]
    paging = {"limit": None, "has_more": False, "next": None, "total": len(results)}
    return envelope(results, paging=paging, meta=meta, warnings=[])


def _table() -> Table:
    rows = [
        (codelist.id, code.id, code.en, code.ru, code.definition)
        for codelist in CODELISTS.values()
        for code in _codes(codelist)
    ]
    return Table(_COLUMNS, rows, total=len(rows))
