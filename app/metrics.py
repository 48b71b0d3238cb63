"""Metrics of the API process, for Prometheus.

With several API processes, each writes its metrics to files of a shared folder (`PROMETHEUS_MULTIPROC_DIR`), and each
scrape adds up all of them, whichever process answers.
"""

import os
from functools import cache

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

from app.constants import METRICS_FOLDER

REGISTRY = CollectorRegistry()
STAGES = ("queue", "decode", "compute", "encode")  # of a prediction
FAST = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)  # seconds
SLOW = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def _counter(name: str, text: str, *labels: str) -> Counter:
    return Counter(f"antigrad_{name}", text, labels, registry=REGISTRY)


def _histogram(name: str, text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(f"antigrad_{name}", text, labels, buckets=buckets, registry=REGISTRY)


def _gauge(name: str, text: str) -> Gauge:
    """A gauge whose values in all live processes are added up."""
    return Gauge(f"antigrad_{name}", text, registry=REGISTRY, multiprocess_mode="livesum")


_requests = _counter("requests", "answers", "method", "route", "status")
_seconds = _histogram("request_seconds", "time from a request's headers to its answer's", SLOW, "route")
_refusals = _counter("refusals", "problems that were answered, by their code", "code")
predict_seconds = {
    stage: _histogram(f"predict_{stage}_seconds", f"time of a {whole}'s {stage}", FAST)
    for stage, whole in zip(STAGES, ("request", "request", "batch", "request"), strict=True)
}
batch_size = _histogram("predict_batch_size", "inputs of a batch", SIZES)
dropped = _counter("predict_dropped", "inputs whose requests ended before their batch began")
models_loaded = _counter("models_loaded", "networks loaded for predictions")
models_cached = _gauge("models_cached", "networks that are loaded now")
models_cached_bytes = _gauge("models_cached_bytes", "size of the files of the networks that are loaded now")


@cache  # looking up the labels takes longer than counting
def requests(method: str, route: str, status: int) -> Counter:
    """The counter of answers with this status."""
    return _requests.labels(method, route, str(status))


@cache
def request_seconds(route: str) -> Histogram:
    """The histogram of a route's times."""
    return _seconds.labels(route)


@cache
def refusals(code: str) -> Counter:
    """The counter of problems with this code."""
    return _refusals.labels(code)


def registry() -> CollectorRegistry:
    """The metrics to expose: this process's, or the sums over all API processes."""
    if METRICS_FOLDER not in os.environ:
        return REGISTRY
    sums = CollectorRegistry()
    MultiProcessCollector(sums)  # type: ignore[no-untyped-call]
    return sums
