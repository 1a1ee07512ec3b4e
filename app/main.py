"""Joins the rooms into one application: opens the database, serves, closes it."""

import gc
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app import __version__, migrations
from app.access.keyring import Keyring
from app.access.quotas import Quotas, shared_counts
from app.api import openapi
from app.api.answers import Answers, renew
from app.api.edge import Edge, Whole
from app.api.entrance import Entrance
from app.api.problems import add_problem_handlers
from app.api.routers import ROUTERS
from app.api.service import Service
from app.api.short import Way, short_ways
from app.db.database import Database
from app.records.removals import removal_key
from app.records.watching import RevisionWatch
from app.settings import Settings
from app.statistics.days import KnownDays
from app.telemetry import Telemetry, make_log
from app.web import make_router

_YOUNG = 5_000  # objects made, and not yet gone, before garbage is looked for among them


class Application(FastAPI):
    """Resources with the edge around them, which is the last catch in place of Starlette's own."""

    edge: Edge
    ways: Mapping[str, Way]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.edge(scope, receive, send)

    def at_once(self, scope: Scope) -> Whole | None:
        """What the edge has ready for a request, for the server to send without calling."""
        return self.edge.at_once(scope)

    async def inside(self, scope: Scope, receive: Receive, send: Send) -> None:
        """What the edge hands on."""
        way = self._way(scope) if scope["type"] == "http" else None
        if way is None:
            await super().__call__(scope, receive, send)
        else:
            scope["app"] = self
            await way(scope, receive, send)

    def _way(self, scope: Scope) -> Way | None:
        """The short way to what is asked for, where there is one."""
        path: str = scope["path"]
        return self.ways.get(path.removeprefix(scope.get("root_path", ""))) if scope["method"] == "GET" else None

    def build_middleware_stack(self) -> ASGIApp:
        """Starlette's, without its last catch."""
        stack = super().build_middleware_stack()
        assert isinstance(stack, ServerErrorMiddleware)
        return stack.app


def create_app(settings: Settings, *, database_url: str, secret: bytes, is_building: bool = False) -> Application:
    """The application. Its database is open while its lifespan lasts; `is_building` keeps it from being ready."""
    database = Database(
        database_url,
        pool_size=settings.pool_size,
        pool_wait_s=settings.pool_wait_s,
        statement_timeout_s=settings.statement_timeout_s,
        removal_key=removal_key(secret),
    )
    log = make_log()
    keyring = Keyring(database, log=log)
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    quotas = Quotas(workers=settings.workers, shared=shared_counts(redis_url), log=log)
    telemetry = Telemetry(has_lines=settings.request_log, has_metrics=settings.metrics)
    entrance = Entrance(settings, keyring, quotas, secret)
    answers = Answers(settings.cache_mb * 2**20)
    watch = RevisionWatch(database, answers.heed, log=log)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as opened:
            for part in (telemetry, database, keyring, quotas, watch):
                await part.open()
                opened.push_async_callback(part.close)
            yield

    app = Application(
        lifespan=lifespan,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.state.service = Service(
        settings,
        database,
        keyring,
        entrance,
        telemetry,
        answers,
        KnownDays(settings.days_mb * 2**20),
        secret,
        __version__,
        migration_head=migrations.head(),
        is_building=is_building,
    )
    for router in (*ROUTERS, openapi.make_router(settings.root_path), make_router()):
        app.include_router(router)
    add_problem_handlers(app)
    app.ways = short_ways(ROUTERS)
    app.edge = Edge(
        app.inside,
        entrance=entrance,
        answers=answers,
        renew=partial(renew, answers, database),
        url_limit_bytes=settings.url_limit_bytes,
        log=log,
        telemetry=telemetry,
    )
    return app


def from_environment() -> Application:
    """The application of one worker process: its settings, with database and secret, are in the environment."""
    settings = Settings()
    if settings.database_url is None or settings.secret is None:
        raise RuntimeError("a worker needs SUDSTAT_DATABASE_URL and SUDSTAT_SECRET")
    app = create_app(
        settings,
        database_url=settings.database_url.get_secret_value(),
        secret=settings.secret.get_secret_value().encode(),
    )
    settle_memory()
    return app


def settle_memory() -> None:
    """Once a process that serves is made: what there is now stays, so no search for garbage need look at it again.

    Looking at it took a sixth of the time of a kept answer.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(_YOUNG)
