"""Cancel a deliberation from anywhere."""

from dataclasses import dataclass

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import CancelRequested, Closed
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelAsync:
    """Puts ``cancel_requested`` on the record; whoever runs the deliberation closes it."""

    events: EventLog
    clock: Clock

    async def run(self, deliberation_id: str, *, reason: str = "cancelled by the user") -> Closed | None:
        """Ask for the end. Repeating it changes nothing.

        Returns:
            The terminal event where the deliberation had ended already, else None.

        Raises:
            RecordNotFoundError: the record holds no such deliberation.
            RecordError: the record does not take the event.
        """
        state = Deliberation.of(await self.events.history(deliberation_id))
        if state.requested is None:
            raise RecordNotFoundError(f"there is no deliberation {deliberation_id} on the record")
        if state.closed is not None:
            return state.closed
        await self.events.publish(
            CancelRequested(
                deliberation_id=deliberation_id,
                task_id=state.requested.task_id,
                num_agents=state.requested.num_agents,
                time=self.clock.now(),
                traceparent=state.requested.traceparent,
                reason=reason,
            )
        )
        return None
