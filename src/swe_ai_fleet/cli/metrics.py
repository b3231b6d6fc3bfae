"""What a worker has seen, in Prometheus' format; fed by events, so it says the same as the record."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from swe_ai_fleet.cli.host_metrics import HostMetrics
from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.events import Checked, Closed, Event
from swe_ai_fleet.ports.health import HostReport

_SECONDS = (0.1, 0.5, 1, 2, 5, 10, 20, 60, 120, 300, 600, 1800, 3600)
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What has to be asked for when somebody wants to know."""

    pending: float = math.nan
    """Commands that wait for a worker; NaN where that cannot be told."""
    hosts: Sequence[HostReport] = ()
    """The processes in which agents work."""
    running: Mapping[str, int] = field(default_factory=dict)
    """Agent calls under way, by role."""
    waiting: int = 0
    """Agent calls that wait for their turn."""


class Metrics:
    """Counters of one worker process; names and labels are those of the dashboards in ``deploy/``."""

    def __init__(self, *, since: datetime, publish_retries: Callable[[], int] = lambda: 0) -> None:
        """Nothing is counted yet.

        Args:
            since: events from before it are history that was read again, not counted.
            publish_retries: how often this process has published again, read whenever somebody asks.
        """
        self._since = since
        self._registry = registry = CollectorRegistry()
        self._deliberations = Counter(
            "fleet_deliberations", "Deliberations that ended here", ["outcome"], registry=registry
        )
        self._agents = Counter(
            "fleet_agents", "Agents of those deliberations by how they ended", ["outcome"], registry=registry
        )
        self._tokens = Counter("fleet_tokens", "Tokens paid for", ["kind"], registry=registry)
        self._kills = Counter(
            "fleet_sandbox_kills", "Checks that a limit ended", ["reason"], registry=registry
        )
        self._seconds = Histogram(
            "fleet_deliberation_seconds",
            "Seconds from start to end of a deliberation",
            buckets=_SECONDS,
            registry=registry,
        )
        self._queue = Gauge("fleet_queue_pending", "Commands that wait for a worker", registry=registry)
        retries = Counter(
            "fleet_publish_retries", "Publishes beyond the first try of each", registry=registry
        )
        self._hosts = HostMetrics(registry, retries)
        self._publish_retries = publish_retries
        self._ids: set[str] = set()
        running = Gauge("fleet_deliberations_running", "Deliberations under way here", registry=registry)
        running.set_function(lambda: len(self._ids))

    def observe(self, event: Event) -> None:
        """Count what the event tells."""
        if isinstance(event, Closed):
            self._ids.discard(event.deliberation_id)
        else:
            self._ids.add(event.deliberation_id)
        if event.time < self._since:
            return
        if isinstance(event, Checked):
            self._count_kills(event.report)
        elif isinstance(event, Closed):
            self._count(event)

    def _count(self, closed: Closed) -> None:
        result = closed.result
        self._deliberations.labels(outcome=closed.outcome.value).inc()
        self._seconds.observe(result.duration_s)
        for agent in result.agents:
            self._agents.labels(outcome=agent.outcome).inc()
        usage = result.usage
        self._tokens.labels(kind="prompt").inc(usage.prompt_tokens - usage.cached_tokens)
        self._tokens.labels(kind="cached").inc(usage.cached_tokens)
        self._tokens.labels(kind="completion").inc(usage.completion_tokens)

    def _count_kills(self, report: CheckReport) -> None:
        for result in report.results:
            if result.exit_code is None:
                self._kills.labels(reason=result.status.value).inc()

    def text(self, standing: Standing | None = None) -> bytes:
        """Everything as Prometheus reads it."""
        standing = standing or Standing()
        self._queue.set(standing.pending)
        here = HostReport(host="worker", publish_retries=self._publish_retries())
        self._hosts.take([here, *standing.hosts])
        self._hosts.take_turns(standing.running, standing.waiting)
        return generate_latest(self._registry)
