"""``swe-fleet submit``: a task for the workers."""

import secrets
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import (
    check_id,
    json_option,
    overrides_of,
    quiet_option,
    ray_env_option,
    ray_job_option,
    task_options,
)

if TYPE_CHECKING:
    from swe_ai_fleet.cli.task_file import TaskFile
    from swe_ai_fleet.domain.task import Task
    from swe_ai_fleet.ports.record import Command
    from swe_ai_fleet.settings import Settings


@click.command("submit", epilog=EPILOG)
@task_options
@click.option("--wait", "waits", is_flag=True, help="Follow it to the end and print the decision.")
@ray_job_option
@ray_env_option
@json_option
@quiet_option
def command(task: str, **given: Any) -> int:
    """Put TASK, a YAML or JSON file (`-`: standard input), on the queue of the workers and print its id.

    Options stand above the file. Deadlines are in seconds, counted from the start of the work; budgets are in tokens.
    The same --id again is the same deliberation. Interrupting --wait leaves the deliberation to its worker. With
    --ray-job no worker is needed: the deliberation is a job of its own, and the same --id again is the same job.
    """
    from swe_ai_fleet.cli.running import run
    from swe_ai_fleet.cli.session import check_models, prepare
    from swe_ai_fleet.cli.task_file import read_task

    check_id(given["deliberation_id"])
    file = read_task(task, overrides_of(given))
    settings = prepare()
    if given["as_ray_job"]:
        return run(partial(_submit_on_ray, file, settings, given))
    check_models(given["models"], settings)
    return run(partial(_submit, file, settings, given))


async def _submit_on_ray(
    file: "TaskFile", settings: "Settings", given: dict[str, Any], interrupts: Interrupts
) -> int:
    del interrupts
    from swe_ai_fleet.cli.ray_submit import submit_on_ray

    return await submit_on_ray(file, settings, given)


async def _submit(
    file: "TaskFile", settings: "Settings", given: dict[str, Any], interrupts: Interrupts
) -> int:
    del interrupts
    from swe_ai_fleet.cli.following import follow
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import open_record
    from swe_ai_fleet.tracing.spans import span

    with file.locating(), ungrouped():
        order = await _command(file, given)
        async with open_record(settings) as record:
            with span("swe-fleet submit", kind="producer") as work:
                traced = order.model_copy(update={"traceparent": work.traceparent})
                published = await record.commands.submit(traced)
            if published.duplicate and not given["as_json"]:
                click.echo(f"{order.deliberation_id} was on the queue already; nothing was added.", err=True)
            if given["waits"]:
                return await follow(
                    record, order.deliberation_id, settings, as_json=given["as_json"], is_quiet=given["quiet"]
                )
    if given["as_json"]:
        print_json({"deliberation_id": order.deliberation_id, "duplicate": published.duplicate})
    else:
        click.echo(order.deliberation_id)
        click.echo(f"Follow it: swe-fleet watch {order.deliberation_id}", err=True)
    return 0


async def _command(file: "TaskFile", given: dict[str, Any]) -> "Command":
    from datetime import UTC, datetime

    from swe_ai_fleet.orchestrator.usecases.requesting import new_deliberation_id
    from swe_ai_fleet.ports.record import Command

    seed = given["seed"]
    return Command(
        deliberation_id=given["deliberation_id"] or new_deliberation_id(file.task),
        task=await _settled(file),
        seed=secrets.randbits(31) if seed is None else seed,
        models=given["models"],
        time=datetime.now(UTC),
    )


async def _settled(file: "TaskFile") -> "Task":
    """The task as it is meant wherever a worker runs; its repository can be used."""
    from swe_ai_fleet.sandbox.repositories import resolve_repo

    if file.task.repo is not None:
        await resolve_repo(file.task.repo, relative_to=file.folder)
    return file.portable_task
