"""``swe-fleet schema``: what the documents look like, for programs in any language."""

import sys
from pathlib import Path

import click

from swe_ai_fleet.cli.exits import EPILOG

NAMES = ("task", "result", "event")


@click.command("schema", epilog=EPILOG)
@click.argument("name", metavar="task|result|event", type=click.Choice([*NAMES]), required=False)
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write all of them there."
)
def command(name: str | None, *, out: Path | None) -> int:
    """Print a JSON Schema (draft 2020-12): of a task file, of what --json prints, or of an event's `data`.

    Fields say their unit: `_s` is seconds, `_bytes` bytes, `tokens` tokens.
    """
    from swe_ai_fleet.cli.schemas import schema_text

    if (name is None) == (out is None):
        raise click.UsageError("Give one of task, result and event, or --out DIR.")
    if name is not None:
        sys.stdout.write(schema_text(name))
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        for each in NAMES:
            (out / f"{each}.schema.json").write_text(schema_text(each), encoding="utf-8")
    return 0
