"""The command tree. A command's module is imported when the command is called, not before."""

from importlib import import_module
from typing import NamedTuple

import click

from swe_ai_fleet import __version__
from swe_ai_fleet.cli.exits import EPILOG
from swe_ai_fleet.cli.streams import ReaderLeftError


class Entry(NamedTuple):
    """Where a command lives, and what the list of commands says of it."""

    module: str
    summary: str


class LazyGroup(click.Group):
    """A group that knows its commands by name; ``entries`` in the order in which help shows them."""

    entries: dict[str, Entry]

    def __init__(self, *args: object, entries: dict[str, Entry], **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # click's own arguments, passed on
        self.entries = entries

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of ``entries``."""
        del ctx
        return list(self.entries)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        del ctx
        entry = self.entries.get(cmd_name)
        return None if entry is None else import_module(entry.module).command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command.

        Raises:
            ReaderLeftError: stdout was closed; click would make it an error of the command's.
        """
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise ReaderLeftError from error

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, entry.summary) for name, entry in self.entries.items()])


def _entry(module: str, summary: str) -> Entry:
    return Entry(f"swe_ai_fleet.cli.commands.{module}", summary)


COMMANDS = {
    "demo": _entry("demo", "Watch six agents fix a real bug, with nothing configured."),
    "deliberate": _entry("deliberate", "Deliberate on one task and print the decision."),
    "batch": _entry("batch", "Deliberate on many tasks and write their results."),
    "submit": _entry("submit", "Put a task on the queue of the workers."),
    "worker": _entry("worker", "Take tasks from the queue and deliberate."),
    "jobs": _entry("jobs", "Look after what runs as jobs of a Ray cluster."),
    "watch": _entry("watch", "Follow a deliberation: what happened, then live."),
    "show": _entry("show", "Show a deliberation, rebuilt from its events alone."),
    "list": _entry("listing", "List the deliberations on the record."),
    "cancel": _entry("cancel", "Ask a deliberation to end."),
    "resume": _entry("resume", "Go on with a deliberation where its events end."),
    "report": _entry("report", "Write one deliberation as a page for the browser."),
    "outcome": _entry("outcome", "Report how a decision turned out."),
    "dead-letters": _entry("dead_letters", "Handle commands that could not be processed."),
    "doctor": _entry("doctor", "See what is reachable, and how to get what is not."),
    "bench": _entry("bench", "Run the benchmarks that a user can repeat."),
    "schema": _entry("schema", "Print the JSON Schema of a task, a result or an event."),
}

swe_fleet = LazyGroup(
    name="swe-fleet",
    entries=COMMANDS,
    help=(
        "A fleet of software-engineering agents that deliberate on one task: they propose in parallel, a sandbox "
        "gathers the evidence, and one ranked decision lands on the record.\n\n"
        "Nothing configured means embedded: what has no address (NATS, Ray, a model) is started on this machine "
        "and stopped afterwards. FLEET_... variables configure the rest; `swe-fleet doctor` shows what they give."
    ),
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
swe_fleet.params.append(
    click.Option(
        ["--version"],
        is_flag=True,
        expose_value=False,
        is_eager=True,
        help="Show the version and exit.",
        callback=lambda ctx, _, value: _show_version(ctx) if value else None,
    )
)


def _show_version(ctx: click.Context) -> None:
    click.echo(f"swe-fleet {__version__}")
    ctx.exit()
