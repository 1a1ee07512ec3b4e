"""Tables of the record: what is held of courts, cases, statements and versions, and the revisions that made it.

Large tables (cases to charges) have the court first in every key, no triggers, no foreign keys to small ones, and
rows that are never changed but for `superseded_in`: so they can be distributed by court as they are.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Column, Index, LargeBinary, SmallInteger, Text, text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlmodel import Field, SQLModel

LIVE = text("superseded_in IS NULL")


def _text(*, key: bool = False, null: bool = False) -> Any:
    return Field(sa_column=Column(Text, primary_key=key, nullable=null))


def _instant(*, null: bool = False) -> Any:
    return Field(sa_column=Column(TIMESTAMP(timezone=True), nullable=null))


class ReferenceSet(SQLModel, table=True):
    """One numbered load of the courts and offences shipped with the service."""

    __tablename__ = "reference_sets"
    reference: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    content_hash: str = _text()
    loaded_at: datetime = _instant()


class Court(SQLModel, table=True):
    """One court in one reference set."""

    __tablename__ = "courts"
    reference: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    code: str = _text(key=True)
    name_ru: str = _text()
    name_en: str = _text()
    level: str = _text()
    is_fleet: bool
    region: str = _text()
    region_name_ru: str = _text()
    region_name_en: str = _text()
    region_iso: str | None = _text(null=True)
    next_court: str | None = _text(null=True)
    district: str | None = _text(null=True)  # the district court whose area it is in; its own code for one
    subdomain: str | None = _text(null=True)
    source: str = _text()
    is_verified: bool
    note: str = _text()


class Offence(SQLModel, table=True):
    """One article or part in one reference set."""

    __tablename__ = "offences"
    reference: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    code: str = _text(key=True)
    article: str = _text()
    part: str | None = _text(null=True)
    chapter: str = _text()
    title_ru: str | None = _text(null=True)
    title_en: str = _text()
    offence_group: str = _text()
    is_wartime: bool
    min_months: int | None
    max_months: int | None
    other_penalties: str | None = _text(null=True)
    in_force_from: date | None
    in_force_to: date | None
    basis: str = _text()
    confidence: str = _text()


class Source(SQLModel, table=True):
    """A publisher of records, as named by `source=`."""

    __tablename__ = "sources"
    name: str = _text(key=True)
    first_revision: int
    is_synthetic: bool


class Batch(SQLModel, table=True):
    """One ingest or one act of a curator, and its receipt, whether or not it changed anything.

    `undoes` is the batch that this one takes back; `undone_in` the revision that took this one back, while that holds.
    """

    __tablename__ = "batches"
    batch_id: UUID = Field(primary_key=True)
    revision: int | None
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    author: str = _text()
    seen_on: date
    created_at: datetime = _instant()
    receipt: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    undoes: UUID | None
    undone_in: int | None


class RefusedRow(SQLModel, table=True):
    """One row of a batch that could not be taken: where it stood and why; never a name or the row's text."""

    __tablename__ = "refused_rows"
    batch_id: UUID = Field(primary_key=True)
    position: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    place: str = _text()
    code: str = _text()
    detail: str = _text()
    identifiers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))


