"""The deliberation itself: fan out, gather from the record, check, review, rank, close once.

Everything that happens is an event first. This use case only reacts to what comes back from the record, so a
second one that is given the same deliberation (after a crash, or by a redelivery) goes on where the events end.
"""

import asyncio
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from swe_ai_fleet.domain.events import Event, Requested
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.errors import FleetError, RecordNotFoundError
from swe_ai_fleet.orchestrator.usecases.course_async import Course, Observe
from swe_ai_fleet.ports.agents import AgentPool
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ports.checks import CheckRunner, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog, SnapshotStore
from swe_ai_fleet.ports.reliability import ReliabilityBooks
from swe_ai_fleet.tracing import names
from swe_ai_fleet.tracing.spans import Span, span

__all__ = ["DeliberateAsync", "Observe"]

_OPENINGS = 16
"""Enough to keep a distant record busy; more would let the first wait for the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberateAsync:
    """One deliberation from ``requested`` to ``closed``."""

    agents: AgentPool
    checks: CheckRunner
    cells: CellRunner
    workspaces: Workspaces
    reliability: ReliabilityBooks
    events: EventLog
    snapshots: SnapshotStore
    clock: Clock
    max_tokens: int = 2000
    """Output tokens of one answer."""
    openings: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(_OPENINGS))
    """Deliberations that have not asked anybody yet; further ones wait for their turn."""

    async def run(
        self,
        requested: Requested,
        *,
        notes: tuple[str, ...] = (),
        observe: Observe | None = None,
        is_new: bool = True,
    ) -> Result:
        """Accept the task, deliberate and return the published result.

        Args:
            requested: the first event; where its deliberation is on the record already, that one goes on.
            notes: what the result should say of the request, such as a council that the budget shrank.
            observe: called with every event, in stream order, as it becomes known here.
            is_new: False where its end may have been asked for already, as while it waited on the queue.

        Raises:
            InputError: the task cannot be served as given; ``closed`` (failed) is on the record.
            SandboxUnavailableError: nothing strong enough contains untrusted code; ``closed`` is on the record.
            RecordError: the record does not take what happened; the deliberation stays open and can be resumed.
        """
        with _workflow(requested) as work:
            return await self._follow(
                requested.deliberation_id, notes, observe, work, requested=requested, is_new=is_new
            )

    async def resume(self, deliberation_id: str, *, observe: Observe | None = None) -> Result:
        """Go on with what the record holds; only what is missing is asked again.

        Raises:
            RecordNotFoundError: the record holds no such deliberation.
            FleetError: as :meth:`run`.
        """
        events = await self.events.history(deliberation_id)
        if not any(isinstance(event, Requested) for event in events):
            raise RecordNotFoundError(f"there is no deliberation {deliberation_id} on the record")
        with _workflow(events[0]) as work:
            return await self._follow(deliberation_id, (), observe, work)

    async def _follow(
        self,
        deliberation_id: str,
        notes: tuple[str, ...],
        observe: Observe | None,
        work: Span,
        *,
        requested: Requested | None = None,
        is_new: bool = False,
    ) -> Result:
        course = Course(
            agents=self.agents,
            checks=self.checks,
            cells=self.cells,
            workspaces=self.workspaces,
            reliability=self.reliability,
            events=self.events,
            snapshots=self.snapshots,
            clock=self.clock,
            max_tokens=self.max_tokens,
            notes=notes,
            observe=observe,
            openings=self.openings,
        )
        try:
            closed = await course.run(deliberation_id, requested=requested, is_new=is_new)
        except BaseExceptionGroup as problems:
            told, defects = problems.split(FleetError)
            raise _first_of(defects or told or problems) from None
        work.set({names.OUTCOME: closed.outcome.value})
        return closed.result


def _workflow(first: Event) -> AbstractContextManager[Span]:
    """The span of one process's work on a deliberation."""
    attributes = {
        names.OPERATION: names.INVOKE_WORKFLOW,
        names.WORKFLOW: "deliberation",
        names.CONVERSATION: first.deliberation_id,
        names.TASK_ID: first.task_id,
    }
    return span("invoke_workflow deliberation", parent=first.traceparent, attributes=attributes)


def _first_of(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error itself; groups are how tasks fail, not what callers are promised."""
    first = problems.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first
