"""The actor of the pool: agents of any declaration, many calls at once, one record."""

import asyncio

import ray
from ray.actor import ActorClass

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.outcome import Outcome
from swe_ai_fleet.execution.collecting import collect_seldom
from swe_ai_fleet.orchestrator.agents.hosting import AgentHost
from swe_ai_fleet.orchestrator.agents.kept_record import KeptRecord, OpenRecord
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.agents import BuildAgent
from swe_ai_fleet.ports.health import HostReport
from swe_ai_fleet.tracing.spans import flush_spans


class RayAgentHost:
    """An :class:`~swe_ai_fleet.orchestrator.agents.hosting.AgentHost` in a process of its own."""

    def __init__(self, build_agent: BuildAgent, open_record: OpenRecord) -> None:
        """Take the recipes; agents and connections are made here, when they are first needed."""
        collect_seldom()
        self._build_agent = build_agent
        self._record = KeptRecord(open_record)
        self._host: AgentHost | None = None

    @ray.method
    async def ready(self) -> str:
        """Open the record; the id of the node on which this actor lives."""
        await self._opened()
        return str(ray.get_runtime_context().get_node_id())

    @ray.method
    async def ask(self, assignment: Assignment) -> Outcome:
        """Have one agent do one thing; see :class:`~swe_ai_fleet.ports.agents.AgentPool`."""
        host = await self._opened()
        return await host.ask(assignment)

    @ray.method
    async def report(self, name: str) -> HostReport:
        """How this process stands, under the name by which its pool knows it."""
        host, record = await self._opened(), await self._record.get()
        return HostReport(host=name, endpoints=host.endpoints(), publish_retries=record.publish_retries())

    @ray.method
    async def close(self) -> None:
        """Give back agents and connections; nothing may be asked afterwards."""
        await self._give_back()

    async def __ray_shutdown__(self) -> None:
        await self._give_back()

    async def _opened(self) -> AgentHost:
        record = await self._record.get()
        if self._host is None:
            self._host = AgentHost(build_agent=self._build_agent, events=record.events, clock=SystemClock())
        self._host.record_on(record.events)  # another one where the connection was lost for good
        return self._host

    async def _give_back(self) -> None:
        if self._host is not None:
            await self._host.close()
        await self._record.close()
        await asyncio.to_thread(flush_spans)


RayAgentHostActor: ActorClass[RayAgentHost] = ray.remote(RayAgentHost)
