"""``swe-fleet doctor``: what is reachable, and what to do about what is not."""

from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, Exit, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option

if TYPE_CHECKING:
    from rich.console import RenderableType

    from swe_ai_fleet.cli.finding import Finding

_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}


@click.command("doctor", epilog=EPILOG)
@json_option
def command(*, as_json: bool) -> int:
    """See what is reachable with the present settings, and how to get what is not; takes a second or two.

    Exits 0 when everything that is needed is there, 4 when something is missing.
    """
    from swe_ai_fleet.cli.running import run

    return run(partial(_doctor, as_json))


async def _doctor(as_json: bool, interrupts: Interrupts) -> int:  # noqa: FBT001
    del interrupts
    from swe_ai_fleet.cli.doctor_checks import examine, python_finding
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import prepare

    with ungrouped():
        findings = [python_finding(), *await examine(prepare())]
    is_well = all(finding.status != "failed" for finding in findings)
    if as_json:
        print_json({"ok": is_well, "findings": [finding.model_dump() for finding in findings]})
    else:
        _tell(findings)
    return Exit.DECIDED if is_well else Exit.UNREACHABLE


def _tell(findings: "list[Finding]") -> None:
    from swe_ai_fleet.cli.console import PipedConsole

    PipedConsole(highlight=False).print(_table(findings))


def _table(findings: "list[Finding]") -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    from swe_ai_fleet.report.printable import printable

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, style = _MARKS[finding.status]
        text = Text(printable(finding.detail))
        if finding.fix:
            text.append(f"\n{printable(finding.fix)}", style="cyan")
        table.add_row(Text(mark, style=style), Text(finding.name, style="bold"), text)
    return table
