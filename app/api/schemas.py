"""Shapes of answers, for OpenAPI only: answers are written as they are read, without a pass through these."""

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.vocabulary import CODELISTS


def _code(codelist: str, description: str = "") -> Any:
    """A field that holds one code of a code list."""
    known = CODELISTS[codelist]
    return Field(description=description or f"{known.en}.", json_schema_extra={"enum": list(known.ids)})


def _described(description: str) -> Any:
    return Field(description=description)


class Shape(BaseModel):
    """The base of all shapes."""

    model_config = ConfigDict(defer_build=True, extra="forbid", populate_by_name=True)


class Identifier(Shape):
    """What a case is known by."""

    type: Literal["case_number", "uid", "card_guid"]
    value: str
    current: bool
    check_digits: Annotated[bool, _described("UID only: whether its check digits are right.")] = False


class Charge(Shape):
    """One offence alleged against one person."""

    offence: Annotated[str, _described("Article and part, as 337:5; the article alone where the part is unknown.")]
    role: Annotated[str, _code("charge_role")]
    stage: Annotated[str, _code("charge_stage")]
    episodes: int
    principal: Annotated[bool, _described("Marked as the principal one by a curator.")]


class Sentence(Shape):
    """The main penalty of one person."""

    class_: Annotated[str, _code("sentence_class")] = Field(alias="class")
    kind: Annotated[str, _code("sentence_kind")]
    execution: Annotated[str, _code("sentence_execution")]
    term_months: Annotated[int | None, _described("Unit: months.")]
    probation_months: Annotated[int | None, _described("Unit: months.")]
    fine_rub: Annotated[int | None, _described("Unit: roubles.")]
    regime: str | None
    source: str | None


class Defendant(Shape):
    """One person of a case; never a name."""

    id: Annotated[str, _described("Lasting within the case.")]
    ordinal: int
    service_status: Annotated[str, _code("service_status")]
    disposition: Annotated[str, _code("person_disposition")]
    is_presumed: Annotated[bool, _described("The conviction follows only from the case's verdict.")]
    decided_on: date | None
    principal_offence: str | None
    deny: Annotated[list[str], _described("Fields of which the newsroom says that the card is wrong.")]
    charges: list[Charge]
    sentence: Sentence


