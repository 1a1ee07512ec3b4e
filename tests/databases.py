"""Databases of a test's own: clones of the run's template."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import asyncpg

from app.db.database import Database


class cloned:  # noqa: N801
    """A fresh clone of the template, dropped at the end: `async with cloned(server_url, template) as url`."""

    def __init__(self, server_url: str, template: str) -> None:
        self.server_url = server_url
        self.template = template
        self.name = f"sudstat_test_{uuid4().hex[:12]}"

    async def __aenter__(self) -> str:
        await execute(self.server_url, f"CREATE DATABASE {self.name} TEMPLATE {self.template} STRATEGY FILE_COPY")
        return at(self.server_url, self.name)

    async def __aexit__(self, *_: object) -> None:
        await execute(self.server_url, f"DROP DATABASE {self.name} WITH (FORCE)")


@asynccontextmanager
async def written(server_url: str, template: str) -> AsyncIterator[Database]:
    """A fresh clone, with a connection kept for those who write to it: for many small batches."""
    async with cloned(server_url, template) as url:
        database = Database(url)
        async with database.keeping_writer():
            yield database


def at(server_url: str, name: str) -> str:
    """The address of another database of the same server."""
    head, _, query = server_url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}" + (f"?{query}" if query else "")


async def execute(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
