"""Agents on a Ray cluster: a few shared actors, opened once; calls that outlive the death of any of them."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Self

import ray
import structlog
from ray import ObjectRef
from ray.actor import ActorHandle
from ray.exceptions import (
    ActorUnavailableError,
    ObjectLostError,
    OutOfMemoryError,
    PendingCallsLimitExceeded,
    RayActorError,
    RayError,
    RaySystemError,
    RayTaskError,
    RpcError,
    TaskCancelledError,
)

from swe_ai_fleet.domain.brief import Assignment
from swe_ai_fleet.domain.outcome import Cancelled, Crashed, Failure, Outcome, TimedOut
from swe_ai_fleet.errors import FleetError, PlacementError, UnreachableError
from swe_ai_fleet.execution.hiring import Hiring
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_actor import RayAgentHost
from swe_ai_fleet.execution.ray_calls import awaited
from swe_ai_fleet.execution.ray_connection import connected
from swe_ai_fleet.execution.roster import Place, Roster
from swe_ai_fleet.orchestrator.agents.answering import record_outcome, recorded_outcome
from swe_ai_fleet.orchestrator.agents.kept_record import OpenRecord
from swe_ai_fleet.ports.agents import BuildAgent
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.health import HostReport
from swe_ai_fleet.ports.record import EventLog

_GRACE_S = 1.0
"""How long an agent that has passed its deadline may take to say so itself."""
_STRAGGLERS_S = 5.0
"""How long the first actor that is ready waits for the others."""
_REST_S = 0.2
"""How long an actor that sheds load is spared."""
_PARTING_S = 0.1
"""How long a call that is given up may still end by itself: mostly its answer is on the record already."""
_LEAST_PAUSE_S = 0.1
_MOST_PAUSE_S = 2.0
_CLOSE_S = 2.0
_REPORT_S = 1.0

_LOST = (RayActorError, ObjectLostError, OutOfMemoryError, RaySystemError, RpcError)
"""The call may have been carried out or not; only the record knows."""
_NOT_NOW = (PendingCallsLimitExceeded, UnreachableError)
"""The actor is full, or does not reach the record: nothing was begun."""

_Actor = Place["ActorHandle[RayAgentHost]"]
_log = structlog.get_logger()


class RayAgentPool:
    """An :class:`~swe_ai_fleet.ports.agents.AgentPool` of Ray actors.

    The calls of one deliberation stay at one actor while it bears them, so that they share its connections; agents
    that compute are spread. An actor that sheds load gets none for a moment: its calls go to another one, or wait.
    When an actor dies, its calls are looked up on the record and, where it does not hold
    their answers, asked again elsewhere, within their deadline. Whatever happens to Ray, a call ends soon after its
    deadline.
    """

    def __init__(
        self,
        hiring: Hiring,
        roster: "Roster[ActorHandle[RayAgentHost]]",
        *,
        events: EventLog,
        clock: Clock,
    ) -> None:
        """Use :meth:`open`, which starts the actors and stops them."""
        self._hiring = hiring
        self._roster = roster
        self._events = events
        self._clock = clock
        self._revivals: set[asyncio.Task[None]] = set()
        self._nodes: dict[str, str] = {}
        """Where each place's actor lives, by the place's name."""
        self._calls: Counter[str] = Counter()
        """Calls that were handed out, by the id of the node."""

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        options: RayOptions,
        *,
        build_agent: BuildAgent,
        open_record: OpenRecord,
        events: EventLog,
        clock: Clock,
    ) -> AsyncIterator[Self]:
        """Connect to the cluster, start the actors, and stop them when it is left.

        Args:
            options: where the cluster is and how the actors are placed.
            build_agent: makes agents in the actors; picklable.
            open_record: opens the record in the actors; picklable.
            events: the same record, as this process sees it.
            clock: against which deadlines are read.

        Raises:
            UnreachableError: the cluster does not answer, or the record not from there.
            PlacementError: no node can host an actor, or none started in time.
        """
        async with connected(options):
            hiring = Hiring(options=options, build_agent=build_agent, open_record=open_record)
            places = [
                Place(name=f"actor-{number}", handle=hiring.actor())
                for number in range(await hiring.number())
            ]
            pool = cls(hiring, Roster(places, max_load=options.max_pending), events=events, clock=clock)
            try:
                await pool._start(options.start_timeout_s)
                yield pool
            finally:
                await pool._stop()

    async def reports(self) -> Sequence[HostReport]:
        """How the actors stand that answer within a second."""
        calls = [asyncio.ensure_future(_reported(place)) for place in self._roster.up]
        try:
            done = (await asyncio.wait(calls, timeout=_REPORT_S))[0] if calls else set()
        finally:
            for call in calls:
                call.cancel()
        return [call.result() for call in done if call.exception() is None]

    async def ask(self, assignment: Assignment) -> Outcome:
        """Have one agent do one thing; see :class:`~swe_ai_fleet.ports.agents.AgentPool`."""
        left_s = max(0.0, (assignment.deadline - self._clock.now()).total_seconds())
        deaths: list[RayError] = []
        limit = asyncio.timeout(left_s + _GRACE_S)
        try:
            async with limit:
                return await self._until_answered(assignment, deaths)
        except TimeoutError:
            if not limit.expired():
                raise
        except RayError as error:
            return await self._record(assignment, _ending(error))
        if deaths:
            return await self._record(assignment, _died(deaths))
        return await self._record(assignment, TimedOut(after_s=round(left_s, 3)))

    async def _until_answered(self, assignment: Assignment, deaths: list[RayError]) -> Outcome:
        asked = assignment
        while len(deaths) < self._hiring.options.attempts:
            try:
                return await self._ask_somebody(asked)
            except _NOT_NOW:
                continue
            except _LOST as error:
                deaths.append(error)
                known = await recorded_outcome(assignment, self._events)
                if known is not None:
                    return known
                asked = assignment.model_copy(update={"attempt": assignment.attempt + len(deaths)})
        return await self._record(assignment, _died(deaths))

    async def _ask_somebody(self, assignment: Assignment) -> Outcome:
        spreads = assignment.agent.searches
        async with self._roster.place(assignment.deliberation_id, spreads=spreads) as place:
            handle = place.handle
            self._calls[self._nodes[place.name]] += 1
            try:
                return await awaited(handle.ask.remote(assignment), parting_s=_PARTING_S)
            except RayActorError:
                if place.handle is handle and self._roster.fall(place):
                    self._revive(place)
                raise
            except _NOT_NOW:
                self._roster.rest(place, _REST_S)
                raise

    async def _record(self, assignment: Assignment, failure: Failure) -> Outcome:
        return await record_outcome(assignment, failure, events=self._events, clock=self._clock)

    async def _start(self, limit_s: float) -> None:
        first = {asyncio.ensure_future(self._enlist(place)): place for place in self._roster.places}
        try:
            done, _ = await asyncio.wait(first, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if done:
                done, _ = await asyncio.wait(first, timeout=_STRAGGLERS_S)
        finally:
            for task in first:
                task.cancel()
        if not self._roster.up:
            raise _why_none_started([task.exception() for task in done], limit_s)
        for place in self._roster.places:
            if not place.is_up:
                self._revive(place)

    async def _enlist(self, place: _Actor) -> None:
        self._nodes[place.name] = await awaited(place.handle.ready.remote())
        self._roster.rise(place)

    def _revive(self, place: _Actor) -> None:
        task = asyncio.ensure_future(self._until_ready(place))
        self._revivals.add(task)
        task.add_done_callback(self._revivals.discard)

    async def _until_ready(self, place: _Actor) -> None:
        """Until it answers again: Ray restarts an actor that died; one that will not come back is replaced."""
        pause_s = _LEAST_PAUSE_S
        while not place.is_up:
            try:
                await self._enlist(place)
            except (ActorUnavailableError, FleetError, RayTaskError):
                await asyncio.sleep(pause_s)
            except RayActorError:
                place.handle = self._hiring.actor()
                await asyncio.sleep(pause_s)
            pause_s = min(_MOST_PAUSE_S, 2 * pause_s)

    async def _stop(self) -> None:
        _log.info("pool.closed", calls_by_node=dict(self._calls))
        for task in list(self._revivals):
            task.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                closing: list[ObjectRef[None]] = [place.handle.close.remote() for place in self._roster.up]
                for ref in closing:
                    with suppress(RayError):
                        await ref
        for place in self._roster.places:
            ray.kill(place.handle)


async def _reported(place: _Actor) -> HostReport:
    return await awaited(place.handle.report.remote(place.name))


def _died(deaths: list[RayError]) -> Crashed:
    reason = f"its actor died: {deaths[-1]}".splitlines()[0]
    return Crashed(reason=reason, error="actor_died", attempts=len(deaths))


def _ending(error: RayError) -> Failure:
    """What an error stands for that is neither the agent's nor an actor's death."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    if isinstance(cause, TaskCancelledError):
        return Cancelled(reason="the call was cancelled on the cluster")
    return Crashed(reason=f"{type(cause).__name__}: {cause}"[:2000], error="cluster")


def _why_none_started(causes: list[BaseException | None], limit_s: float) -> FleetError:
    for cause in causes:
        if isinstance(cause, FleetError):
            return cause
    if causes:
        return PlacementError(f"no actor starts: {causes[0]}")
    return PlacementError(f"no actor has started within {limit_s:g} s; the cluster may be full")