class Source(BaseModel):
    """Where something was seen."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    kind: str | None = None
    url: str | None = None
    seen_on: date | None = None


class CaseInList(Shape):
    """One case as a list shows it; with `fields=`, some of this."""

    id: str
    version: int
    revision: Annotated[int, _described("The revision that made this version.")]
    court: str
    instance: Annotated[str, _code("instance")]
    identifiers: list[Identifier]
    received_on: date | None
    arrival: Annotated[str, _code("arrival")]
    decided_on: date | None
    disposition: Annotated[str, _code("case_disposition")]
    in_force_on: date | None
    is_withdrawn: bool
    merged_into: Annotated[str | None, _described("Id of the case that this one is a duplicate of.")]
    deny: Annotated[list[str], _described("Fields of which the newsroom says that the card is wrong.")]
    defendants: list[Defendant]
    layers: Annotated[dict[str, str], _described("Which layer each field comes from.")]
    conflicts: Annotated[int, _described("How many fields the layers disagree on.")]
    sources: list[Source]


class RelatedCase(Shape):
    """Another case of the same prosecution."""

    id: str
    court: str
    instance: Annotated[str, _code("instance")]
    received_on: date | None
    arrival: Annotated[str, _code("arrival")]
    decided_on: date | None
    disposition: Annotated[str, _code("case_disposition")]


class Case(CaseInList):
    """One case."""

    related: Annotated[
        list[RelatedCase],
        _described("The other cases of its UID, in all courts and instances, by day of receipt; none withdrawn."),
    ]
    etag: Annotated[str, _described("As in the header of the plain JSON answer.")]


class CoverageWindow(Shape):
    """Days, both ends included, that a source is known to have looked at."""

    starts_on: date
    ends_on: date
    source: str
    promised: Annotated[int | None, _described("Rows of which the site itself spoke; null where it does not say.")]
    received: Annotated[int | None, _described("Rows that came.")]
    is_whole: Annotated[bool, _described("False where something is known to be missing: then nothing is concluded.")]
    seen_on: Annotated[date | None, _described("The day of the look.")]


_FIRST_RECORD = "First day on which it received or closed a case held here; null where counts are told rounded."


class Court(Shape):
    """One court."""

    code: str
    name_en: str
    name_ru: str
    level: Annotated[str, _code("court_level")]
    is_fleet: bool
    region: Annotated[str, _described("Where the court sits, in the numbering of the courts' portal.")]
    region_name_en: str
    region_name_ru: str
    region_iso: Annotated[str | None, _described("ISO 3166-2.")]
    district: Annotated[str | None, _described("Code of the next court above.")]
    subdomain: str | None
    first_record_on: Annotated[date | None, _described(_FIRST_RECORD)]
    last_record_on: Annotated[date | None, _described("Last such day.")]
    last_looked_on: Annotated[
        date | None,
        _described("Last day on which a source is known to have looked at it; null where nobody may have looked."),
    ]
    coverage: list[CoverageWindow]


class Offence(Shape):
    """One article or part of an article."""

    code: str
    article: str
    part: str | None
    title_en: str
    title_ru: str | None
    offence_group: str
    is_wartime: bool
    min_months: Annotated[int | None, _described("Least imprisonment. Unit: months.")]
    max_months: Annotated[int | None, _described("Most imprisonment. Unit: months.")]
    other_penalties: str | None
    in_force_from: date | None
    in_force_to: date | None
    basis: str
    confidence: str


class Revision(Shape):
    """One numbered change of the record."""

    revision: int
    published_at: datetime
    recorded_at: datetime
    cause: str
    source: str
    layer: str | None
    layout: str | None
    author: Annotated[str, _described("Id of the key that brought it in.")]
    synthetic: bool
    backdated: Annotated[bool, _described("Published at an instant other than when it was recorded.")]
    counts: dict[str, Any]


class Counts(Shape):
    """What became of the rows of a batch: the parts add up to `received`."""

    received: int
    created: Annotated[int, _described("New cases.")]
    changed: Annotated[int, _described("Cases of which the layer says something else now.")]
    unchanged: int
    stale: Annotated[int, _described("Seen before what the layer says already.")]
    superseded_in_file: Annotated[int, _described("Another row of the same case counts.")]
    suppressed: Annotated[int, _described("About a person whose data was removed.")]
    skipped: Annotated[int, _described("No case of ours; `skipped` says why.")]
    refused: Annotated[int, _described("Cannot be taken; `refused` says why.")]


class Refused(BaseModel):
    """A row that cannot be taken, with its identifiers as far as they could be read."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    pointer: Annotated[str, _described("Where it stands: line or place in the array, then the field.")]
    code: str
    detail: Annotated[str, _described("What would be right.")]


class RefusedRow(Shape):
    """A row that cannot be taken."""

    place: Annotated[str, _described("Where it stands: line or place in the array, then the field.")]
    code: str
    detail: Annotated[str, _described("What would be right.")]
    court: str | None
    number: str | None
    uid: str | None
    card_guid: str | None


class Moved(Shape):
    """One published number that the batch moved; all courts together."""

    measure: str
    period: Annotated[str, _described("ISO week.")]
    before: int
    after: int


class Receipt(Shape):
    """What became of a batch."""

    batch_id: str
    revision: Annotated[int | None, _described("Null where nothing changed; with validate_only, the next one.")]
    applied: Annotated[bool, _described("Whether the record changed.")]
    counts: Counts
    skipped: Annotated[dict[str, int], _described("Rows that are no case of ours, by reason.")]
    refused: Annotated[list[Refused], _described("The first 100; …/refused lists all.")]
    warnings: list[dict[str, Any]]
    possible_duplicates: Annotated[list[dict[str, Any]], _described("The first 100 pairs, never merged by themselves.")]
    defendants_changed: Annotated[
        list[dict[str, Any]],
        _described("The first 100 rows whose defendants could not be told apart from those held; of these none moved."),
    ]
    effect: Annotated[list[Moved], _described("By week and measure; the first 600.")]
    effect_total: Annotated[int, _described("How many numbers moved.")]


