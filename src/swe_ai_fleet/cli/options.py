"""Options that several commands share, each with its unit, and the fields of a task that they stand for."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from swe_ai_fleet.cli.document import Location
from swe_ai_fleet.cli.task_file import Override, repo_override
from swe_ai_fleet.errors import InputError

Function = TypeVar("Function", bound=Callable[..., Any])

_FIELDS: dict[str, tuple[Location, str]] = {
    "repo": (("repo",), "--repo"),
    "agents": (("council", "agents"), "--agents"),
    "qa": (("council", "qa"), "--qa"),
    "rounds": (("council", "rounds"), "--rounds"),
    "batch": (("council", "batch"), "--batch"),
    "judges": (("council", "judges"), "--judges"),
    "quorum": (("council", "quorum"), "--quorum"),
    "soft_deadline": (("budget", "soft_seconds"), "--soft-deadline"),
    "deadline": (("budget", "seconds"), "--deadline"),
    "budget_tokens": (("budget", "tokens"), "--budget-tokens"),
}


_COUNCIL = (
    click.option("--repo", metavar="DIR", help="The repository: a folder or a git URL."),
    click.option("--agents", type=int, metavar="N", help="Agents that propose answers, 1 to 128."),
    click.option("--qa", type=int, metavar="N", help="Further agents that propose checks, 0 to 32."),
    click.option("--rounds", type=int, metavar="R", help="Passes of critique and revision, 0 to 8 (0)."),
    click.option(
        "--model",
        "models",
        multiple=True,
        metavar="ID",
        help="provider:model, or a|b|c as a fallback order; several times for a mixed council.",
    ),
    click.option(
        "--batch",
        type=int,
        metavar="N",
        help="Ask so many agents at a time, and no more once the decision is safe (all at once).",
    ),
    click.option(
        "--judges", type=int, metavar="N", help="Judges of each pair where nothing is executed, 0 to 32 (2)."
    ),
    click.option("--quorum", type=int, metavar="K", help="Proposals needed to decide (half of the agents)."),
    click.option(
        "--soft-deadline",
        type=float,
        metavar="S",
        help="Rank as soon as the decision is safe, after so many seconds (half of the deadline).",
    ),
    click.option(
        "--deadline", type=float, metavar="S", help="Return the best so far after so many seconds (120)."
    ),
    click.option(
        "--budget-tokens",
        type=int,
        metavar="N",
        help="Prompt and completion tokens of all agents together (no limit).",
    ),
)
_TASK = (
    click.argument("task", metavar="TASK"),
    *_COUNCIL,
    click.option(
        "--id",
        "deliberation_id",
        metavar="ID",
        help="Id of the deliberation; the same id again is the same deliberation.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**31 - 1), metavar="N", help="Repeats the council and the ties."
    ),
)


def council_options(function: Function) -> Function:
    """Everything that changes a task or its council."""
    return _decorated(function, _COUNCIL)


def task_options(function: Function) -> Function:
    """TASK, everything that changes it or the council, and what names the deliberation."""
    return _decorated(function, _TASK)


def _decorated(function: Function, decorators: tuple[Callable[[Function], Function], ...]) -> Function:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on stdout and nothing else."
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="No progress on stderr.")
no_ray_option = click.option(
    "--no-ray", is_flag=True, help="Work in this one process; starts a few seconds sooner on a laptop."
)


ray_job_option = click.option(
    "--ray-job",
    "as_ray_job",
    is_flag=True,
    help="Run it as a job of the Ray cluster whose dashboard is FLEET_RAY__DASHBOARD.",
)
ray_env_option = click.option(
    "--ray-env",
    multiple=True,
    metavar="NAME=VALUE",
    help="With --ray-job: a variable of the job; several times for several. No secrets.",
)


def overrides_of(given: Mapping[str, Any]) -> list[Override]:
    """What the options of :func:`task_options` say about the task."""
    found = []
    for name, (location, option) in _FIELDS.items():
        value = given.get(name)
        if value is not None:
            value = repo_override(value) if name == "repo" else value
            found.append(Override(location=location, option=option, value=value))
    return found


def check_id(name: str | None, *, longest: int = 64) -> None:
    """An id stands in subjects, so it is a plain name.

    Raises:
        InputError: of ``--id``.
    """
    if name is None or (
        0 < len(name) <= longest and all(c.isascii() and (c.isalnum() or c in "_-") for c in name)
    ):
        return
    way_out = f"Use letters, digits, `_` and `-`, at most {longest} of them."
    raise InputError("--id", name, "is not a valid name", way_out)
