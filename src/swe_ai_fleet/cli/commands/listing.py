"""``swe-fleet list``: what is on the record."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option

if TYPE_CHECKING:
    from rich.table import Table

    from swe_ai_fleet.ports.record import Snapshot

_PIPED = 160
_WIDE = 110
_FOR_WIDE = ("tokens", "winner")


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
    from swe_ai_fleet.cli.console import PipedConsole

    console = PipedConsole(highlight=False)
    if not console.is_terminal:
        console.width = _PIPED
    console.print(_table(snapshots, is_narrow=console.width < _WIDE))
    return 0


def _table(snapshots: "Sequence[Snapshot]", *, is_narrow: bool) -> "Table":
    from rich.table import Table

    from swe_ai_fleet.report.printable import printable

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("deliberation", overflow="fold")
    names = [name for name in _CELLS if not (is_narrow and name in _FOR_WIDE)]
    for name in names:
        table.add_column(name, no_wrap=True, justify="right" if name in ("answers", "tokens") else "left")
    for one in snapshots:
        table.add_row(printable(one.deliberation_id), *(printable(_CELLS[name](one)) for name in names))
    return table


def _state(one: "Snapshot") -> str:
    if one.outcome is not None:
        return one.outcome.value
    return f"round {one.round}" if one.phase == "round_closed" else one.phase


_CELLS: "dict[str, Callable[[Snapshot], str]]" = {
    "state": _state,
    "answers": lambda one: f"{one.answered} of {one.num_agents}",
    "tokens": lambda one: f"{one.tokens:,}",
    "winner": lambda one: one.winner or "-",
    "updated": lambda one: f"{one.updated:%Y-%m-%d %H:%M:%S}",
}
