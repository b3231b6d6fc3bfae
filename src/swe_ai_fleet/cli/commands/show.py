"""``swe-fleet show``: one deliberation, from its events alone."""

import sys
from functools import partial
from typing import Literal

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option
from swe_ai_fleet.errors import RecordNotFoundError

Form = Literal["text", "json", "patch", "events"]


@click.command("show", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID")
@json_option
@click.option("--patch", "as_patch", is_flag=True, help="The winning patch alone, as `git apply` takes it.")
@click.option("--events", "as_events", is_flag=True, help="Every event, one JSON document a line, in order.")
def command(deliberation_id: str, *, as_json: bool, as_patch: bool, as_events: bool) -> int:
    """Show the result of a deliberation, ranked anew from its events alone; durations are in seconds.

    Exits 0 whatever the outcome; an open deliberation shows what is known so far.
    """
    from swe_ai_fleet.cli.running import run

    if as_json + as_patch + as_events > 1:
        raise click.UsageError("--json, --patch and --events exclude each other.")
    form: Form = "json" if as_json else "patch" if as_patch else "events" if as_events else "text"
    return run(partial(_show, deliberation_id, form))


async def _show(deliberation_id: str, form: Form, interrupts: Interrupts) -> int:
    del interrupts
    from swe_ai_fleet.cli.following import history_of
    from swe_ai_fleet.cli.output import tell_result
    from swe_ai_fleet.cli.session import open_record, prepare, record_place
    from swe_ai_fleet.orchestrator.usecases.result import rebuild

    settings = prepare()
    with ungrouped():
        async with open_record(settings) as record:
            events = await history_of(record, deliberation_id)
    if form == "events":
        sys.stdout.writelines(event.model_dump_json() + "\n" for event in events)
        return 0
    result = rebuild(events)
    if form == "patch":
        if result.winner is None or result.winner.patch is None:
            raise RecordNotFoundError(f"{deliberation_id} has no winning patch: {result.reason}")
        sys.stdout.write(result.winner.patch)
        return 0
    tell_result(result, as_json=form == "json", footer=[f"Record: {record_place(settings)}"])
    return 0
