"""``swe-fleet resume``: go on where the events end."""

from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, Exit, exit_of_outcome, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option, no_ray_option, quiet_option

if TYPE_CHECKING:
    from swe_ai_fleet.cli.progress import Style


@click.command("resume", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID")
@json_option
@no_ray_option
@quiet_option
def command(deliberation_id: str, *, as_json: bool, no_ray: bool, quiet: bool) -> int:
    """Go on with a deliberation that was left open; only agents whose answers are missing are asked.

    Its deadline, in seconds, still counts from its start: one that has passed gives the best so far.
    """
    from swe_ai_fleet.cli.running import run

    style: Style = "quiet" if quiet else "auto"
    return run(partial(_resume, deliberation_id, as_json=as_json, use_ray=not no_ray, style=style))


async def _resume(
    deliberation_id: str, interrupts: Interrupts, *, as_json: bool, use_ray: bool, style: "Style"
) -> int:
    from swe_ai_fleet.cli.deliberating import go_on
    from swe_ai_fleet.cli.output import tell_result
    from swe_ai_fleet.cli.progress import open_progress
    from swe_ai_fleet.cli.session import open_session, prepare, record_place

    settings = prepare()
    footer = [f"Record: {record_place(settings)}", f"Show it again: swe-fleet show {deliberation_id}"]
    with ungrouped():
        async with open_session(settings, use_ray=use_ray, style=style) as fleet:
            async with open_progress(style) as progress:
                result = await go_on(fleet, deliberation_id, observe=progress.observe, interrupts=interrupts)
            tell_result(result, as_json=as_json, footer=footer)
    return Exit.INTERRUPTED if interrupts.fired else exit_of_outcome(result.outcome)
