"""Agents, and the pool in which they work."""

from collections.abc import Callable
from typing import Protocol

from swe_ai_fleet.domain.brief import Assignment, CritiqueStep, JudgeStep, ProposeStep, ReviseStep
from swe_ai_fleet.domain.council import AgentSpec
from swe_ai_fleet.domain.outcome import Outcome, Reviewed
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.ports.findings import Findings


class Agent(Protocol):
    """One deliberating agent. It answers; it does not record.

    Every method may raise :class:`~swe_ai_fleet.errors.ModelError` (the type says whether to retry) and
    :class:`~swe_ai_fleet.errors.AgentRefusedError` (it cannot serve this task); cancellation passes through
    and reaches the model server.
    """

    async def propose(self, assignment: Assignment, step: ProposeStep, findings: Findings, /) -> Proposal:
        """Answer the task; an agent that searches may teach its peers, and learn from them, on the way."""
        ...

    async def critique(self, assignment: Assignment, step: CritiqueStep) -> Reviewed:
        """Review every proposal of ``step``; one critique each, never of its own."""
        ...

    async def judge(self, assignment: Assignment, step: JudgeStep) -> Reviewed:
        """Answer the questions of ``step`` as far as time and tokens last, each with a ballot."""
        ...

    async def revise(self, assignment: Assignment, step: ReviseStep) -> Proposal:
        """Answer again; the proposal's ``parent_id`` names the one it builds on."""
        ...

    async def close(self) -> None:
        """Give back connections and processes; called once, never concurrently with the others."""
        ...


BuildAgent = Callable[[AgentSpec], Agent]
"""Makes the agent of a declaration in the process where it will work; picklable, so that it can travel."""


class AgentPool(Protocol):
    """Where agents work: in this process, or as actors on a cluster."""

    async def ask(self, assignment: Assignment) -> Outcome:
        """Have one agent do one thing.

        The answer (``proposed``, ``critiqued``, ``revised`` or ``agent_failed``) is acknowledged on the record
        before this returns. Every ending of the agent is a value of :data:`Outcome`; nothing is raised for it.
        Cancelling the awaiting task cancels the work and reaches the model server. It ends soon after the
        assignment's deadline.

        Raises:
            TimeoutError: nothing was begun before the deadline, and nothing is on the record.
            RecordError: the answer exists, but could not be recorded.
            PlacementError: no node can host the agent.
        """
        ...
