"""The tables of keys, of their own quotas, and of their use."""

from datetime import date, datetime

from sqlalchemy import BigInteger, Column, Date, Identity, Integer, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlmodel import Field, SQLModel


class ApiKey(SQLModel, table=True):
    """A key at rest: SHA-256 of the whole, never the key; while it rotates, of the one before too."""

    __tablename__ = "api_keys"
    key_id: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    created_at: datetime = Field(sa_column=Column(TIMESTAMP(timezone=True), nullable=False))
    expires_at: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))
    revoked_at: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))
    created_by: str = Field(sa_column=Column(Text, nullable=False, server_default="command line"))
    revoked_by: str | None = Field(sa_column=Column(Text))
    previous_digest: bytes | None = Field(sa_column=Column(LargeBinary))
    previous_until: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))
    last_used_at: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))


class ApiKeyQuota(SQLModel, table=True):
    """A quota given to one key in one window, by whom and why; the latest row holds, null takes it back."""

    __tablename__ = "api_key_quotas"
    id: int = Field(sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    key_id: str = Field(sa_column=Column(Text, nullable=False))
    window: str = Field(sa_column=Column(Text, nullable=False))
    quota: int | None = Field(sa_column=Column(Integer))
    set_by: str = Field(sa_column=Column(Text, nullable=False))
    why: str = Field(sa_column=Column(Text, nullable=False))
    set_at: datetime = Field(sa_column=Column(TIMESTAMP(timezone=True), nullable=False))


class ApiKeyUsage(SQLModel, table=True):
    """How often a key asked on a day (UTC), and how often it was refused for its quota."""

    __tablename__ = "api_key_usage"
    key_id: str = Field(sa_column=Column(Text, primary_key=True))
    day: date = Field(sa_column=Column(Date, primary_key=True))
    requests: int = Field(sa_column=Column(BigInteger, nullable=False))
    refused: int = Field(sa_column=Column(BigInteger, nullable=False))
