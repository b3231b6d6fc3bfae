"""``swe-fleet report``: one deliberation as a page."""

from functools import partial
from pathlib import Path

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts


@click.command("report", epilog=EPILOG)
@click.argument("deliberation_id", metavar="ID")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The page to write; <ID>.html where it is left out.",
)
def command(deliberation_id: str, *, out: Path | None) -> int:
    """Write one deliberation as a self-contained HTML page, made from its events alone.

    It shows who proposed what, the evidence of every tier, why the winner won, and what it cost in tokens and seconds.
    """
    from swe_ai_fleet.cli.running import run

    return run(partial(_report, deliberation_id, out or Path(f"{deliberation_id}.html")))


async def _report(deliberation_id: str, out: Path, interrupts: Interrupts) -> int:
    del interrupts
    from swe_ai_fleet.cli.following import history_of
    from swe_ai_fleet.cli.output import write_page
    from swe_ai_fleet.cli.session import open_record, prepare
    from swe_ai_fleet.report.page import render_page

    with ungrouped():
        async with open_record(prepare()) as record:
            events = await history_of(record, deliberation_id)
    write_page(render_page(events), out)
    click.echo(f"Written: {out}")
    return 0
