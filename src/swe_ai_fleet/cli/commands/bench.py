"""``swe-fleet bench``: benchmarks that a user can repeat."""

import click

from swe_ai_fleet.cli.exits import EPILOG


@click.group("bench", epilog=EPILOG)
def command() -> None:
    """Run a benchmark through the same code path as a deliberation; times are in seconds."""
