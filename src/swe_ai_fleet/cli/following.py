"""Following a deliberation that somebody else runs."""

from collections.abc import Sequence

from swe_ai_fleet.cli.exits import exit_of_outcome
from swe_ai_fleet.cli.output import tell_result
from swe_ai_fleet.cli.progress import open_progress
from swe_ai_fleet.cli.session import record_place
from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.errors import RecordNotFoundError
from swe_ai_fleet.ports.record import Record
from swe_ai_fleet.settings import Settings


async def follow(
    record: Record, deliberation_id: str, settings: Settings, *, as_json: bool, is_quiet: bool
) -> int:
    """History, then live, to the end; the exit code of the outcome."""
    closed = None
    async with (
        open_progress("quiet" if is_quiet else "auto") as progress,
        record.events.follow(deliberation_id) as events,
    ):
        async for event in events:
            progress.observe(event)
            closed = event if isinstance(event, Closed) else closed
    if closed is None:
        raise RecordNotFoundError(f"the record of {deliberation_id} ends without a decision")
    footer = [f"Record: {record_place(settings)}", f"Show it again: swe-fleet show {deliberation_id}"]
    tell_result(closed.result, as_json=as_json, footer=footer)
    return exit_of_outcome(closed.outcome)


async def history_of(record: Record, deliberation_id: str) -> Sequence[Event]:
    """All events of one deliberation.

    Raises:
        RecordNotFoundError: there are none.
    """
    events = await record.events.history(deliberation_id)
    if not events:
        raise RecordNotFoundError(
            f"there is no deliberation {deliberation_id} on the record; `swe-fleet list` shows what is"
        )
    return events
