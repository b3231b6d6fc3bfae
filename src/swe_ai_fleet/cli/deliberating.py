"""A deliberation that Ctrl-C ends in order: ``cancel_requested``, then one ``closed`` on the record."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.domain.events import Event, Requested
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import InputError, RecordError
from swe_ai_fleet.ports.record import EventLog

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


async def check_same(events: EventLog, requested: Requested) -> None:
    """An id that is on the record stands for this same task at this same commit.

    Raises:
        InputError: of ``--id``.
    """
    deliberation_id = requested.deliberation_id
    for event in await events.history(deliberation_id):
        if isinstance(event, Requested) and _asked(event) != _asked(requested):
            way_out = f"Give another id; `swe-fleet show {deliberation_id}` shows that one."
            raise InputError("--id", deliberation_id, "is on the record for another task or commit", way_out)


def _asked(requested: Requested) -> tuple[Task, RepoRef | None]:
    """What was asked for; a task may spell the folder of its repository in several ways."""
    task, repo = requested.task, requested.repo
    return task.model_copy(update={"repo": None}), repo and repo.model_copy(update={"bundle": None})


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
