"""Metrics for Prometheus."""

from collections.abc import Iterator

from fastapi import Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from app import metrics
from app.api.deps import DatabaseDep, SettingsDep
from app.api.router import Router
from app.api.scopes import READ
from app.constants import RunStatus
from app.storage.census import Census, take_census

router = Router(tags=["operations"], dependencies=[READ])
TEXT = {200: {"content": {"text/plain": {"schema": {"type": "string"}, "example": "antigrad_workers 1.0\n"}}}}


@router.get("/metrics", summary="Expose metrics for Prometheus", response_class=Response, responses=TEXT)  # type: ignore[arg-type]
def expose_metrics(database: DatabaseDep, settings: SettingsDep) -> Response:
    """Requests, predictions, refusals and loaded networks of all API processes; and from the database the runs by
    status, the queue, the workers and the steps per second."""
    with database.read() as db:
        census = take_census(db, settings.lease_seconds)
    of_database = CollectorRegistry()
    of_database.register(CensusCollector(census))
    content = generate_latest(metrics.registry()) + generate_latest(of_database)
    return Response(content, media_type=CONTENT_TYPE_LATEST)


class CensusCollector(Collector):
    """A census as gauges."""

    def __init__(self, census: Census) -> None:
        self.census = census

    def collect(self) -> Iterator[GaugeMetricFamily]:
        census = self.census
        yield _by_status("antigrad_runs", "runs", census.runs)
        yield _by_status("antigrad_datasets", "datasets", census.datasets)
        queued = census.runs.get(RunStatus.QUEUED, 0)
        yield GaugeMetricFamily("antigrad_queue_depth", "runs that wait", queued)
        yield GaugeMetricFamily("antigrad_queue_oldest_seconds", "age of the oldest of them", census.oldest_seconds)
        yield GaugeMetricFamily("antigrad_workers", "workers that are alive", census.workers)
        yield GaugeMetricFamily("antigrad_worker_capacity", "runs that they train at once", census.capacity)
        yield GaugeMetricFamily("antigrad_steps_per_second", "of all running runs", census.steps_per_second)


def _by_status(name: str, of: str, counts: dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, f"{of} by status", labels=["status"])
    for status, count in counts.items():
        family.add_metric([status], count)
    return family
