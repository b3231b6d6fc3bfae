"""A deliberation that Ctrl-C ends in order: ``cancel_requested``, then one ``closed`` on the record."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.domain.events import Event, Requested
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.errors import RecordError

if TYPE_CHECKING:
    from swe_ai_fleet.bootstrap import Fleet

Observe = Callable[[Event], None]

_KNOWN_S = 1.0
_REASON = "interrupted by the user"


async def deliberate(
    fleet: "Fleet",
    requested: Requested,
    *,
    notes: tuple[str, ...],
    observe: Observe,
    interrupts: Interrupts,
) -> Result:
    """The result; a cancelled one after an interrupt.

    Raises:
        FleetError: as :meth:`~swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase.DeliberateAsync.run`.
    """
    return await _cancellable(
        fleet,
        requested.deliberation_id,
        lambda seen: fleet.deliberate.run(requested, notes=notes, observe=seen),
        observe=observe,
        interrupts=interrupts,
    )


async def go_on(fleet: "Fleet", deliberation_id: str, *, observe: Observe, interrupts: Interrupts) -> Result:
    """The result of a deliberation that is on the record already.

    Raises:
        RecordNotFoundError: there is none of that id.
        FleetError: as :func:`deliberate`.
    """
    return await _cancellable(
        fleet,
        deliberation_id,
        lambda seen: fleet.deliberate.resume(deliberation_id, observe=seen),
        observe=observe,
        interrupts=interrupts,
    )


async def _cancellable(
    fleet: "Fleet",
    deliberation_id: str,
    start: Callable[[Observe], Awaitable[Result]],
    *,
    observe: Observe,
    interrupts: Interrupts,
) -> Result:
    known = asyncio.Event()
    running = asyncio.current_task()
    assert running is not None

    def seen(event: Event) -> None:
        known.set()
        observe(event)

    async def cancel() -> None:
        """Through the record; where it does not take that, by force."""
        try:
            async with asyncio.timeout(_KNOWN_S):
                await known.wait()
                await fleet.cancel.run(deliberation_id, reason=_REASON)
        except (TimeoutError, RecordError):
            running.cancel()

    async with asyncio.TaskGroup() as group:
        with interrupts.calling(lambda: group.create_task(cancel())):
            return await start(seen)
