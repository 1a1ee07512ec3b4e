"""Metrics of this process, as Prometheus reads them."""

import os
from collections.abc import Iterator

from fastapi import APIRouter, Request, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from app.api.caller import MetricsReader
from app.api.describe import Operation
from app.api.service import Service, get_service
from app.telemetry import BUCKETS_S, Series

router = APIRouter()

_METRICS = Operation(
    id="read_metrics",
    tag="Service",
    summary="Metrics",
    description="Metrics of the worker that answers, in Prometheus' text format; each worker names itself in `worker`."
    " Asked from the machine itself it needs no key.",
    result=None,
    media_type="text/plain",
    scopes=("admin",),
)


@router.get("/metrics", **_METRICS.route())
async def read_metrics(_: MetricsReader, request: Request) -> Response:
    """All metrics."""
    registry = CollectorRegistry()
    registry.register(_Collected(get_service(request)))
    headers = {"Cache-Control": "no-store", "Content-Type": CONTENT_TYPE_LATEST}
    return Response(generate_latest(registry), headers=headers)


class _Collected:
    """What a process knows, gathered when it is asked for: the requests themselves pay nothing for it."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterator[Metric]:
        worker = str(os.getpid())
        labels = ("worker", "method", "route", "status", "cache")
        requests = HistogramMetricFamily("sudstat_request_seconds", "Duration of requests.", labels=labels)
        for (method, route, status, cache), series in list(self._service.telemetry.series.items()):
            requests.add_metric((worker, method, route, str(status), cache), list(_buckets(series)), series.total_s)
        yield requests
        for name, caption, value in self._gauges():
            gauge = GaugeMetricFamily(f"sudstat_{name}", caption, labels=("worker",))
            gauge.add_metric((worker,), value)
            yield gauge

    def _gauges(self) -> Iterator[tuple[str, str, float]]:
        running, waiting = self._service.database.busy
        yield "snapshots_running", "Questions that hold a connection to the database.", running
        yield "snapshots_waiting", "Questions that wait for one.", waiting
        yield "keys_age_seconds", "Time since the register of keys was read.", self._service.keyring.age_s
        yield "answers_kept", "Answers that are kept.", len(self._service.answers)
        yield "answers_bytes", "Memory that they take, roughly.", self._service.answers.size_bytes
        yield (
            "log_lines_lost",
            "Lines of the log that could not be written.",
            self._service.telemetry.lost_lines,
        )


def _buckets(series: Series) -> Iterator[tuple[str, float]]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS_S), "+Inf"), series.buckets, strict=True):
        total += count
        yield bound, total