class CodeShape(Shape):
    """One code of a list."""

    id: str
    label_en: str
    label_ru: str
    definition: str


class CodelistShape(Shape):
    """One closed list of codes."""

    id: str
    label_en: str
    label_ru: str
    codes: list[CodeShape]


class Paging(Shape):
    """Where a page stands in its list."""

    limit: int | None
    has_more: bool
    next: Annotated[str | None, _described("Path of the next page.")]
    total: Annotated[int | None, _described("With include_total, or where all results are here.")]


class Licence(BaseModel):
    """Under which terms an answer may be used."""

    model_config = ConfigDict(defer_build=True, extra="forbid")
    release: str
    licence: str
    attribution: str


class Meta(Licence):
    """Of which state of the record an answer is."""

    revision: int
    as_of: Annotated[datetime, _described("An instant that gives this revision.")]
    published_at: datetime
    synthetic: Annotated[bool, _described("Demonstration data is in it.")]
    backdated: bool
    question: Annotated[str, _described("The canonical query string.")]
    cite: str


class Warned(BaseModel):
    """Something that a reader of the answer should know."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    code: str
    detail: str


class Listed(Shape):
    """What every list has around its results."""

    paging: Paging
    meta: Meta
    warnings: list[Warned]


class CourtAnswer(Court):
    """One court, and of which state it tells."""

    meta: Meta


class OffenceAnswer(Offence):
    """One article or part, and of which state it tells."""

    meta: Meta


class RevisionAnswer(Revision):
    """One revision, and of which state it tells."""

    meta: Meta


class CaseList(Listed):
    """A page of cases."""

    results: list[CaseInList]


class CourtList(Listed):
    """A page of courts."""

    results: list[Court]


class OffenceList(Listed):
    """A page of offences."""

    results: list[Offence]


class RevisionList(Listed):
    """A page of revisions."""

    results: list[Revision]


class RefusedRowList(Shape):
    """Every refused row of a batch."""

    results: list[RefusedRow]
    paging: Paging
    warnings: list[Warned]


class VocabularyList(Shape):
    """Every code list."""

    results: list[CodelistShape]
    paging: Paging
    meta: Licence
    warnings: list[Warned]


class Cell(BaseModel):
    """One row: the period with its start, end and whether the window cuts it; then dimensions; then measures."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    partial: bool | None = None
    status: Annotated[str | None, _described("With a grain: final, provisional, or not_over.")] = None
    completeness: Annotated[
        float | None, _described("Share of the eventual figure usually known at this age; null: it cannot be told.")
    ] = None
    vintage_revision: Annotated[int | None, _described("With vintage: the revision of which the figures are.")] = None
    vintage_published_at: datetime | None = None
    vintage_status: Annotated[str | None, _described("normal, or not_yet: no such revision so far.")] = None
    valid_from: Annotated[datetime | None, _described("With vintage=all: published from.")] = None
    valid_to: Annotated[datetime | None, _described("Published until; null: still.")] = None
    coverage: float | None = None
    coverage_of: str | None = None


