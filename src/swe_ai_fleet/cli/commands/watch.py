"""``swe-fleet watch``: history, then live."""

from functools import partial

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option, quiet_option


@click.command("watch", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID")
@json_option
@quiet_option
def command(deliberation_id: str, *, as_json: bool, quiet: bool) -> int:
    """Follow a deliberation to its end: what happened, then live, with times in seconds since the request.

    One that is on the queue is waited for. Interrupting it stops the watching only.
    """
    from swe_ai_fleet.cli.running import run

    return run(partial(_watch, deliberation_id, as_json, quiet))


async def _watch(deliberation_id: str, as_json: bool, quiet: bool, interrupts: Interrupts) -> int:  # noqa: FBT001
    del interrupts
    from swe_ai_fleet.cli.following import follow, history_of, is_queued
    from swe_ai_fleet.cli.session import open_record, prepare

    settings = prepare()
    with ungrouped():
        async with open_record(settings) as record:
            if not await is_queued(record, deliberation_id):
                await history_of(record, deliberation_id)
            return await follow(record, deliberation_id, settings, as_json=as_json, is_quiet=quiet)
