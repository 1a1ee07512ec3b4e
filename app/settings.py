"""Every environment variable of the service: type, default, unit, meaning. Read by cli and main only."""

from functools import cached_property
from ipaddress import ip_network
from pathlib import Path

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_COUNTING_SCOPES = frozenset({"statistics"})  # scopes that do not show cases one by one


class Settings(BaseSettings):
    """Settings of one process; each field is the variable `SUDSTAT_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="SUDSTAT_", frozen=True, extra="ignore")

    database_url: SecretStr | None = Field(
        None,
        description="Postgres 15 or newer, `postgresql://…`. Absent: embedded Postgres in the data folder.",
    )
    data_dir: Path = Field(Path(".sudstat"), description="Folder of the embedded Postgres and of local secrets.")
    secret: SecretStr | None = Field(
        None,
        description="At least 32 characters; signs cursors. Absent: made once and kept in the data folder."
        " Set it to the same value wherever several machines answer for one service.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Worker processes.")
    root_path: str = Field("", description="Path under which a proxy serves us, without a slash at its end.")
    pool_size: int = Field(8, ge=1, le=200, description="Database connections of each worker.")
    pool_wait_s: float = Field(
        2.0,
        gt=0,
        le=60,
        description="Longest wait for one of them, seconds; one who would wait longer is told at once.",
    )
    statement_timeout_s: float = Field(20.0, gt=0, description="Longest time for one reading statement, seconds.")
    writer_wait_s: float = Field(30.0, gt=0, description="Longest wait for another ingest to end, seconds.")
    line_limit_bytes: int = Field(8 * 1024 * 1024, ge=1024, description="Longest line of an input file, bytes.")
    unpacked_limit_bytes: int = Field(16 * 1024**3, ge=1024, description="Largest input once unpacked, bytes.")
    unpacked_limit_ratio: int = Field(
        200, ge=2, description="Most unpacked bytes for each packed byte, beyond the first 16 MiB."
    )
    body_limit_bytes: int = Field(2 * 1024**3, ge=1024, description="Largest body of a request as sent, bytes.")
    body_pause_s: float = Field(30.0, gt=0, description="Longest pause in the body of a request, seconds.")
    spool_dir: Path | None = Field(
        None, description="Folder where bodies lie while they are taken. Absent: the system's for temporary files."
    )
    url_limit_bytes: int = Field(8192, ge=256, description="Longest URL, bytes.")
    cache_mb: int = Field(
        64, ge=0, le=65536, description="Memory of each worker for answers that are kept, MB; 0: none is."
    )
    days_mb: int = Field(
        64, ge=0, le=65536, description="Memory of each worker for days of what is asked again and again, MB; 0: none."
    )
    cells_limit: int = Field(50_000, ge=1, description="Most cells in one statistical answer.")
    anonymous_scopes: str = Field(
        "statistics,records",
        description="Scopes of a caller without a key: some of `statistics`, `records`, `export`, or none.",
    )
    anonymous_quota_minute: int = Field(
        120, ge=0, description="Requests a minute of an address without a key; 0: no limit."
    )
    anonymous_quota_day: int = Field(
        10_000, ge=0, description="Requests a day of an address without a key; 0: no limit."
    )
    key_quota_minute: int = Field(1_200, ge=0, description="Requests a minute of a key; 0: no limit.")
    key_quota_day: int = Field(200_000, ge=0, description="Requests a day of a key; 0: no limit.")
    redis_url: SecretStr | None = Field(
        None,
        description="Redis, `redis://…`, in which workers add up quotas. Absent: a worker lets through its share,"
        " the quota divided by the workers.",
    )
    trusted_proxies: str = Field(
        "",
        description="Proxies whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed: addresses or networks,"
        " with commas.",
    )
    request_log: bool = Field(True, description="Write a line for each request to standard error.")
    metrics: bool = Field(True, description="Count requests for `/metrics`.")
    anonymous_rounding: int = Field(
        1,
        ge=1,
        le=1000,
        description="Disclosure control: a caller without a key gets every count rounded down to a multiple of this,"
        " and no scope that shows cases one by one. 1: off.",
    )
    licence: str = Field("CC BY 4.0", description="Licence of the answers, shown in each.")
    attribution: str = Field(
        "Sudstat; list of courts: Dataout.org (CC BY-SA 4.0)",
        description="Whom to name, shown in each answer.",
    )
    publisher: str = Field("Sudstat", description="Who publishes this record, for citations.")

    @field_validator("anonymous_scopes")
    @classmethod
    def _is_harmless(cls, text: str) -> str:
        """Nobody may write without a key, and a typing error must not close or open anything."""
        wrong = sorted(_words(text) - {"statistics", "records", "export"})
        if wrong:
            raise ValueError(f"{wrong[0]} is not among statistics, records, export")
        return text

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        for word in _words(text):
            ip_network(word)
        return text

    @cached_property
    def anonymous_scope_set(self) -> frozenset[str]:
        """The scopes of a caller without a key, as a set."""
        named = _words(self.anonymous_scopes)
        return named & _COUNTING_SCOPES if self.anonymous_rounding > 1 else named


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",") if word.strip())
