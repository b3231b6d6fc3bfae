"""Agents in this process: the pool of tests, of one machine, and of whoever has no cluster."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Self

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.outcome import Outcome
from swe_ai_fleet.orchestrator.agents.hosting import AgentHost
from swe_ai_fleet.ports.agents import BuildAgent
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.health import HostReport
from swe_ai_fleet.ports.record import EventLog


class InProcessAgentPool:
    """An :class:`~swe_ai_fleet.ports.agents.AgentPool` on the caller's own event loop."""

    def __init__(self, host: AgentHost) -> None:
        """Use :meth:`open`, which closes the agents too."""
        self._host = host

    @classmethod
    @asynccontextmanager
    async def open(cls, *, build_agent: BuildAgent, events: EventLog, clock: Clock) -> AsyncIterator[Self]:
        """A pool whose agents are closed when it is left."""
        host = AgentHost(build_agent=build_agent, events=events, clock=clock)
        try:
            yield cls(host)
        finally:
            await host.close()

    async def reports(self) -> Sequence[HostReport]:
        """This process; what it publishes again is counted by its record."""
        return (HostReport(host="here", endpoints=self._host.endpoints()),)

    async def ask(self, assignment: Assignment) -> Outcome:
        """Have one agent do one thing; see :class:`~swe_ai_fleet.ports.agents.AgentPool`."""
        return await self._host.ask(assignment)
