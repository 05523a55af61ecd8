"""Metrics of the server, in Prometheus' format; no name of a user and no raw path is a label."""

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from memagent.memory.memory import Memory

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
COUNTED_SECONDS = 15.0
"""Seconds for which the numbers of the store are kept: counting reads whole tables."""


class Metrics:
    """Metrics of one server, in a registry of their own."""

    def __init__(self, memory: Memory) -> None:
        self.registry = CollectorRegistry()
        here = self.registry
        self.requests = Counter(
            "memagent_requests", "Requests answered.", ["method", "route", "status"], registry=here
        )
        self.seconds = Histogram(
            "memagent_request_seconds",
            "Seconds to the end.",
            ["route"],
            buckets=SECONDS,
            registry=here,
        )
        self.in_flight = Gauge(
            "memagent_requests_in_flight", "Requests being answered.", registry=here
        )
        self.operations = Counter(
            "memagent_operations",
            "Verbs carried out, as the audit log has them.",
            ["verb"],
            registry=here,
        )
        self.recall = Histogram(
            "memagent_recall_seconds",
            "Seconds of a search or recall.",
            buckets=SECONDS,
            registry=here,
        )
        self.model_first = Histogram(
            "memagent_model_first_byte_seconds",
            "Seconds until the model's first byte.",
            buckets=SECONDS,
            registry=here,
        )
        self.model = Histogram(
            "memagent_model_seconds",
            "Seconds of the model's whole reply.",
            buckets=SECONDS,
            registry=here,
        )
        self.registry.register(StoreNumbers(memory))


class StoreNumbers(Collector):
    """Collector of a store's numbers, counted at most every `COUNTED_SECONDS`."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._counted: tuple[float, dict[str, int]] | None = None

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield the numbers of records, users, keys and merges."""
        now = time.monotonic()
        if self._counted is None or now - self._counted[0] > COUNTED_SECONDS:
            self._counted = now, self._numbers()
        for name, number in self._counted[1].items():
            yield GaugeMetricFamily(f"memagent_{name}", f"{name} in the store".capitalize(), number)

    def _numbers(self) -> dict[str, int]:
        store = self._memory.engine.store
        ((merges,),) = store.query("SELECT count(*) FROM history WHERE action = 'merge'")
        return {**self._memory.maintenance.stats(), "merges": int(merges)}

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Yield nothing: registering counts nothing."""
        return ()
