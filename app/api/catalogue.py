"""Catalogue: all that may be asked under statistics, so that a client can build its form from it alone."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response

from app.api import behind, compare, schemas, skill, statistics
from app.api.asking import Asking
from app.api.caching import short_hash
from app.api.caller import StatisticsReader
from app.api.common import LANGUAGE, STATE
from app.api.describe import Operation
from app.api.kinds import TRUTH
from app.api.negotiation import Representation
from app.api.parameters import Asked, ParameterSet, Role
from app.api.reply import Answer, Reading, Reply
from app.errors import NoRevisionYet
from app.formats import dump
from app.statistics import catalogue
from app.statistics.breaks import find_method_breaks

router = APIRouter()

PATHS: Mapping[str, ParameterSet] = {
    "/v1/statistics": statistics.QUESTION,
    "/v1/statistics/weekly": statistics.QUESTION,
    "/v1/statistics/sentences": statistics.QUESTION,
    "/v1/statistics/records": behind.LIST,
    "/v1/statistics/nowcast-skill": skill.SKILL,
    "/v1/compare": compare.COMPARISON,
}
"""Where questions are asked, and what each path takes."""
CATALOGUE = ParameterSet((*STATE, LANGUAGE))
_CATALOGUE = Operation(
    id="read_catalogue",
    tag="Statistics",
    summary="What may be asked",
    description=(
        "All that a form for questions needs: measures with unit, event, definition and what they add up over;"
        " dimensions with their codes as of the state asked for; grains, transforms, limits; every parameter with its"
        " schema and the paths that take it; and the breaks across which comparisons are marked."
        " Before the first revision, without the codes of courts and offences."
    ),
    result=schemas.Catalogue,
    scopes=("statistics",),
    parameters=CATALOGUE,
    formats=("json",),
    problems=(404,),
)


@router.get("/v1/statistics/catalogue", **_CATALOGUE.route())
async def read_catalogue(
    _: StatisticsReader, asked: Annotated[Asked, Depends(Asking(CATALOGUE))], reply: Reply
) -> Response:
    """Tell what may be asked."""

    limits: dict[str, Any] = {"cells_limit": reply.service.settings.cells_limit, "rounding": reply.rounding}

    async def find(reading: Reading) -> Answer:
        breaks = await find_method_breaks(reading.connection, 0, reading.state.revision)
        told = _with_paths(catalogue(reading.shape.lang, reading.codes, method_breaks=breaks, **limits))
        return Answer(dump({**told, "meta": reply.meta(reading.state, asked.canonical({Role.STATE}))}))

    def write(shape: Representation) -> tuple[str, bytes]:
        body = dump(_with_paths(catalogue(shape.lang, **limits)))
        return short_hash(body), body

    try:
        return await reply.from_record(asked, find, may_pin=True, offered=("json",))
    except NoRevisionYet:
        if asked.canonical({Role.STATE}):
            raise
        return reply.as_is(asked, write, offered=("json",))


def _with_paths(told: dict[str, Any]) -> dict[str, Any]:
    """The catalogue with every parameter of every path: what it may be, and which paths take it in that sense."""
    of_question = {entry["id"]: entry for entry in told["parameters"]}
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path, taken in PATHS.items():
        for spec, described in zip(taken.specs.values(), taken.openapi(), strict=True):
            plain = {
                "id": spec.name,
                "is_list": spec.is_list,
                "caption": spec.parameter.caption,
                "dimension": None,
                "codes": list(spec.parameter.codes) or (["true", "false"] if spec.kind is TRUTH else None),
            }
            own = {**plain, **of_question.get(spec.name, {})}
            entry = found.setdefault((spec.name, own["caption"]), own | {"schema": described["schema"], "paths": []})
            entry["paths"].append(path)
    return {**told, "parameters": list(found.values())}
