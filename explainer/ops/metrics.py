"""Metrics: what happened to requests, as figures in Prometheus's text format.

sandbox.events ── Asked, Began, Ended ─▶ Metrics ─▶ server: GET /metrics
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from explainer.sandbox import events
from explainer.sandbox.events import Asked, Began, Ended, Event

QUICK = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8, 16, 32)  # seconds
State = Callable[[], dict[str, float]]


class Metrics:
    """The figures of one process; a listener of events. `state` tells what is so at the time of asking."""

    def __init__(self, state: State) -> None:
        self._registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        registry.register(_State(state))
        self._waiting = Gauge("explainer_waiting", "Requests that wait for their turn.", registry=registry)
        self._running = Gauge("explainer_running", "Requests that are at work.", registry=registry)
        self._requests = Counter(
            "explainer_requests", "Requests that are over.", ["outcome"], registry=registry
        )
        self._seconds = self._histogram("explainer_request_seconds", "From asking to the end.", "outcome")
        self._waited = self._histogram("explainer_wait_seconds", "From asking to the turn.")
        self._stages = self._histogram("explainer_stage_seconds", "Of each stage that ended.", "stage")
        self._failures = Counter(
            "explainer_failures", "Requests that ended in a failure.", ["outcome", "stage"], registry=registry
        )

    def __call__(self, event: Event) -> None:
        """Takes in an event."""
        match event:
            case Asked():
                self._waiting.inc()
            case Began(_, waited):
                self._waiting.dec()
                self._running.inc()
                self._waited.observe(waited)
            case Ended():
                self._end(event)

    def text(self) -> bytes:
        """Returns all figures as Prometheus reads them, what was told up to now among them."""
        events.settle()
        return generate_latest(self._registry)

    def _end(self, event: Ended) -> None:
        (self._waiting if event.waited is None else self._running).dec()
        self._requests.labels(event.outcome).inc()
        self._seconds.labels(event.outcome).observe(event.seconds)
        for name, seconds in event.stages:
            self._stages.labels(name).observe(seconds)
        if event.stage is not None:
            self._failures.labels(event.outcome, event.stage).inc()

    def _histogram(self, name: str, text: str, *labels: str) -> Histogram:
        return Histogram(name, text, labels, buckets=QUICK, registry=self._registry)


class _State(Collector):
    """Figures that are read when they are asked for."""

    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yields one gauge for each figure of the state."""
        for name, value in self._state().items():
            yield GaugeMetricFamily(f"explainer_{name}", f"{name.replace('_', ' ')} at present", value)
