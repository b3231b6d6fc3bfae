"""``swe-fleet worker``: takes tasks from the queue until it is told to stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.exits import EPILOG, Exit, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import check_id, no_ray_option, quiet_option, ray_env_option, ray_job_option

if TYPE_CHECKING:
    from swe_ai_fleet.bootstrap import Fleet
    from swe_ai_fleet.cli.metrics import Standing
    from swe_ai_fleet.cli.progress import Progress, Style
    from swe_ai_fleet.domain.events import Event, Requested
    from swe_ai_fleet.orchestrator.usecases.deliberate_async_usecase import Observe
    from swe_ai_fleet.orchestrator.usecases.work_async import WorkAsync
    from swe_ai_fleet.ports.record import Command
    from swe_ai_fleet.settings import Settings

_ORDERLY_S = 9.5


@click.command("worker", epilog=EPILOG)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Deliberations at once (FLEET_WORKER__CONCURRENCY, 8).",
)
@click.option(
    "--id",
    "worker_id",
    metavar="ID",
    default="worker",
    help="With --ray-job: which of several workers (worker).",
)
@no_ray_option
@ray_job_option
@ray_env_option
@quiet_option
def command(concurrency: int | None, *, no_ray: bool, quiet: bool, **ray_job: Any) -> int:
    """Take tasks from the queue and deliberate, several at once; many workers share one queue.

    SIGTERM and Ctrl-C end it in order within 10 seconds and with exit code 0: unfinished deliberations go back to the
    queue, and another worker goes on where their events end. With --ray-job the worker is a job of the Ray cluster,
    until `swe-fleet jobs stop` ends it; the same --id again is the same job.
    """
    from swe_ai_fleet.cli.running import run
    from swe_ai_fleet.cli.session import prepare

    settings = prepare()
    if ray_job["as_ray_job"]:
        check_id(ray_job["worker_id"])
        options = ["--concurrency", str(concurrency)] if concurrency else []
        options += ["--no-ray"] if no_ray else []
        return run(partial(_work_on_ray, settings, options, ray_job))
    return run(
        partial(
            _work,
            settings,
            concurrency or settings.worker.concurrency,
            use_ray=not no_ray,
            style="quiet" if quiet else "lines",
        )
    )


async def _work_on_ray(
    settings: "Settings", options: list[str], given: dict[str, Any], interrupts: Interrupts
) -> int:
    del interrupts
    from swe_ai_fleet.cli.ray_run import RayRun, begin, tell_where, variables
    from swe_ai_fleet.execution.ray_submission import RayJobs

    name = given["worker_id"]
    run = RayRun(key=f"worker {name}", argv=["worker", *options], env=variables(given["ray_env"]))
    async with RayJobs.open(settings.ray) as jobs:
        job = await begin(jobs, run)
    click.echo(job.submission_id)
    tell_where(job, f"The same command with --id {name} begins it again.")
    return Exit.DECIDED


async def _work(
    settings: "Settings", concurrency: int, interrupts: Interrupts, *, use_ray: bool, style: "Style"
) -> int:
    from swe_ai_fleet.cli.progress import open_progress
    from swe_ai_fleet.cli.session import open_session

    stop = asyncio.Event()
    with ungrouped():
        async with (
            open_session(settings, use_ray=use_ray, style=style) as fleet,
            open_progress(style) as progress,
            _watched(fleet, progress, stop) as observe,
        ):
            progress.note(f"working, at most {concurrency} deliberations at once")
            with interrupts.calling(stop.set, limit_s=_ORDERLY_S, limit_exit=Exit.DECIDED):
                await _worker(fleet, concurrency, observe).run(stop)
    return Exit.DECIDED


def _worker(fleet: "Fleet", concurrency: int, observe: "Observe") -> "WorkAsync":
    from swe_ai_fleet.orchestrator.usecases.work_async import WorkAsync

    return WorkAsync(
        queue=fleet.record.commands,
        deliberate=fleet.deliberate,
        prepare=partial(_prepare, fleet),
        concurrency=concurrency,
        observe=observe,
    )


@asynccontextmanager
async def _watched(fleet: "Fleet", progress: "Progress", stop: asyncio.Event) -> "AsyncIterator[Observe]":
    """What every event is told to: the progress and, where a port is set, the metrics."""
    worker = fleet.settings.worker
    if worker.health_port == 0:
        yield progress.observe
        return
    from swe_ai_fleet.cli.health import open_health
    from swe_ai_fleet.cli.metrics import Metrics

    record = fleet.record
    metrics = Metrics(since=fleet.clock.now(), publish_retries=record.publish_retries)

    def observe(event: "Event") -> None:
        metrics.observe(event)
        progress.observe(event)

    pending = record.commands.pending
    host, port = worker.health_host, worker.health_port
    standing = partial(_standing, fleet)
    async with open_health(
        host=host, port=port, metrics=metrics, pending=pending, stop=stop, standing=standing
    ) as address:
        progress.note(f"health at {address}/readyz")
        yield observe


async def _standing(fleet: "Fleet", pending: float) -> "Standing":
    from swe_ai_fleet.cli.metrics import Standing

    return Standing(
        pending=pending,
        hosts=await fleet.hosts.reports(),
        running=fleet.admitted.reports(),
        waiting=fleet.admitted.waiting,
    )


async def _prepare(fleet: "Fleet", order: "Command") -> "tuple[Requested, tuple[str, ...]]":
    """The first event of what a command asks for."""
    return await fleet.request(
        order.task,
        deliberation_id=order.deliberation_id,
        seed=order.seed,
        models=order.models,
        relative_to=Path.cwd(),
        traceparent=order.traceparent,
    )
