"""The course of one deliberation in one process: events in, the next steps out, until it is closed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.domain.events import Closed, Event, Requested
from swe_ai_fleet.domain.phases import deadlines_s
from swe_ai_fleet.domain.steps import (
    Ask,
    CheckBase,
    CheckProposal,
    CloseRound,
    NextStep,
    RunMatrix,
    TryChecks,
    next_steps,
)
from swe_ai_fleet.errors import FleetError, RecordConflictError, RecordError
from swe_ai_fleet.orchestrator.usecases.enough import is_safe, why_enough
from swe_ai_fleet.orchestrator.usecases.hearing import judges_of
from swe_ai_fleet.orchestrator.usecases.listing_async import Listing
from swe_ai_fleet.orchestrator.usecases.steps_async import Steps
from swe_ai_fleet.orchestrator.usecases.stopwatch import Stopwatch
from swe_ai_fleet.orchestrator.usecases.summary import summarise
from swe_ai_fleet.ports.agents import AgentPool
from swe_ai_fleet.ports.cells import CellRunner
from swe_ai_fleet.ports.checks import CheckRunner, Workspaces
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import EventLog, Published, SnapshotStore
from swe_ai_fleet.ports.reliability import ReliabilityBooks

Observe = Callable[[Event], None]

_WAKE_S = 0.001

_ENDED = Ask | CheckProposal | TryChecks | RunMatrix
"""Steps that end when they are not wanted any more."""
_LONG = _ENDED | CheckBase
"""Steps that take their time, so that each has a task of its own."""


@dataclass(slots=True, kw_only=True)
class Course:
    """One run: its state, the tasks that are under way, and what it has told."""

    agents: AgentPool
    checks: CheckRunner
    cells: CellRunner
    workspaces: Workspaces
    reliability: ReliabilityBooks
    events: EventLog
    snapshots: SnapshotStore
    clock: Clock
    max_tokens: int
    notes: tuple[str, ...]
    observe: Observe | None
    openings: asyncio.Semaphore
    """Held until agents are asked, so that of many that begin at once the first soon wait for their models."""
    is_opening: bool = False
    state: Deliberation = field(default_factory=Deliberation)
    told: set[tuple[str, int, str]] = field(default_factory=set)
    """Keys of the events that the observer knows."""
    inbox: asyncio.Queue[Event | None] = field(default_factory=asyncio.Queue)
    """Events, once they are on the record, and None where it is time to look again."""
    begun: set[NextStep] = field(default_factory=set)
    tasks: dict[NextStep, asyncio.Task[None]] = field(default_factory=dict)
    """Those of them that take their time, each in a task of its own."""
    alarm: asyncio.TimerHandle | None = None
    alarm_s: float | None = None
    """For which moment it is set."""
    fatal: FleetError | None = None
    """Why it cannot go on; the first such error counts, and none after the end."""

    async def run(
        self, deliberation_id: str, *, requested: Requested | None = None, is_new: bool = True
    ) -> Closed:
        """Follow the record and react until it is closed; then raise what closed it as failed, if anything did.

        Args:
            deliberation_id: which one.
            requested: what opens it; None where it is on the record already.
            is_new: nothing of it can be on the record before it is opened here.

        Raises:
            FleetError: alone or in a group, as :meth:`DeliberateAsync.run` tells.
        """
        await self.openings.acquire()
        self.is_opening = True
        try:
            closed = None if requested is None else await self._open(requested, is_new=is_new)
            if closed is None:
                async with self.events.follow(deliberation_id) as stream:
                    closed = await self._see_through(stream)
        finally:
            self._let_others_open()
        with suppress(RecordError):  # a list that is out of date can be rebuilt
            await self.snapshots.put(summarise(self.state, updated=closed.time))
        if self.fatal is not None:
            raise self.fatal
        return closed

    def _let_others_open(self) -> None:
        if self.is_opening:
            self.is_opening = False
            self.openings.release()

    async def _open(self, requested: Requested, *, is_new: bool) -> Closed | None:
        """Begin it and see it through; None where it was begun before, against what was expected."""
        async with self.events.follow(requested.deliberation_id, is_new=True) as stream:
            if not is_new:
                for event in await self.events.history(requested.deliberation_id):
                    self._receive(event)  # before anything is begun that it might forbid
            if (await self.publish(requested)).duplicate and is_new:
                return None  # the stream may lack what was there before
            return await self._see_through(stream)

    async def _see_through(self, stream: AsyncIterator[Event]) -> Closed:
        async with asyncio.TaskGroup() as group:
            pump = group.create_task(self._pump(stream))
            listing = Listing(state=self.state, snapshots=self.snapshots, clock=self.clock)
            listing.begin()
            try:
                closed = await self._drive(group)
                if self.observe is not None and closed.key not in self.told:
                    await pump  # the observer is promised every event in stream order
            finally:
                pump.cancel()
                listing.end()
                self._cancel_all()
        return closed

    async def publish(self, event: Event) -> Published:
        """Put an event on the record and take it in, without waiting to be told of it.

        Where another process was first, its event is the one that counts, and it is on its way.
        """
        published = await self.events.publish(event)
        if not published.duplicate:
            self.inbox.put_nowait(event)
        return published

    async def _pump(self, stream: AsyncIterator[Event]) -> None:
        async for event in stream:
            self._receive(event)

    def _receive(self, event: Event) -> None:
        """Bring an event from the record to the inbox and, once, to the observer."""
        self.inbox.put_nowait(event)
        if self.observe is not None and event.key not in self.told:
            self.told.add(event.key)
            self.observe(event)

    async def _drive(self, group: asyncio.TaskGroup) -> Closed:
        steps = Steps(
            agents=self.agents,
            checks=self.checks,
            cells=self.cells,
            workspaces=self.workspaces,
            reliability=self.reliability,
            publish=self.publish,
            clock=self.clock,
            max_tokens=self.max_tokens,
            notes=self.notes,
            state=self.state,
            watch=Stopwatch(state=self.state, clock=self.clock),
        )
        while self.state.closed is None:
            is_news = self._take(await self.inbox.get())
            while not self.inbox.empty():
                is_news = self._take(self.inbox.get_nowait()) or is_news
            if not is_news:
                continue
            if self.fatal is not None:
                await self._fail(steps, self.fatal)
            elif self.state.requested is not None and self.state.closed is None:
                await self._go_on(group, steps)
        return self.state.closed

    def _take(self, event: Event | None) -> bool:
        """Whether there is anything to react to."""
        return event is None or self.state.apply(event)

    async def _fail(self, steps: Steps, error: FleetError) -> None:
        """Close as failed; an error of the record itself cannot be told there and leaves it open."""
        if isinstance(error, RecordError):
            raise error
        self._cancel_all()
        with suppress(RecordConflictError):
            await steps.fail(error)

    async def _go_on(self, group: asyncio.TaskGroup, steps: Steps) -> None:
        """Begin what may begin now; what only publishes is done at once."""
        elapsed_s = steps.watch.elapsed_s()
        wanted = next_steps(
            self.state,
            elapsed_s=elapsed_s,
            is_safe=lambda moving: is_safe(self.state, moving),
            enough=lambda: why_enough(self.state),
            judges=lambda: judges_of(self.state, steps.hearing()),
            tokens_per_round=self._tokens_per_round(),
        )
        going_on = set(wanted)
        for step, task in self.tasks.items():
            if isinstance(step, _ENDED) and step not in going_on:
                task.cancel()
        self._set_alarm(elapsed_s)
        for step in wanted:
            if self._has_begun(step):
                continue
            self.begun.add(step)
            if isinstance(step, _LONG):
                self.tasks[step] = group.create_task(self._carry_out(steps, step))
            else:
                await self._carry_out(steps, step)
        if self.state.started is not None:
            self._let_others_open()

    def _has_begun(self, step: NextStep) -> bool:
        """A round is cut once, whatever reason would come up later; functions that come late are observed again."""
        if isinstance(step, CloseRound):
            return any(isinstance(other, CloseRound) and other.round == step.round for other in self.begun)
        if isinstance(step, RunMatrix):
            return step in self.tasks and not self.tasks[step].done()
        return step in self.begun

    async def _carry_out(self, steps: Steps, step: NextStep) -> None:
        try:
            await steps.carry_out(step)
            if isinstance(step, RunMatrix):
                self.inbox.put_nowait(None)
        except RecordConflictError:
            return  # another process closed it first; its event is on the way
        except FleetError as error:
            if self.state.closed is None:
                self.fatal = self.fatal or error
                self.inbox.put_nowait(None)

    def _set_alarm(self, elapsed_s: float) -> None:
        """Look again when time alone may change what comes next."""
        if self.state.started is None:
            return
        moment = next((m for m in deadlines_s(self.state) if m > elapsed_s), None)
        if moment == self.alarm_s:
            return
        if self.alarm is not None:
            self.alarm.cancel()
            self.alarm = None
        self.alarm_s = moment
        if moment is not None:
            loop = asyncio.get_running_loop()
            self.alarm = loop.call_later(moment - elapsed_s + _WAKE_S, self._ring)

    def _ring(self) -> None:
        self.alarm_s = None
        self.inbox.put_nowait(None)

    def _tokens_per_round(self) -> int:
        """What one more round may cost: twice what was paid so far; counted only where there is a limit."""
        return 0 if self.state.task.budget.tokens is None else 2 * self.state.usage().total_tokens

    def _cancel_all(self) -> None:
        """End whatever still runs for this deliberation."""
        if self.alarm is not None:
            self.alarm.cancel()
        for task in self.tasks.values():
            task.cancel()
