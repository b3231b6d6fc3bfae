"""``swe-fleet dead-letters``: commands that could not be processed."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option

if TYPE_CHECKING:
    from swe_ai_fleet.ports.record import DeadLetter, DeadLetters


@click.group("dead-letters", epilog=EPILOG)
def command() -> None:
    """Handle commands that could not be processed; each is kept once, for 30 days, with the reason."""


@command.command("list", epilog=EPILOG)
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, metavar="N", help="At most so many letters (20)."
)
@json_option
def list_command(limit: int, *, as_json: bool) -> int:
    """List them, the latest first; times are UTC."""
    return _run(partial(_list, limit, as_json))


@command.command("show", epilog=EPILOG)
@click.argument("letter_id", metavar="LETTER")
@json_option
def show_command(letter_id: str, *, as_json: bool) -> int:
    """Show one of them with its whole payload; times are UTC."""
    return _run(partial(_show, letter_id, as_json))


@command.command("retry", epilog=EPILOG)
@click.argument("letter_id", metavar="LETTER")
def retry_command(letter_id: str) -> int:
    """Put one of them back on the queue of the workers, once the reason is gone; works within seconds."""
    return _run(partial(_retry, letter_id))


def _run(act: "Callable[[DeadLetters], Awaitable[None]]") -> int:
    from swe_ai_fleet.cli.running import run

    return run(partial(_with_letters, act))


async def _with_letters(act: "Callable[[DeadLetters], Awaitable[None]]", interrupts: Interrupts) -> int:
    del interrupts
    from swe_ai_fleet.cli.session import open_record, prepare

    with ungrouped():
        async with open_record(prepare()) as record:
            await act(record.dead_letters)
    return 0


async def _list(limit: int, as_json: bool, letters: "DeadLetters") -> None:  # noqa: FBT001
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.report.printable import one_line

    found = await letters.list(limit=limit)
    if as_json:
        print_json([letter.model_dump(mode="json") for letter in found])
        return
    if not found:
        click.echo("There are no dead letters.", err=True)
    for letter in found:
        retried = "  (put back)" if letter.retried is not None else ""
        click.echo(
            f"{letter.letter_id}  {letter.time:%Y-%m-%d %H:%M:%S}  {letter.deliberation_id or '-'}{retried}"
        )
        click.echo(f"    {one_line(letter.reason, 200)}")


async def _show(letter_id: str, as_json: bool, letters: "DeadLetters") -> None:  # noqa: FBT001
    from swe_ai_fleet.cli.output import print_json

    letter = await letters.get(letter_id)
    if as_json:
        print_json(letter)
    else:
        _tell(letter)


def _tell(letter: "DeadLetter") -> None:
    from swe_ai_fleet.report.printable import printable

    for name, value in letter.model_dump(mode="json", exclude={"payload"}, exclude_none=True).items():
        click.echo(f"{name:16} {printable(str(value))}")
    click.echo(f"payload\n{printable(letter.payload)}")


async def _retry(letter_id: str, letters: "DeadLetters") -> None:
    await letters.retry(letter_id)
    click.echo(f"{letter_id} is back on the queue.")
