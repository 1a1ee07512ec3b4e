"""The table of keys."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary, Text
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP
from sqlmodel import Field, SQLModel


class ApiKey(SQLModel, table=True):
    """A key at rest: SHA-256 of its secret, never the secret."""

    __tablename__ = "api_keys"
    key_id: str = Field(sa_column=Column(Text, primary_key=True))
    digest: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    owner: str = Field(sa_column=Column(Text, nullable=False))
    scopes: list[str] = Field(sa_column=Column(ARRAY(Text), nullable=False))
    note: str = Field(sa_column=Column(Text, nullable=False, server_default=""))
    created_at: datetime = Field(sa_column=Column(TIMESTAMP(timezone=True), nullable=False))
    expires_at: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))
    revoked_at: datetime | None = Field(sa_column=Column(TIMESTAMP(timezone=True)))
