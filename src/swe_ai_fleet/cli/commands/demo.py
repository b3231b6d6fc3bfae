"""``swe-fleet demo``: six agents, a real bug, one verified patch."""

from functools import partial
from typing import Any

import click

from swe_ai_fleet.cli.exits import EPILOG
from swe_ai_fleet.cli.options import json_option, no_ray_option, quiet_option


@click.command("demo", epilog=EPILOG)
@click.option("--agents", type=int, metavar="N", help="Agents that propose answers, 1 to 128 (6).")
@click.option(
    "--model",
    "models",
    multiple=True,
    metavar="ID",
    help="provider:model instead of the agents that need no model; several times for a mixed council.",
)
@click.option(
    "--deadline", type=float, metavar="S", help="Return the best so far after so many seconds (120)."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Repeats the council and the ties."
)
@json_option
@no_ray_option
@quiet_option
def command(**given: Any) -> int:
    """Deliberate on a bug in a small repository: a fresh copy of it under .fleet/demo, nothing configured.

    It ends in the ranking, the winning patch and the line that applies it, usually within 20 seconds.
    """
    from swe_ai_fleet.cli.commands.deliberate import Plan, carry_out
    from swe_ai_fleet.cli.example import fresh_example
    from swe_ai_fleet.cli.options import overrides_of
    from swe_ai_fleet.cli.running import run
    from swe_ai_fleet.cli.session import check_models, prepare
    from swe_ai_fleet.cli.task_file import read_task

    settings = prepare()
    check_models(given["models"], settings)
    folder = fresh_example()
    file = read_task(str(folder / "task.yaml"), overrides_of(given))
    plan = Plan(
        file=file,
        settings=settings,
        models=given["models"],
        seed=given["seed"],
        use_ray=not given["no_ray"],
        as_json=given["as_json"],
        style="quiet" if given["quiet"] else "auto",
        out=folder,
    )
    return run(partial(carry_out, plan))
