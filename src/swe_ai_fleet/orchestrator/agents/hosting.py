"""The agents of one process at work: what the in-process pool and every Ray actor are made of."""

import structlog

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.outcome import Outcome
from swe_ai_fleet.orchestrator.agents.answering import answer, failure_of, record_outcome
from swe_ai_fleet.orchestrator.agents.leases import AgentLeases
from swe_ai_fleet.ports.agents import BuildAgent
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.health import EndpointReport, ReportsEndpoints
from swe_ai_fleet.ports.record import EventLog
from swe_ai_fleet.tracing.assignments import invocation, within


class AgentHost:
    """Carries out assignments, many at once, with agents that it builds when they are first needed."""

    def __init__(
        self, *, build_agent: BuildAgent, events: EventLog, clock: Clock, keep_idle: int = 256
    ) -> None:
        """Nothing is built yet; ``keep_idle`` agents that nobody uses stay open."""
        self._build = build_agent
        self._leases = AgentLeases(build_agent, keep=keep_idle)
        self._events = events
        self._clock = clock

    def record_on(self, events: EventLog) -> None:
        """From now on what is asked is recorded there."""
        self._events = events

    async def ask(self, assignment: Assignment) -> Outcome:
        """Have one agent do one thing; see :class:`~swe_ai_fleet.ports.agents.AgentPool`.

        Raises:
            RecordError: what came of it could not be recorded.
        """
        who = {"deliberation": assignment.deliberation_id, "agent": assignment.agent.agent_id}
        with structlog.contextvars.bound_contextvars(**who), invocation(assignment) as work:
            return await self._ask(within(work, assignment))

    async def _ask(self, assignment: Assignment) -> Outcome:
        spec = assignment.agent
        try:
            agent = self._leases.take(spec)
        except Exception as error:  # noqa: BLE001 - an agent that cannot even be built has ended too
            failure = failure_of(error, assignment)
            return await record_outcome(assignment, failure, events=self._events, clock=self._clock)
        try:
            return await answer(agent, assignment, events=self._events, clock=self._clock)
        finally:
            await self._leases.give_back(spec)

    def endpoints(self) -> tuple[EndpointReport, ...]:
        """How the model servers stand that its agents ask."""
        builder: object = self._build
        return tuple(builder.reports()) if isinstance(builder, ReportsEndpoints) else ()

    async def close(self) -> None:
        """Close every agent; nothing may be asked any more."""
        await self._leases.close()
