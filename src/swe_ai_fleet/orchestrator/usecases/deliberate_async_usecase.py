"""The deliberation itself: fan out, gather from the record, check, review, rank, close once.

Everything that happens is an event first. This use case only reacts to what comes back from the record, so a
second one that is given the same deliberation (after a crash, or by a redelivery) goes on where the events end.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event, Requested
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.steps import Ask, CheckProposal, CloseRound, NextStep, deadlines_s, next_steps
from swe_ai_fleet.errors import FleetError, RecordConflictError, RecordError, RecordNotFoundError
from swe_ai_fleet.orchestrator.usecases.evidence import evidence_of
from swe_ai_fleet.orchestrator.usecases.steps_async import Steps
from swe_ai_fleet.ports.agents import AgentPool
from swe_ai_fleet.ports.checks import CheckRunner, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog, SnapshotStore
from swe_ai_fleet.ranking.decide import safe_to_stop

Observe = Callable[[Event], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliberateAsync:
    """One deliberation from ``requested`` to ``closed``."""

    agents: AgentPool
    checks: CheckRunner
    workspaces: Workspaces
    events: EventLog
    snapshots: SnapshotStore
    clock: Clock
    max_tokens: int = 2000
    """Output tokens of one answer."""

    async def run(
        self, requested: Requested, *, notes: tuple[str, ...] = (), observe: Observe | None = None
    ) -> Result:
        """Accept the task, deliberate and return the published result.

        Args:
            requested: the first event; where its deliberation is on the record already, that one goes on.
            notes: what the result should say of the request, such as a council that the budget shrank.
            observe: called with every event, in stream order, as it becomes known here.

        Raises:
            InputError: the task cannot be served as given; ``closed`` (failed) is on the record.
            SandboxUnavailableError: nothing strong enough contains untrusted code; ``closed`` is on the record.
            RecordError: the record does not take what happened; the deliberation stays open and can be resumed.
        """
        await self.events.publish(requested)
        return await self._follow(requested.deliberation_id, notes, observe)

    async def resume(self, deliberation_id: str, *, observe: Observe | None = None) -> Result:
        """Go on with what the record holds; only what is missing is asked again.

        Raises:
            RecordNotFoundError: the record holds no such deliberation.
            FleetError: as :meth:`run`.
        """
        if not await self.events.history(deliberation_id):
            raise RecordNotFoundError(f"there is no deliberation {deliberation_id} on the record")
        return await self._follow(deliberation_id, (), observe)

    async def _follow(self, deliberation_id: str, notes: tuple[str, ...], observe: Observe | None) -> Result:
        course = _Course(use_case=self, observe=observe, notes=notes)
        try:
            async with self.events.follow(deliberation_id) as stream, asyncio.TaskGroup() as group:
                pump = group.create_task(course.pump(stream))
                try:
                    closed = await course.drive(group)
                finally:
                    pump.cancel()
                    course.cancel_all()
        except BaseExceptionGroup as problems:
            told, defects = problems.split(FleetError)
            raise _first_of(defects or told or problems) from None
        if course.fatal is not None:
            raise course.fatal
        return closed.result


def _first_of(problems: BaseExceptionGroup[BaseException]) -> BaseException:
    """The error itself; groups are how tasks fail, not what callers are promised."""
    first = problems.exceptions[0]
    return _first_of(first) if isinstance(first, BaseExceptionGroup) else first


@dataclass(slots=True, kw_only=True)
class _Course:
    """The run of one deliberation in this process: its state, and the tasks that are under way."""

    use_case: DeliberateAsync
    observe: Observe | None
    notes: tuple[str, ...]
    state: Deliberation = field(default_factory=Deliberation)
    inbox: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    tasks: dict[NextStep, asyncio.Task[None]] = field(default_factory=dict)
    fatal: FleetError | None = None
    """Why it cannot go on; the first such error counts, and none after the end."""
    is_failing: bool = False

    async def pump(self, stream: AsyncIterator[Event]) -> None:
        """Bring events from the record to the inbox, where None says that a step has failed."""
        async for event in stream:
            self.inbox.put_nowait(event)

    async def drive(self, group: asyncio.TaskGroup) -> Closed:
        """React to events and to time until the deliberation is closed."""
        case = self.use_case
        steps = Steps(
            agents=case.agents,
            checks=case.checks,
            workspaces=case.workspaces,
            events=case.events,
            snapshots=case.snapshots,
            clock=case.clock,
            max_tokens=case.max_tokens,
            notes=self.notes,
            state=self.state,
        )
        while self.state.closed is None:
            self._take(await self._next())
            while not self.inbox.empty():
                self._take(self.inbox.get_nowait())
            if self.fatal is not None:
                await self._fail(steps, self.fatal)
            elif self.state.requested is not None:
                self._start_all(group, steps)
        await steps.snapshot()
        return self.state.closed

    async def _fail(self, steps: Steps, error: FleetError) -> None:
        """Close as failed, once; an error of the record itself cannot be told there and leaves it open."""
        if isinstance(error, RecordError):
            raise error
        if not self.is_failing:
            self.is_failing = True
            with suppress(RecordConflictError):
                await steps.fail(error)

    def _take(self, event: Event | None) -> None:
        if event is None or not self.state.apply(event):
            return
        if self.observe is not None:
            self.observe(event)

    async def _next(self) -> Event | None:
        """The next event, or None when a deadline passes first."""
        elapsed = self._elapsed_s()
        moments = (
            [m for m in deadlines_s(self.state) if m > elapsed] if self.state.started is not None else []
        )
        try:
            async with asyncio.timeout(moments[0] - elapsed + 0.001 if moments else None):
                return await self.inbox.get()
        except TimeoutError:
            return None

    def _elapsed_s(self) -> float:
        return self.state.elapsed_s(self.use_case.clock.now())

    def _start_all(self, group: asyncio.TaskGroup, steps: Steps) -> None:
        wanted = next_steps(
            self.state,
            elapsed_s=self._elapsed_s(),
            is_safe=self._is_safe,
            tokens_per_round=2 * self.state.usage().total_tokens,
        )
        for step, task in self.tasks.items():
            if isinstance(step, Ask | CheckProposal) and step not in wanted:
                task.cancel()
        for step in wanted:
            if not self._is_under_way(step):
                self.tasks[step] = group.create_task(self._carry_out(steps, step))

    def _is_under_way(self, step: NextStep) -> bool:
        """It was begun already; a round is cut once, whatever reason would come up later."""
        if isinstance(step, CloseRound):
            return any(isinstance(other, CloseRound) and other.round == step.round for other in self.tasks)
        return step in self.tasks

    async def _carry_out(self, steps: Steps, step: NextStep) -> None:
        try:
            await steps.carry_out(step)
        except RecordConflictError:
            return  # another process closed it first; its event is on the way
        except FleetError as error:
            if self.state.closed is None:
                self.fatal = self.fatal or error
                self.inbox.put_nowait(None)

    def _is_safe(self) -> bool:
        open_round = next((r for r in range(9) if r not in self.state.rounds), None)
        expected = len(self.state.council.proposers)
        return safe_to_stop(evidence_of(self.state, open_round=open_round), expected=expected)

    def cancel_all(self) -> None:
        """End whatever still runs for this deliberation."""
        for task in self.tasks.values():
            task.cancel()
