"""Every resource that is served and documented."""

from fastapi import APIRouter

from app.api import (
    batches,
    behind,
    cases,
    catalogue,
    changes,
    compare,
    conflicts,
    courts,
    curation,
    health,
    keys,
    me,
    metrics,
    offences,
    receipts,
    removal,
    revisions,
    skill,
    statistics,
    vocabularies,
)

ROUTERS: tuple[APIRouter, ...] = (
    statistics.router,
    catalogue.router,
    behind.router,
    skill.router,
    compare.router,
    cases.router,
    changes.router,
    conflicts.router,
    curation.router,
    removal.router,
    courts.router,
    offences.router,
    vocabularies.router,
    revisions.router,
    batches.router,
    receipts.router,
    keys.router,
    me.router,
    health.router,
    metrics.router,
)
