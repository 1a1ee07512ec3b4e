"""Cases: the records themselves, as a list and one by one."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from app.api import examples, schemas
from app.api.asking import Asking
from app.api.caching import short_hash
from app.api.caller import RecordsReader
from app.api.common import SHOWN_AS, STATE, coded, day, looked_up, paging
from app.api.describe import Operation
from app.api.kinds import TEXT, TRUTH, Kind
from app.api.lists import Resource, reply_with_list, table_of
from app.api.lookups import label_of, lookups_of
from app.api.negotiation import Representation
from app.api.parameters import Asked, Parameter, ParameterSet
from app.api.reply import Reply, Replying, open_state
from app.errors import NotFound
from app.formats import dump, render
from app.ingest.layouts.numbers import normalise_uid, parse_case_number
from app.records.cases import CASES, count_cases, find_cases, get_case, get_survivor
from app.records.export import copies_of_cases, write_cases
from app.records.flat import CASE_COLUMNS, flatten_case
from app.records.ids import read_id, show_id
from app.statistics import Codes

router = APIRouter()

RESOURCE = Resource(
    name="cases",
    listing=CASES,
    default_order="-received_on",
    fields=tuple(schemas.CaseInList.model_fields),
    columns=CASE_COLUMNS,
    flatten=flatten_case,
    find=find_cases,
    count=count_cases,
    copies=copies_of_cases,
    write=write_cases,
)


def _read_number(text: str) -> str:
    number = parse_case_number(text)
    if number is None or number.previous:
        raise ValueError("write one case number, such as 1-45/2023")
    return number.key


def _read_uid(text: str) -> str:
    uid = normalise_uid(text)
    if uid is None:
        raise ValueError("write a UID, such as 61GV0012-01-2023-000123-60")
    return uid


_OF_ONE_PERSON = " Filters on persons and charges hold together for one and the same person."
LIST = ParameterSet(
    (
        looked_up("court", "court", "Code of the court.", "61GV0012"),
        coded("court_level", "court_level"),
        looked_up("region", "region", "Region in which the court sits.", "20"),
        looked_up("district", "district", "Code of the next court above.", "61OV0000"),
        coded("instance", "instance"),
        Parameter(
            "number",
            Kind(_read_number, TEXT.schema),
            "Number of the case, a current or an earlier one, however it is spelt.",
            is_list=True,
            example="1-45/2023",
        ),
        Parameter(
            "uid",
            Kind(_read_uid, TEXT.schema),
            "Unique identifier (УИД), which a case keeps from court to court.",
            is_list=True,
            operators=("ne", "isnull"),
            example="61GV0012-01-2023-000123-60",
        ),
        Parameter("card_guid", TEXT, "GUID of the court's card.", is_list=True),
        day("received_on", "Day on which the court received the case."),
        coded("arrival", "arrival"),
        day("decided_on", "Day on which the court closed the case."),
        coded("disposition", "case_disposition"),
        day("in_force_on", "Day on which the decision came into force."),
        Parameter("is_withdrawn", TRUTH, "Whether curators have withdrawn the case.", is_list=True, default=False),
        Parameter("is_merged", TRUTH, "Whether it is the duplicate of another.", is_list=True, default=False),
        Parameter(
            "offence",
            TEXT,
            "Any charge: an article with all its parts (337), or one part (337:5)." + _OF_ONE_PERSON,
            is_list=True,
            operators=("ne",),
            lookup="charge",
            example="337:5",
        ),
        coded("service_status", "service_status"),
        coded("person_disposition", "person_disposition"),
        coded("sentence_class", "sentence_class"),
        coded("sentence_kind", "sentence_kind"),
        coded("sentence_execution", "sentence_execution"),
        *STATE,
        *paging(tuple(CASES.columns), RESOURCE.default_order, RESOURCE.all_fields),
        *SHOWN_AS,
    )
)
ONE = ParameterSet((*STATE, *SHOWN_AS))

_LIST = Operation(
    id="list_cases",
    tag="Cases",
    summary="Cases, latest first",
    description="Records with identifiers, defendants, charges, sentences, layers and sources. Withdrawn and merged"
    " cases are left out unless they are asked for (`is_withdrawn=true,false`). JSON and NDJSON nest one"
    " case each; CSV and Parquet have one row for each charge. All but JSON stream the whole list without `limit`"
    " (more than 1,000 cases need the scope `export`), and CSV and NDJSON go back in through layout `house`. Terms are"
    " in months, fines in roubles.",
    result=schemas.CaseList,
    example=examples.CASE_LIST,
    scopes=("records",),
    parameters=LIST,
    problems=(404,),
)
_ONE = Operation(
    id="get_case",
    tag="Cases",
    summary="One case",
    description="One record as of the state asked for, with the other cases of its UID: where a prosecution went from"
    " court to court, and up. Its ETag begins with the version. A case that had been merged"
    " into another by then answers 308 with the other's address.",
    result=schemas.Case,
    example=examples.CASE,
    scopes=("records",),
    parameters=ONE,
    path_parameters={"id": ("Id of the case.", examples.CASE["id"])},
    problems=(404,),
    moves=True,
)


@router.get("/v1/cases", **_LIST.route())
async def list_cases(caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(LIST))], reply: Reply) -> Response:
    """A page of cases, or all."""
    return await reply_with_list(RESOURCE, asked, caller, reply)


@router.get("/v1/cases/{id}", **_ONE.route())
async def read_case(caller: RecordsReader, asked: Annotated[Asked, Depends(Asking(ONE))], reply: Reply) -> Response:
    """One case; its tag is of its own version, so that other cases' revisions leave it alone."""
    shown_id = reply.request.path_params["id"]
    case_id = read_id(shown_id)
    async with reply.service.database.snapshot() as connection:
        state = await open_state(connection, asked)
        codes = await reply.service.codes.at(connection, state)
        asked.refuse(asked.unknown_codes(lookups_of(codes)))
        case = await get_case(connection, case_id, state) if case_id else None
        survivor = await get_survivor(connection, case_id, state) if case_id and case and case["merged_into"] else None
    if case is None:
        raise NotFound(f"There is no case {shown_id[:40]} in revision {state.revision}.")
    if survivor:
        return moved(reply, shown_id, survivor)
    return reply.as_is(asked, partial(_write, case, codes))


