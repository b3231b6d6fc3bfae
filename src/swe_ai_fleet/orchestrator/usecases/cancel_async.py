"""Cancel a deliberation from anywhere."""

from dataclasses import dataclass

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import CancelRequested, Closed
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.orchestrator.usecases.requesting import task_id_of
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import CommandQueue, EventLog


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsync:
    """Puts ``cancel_requested`` on the record; whoever runs the deliberation closes it.

    One that still waits on the queue is closed by the worker that takes it, before it asks anybody.
    """

    events: EventLog
    queue: CommandQueue
    clock: Clock

    async def run(self, deliberation_id: str, *, reason: str = "cancelled by the user") -> Closed | None:
        """Ask for the end. Repeating it changes nothing.

        Returns:
            The terminal event where the deliberation had ended already, else None.

        Raises:
            RecordNotFoundError: the record holds no such deliberation, and the queue no command for it.
            RecordError: the record does not take the event.
        """
        state = Deliberation.of(await self.events.history(deliberation_id))
        if state.closed is not None:
            return state.closed
        if state.cancel_requested is None:
            await self.events.publish(await self._cancel_requested(state, deliberation_id, reason))
        return None

    async def _cancel_requested(
        self, state: Deliberation, deliberation_id: str, reason: str
    ) -> CancelRequested:
        known = state.requested
        if known is not None:
            task_id, num_agents, traceparent = known.task_id, known.num_agents, known.traceparent
        else:
            command = await self.queue.find(deliberation_id)
            if command is None:
                raise RecordNotFoundError(f"there is no deliberation {deliberation_id} on the record")
            task_id, num_agents = task_id_of(command.task), command.task.council.agents
            traceparent = command.traceparent
        return CancelRequested(
            deliberation_id=deliberation_id,
            task_id=task_id,
            num_agents=num_agents,
            time=self.clock.now(),
            traceparent=traceparent,
            reason=reason,
        )
