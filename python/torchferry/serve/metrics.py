"""What Prometheus reads at `/metrics`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """Requests by model, version and status; their time; how many are at work; which versions have proven themselves."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        names = ("model", "version")
        self._requests = Counter("ferry_requests", "Requests answered", (*names, "status"), registry=self._registry)
        self._rows = Counter("ferry_rows", "Samples answered", names, registry=self._registry)
        self._seconds = Histogram("ferry_request_seconds", "Time of a request", names, buckets=_SECONDS, registry=self._registry)
        self._waiting = Gauge("ferry_requests_in_flight", "Requests waiting or at work", names, registry=self._registry)
        self._ready = Gauge("ferry_version_proven", "1: its goldens passed here", (*names, "engine"), registry=self._registry)
        self._drift = Gauge(
            "ferry_version_difference",
            "Largest |new - old| of an output on the old version's goldens",
            (*names, "output"),
            registry=self._registry,
        )

        shadowed = (*names, "engine")
        self._shadowed = Counter(
            "ferry_shadow_calls",
            "Calls that a second engine repeated: within or outside the bundle's bound, failed, or dropped",
            (*shadowed, "result"),
            registry=self._registry,
        )
        self._shadow_most = Gauge(
            "ferry_shadow_difference", "Largest |shadow - answer| of an output", (*shadowed, "output"), registry=self._registry
        )
        self._log_lost = Counter("ferry_log_lines_lost", "Lines of the log that could not be written", registry=self._registry)
        self._most: dict[tuple[str, ...], float] = {}

    @contextmanager
    def timed(self, model: str, version: str) -> Iterator[None]:
        """Measure a request."""
        started, waiting = time.perf_counter(), self._waiting.labels(model, version)
        waiting.inc()
        try:
            yield
        finally:
            waiting.dec()
            self._seconds.labels(model, version).observe(time.perf_counter() - started)

    def count(self, model: str, version: str, status: int, rows: int = 0) -> None:
        """Count a request."""
        self._requests.labels(model, version, str(int(status))).inc()
        self._rows.labels(model, version).inc(rows)

    def proven(self, model: str, version: str, engine: str, is_ready: bool) -> None:
        """Note whether a version answers."""
        self._ready.labels(model, version, engine).set(int(is_ready))

    def differs(self, model: str, version: str, output: str, most: float) -> None:
        """Note how far a new version is from the one before it."""
        self._drift.labels(model, version, output).set(most)

    def shadowed(self, model: str, version: str, engine: str, result: str) -> None:
        """Count a call that a shadow repeated, or did not."""
        self._shadowed.labels(model, version, engine, result).inc()

    def shadow_differs(self, model: str, version: str, engine: str, output: str, difference: float) -> None:
        """Note how far a shadow was from the answer; the largest is kept, and NaN is larger than all."""
        key = (model, version, engine, output)
        before = self._most.get(key, 0.0)
        self._most[key] = before if difference <= before or math.isnan(before) else difference
        self._shadow_most.labels(*key).set(self._most[key])

    def log_lost(self) -> None:
        """Count a line of the log that is lost."""
        self._log_lost.inc()

    def text(self) -> bytes:
        """Return everything in the text format of Prometheus."""
        return bytes(generate_latest(self._registry))
