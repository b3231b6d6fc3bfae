"""``swe-fleet cancel``: ask a deliberation to end."""

from functools import partial

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option


@click.command("cancel", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID")
@click.option("--reason", default="cancelled by the user", metavar="TEXT", help="Goes on the record.")
@json_option
def command(deliberation_id: str, *, reason: str, as_json: bool) -> int:
    """Put `cancel_requested` on the record; whoever runs the deliberation ends it, usually within a second.

    One that still waits for a worker is ended by the worker that takes it, and nobody is asked. Doing it twice
    changes nothing; one that has ended already stays as it is.
    """
    from swe_ai_fleet.cli.running import run

    return run(partial(_cancel, deliberation_id, reason, as_json))


async def _cancel(deliberation_id: str, reason: str, as_json: bool, interrupts: Interrupts) -> int:  # noqa: FBT001
    del interrupts
    from datetime import UTC, datetime

    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import open_record, prepare
    from swe_ai_fleet.orchestrator.usecases.cancel_async import CancelAsync

    class Now:
        """The clock of this machine."""

        def now(self) -> datetime:
            """The present moment, UTC."""
            return datetime.now(UTC)

    with ungrouped():
        async with open_record(prepare()) as record:
            cancel = CancelAsync(events=record.events, queue=record.commands, clock=Now())
            closed = await cancel.run(deliberation_id, reason=reason)
    outcome = None if closed is None else closed.outcome.value
    if as_json:
        print_json(
            {"deliberation_id": deliberation_id, "cancel_requested": closed is None, "outcome": outcome}
        )
    elif closed is None:
        click.echo(f"{deliberation_id}: cancel requested")
    else:
        click.echo(f"{deliberation_id} had ended already: {outcome}")
    return 0
