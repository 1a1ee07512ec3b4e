"""Nowcast skill: how nowcasts of the past came out."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS, STATE
from app.api.describe import Operation
from app.api.negotiation import Representation
from app.api.parameters import Asked, ParameterSet, Role
from app.api.reply import Answer, Reading, Reply, envelope
from app.api.statistics import ASKED, question_of
from app.errors import Fault, InvalidParameters
from app.formats import objects, render
from app.statistics import Codes
from app.statistics.skill import faults_in, find_skill, nowcasts

router = APIRouter()

_NOT_HERE = ("start_period", "end_period", "last_n", "transform", "bounds")
SKILL = ParameterSet((*(entry for entry in ASKED if entry.name not in _NOT_HERE), *STATE, *SHOWN_AS))
_SKILL = Operation(
    id="read_nowcast_skill",
    tag="Statistics",
    summary="How nowcasts came out",
    description=(
        "Nowcasts are made again at past publications, each from what had been published by then, and compared with"
        " the figure 26 weeks after the period's end. Told by age of the period: n, how many outcomes lay within the"
        " 50 and the 80 % interval, bias and error as shares of the outcomes, and the error of the bare count beside."
        " Weeks, unless `group_by` gives another grain; filters as in any question."
    ),
    result=schemas.SkillAnswer,
    example=examples.SKILL,
    scopes=("statistics",),
    parameters=SKILL,
    problems=(404,),
)


@router.get("/v1/statistics/nowcast-skill", **_SKILL.route())
async def read_nowcast_skill(
    _: StatisticsReader, asked: Annotated[Asked, Depends(Asking(SKILL))], reply: Reply
) -> Response:
    """Tell how the nowcast would have done."""
    preset = None if asked.many("group_by") else "weekly"

    def check(codes: Codes, shape: Representation) -> Iterable[Fault]:
        del shape
        try:
            question = question_of(asked, preset, codes)
        except InvalidParameters as problem:
            return problem.faults
        if question.grain is None:
            return (
                Fault("needs-grain", "Nowcasts are of periods: group_by takes a grain here.", parameter="group_by"),
            )
        if reply.rounding > 1:
            detail = "The back-test is reckoned from exact counts, which are told to callers with a key."
            return (Fault("needs-key", detail, parameter="measures"),)
        return tuple(faults_in(question))

    def weigh(codes: Codes) -> int:
        return nowcasts(question_of(asked, preset, codes))

    async def find(reading: Reading) -> Answer:
        table = await find_skill(reading.connection, reading.state, question_of(asked, preset, reading.codes))
        if reading.shape.format.is_flat:
            return Answer(render(reading.shape.format, table, reading.options))
        body = envelope(
            objects(table),
            paging={"limit": None, "has_more": False, "next": None, "total": len(table.rows)},
            meta=reply.meta(reading.state, asked.canonical({Role.FILTER, Role.STATE})),
            warnings=[],
        )
        return Answer(body)

    return await reply.from_record(asked, find, check=check, weigh=weigh, may_pin=True)
