"""Every resource that is served and documented."""

from fastapi import APIRouter

from app.api import (
    behind,
    cases,
    changes,
    compare,
    conflicts,
    courts,
    curation,
    health,
    keys,
    me,
    offences,
    revisions,
    statistics,
    vocabularies,
)

ROUTERS: tuple[APIRouter, ...] = (
    statistics.router,
    behind.router,
    compare.router,
    cases.router,
    changes.router,
    conflicts.router,
    curation.router,
    courts.router,
    offences.router,
    vocabularies.router,
    revisions.router,
    keys.router,
    me.router,
    health.router,
)
