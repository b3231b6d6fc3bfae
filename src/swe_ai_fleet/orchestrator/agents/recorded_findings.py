"""Lessons among the agents of a council, through the record."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.events import AgentFailed, Learnt, Proposed, Revised
from swe_ai_fleet.domain.lesson import Lesson
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog


class RecordedFindings:
    """The :class:`~swe_ai_fleet.ports.findings.Findings` of one assignment."""

    def __init__(self, assignment: Assignment, *, events: EventLog, clock: Clock) -> None:
        """Nothing is read or written yet."""
        self._assignment = assignment
        self._events = events
        self._clock = clock

    async def share(self, lesson: Lesson) -> None:
        """Put what was learnt on the record, as ``learnt``."""
        asked = self._assignment
        await self._events.publish(
            Learnt(
                deliberation_id=asked.deliberation_id,
                task_id=asked.task_id,
                num_agents=asked.num_agents,
                round=asked.round,
                attempt=asked.attempt,
                time=self._clock.now(),
                traceparent=asked.traceparent,
                agent_id=asked.agent.agent_id,
                role=asked.agent.role,
                model=asked.agent.model,
                lesson=lesson,
            )
        )

    @asynccontextmanager
    async def of_peers(self) -> AsyncIterator[AsyncIterator[Lesson]]:
        """What peers have shared in this round and go on to share."""
        async with (
            self._events.follow(self._assignment.deliberation_id) as events,
            aclosing(self._lessons(events)) as lessons,
        ):
            yield lessons

    async def _lessons(self, events: AsyncIterator[object]) -> AsyncGenerator[Lesson, None]:
        asked = self._assignment
        awaited = asked.num_agents - 1
        heard: set[str] = {asked.agent.agent_id}
        while awaited >= len(heard):
            event = await anext(events, None)
            if event is None:
                return
            if not isinstance(event, Learnt | Proposed | Revised | AgentFailed) or event.round != asked.round:
                continue
            if event.agent_id in heard:
                continue
            heard.add(event.agent_id)
            if isinstance(event, Learnt):
                yield event.lesson