class AskedDimension(BaseModel):
    """A dimension or grain of the answer."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    id: str


class AskedMeasure(Shape):
    """A measure of the answer."""

    id: str
    unit: Annotated[str, _described("What is counted: case, person or charge.")]
    event: str
    unit_of_value: Annotated[str, _described("In what it is given: case, person, charge, share, month or day.")]
    additive: Annotated[bool, _described("Whether it adds up over time and every dimension.")]
    additive_over: Annotated[list[str], _described("Grains and dimensions over which it adds up.")]
    definition: str
    definition_version: int


class Coverage(Shape):
    """First and last day of the record."""

    first: date | None
    last: date | None


class Break(Shape):
    """A change of the law within the days of the answer."""

    id: str
    kind: Literal["statute"]
    day: date
    caption: str
    period: Annotated[str | None, _described("The period of the grain in which it falls.")]


class StatisticsMeta(Meta):
    """Of which state of the record the numbers are."""

    definition: Annotated[int, _described("Number of the definition of what counts that was in force.")]
    coverage: Coverage
    breaks: list[Break]


class StatisticsAnswer(Shape):
    """Every cell of an answer; never paged, never cut."""

    results: list[Cell]
    dimensions: list[AskedDimension]
    measures: list[AskedMeasure]
    paging: Paging
    meta: StatisticsMeta
    warnings: list[Warned]


class SkillRow(Shape):
    """How nowcasts of one count at one age came out."""

    measure: str
    age_weeks: Annotated[str, _described("Whole weeks from the period's end to the nowcast.")]
    n: Annotated[int, _described("Nowcasts whose outcome is known.")]
    coverage_50: Annotated[float | None, _described("Share of outcomes within the 50 % interval.")]
    coverage_80: Annotated[float | None, _described("Share of outcomes within the 80 % interval.")]
    bias: Annotated[float | None, _described("Expected less outcome, over outcome.")]
    error: Annotated[float | None, _described("Distance of expected and outcome, over outcome.")]
    error_of_count: Annotated[float | None, _described("The same for the count as it stood.")]
    status: Literal["normal", "too_little_history"]


class SkillAnswer(Listed):
    """How nowcasts came out, by measure and age."""

    results: list[SkillRow]


class RecordBehind(Shape):
    """One case, person or charge that is counted."""

    case_id: Annotated[str, _described("Id of the case, as in /v1/cases/{id}.")]
    defendant_id: Annotated[str | None, _described("Id of the person within the case; null where cases are counted.")]
    court: str
    offence: Annotated[str, _described("The charge, or the offence by which the case or person is counted.")]
    day: Annotated[date | None, _described("Day of the event that is counted.")]


class RecordBehindList(Listed):
    """A page of the records behind a count."""

    results: list[RecordBehind]


class Compared(BaseModel):
    """One row: the period, then dimensions, then each measure as an object with `before`, `after` and `delta`.

    A count has `causes`, which add up to `delta`; a share has `numerator` and `denominator`, which are counts.
    """

    model_config = ConfigDict(defer_build=True, extra="allow")
    partial: bool | None = None


class ComparedState(Shape):
    """One of the two states."""

    revision: int
    as_of: datetime
    published_at: datetime
    backdated: bool


class ComparisonAnswer(Shape):
    """Every row of a comparison; never paged, never cut."""

    results: list[Compared]
    from_: ComparedState = Field(alias="from")
    to: ComparedState
    dimensions: list[AskedDimension]
    measures: list[AskedMeasure]
    paging: Paging
    meta: Meta
    warnings: list[Warned]


class Catalogue(BaseModel):
    """What may be asked."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    measures: list[dict[str, Any]]
    dimensions: list[dict[str, Any]]
    grains: list[dict[str, Any]]
    transforms: list[dict[str, Any]]
    parameters: list[dict[str, Any]]
    breaks: list[dict[str, Any]]
    limits: dict[str, Any]
    meta: Annotated[Meta | None, _described("Of which state the codes are; absent before the first revision.")] = None


class Health(Shape):
    """That the process runs, or that it can answer."""

    status: Literal["ok"]


class ProblemError(Shape):
    """One thing that is wrong, where, and what would be right."""

    parameter: str | None = None
    pointer: str | None = None
    code: str
    detail: str
    did_you_mean: list[str] = []


class Problem(BaseModel):
    """A failure (RFC 9457)."""

    model_config = ConfigDict(defer_build=True, extra="allow")
    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[ProblemError]
