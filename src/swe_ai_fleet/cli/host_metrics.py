"""What the processes of a worker's agents tell of model servers and publishing, as metrics of the worker.

Actors are many and may die at any time; Prometheus asks the worker, and the worker asks them.
"""

from collections.abc import Hashable, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from swe_ai_fleet.ports.health import EndpointReport, HostReport

_STATES = ("closed", "open", "half_open")


class Growth:
    """How much counts have grown since they were last seen; a smaller one began anew."""

    def __init__(self) -> None:
        """Nothing has been seen."""
        self._seen: dict[Hashable, int] = {}

    def of(self, key: Hashable, count: int) -> int:
        """Since the last time."""
        before = self._seen.get(key, 0)
        self._seen[key] = count
        return count - before if count >= before else count


class HostMetrics:
    """Calls, breakers and lines of model servers, and the turns of agent calls."""

    def __init__(self, registry: CollectorRegistry, retries: Counter) -> None:
        """``retries`` counts publishes beyond the first try of each, those of the worker itself included."""
        self._growth = Growth()
        self._publish_retries = retries
        self._breakers = Gauge(
            "fleet_model_breakers",
            "Processes whose circuit breaker of a model server is in that state",
            ["model", "state"],
            registry=registry,
        )
        self._in_flight = Gauge(
            "fleet_model_in_flight", "Calls that a model server is answering", ["model"], registry=registry
        )
        self._waiting = Gauge(
            "fleet_model_waiting",
            "Calls that wait for a slot at a model server",
            ["model"],
            registry=registry,
        )
        self._calls = Counter(
            "fleet_model_calls",
            "Calls by how they ended: ok, or the kind of the error",
            ["model", "outcome"],
            registry=registry,
        )
        self._call_retries = Counter(
            "fleet_model_retries", "Calls that were made again", ["model"], registry=registry
        )
        self._hedges = Counter(
            "fleet_model_hedges", "Second calls beside a straggler", ["model"], registry=registry
        )
        self._admitted = Gauge(
            "fleet_agent_calls_running", "Agent calls under way by role", ["role"], registry=registry
        )
        self._in_line = Gauge(
            "fleet_agent_calls_waiting", "Agent calls that wait for their turn", registry=registry
        )

    def take(self, hosts: Sequence[HostReport]) -> None:
        """How they stand now."""
        for gauge in (self._breakers, self._in_flight, self._waiting):
            gauge.clear()
        for host in hosts:
            self._publish_retries.inc(self._growth.of((host.host, "publish"), host.publish_retries))
            for endpoint in host.endpoints:
                self._count(host.host, endpoint)

    def take_turns(self, running: Mapping[str, int], waiting: int) -> None:
        """Agent calls that were let in, by role, and how many wait."""
        self._admitted.clear()
        for role, count in running.items():
            self._admitted.labels(role=role).set(count)
        self._in_line.set(waiting)

    def _count(self, host: str, endpoint: EndpointReport) -> None:
        model = endpoint.model
        for state in _STATES:
            self._breakers.labels(model=model, state=state).inc(state == endpoint.breaker)
        self._in_flight.labels(model=model).inc(endpoint.in_flight)
        self._waiting.labels(model=model).inc(endpoint.waiting)
        for outcome, count in {"ok": endpoint.succeeded, **endpoint.failed}.items():
            grown = self._growth.of((host, model, "call", outcome), count)
            self._calls.labels(model=model, outcome=outcome).inc(grown)
        for counter, what, count in (
            (self._call_retries, "retries", endpoint.retries),
            (self._hedges, "hedges", endpoint.hedges),
        ):
            counter.labels(model=model).inc(self._growth.of((host, model, what), count))
