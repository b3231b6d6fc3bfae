"""``swe-fleet list``: what is on the record."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option

if TYPE_CHECKING:
    from rich.table import Table

    from swe_ai_fleet.ports.record import Snapshot


@click.command("list", epilog=EPILOG)
@click.option(
    "--limit",
    type=click.IntRange(1, 100_000),
    default=20,
    metavar="N",
    help="At most so many deliberations (20).",
)
@json_option
def command(limit: int, *, as_json: bool) -> int:
    """List the deliberations on the record, the most recently updated first; times are UTC."""
    from swe_ai_fleet.cli.running import run

    return run(partial(_list, limit, as_json))


async def _list(limit: int, as_json: bool, interrupts: Interrupts) -> int:  # noqa: FBT001
    del interrupts
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import open_record, prepare

    with ungrouped():
        async with open_record(prepare()) as record:
            snapshots = await record.snapshots.list(limit=limit)
    if as_json:
        print_json([snapshot.model_dump(mode="json") for snapshot in snapshots])
        return 0
    if not snapshots:
        click.echo("The record holds no deliberation yet; `swe-fleet demo` makes one.", err=True)
        return 0
    from rich.console import Console

    Console(highlight=False).print(_table(snapshots))
    return 0


def _table(snapshots: "Sequence[Snapshot]") -> "Table":
    from rich.table import Table

    from swe_ai_fleet.report.printable import printable

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("deliberation", overflow="fold")
    for name in ("state", "answers", "tokens", "winner", "updated"):
        table.add_column(name, no_wrap=True, justify="right" if name in ("answers", "tokens") else "left")
    for one in snapshots:
        state = one.phase if one.outcome is None else one.outcome.value
        table.add_row(
            printable(one.deliberation_id),
            f"round {one.round}" if one.outcome is None and one.phase == "round_closed" else state,
            f"{one.answered} of {one.num_agents}",
            f"{one.tokens:,}",
            one.winner or "-",
            f"{one.updated:%Y-%m-%d %H:%M:%S}",
        )
    return table
