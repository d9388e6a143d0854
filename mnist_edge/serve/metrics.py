"""The counters for Prometheus, added up over all processes of a service."""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from mnist_edge.serve.settings import METRICS_FOLDER

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Seconds: from a picture in MNIST's own form to many photographs.
_BUCKETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

# Why a request was refused, by its status.
_REFUSED = {
    401: "token",
    408: "slow",
    413: "large",
    499: "gone",
    503: "busy",
}


class Metrics:
    """The counters of one process.

    Attributes:
        in_flight: requests that have not been answered.
        pictures: by why their answers are not to be trusted; `accepted`, where they are.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "mnist_edge_requests",
            "Requests that were answered.",
            ("endpoint", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "mnist_edge_request_seconds",
            "From the first byte of a request to the last of its answer.",
            ("endpoint",),
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._rejected = Counter(
            "mnist_edge_rejected",
            "Requests that were not answered as they asked.",
            ("reason",),
            registry=self._registry,
        )
        self.in_flight = Gauge(
            "mnist_edge_requests_in_flight",
            "Requests that have not been answered yet.",
            multiprocess_mode="livesum",
            registry=self._registry,
        )
        self.pictures = Counter(
            "mnist_edge_pictures",
            "Pictures that were answered, by whether and why not their answers are to be trusted.",
            ("reason",),
            registry=self._registry,
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request."""
        endpoint = endpoint_of(path)
        self._requests.labels(endpoint, str(status)).inc()
        self._seconds.labels(endpoint).observe(seconds)
        if status in _REFUSED:
            self._rejected.labels(_REFUSED[status]).inc()

    def text(self) -> bytes:
        """Return all numbers, of all processes, as Prometheus reads them."""
        registry = self._registry
        if METRICS_FOLDER in os.environ:
            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)


_ENDPOINTS = {
    *("/", "/v1/predict", "/v1/line", "/v1/explain", "/v1/models", "/v2"),
    *("/v2/health/live", "/v2/health/ready", "/metrics", "/docs", "/openapi.json"),
}
_OF_A_MODEL = {
    "": "/v2/models/{model}",
    "ready": "/v2/models/{model}/ready",
    "infer": "/v2/models/{model}/infer",
}


def endpoint_of(path: str) -> str:
    """Return what a path is counted as: one of few, whatever is asked for."""
    if path in _ENDPOINTS:
        return path
    if path.startswith("/v2/models/"):
        _, _, what = path.removeprefix("/v2/models/").partition("/")
        return _OF_A_MODEL.get(what, "other")
    return "other"
