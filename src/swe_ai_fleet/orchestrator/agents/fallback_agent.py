"""Several agents in a fallback order: the next one works where the one before it cannot."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.errors import AgentRefusedError, ModelError
from swe_ai_fleet.ports.agents import Agent

_Answer = TypeVar("_Answer")


class FallbackAgent:
    """An agent that is several, tried in order. What was used is on the record: the proposal names its model.

    The next one is asked on a :class:`~swe_ai_fleet.errors.ModelError`, never on a refusal of the last one,
    whose error is the one that is raised.
    """

    def __init__(self, links: Sequence[Agent]) -> None:
        """At least one link, the preferred one first."""
        self._links = tuple(links)

    async def propose(self, assignment: Assignment, step: ProposeStep) -> Proposal:
        """Answer the task with the first link that can."""
        return await self._first(lambda agent: agent.propose(assignment, step))

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        """Review with the first link that can."""
        return await self._first(lambda agent: agent.critique(assignment, step))

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        """Revise with the first link that can."""
        return await self._first(lambda agent: agent.revise(assignment, step))

    async def close(self) -> None:
        """Close every link."""
        for link in self._links:
            await link.close()

    async def _first(self, ask: Callable[[Agent], Awaitable[_Answer]]) -> _Answer:
        *preferred, last = self._links
        causes: list[ModelError] = []
        for link in preferred:
            try:
                return await ask(link)
            except ModelError as error:
                causes.append(error)
        try:
            return await ask(last)
        except AgentRefusedError as error:
            before = "; ".join(str(cause) for cause in causes)
            raise AgentRefusedError(f"{error.reason} Before it: {before}.", error.way_out) from error
