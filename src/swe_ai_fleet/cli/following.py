"""Following a deliberation that somebody else runs."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from swe_ai_fleet.cli.exits import exit_of_outcome
from swe_ai_fleet.cli.output import tell_result
from swe_ai_fleet.cli.progress import Progress, open_progress
from swe_ai_fleet.cli.session import record_place
from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.errors import GivenUpError, RecordDeniedError, RecordError, RecordNotFoundError
from swe_ai_fleet.ports.record import Record
from swe_ai_fleet.settings import Settings

_BEGUN_S = 1.0
"""How soon a worker that is free begins."""


async def follow(
    record: Record, deliberation_id: str, settings: Settings, *, as_json: bool, is_quiet: bool
) -> int:
    """History, then live, to the end; the exit code of the outcome.

    Raises:
        GivenUpError: the workers made a dead letter of its command.
    """
    async with open_progress("quiet" if is_quiet else "auto") as progress:
        closed = await _ending(record, deliberation_id, progress)
    footer = [f"Record: {record_place(settings)}", f"Show it again: swe-fleet show {deliberation_id}"]
    tell_result(closed.result, as_json=as_json, footer=footer)
    return exit_of_outcome(closed.outcome)


async def _ending(record: Record, deliberation_id: str, progress: Progress) -> Closed:
    """The terminal event, or the error of the dead letter that came instead."""
    begun = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        following = group.create_task(_closed(record, deliberation_id, progress, begun))
        waiting = group.create_task(_given_up(record, deliberation_id))
        noting = group.create_task(_note_queued(record, deliberation_id, progress, begun))
        await asyncio.wait((following, waiting), return_when=asyncio.FIRST_COMPLETED)
        for task in (following, waiting, noting):
            task.cancel()
    if following.cancelled():
        raise waiting.result()
    return following.result()


async def _closed(record: Record, deliberation_id: str, progress: Progress, begun: asyncio.Event) -> Closed:
    async with record.events.follow(deliberation_id) as events:
        async for event in events:
            begun.set()
            progress.observe(event)
            if isinstance(event, Closed):
                return event
    raise RecordNotFoundError(f"the record of {deliberation_id} ends without a decision")


async def _note_queued(
    record: Record, deliberation_id: str, progress: Progress, begun: asyncio.Event
) -> None:
    """Say so, once, where no worker begins."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_BEGUN_S):
            await begun.wait()
    if not begun.is_set() and await is_queued(record, deliberation_id):
        progress.note(_queued(deliberation_id))


async def _given_up(record: Record, deliberation_id: str) -> GivenUpError:
    """Once its command is a dead letter, unless somebody has ended the deliberation by hand."""
    try:
        letter = await record.dead_letters.wait(deliberation_id)
    except RecordDeniedError:  # whoever only follows need not be allowed to read dead letters
        await asyncio.Event().wait()
        raise
    if any(isinstance(event, Closed) for event in await record.events.history(deliberation_id)):
        await asyncio.Event().wait()
    return GivenUpError(deliberation_id, letter.reason, refused=letter.refused, letter_id=letter.letter_id)


async def history_of(record: Record, deliberation_id: str) -> Sequence[Event]:
    """All events of one deliberation.

    Raises:
        RecordNotFoundError: there are none.
    """
    events = await record.events.history(deliberation_id)
    if not events and await is_queued(record, deliberation_id):
        raise RecordNotFoundError(_queued(deliberation_id))
    if not events:
        raise RecordNotFoundError(
            f"there is no deliberation {deliberation_id} on the record; `swe-fleet list` shows what is"
        )
    return events


async def is_queued(record: Record, deliberation_id: str) -> bool:
    """Whether its command is known to be on the queue of the workers."""
    try:
        return await record.commands.find(deliberation_id) is not None
    except RecordError:  # whoever only follows need not be allowed to read the queue
        return False


def _queued(deliberation_id: str) -> str:
    return f"{deliberation_id} is on the queue, and no worker has begun it; `swe-fleet worker` starts one"