async def find_moved(asked: Asked, reply: Replying) -> Response | None:
    """Where a resource of a case that had been merged by then is found: the same resource of its survivor."""
    shown_id = reply.request.path_params["id"]
    case_id = read_id(shown_id)
    if case_id is None or asked.faults:
        return None  # somebody else says what is wrong
    async with reply.service.database.snapshot() as connection:
        survivor = await get_survivor(connection, case_id, await open_state(connection, asked))
    return moved(reply, shown_id, survivor) if survivor else None


def moved(reply: Replying, shown_id: str, survivor: UUID) -> Response:
    """Send a caller from a merged case to its survivor, with the rest of the address as it was."""
    path = reply.path.replace(shown_id, show_id(survivor), 1)
    query = reply.request.scope["query_string"].decode()
    return Response(status_code=308, headers={"Location": f"{path}?{query}" if query else path})


def write_case(case: Mapping[str, Any], shape: Representation) -> tuple[str, dict[str, Any]]:
    """A case as JSON shows it, and its tag: the part before the hyphen is what If-Match is held to."""
    tag = f"{case['version']}-{short_hash(shape.key.encode() + dump(case))}"
    return tag, {"id": case["id"], "etag": f'"{tag}"', **case}


def _write(case: Mapping[str, Any], codes: Codes, shape: Representation) -> tuple[str, bytes]:
    if shape.format.is_flat:
        body = render(shape.format, table_of(RESOURCE, [case], shape), shape.options(label_of(codes, shape.lang)))
        return f"{case['version']}-{short_hash(body)}", body
    tag, shown = write_case(case, shape)
    return tag, dump(shown)
