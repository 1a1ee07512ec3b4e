"""Statistics: any question about the record, and two with a path of their own."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.answers import Kept, Key, Said
from app.api.asking import Asking
from app.api.caller import StatisticsReader
from app.api.common import SHOWN_AS, STATE
from app.api.describe import Operation
from app.api.kinds import TEXT, TRUTH, WHOLE
from app.api.manner import Manner
from app.api.negotiation import Representation
from app.api.parameters import Asked, Parameter, ParameterSet, Role
from app.api.reply import Answer, Find, Reading, Reply, Replying, envelope, tell_at_once
from app.db.turns import aside
from app.errors import Fault, InvalidParameters
from app.formats import objects, render
from app.statistics import Answer as Answered
from app.statistics import Codes, Question, find_answer, parameters, read_question
from app.statistics.beside import LAG_WEEKS_LIMIT, Beside, Vintage
from app.statistics.dimensions import DIMENSIONS, GRAINS
from app.statistics.measures import MEASURES
from app.statistics.outlook import with_outlook
from app.statistics.vintages import find_all, find_first
from app.vocabulary import CODELISTS

router = APIRouter()

_KEEPS_ORDER = ("measures", "group_by")
_CODES: Mapping[str, tuple[str, ...]] = {
    "measures": tuple(MEASURES),
    "group_by": (*DIMENSIONS, *GRAINS),
}
_EXAMPLES = {
    "measures": "persons_convicted",
    "group_by": "service_status",
    "offence": "337",
    "court": "61GV0012",
    "start_period": "2023-01",
    "end_period": "2023-W23",
    "last_n": "12",
    "transform": "yoy",
    "bounds": "true",
}


def _question_parameters() -> Iterable[Parameter]:
    for entry in parameters():
        name, is_not = entry.id.removesuffix("__ne"), entry.id.endswith("__ne")
        kind = WHOLE if entry.id == "last_n" else TEXT
        if not is_not:
            yield Parameter(
                name,
                kind,
                entry.caption,
                is_list=entry.is_list,
                keeps_order=name in _KEEPS_ORDER,
                operators=("ne",) if entry.dimension else (),
                shown_codes=entry.codes or _shown_codes(name),
                example=_EXAMPLES.get(name),
            )


def _shown_codes(name: str) -> tuple[str, ...]:
    if name in _CODES:
        return _CODES[name]
    known = CODELISTS.get(DIMENSIONS[name].codelist or "") if name in DIMENSIONS else None
    return known.ids if known else ()


ASKED = tuple(_question_parameters())
COUNTED = tuple(entry for entry in ASKED if entry.name not in {one.id for one in parameters() if one.is_view})
WHOLE_LIMIT = Parameter(
    "limit",
    WHOLE,
    "Statistics are never paged: a limit below the number of rows is refused, any other has no effect.",
    Role.PAGE,
)
BESIDE = (
    Parameter(
        "vintage",
        TEXT,
        "Of which state each cell is: `latest`; `first`, the first revision published after its period had ended;"
        " `all`, every figure that it has had, with `valid_from` and `valid_to`.",
        Role.BESIDE,
        codes=tuple(Vintage),
        default=Vintage.LATEST.value,
    ),
    Parameter(
        "lag",
        WHOLE,
        "With vintage=first: weeks after the end of each period that the first revision is looked for from.",
        Role.BESIDE,
        highest=LAG_WEEKS_LIMIT,
        example="4",
    ),
    Parameter(
        "nowcast",
        TRUTH,
        "Beside each count, the figure that it is expected to reach, with 50 and 80 % intervals (`_expected`, `_low50`,"
        " `_high50`, `_low80`, `_high80`).",
        Role.BESIDE,
        default=False,
    ),
    Parameter(
        "signal",
        TRUTH,
        "Beside each weekly count, whether it is outside what the weeks before lead to expect (`_signal`).",
        Role.BESIDE,
        default=False,
    ),
)
QUESTION = ParameterSet((*ASKED, *BESIDE, WHOLE_LIMIT, *STATE, *SHOWN_AS))

_WHOLE = (
    " All cells come at once, or none: too many are a 422. Missing is null. Weeks are ISO 8601, and empty periods"
    " inside the window are there with 0. Each measure states its unit; shares lie in 0…1, with the bounds of a"
    " 95 % Wilson interval (`_low`, `_high`) and their denominator (`_n`). Rows by charge overlap where any charge"
    " counts; their distinct total stands beside each (`_distinct`), with a warning."
)


@dataclass(frozen=True, slots=True)
class _Path:
    """A path under which questions are asked."""

    operation: Operation
    preset: str | None


def _path(id_: str, summary: str, description: str, preset: str | None) -> _Path:
    operation = Operation(
        id=id_,
        tag="Statistics",
        summary=summary,
        description=description + _WHOLE,
        result=schemas.StatisticsAnswer,
        example=examples.STATISTICS,
        scopes=("statistics",),
        parameters=QUESTION,
        problems=(404,),
    )
    return _Path(operation, preset)


_ANY = _path(
    "read_statistics",
    "Any question",
    "Measures by dimensions and time, under filters. Without measures: cases_received, persons_convicted.",
    None,
)
_WEEKLY = _path("read_weekly_statistics", "By ISO week", "Any question, grouped by ISO week.", "weekly")
_SENTENCES = _path(
    "read_sentence_statistics",
    "By class of sentence",
    "Convicted persons by class of sentence: counts, shares with interval and denominator, coverage.",
    "sentences",
)
AskedQuestion = Annotated[Asked, Depends(Asking(QUESTION))]


@router.get("/v1/statistics", **_ANY.operation.route())
async def read_statistics(_: StatisticsReader, asked: AskedQuestion, reply: Reply) -> Response:
    """Answer one question about the record, by dimension and period."""
    return await _reply(asked, reply, _ANY.preset)


@router.get("/v1/statistics/weekly", **_WEEKLY.operation.route())
async def read_weekly(_: StatisticsReader, asked: AskedQuestion, reply: Reply) -> Response:
    """Answer one question, week by week."""
    return await _reply(asked, reply, _WEEKLY.preset)


@router.get("/v1/statistics/sentences", **_SENTENCES.operation.route())
async def read_sentences(_: StatisticsReader, asked: AskedQuestion, reply: Reply) -> Response:
    """Answer how those convicted were sentenced."""
    return await _reply(asked, reply, _SENTENCES.preset)


async def _reply(asked: Asked, reply: Replying, preset: str | None) -> Response:
    read: dict[int, tuple[Codes, Question]] = {}  # by the identity of codes that are held meanwhile

    def question(codes: Codes) -> Question:
        if id(codes) not in read:
            read[id(codes)] = codes, question_of(asked, preset, codes)
        return read[id(codes)][1]

    def check(codes: Codes, shape: Representation) -> Iterable[Fault]:
        del shape
        return _faults_of(partial(question, codes), asked, is_rounded=reply.rounding > 1)

    def weigh(codes: Codes) -> int:
        return question(codes).most_cells(codes)

    finding = _finding(asked, reply.manner, question, reply.offer)
    return await reply.from_record(asked, finding, check=check, weigh=weigh, may_pin=True, is_fixed=True)


def faults_of(asked: Asked, preset: str | None, codes: Codes, *, is_rounded: bool = False) -> Iterable[Fault]:
    """All that is wrong with the question that a query asks."""
    return _faults_of(partial(question_of, asked, preset, codes), asked, is_rounded=is_rounded)


def _faults_of(question: Callable[[], Question], asked: Asked, *, is_rounded: bool) -> Iterable[Fault]:
    try:
        found = question()
    except InvalidParameters as problem:
        return problem.faults
    return tuple(beside_of(asked).faults(found, is_rounded=is_rounded))


def beside_of(asked: Asked) -> Beside:
    """What a query asks beside the counts."""
    return Beside(
        vintage=Vintage(asked.one("vintage", Vintage.LATEST)),
        lag_weeks=asked.one("lag"),
        has_nowcast=asked.one("nowcast", False),
        has_signal=asked.one("signal", False),
    )


def question_of(asked: Asked, preset: str | None, codes: Codes, *, measure: str | None = None) -> Question:
    """The question that a query asks; `measure` is asked where it names none.

    Errors  InvalidParameters
    """
    given = {one.spec.name: tuple(map(str, one.values)) for one in asked.of(Role.FILTER)}
    if measure:
        given.setdefault("measures", (measure,))
    return read_question(given, preset, codes)


Again = Callable[[Said], tuple[Key, Kept] | None]


def _finding(
    asked: Asked, manner: Manner, question_by: Callable[[Codes], Question], offer: Callable[[Again], None] | None = None
) -> Find:
    """What finds the answer to a query; `offer` is told how the same is found at once with another window."""

    async def find(reading: Reading) -> Answer:
        question = question_by(reading.codes)
        answer = await _find(reading, question, beside_of(asked), manner)
        rows = len(answer.table.rows)
        refuse_cut(asked, rows)
        if answer.is_at_hand and offer is not None:
            offer(_again(asked, question, manner, reading.shape, reading.state.revision))
        if reading.shape.format.is_flat:
            return Answer(await aside(rows, lambda: render(reading.shape.format, answer.table, reading.options)))
        state = asked.canonical({Role.STATE, Role.BESIDE})
        canonical = "&".join(filter(None, (answer.question, state)))

        def whole() -> bytes:
            return envelope(
                objects(answer.table),
                dimensions=answer.dimensions,
                measures=answer.measures,
                paging={"limit": None, "has_more": False, "next": None, "total": rows},
                meta=manner.meta(
                    reading.state,
                    canonical,
                    definition=reading.state.definition,
                    coverage=answer.coverage,
                    breaks=answer.breaks,
                ),
                warnings=answer.warnings,
            )

        return Answer(await aside(rows, whole))

    return find


def _again(asked: Asked, question: Question, manner: Manner, shape: Representation, revision: int) -> Again:
    """How a question that was answered as of a revision is answered at once with another window."""

    def again(said: Said) -> tuple[Key, Kept] | None:
        try:
            other = question.within(said)
        except ValueError:
            return None
        query = asked.saying(said)
        return tell_at_once(manner, query, _finding(query, manner, lambda _: other), shape, revision)

    return again


async def _find(reading: Reading, question: Question, beside: Beside, manner: Manner) -> Answered:
    rounding, service = manner.rounding, manner.service
    finds: Mapping[Vintage, Callable[..., Awaitable[Answered]]] = {
        Vintage.LATEST: partial(find_answer, days=service.days),
        Vintage.FIRST: partial(find_first, lag_weeks=beside.lag_weeks or 0),
        Vintage.ALL: find_all,
    }
    about = (reading.connection, reading.state, question, reading.codes)
    answer = await finds[beside.vintage](
        *about, cells_limit=service.settings.cells_limit, lang=reading.shape.lang, rounding=rounding
    )
    if beside.vintage is not Vintage.LATEST:
        return answer
    return await with_outlook(*about, answer, beside, is_rounded=rounding > 1, delays_at=service.delays)


def refuse_cut(asked: Asked, rows: int) -> None:
    """Refuse a limit that is smaller than an answer: InvalidParameters."""
    limit = asked.one("limit")
    if limit is not None and limit < rows:
        detail = f"The answer has {rows} rows and is never cut; leave limit out, or ask for less."
        raise InvalidParameters(detail, [Fault("too-small", detail, parameter="limit")])
