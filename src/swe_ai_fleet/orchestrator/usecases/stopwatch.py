"""How long a deliberation has been at work, by a clock that nobody can set."""

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from swe_ai_fleet.domain.deliberation import Deliberation
from swe_ai_fleet.ports.clock import Clock


@dataclass(slots=True, kw_only=True)
class Stopwatch:
    """The wall clock counts once, when this process first sees the deliberation started; then the event loop's does."""

    state: Deliberation
    clock: Clock
    _began_s: float | None = None

    def elapsed_s(self) -> float:
        """Seconds since ``started``; 0 before."""
        if self.state.started is None:
            return 0.0
        now_s = asyncio.get_running_loop().time()
        if self._began_s is None:
            self._began_s = now_s - self.state.elapsed_s(self.clock.now())
        return now_s - self._began_s

    def moment(self, after_s: float) -> datetime:
        """When so many seconds since ``started`` will have passed, as the wall clock goes now."""
        return self.clock.now() + timedelta(seconds=after_s - self.elapsed_s())
