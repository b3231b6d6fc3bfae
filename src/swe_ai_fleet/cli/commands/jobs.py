"""``swe-fleet jobs``: what runs as jobs of a Ray cluster."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import click

from swe_ai_fleet.cli.exits import EPILOG
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option

if TYPE_CHECKING:
    from swe_ai_fleet.execution.ray_submission import RayJob, RayJobs


@click.group("jobs", epilog=EPILOG)
def command() -> None:
    """Look after what `submit`, `batch` and `worker` run as jobs of a Ray cluster (--ray-job)."""


@command.command("list", epilog=EPILOG)
@json_option
def list_command(*, as_json: bool) -> int:
    """List them, the latest first; takes a second or two."""
    return _run(partial(_list, as_json))


@command.command("show", epilog=EPILOG)
@click.argument("job_id", metavar="JOB")
@json_option
def show_command(job_id: str, *, as_json: bool) -> int:
    """Show how one of them stands, within seconds; its exit code is told once it has ended by itself."""
    return _run(partial(_show, job_id, as_json))


@command.command("logs", epilog=EPILOG)
@click.argument("job_id", metavar="JOB")
@click.option("--follow", "follows", is_flag=True, help="Until it ends.")
def logs_command(job_id: str, *, follows: bool) -> int:
    """Print what one of them has printed so far; --follow asks every second or less often."""
    return _run(partial(_logs, job_id, follows))


@command.command("stop", epilog=EPILOG)
@click.argument("job_id", metavar="JOB")
def stop_command(job_id: str) -> int:
    """Ask one of them to end, and wait until it has; after ten seconds it is ended by force.

    A batch or a deliberation is cancelled on the record; a worker gives its deliberations back to the queue.
    """
    return _run(partial(_stop, job_id))


def _run(act: "Callable[[RayJobs], Awaitable[None]]") -> int:
    from swe_ai_fleet.cli.running import run

    return run(partial(_with_jobs, act))


async def _with_jobs(act: "Callable[[RayJobs], Awaitable[None]]", interrupts: Interrupts) -> int:
    del interrupts
    from swe_ai_fleet.cli.session import prepare
    from swe_ai_fleet.execution.ray_submission import RayJobs

    async with RayJobs.open(prepare().ray) as jobs:
        await act(jobs)
    return 0


async def _list(as_json: bool, jobs: "RayJobs") -> None:  # noqa: FBT001
    from swe_ai_fleet.cli.output import print_json

    found = await jobs.submitted()
    if as_json:
        print_json([job.model_dump(mode="json") for job in found])
        return
    for job in found:
        click.echo(_line(job))


async def _show(job_id: str, as_json: bool, jobs: "RayJobs") -> None:  # noqa: FBT001
    from swe_ai_fleet.cli.output import print_json

    job = await jobs.look(job_id)
    if as_json:
        print_json(job)
    else:
        click.echo(_line(job))


async def _logs(job_id: str, follows: bool, jobs: "RayJobs") -> None:  # noqa: FBT001
    await jobs.look(job_id)
    if not follows:
        click.echo(_shown(await jobs.logs(job_id)), nl=False)
        return
    async for piece in jobs.follow_logs(job_id):
        click.echo(_shown(piece), nl=False)


async def _stop(job_id: str, jobs: "RayJobs") -> None:
    await jobs.stop(job_id)
    click.echo(_line(await jobs.wait(job_id)))


def _line(job: "RayJob") -> str:
    code = "" if job.exit_code is None else f" (exit code {job.exit_code})"
    return _shown(f"{job.submission_id}  {job.state}{code}  {job.entrypoint}")


def _shown(text: str) -> str:
    from swe_ai_fleet.report.printable import printable

    return printable(text)
