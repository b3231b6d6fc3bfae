"""Keeping the list up to date while a deliberation is open."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.orchestrator.usecases.summary import summarise
from swe_ai_fleet.ports.clock import Clock
from swe_ai_fleet.ports.record import SnapshotStore

_LAG_S = 1.0
"""How far a list may be behind an open deliberation; one that is over sooner is listed once."""


@dataclass(slots=True, kw_only=True)
class Listing:
    """Looks once in a while whether there is anything to tell; a task runs only while it is told.

    A list that is out of date is no reason to stop: events rebuild it.
    """

    state: Deliberation
    snapshots: SnapshotStore
    clock: Clock
    _reached: tuple[bool, int] = (False, 0)
    _next_look: asyncio.TimerHandle | None = None
    _telling: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Look in a while, and again and again until :meth:`end`."""
        self._next_look = asyncio.get_running_loop().call_later(_LAG_S, self._look)

    def end(self) -> None:
        """Give up what is being told."""
        if self._next_look is not None:
            self._next_look.cancel()
        if self._telling is not None:
            self._telling.cancel()

    def _look(self) -> None:
        reached = (self.state.started is not None, len(self.state.rounds))
        if reached != self._reached and (self._telling is None or self._telling.done()):
            self._reached = reached
            self._telling = asyncio.create_task(self._tell())
        self.begin()

    async def _tell(self) -> None:
        with suppress(RecordError):
            await self.snapshots.put(summarise(self.state, updated=self.clock.now()))
