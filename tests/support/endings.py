"""Terminal events and waiting for a condition, for tests of the record."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta

from story import T0

from swe_ai_fleet.domain.events import Closed
from swe_ai_fleet.domain.outcome import DeliberationOutcome
from swe_ai_fleet.domain.ranking import Result


def closed(deliberation_id: str = "d1", *, reason: str = "", seconds: float = 5.0) -> Closed:
    """The end of a deliberation that decided nothing."""
    result = Result(
        deliberation_id=deliberation_id,
        task_id="reorder",
        outcome=DeliberationOutcome.UNDECIDED,
        reason=reason,
        seed=7,
        duration_s=seconds,
    )
    return Closed(
        deliberation_id=deliberation_id,
        task_id="reorder",
        num_agents=3,
        time=T0 + timedelta(seconds=seconds),
        outcome=result.outcome,
        result=result,
    )


async def until(condition: Callable[[], bool], *, limit_s: float = 20.0) -> None:
    """Return when it holds."""
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, "it never came to that"
        await asyncio.sleep(0.01)
