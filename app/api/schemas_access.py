"""Shapes of keys, of what a caller may do, and of the service's limits."""

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.api.schemas import Paging, Shape, Warned

Scope = Literal["statistics", "records", "export", "ingest", "curate", "admin"]
WindowId = Literal["minute", "day"]


class Given(BaseModel):
    """The base of what is taken in: a name that it does not have is refused."""

    model_config = ConfigDict(defer_build=True, extra="forbid", frozen=True)


class QuotaGiven(Given):
    """A quota of the key's own, and why it is given."""

    window: WindowId
    quota: Annotated[int, Field(strict=True, ge=1, le=1_000_000_000, description="Requests in the window.")]
    why: Annotated[str, Field(min_length=1, max_length=500)]


class KeyGiven(Given):
    """A key to be made."""

    owner: Annotated[str, Field(min_length=1, max_length=200, description="Whose key it is: a desk, a project.")]
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=6)]
    note: Annotated[str, Field(max_length=500)] = ""
    expires_at: Annotated[AwareDatetime | None, Field(description="Null: never.")] = None
    quotas: Annotated[list[QuotaGiven], Field(max_length=2)] = []


class RotationGiven(Given):
    """How long the secret before goes on working."""

    overlap_hours: Annotated[int, Field(strict=True, ge=0, le=24 * 90, description="Unit: hours. 0 ends it now.")] = 168


class KeyQuota(Shape):
    """A quota of a key's own: by whom, why, since when."""

    window: WindowId
    quota: int
    set_by: Annotated[str, Field(description="Id of a key, or `command line`.")]
    why: str
    set_at: datetime


class Key(Shape):
    """A key as the register tells of it; never its secret."""

    id: str
    owner: str
    scopes: list[Scope]
    note: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    last_used_at: Annotated[datetime | None, Field(description="Written at most once a minute.")]
    previous_until: Annotated[datetime | None, Field(description="Until then the secret before works too.")]
    quotas: list[KeyQuota]


class NewKey(Key):
    """A key with its secret, which is shown only here."""

    key: Annotated[str, Field(description="`sud_<id>_<secret>`: keep it; nobody can show it again.")]


class KeyList(Shape):
    """Every key, revoked ones too, in the order in which they were made."""

    results: list[Key]
    paging: Paging
    warnings: list[Warned]


class Limit(Shape):
    """What a caller has in one window."""

    window: WindowId
    window_s: Annotated[int, Field(description="Length of the window. Unit: seconds.")]
    quota: int
    remaining: int
    resets_at: datetime


class DayOfUse(Shape):
    """How often a key was used on one day (UTC)."""

    day: date
    requests: int
    refused: Annotated[int, Field(description="For a quota that was used up; not among `requests`.")]


class Me(Shape):
    """The caller: what it may do, what it has left, what it used."""

    key: Annotated[Key | None, Field(description="Null without a key.")]
    scopes: list[Scope]
    limits: Annotated[list[Limit], Field(description="Empty: no limit.")]
    usage: Annotated[list[DayOfUse] | None, Field(description="The last 14 days. Null without a key: nothing is kept.")]


class Quota(Shape):
    """Requests in a window; null: no limit."""

    minute: int | None
    day: int | None


class QuotasByCaller(Shape):
    """Quotas, unless a key has its own. A key with scope `admin` has none."""

    anonymous: Annotated[Quota, Field(description="Of an address; of a /64 in IPv6.")]
    key: Quota


class Limits(Shape):
    """Bounds of every request."""

    url_bytes: int
    body_bytes: Annotated[int, Field(description="Of a batch; other bodies are small.")]
    line_bytes: int
    cells: Annotated[int, Field(description="Of a statistical answer.")]
    group_by: Annotated[int, Field(description="Dimensions and grain of one question.")]
    page_results: int
    export_free_results: Annotated[int, Field(description="Longer whole lists need the scope `export`.")]
    statement_s: Annotated[float, Field(description="Time of one statement in the database. Unit: seconds.")]
    at_once: Annotated[int, Field(description="Questions of one caller that a worker reads at the same time.")]


class Config(Shape):
    """What this deployment offers."""

    release: str
    languages: list[str]
    formats: list[str]
    licence: str
    attribution: str
    publisher: str
    scopes: list[Scope]
    anonymous_scopes: list[Scope]
    quotas: QuotasByCaller
    limits: Limits