class IdempotentAnswer(SQLModel, table=True):
    """What a request with an idempotency key was answered; no part of the record, and kept for some days only."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (Index("idempotent_answers_by_age", "created_at"),)  # which are too old?
    key_id: str = _text(key=True)
    idempotency_key: str = _text(key=True)
    fingerprint: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    batch_id: UUID
    status: int = Field(sa_column=Column(SmallInteger, nullable=False))
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = _instant()


class Revision(SQLModel, table=True):
    """A numbered, accepted change of the record. `rows_written` is checked before it is published.

    `cases` and `flat_rows` are how many cases the whole list has as of it, neither withdrawn nor merged, and how many
    rows where charges are rows.
    """

    __tablename__ = "revisions"
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    batch_id: UUID | None
    recorded_at: datetime = _instant()
    published_at: datetime = _instant()
    cause: str = _text()
    source: str = _text()
    layer: str | None = _text(null=True)
    layout: str | None = _text(null=True)
    author: str = _text()
    note: str | None = _text(null=True)
    seen_on: date | None
    is_synthetic: bool
    is_backdated: bool
    counts: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    rows_written: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    reference: int = Field(sa_column=Column(SmallInteger, nullable=False))
    definition: int = Field(sa_column=Column(SmallInteger, nullable=False))
    cases: int
    flat_rows: int


class Published(SQLModel, table=True):
    """The one-row pointer to the last revision that readers may see; 0 before the first."""

    __tablename__ = "published"
    one: bool = Field(sa_column=Column(Boolean, primary_key=True, server_default=text("true")))
    revision: int


class CoverageWindow(SQLModel, table=True):
    """Days of events that a source is known to have looked at in a court, both ends included.

    `promised` is how many rows the site itself spoke of, `received` how many came; of a look that is not whole nothing
    is concluded.
    """

    __tablename__ = "coverage_windows"
    court: str = _text(key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    starts_on: date = Field(primary_key=True)
    ends_on: date
    source: str = _text()
    superseded_in: int | None
    promised: int | None
    received: int | None
    is_whole: bool = Field(sa_column=Column(Boolean, nullable=False, server_default=text("true")))
    seen_on: date | None


class Removal(SQLModel, table=True):
    """A keyed digest of an identifier that was cleared, so that it does not come back; a UID's is of every court, `*`.

    The row without a court tells whether the key is the right one.
    """

    __tablename__ = "removals"
    court: str = _text(key=True)
    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    revision: int


class UidLink(SQLModel, table=True):
    """What removed cases have in the place of a UID that other cases still have: they stay kin."""

    __tablename__ = "uid_links"
    uid: str = _text(key=True)
    stand_in: str = _text()


class Case(SQLModel, table=True):
    """One matter before one court at one instance: its lasting id."""

    __tablename__ = "cases"
    __table_args__ = (Index("cases_by_id", "case_id"),)  # which court has this id?
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    instance: str = _text()
    revision: int


class Identifier(SQLModel, table=True):
    """A key by which rows find their case, of kind `guid` or `number`, with the revision that taught it."""

    __tablename__ = "identifiers"
    __table_args__ = (
        # whose is this number or card?
        Index(
            "identifiers_key",
            "court",
            "instance",
            "kind",
            "key",
            unique=True,
            postgresql_where=LIVE,
        ),
        Index("identifiers_by_key", "key", "court"),  # which cases, in all courts, were ever known by this key?
    )
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    kind: str = _text(key=True)
    key: str = _text(key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    superseded_in: int | None
    instance: str = _text()
    value: str = _text()


class Statement(SQLModel, table=True):
    """What one layer last said of a case: accumulated fields in `body`, the row as delivered in `row_hash`.

    `restored_from` is the revision whose word an undo brought back; null where it is this revision's own.
    """

    __tablename__ = "statements"
    __table_args__ = (
        # which of these cases has the newsroom denied something of?
        Index(
            "statements_denying",
            "court",
            "case_id",
            postgresql_where=text("layer = 'newsroom' AND (body ? 'deny' OR body @? '$.defendants[*].deny')"),
        ),
    )
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    layer: str = _text(key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    superseded_in: int | None
    seen_on: date
    row_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    body: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    restored_from: int | None


class Sighting(SQLModel, table=True):
    """When a layer's statement, known by its `row_hash`, was last seen again unchanged.

    It tells old rows from new ones and nothing else; no number comes from it, so it is no part of a revision.
    """

    __tablename__ = "sightings"
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    layer: str = _text(key=True)
    row_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    seen_on: date


class Version(SQLModel, table=True):
    """The effective state of a case from one revision on: a pure function of its live statements.

    `persons` is what its rows of `defendants` and `charges` say, as it is shown (`persons.py`); `flat_rows` how many
    rows it has where charges are rows (`flat.py`).
    """

    __tablename__ = "versions"
    __table_args__ = (
        Index("versions_by_receipt", "received_on", "case_id"),  # a page of cases, latest first
        Index("versions_by_revision", "revision", "case_id"),  # a page of the feed
        # where do the layers disagree?
        Index("versions_in_conflict", "case_id", postgresql_where=text("conflicts <> '[]'::jsonb")),
        # which cases, in all courts, share this UID?
        Index("versions_by_uid", "uid", postgresql_where=text("uid IS NOT NULL")),
    )
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    superseded_in: int | None
    version: int
    instance: str = _text()
    number: str | None = _text(null=True)
    uid: str | None = _text(null=True)
    received_on: date | None
    arrival: str = _text()
    decided_on: date | None
    disposition: str = _text()
    in_force_on: date | None
    offence_received: str = _text()
    offence_decided: str = _text()
    is_withdrawn: bool
    merged_into: UUID | None
    layers: dict[str, Any] = Field(sa_column=Column(JSONB, nullable=False))
    conflicts: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    sources: list[Any] = Field(sa_column=Column(JSONB, nullable=False))
    content_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    persons: str = _text()
    flat_rows: int = Field(sa_column=Column(SmallInteger, nullable=False))


class PossibleDuplicate(SQLModel, table=True):
    """Two cases that may be one, why, and the revision that found it. `case_id` is the lesser of the two ids."""

    __tablename__ = "possible_duplicates"
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    other_id: UUID = Field(primary_key=True)
    reason: str = _text(key=True)
    revision: int


class ConflictResolution(SQLModel, table=True):
    """The word of a curator that a conflict is settled though it stands: `tag` tells it from others of its case.

    A conflict whose two values move is another one, and open again.
    """

    __tablename__ = "conflict_resolutions"
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    tag: str = _text(key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    superseded_in: int | None
    resolution: str = _text()


class Defendant(SQLModel, table=True):
    """One person of one version, with the main sentence. `defendant` is the stable number within the case."""

    __tablename__ = "defendants"
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    defendant: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    ordinal: int = Field(sa_column=Column(SmallInteger, nullable=False))
    service_status: str = _text()
    disposition: str = _text()
    is_presumed: bool
    decided_on: date | None
    offence_received: str = _text()
    offence_decided: str = _text()
    sentence_class: str = _text()
    sentence_kind: str = _text()
    sentence_execution: str = _text()
    term_months: int | None
    probation_months: int | None
    fine_rub: int | None = Field(sa_column=Column(BigInteger))
    regime: str | None = _text(null=True)
    sentence_source: str | None = _text(null=True)


class Charge(SQLModel, table=True):
    """One offence alleged against one defendant of one version."""

    __tablename__ = "charges"
    court: str = _text(key=True)
    case_id: UUID = Field(primary_key=True)
    revision: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    defendant: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    position: int = Field(sa_column=Column(SmallInteger, primary_key=True, autoincrement=False))
    offence: str = _text()
    role: str = _text()
    stage: str = _text()
    episodes: int = Field(sa_column=Column(SmallInteger, nullable=False))
    is_principal: bool
