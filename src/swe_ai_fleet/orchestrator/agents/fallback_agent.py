"""Several agents in a fallback order: the next one works where the one before it cannot."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.outcome import Reviewed
from swe_ai_fleet.domain.proposal import Proposal, Usage
from swe_ai_fleet.errors import AgentRefusedError, ModelError
from swe_ai_fleet.orchestrator.agents.parsing import cost_of
from swe_ai_fleet.orchestrator.agents.system_clock import SystemClock
from swe_ai_fleet.ports.agents import Agent
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.findings import Findings

_Answer = TypeVar("_Answer", Proposal, Reviewed)
_Failed = (ModelError, AgentRefusedError)


class FallbackAgent:
    """An agent that is several, tried in order. What was used is on the record: the proposal names its model.

    The next one is asked when a model call fails for good, or when an agent refuses. Each may use an equal share of
    the time that the ones before it have left, so that the last one still has some. The answer's usage holds what the
    failed attempts cost, as far as they told.
    """

    def __init__(self, links: Sequence[Agent], *, clock: Clock | None = None) -> None:
        """At least one link, the preferred one first; deadlines are read against ``clock``."""
        self._links = tuple(links)
        self._clock = clock or SystemClock()

    async def propose(self, assignment: Assignment, step: ProposeStep, findings: Findings, /) -> Proposal:
        """Answer the task with the first link that can."""
        return await self._first(assignment, lambda agent, asked: agent.propose(asked, step, findings))

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        """Review with the first link that can."""
        return await self._first(assignment, lambda agent, asked: agent.critique(asked, step))

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        """Judge with the first link that can."""
        return await self._first(assignment, lambda agent, asked: agent.judge(asked, step))

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        """Revise with the first link that can."""
        return await self._first(assignment, lambda agent, asked: agent.revise(asked, step))

    async def close(self) -> None:
        """Close every link."""
        for link in self._links:
            await link.close()

    async def _first(
        self, assignment: Assignment, ask: Callable[[Agent, Assignment], Awaitable[_Answer]]
    ) -> _Answer:
        *preferred, last = self._links
        causes: list[ModelError | AgentRefusedError] = []
        for position, link in enumerate(preferred):
            try:
                answer = await ask(link, self._hurried(assignment, len(self._links) - position))
            except _Failed as error:
                causes.append(error)
            else:
                return _with_cost(answer, causes)
        try:
            return _with_cost(await ask(last, assignment), causes)
        except AgentRefusedError as error:
            if not causes:
                raise
            before = "; ".join(str(cause) for cause in causes)
            raise AgentRefusedError(f"{error.reason} Before it: {before}.", error.way_out) from error

    def _hurried(self, assignment: Assignment, links_left: int) -> Assignment:
        """The same, due after its share of the time that is left."""
        now = self._clock.now()
        return assignment.model_copy(update={"deadline": now + (assignment.deadline - now) / links_left})


def _with_cost(answer: _Answer, causes: Sequence[Exception]) -> _Answer:
    """The answer, with what came before it on its bill."""
    paid = sum((cost_of(cause) for cause in causes if isinstance(cause, ModelError)), Usage())
    return answer.model_copy(update={"usage": answer.usage + paid}) if paid.requests else answer
