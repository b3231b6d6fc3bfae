"""``swe-fleet bench``: benchmarks that a user can repeat."""

import asyncio
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.commands.bench_speed import SPEED_COMMANDS
from swe_ai_fleet.cli.exits import EPILOG, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import json_option, no_ray_option, quiet_option
from swe_ai_fleet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from swe_ai_fleet.bench.repair import RepairBench, RepairScore
    from swe_ai_fleet.bench.repair_programs import Program
    from swe_ai_fleet.bootstrap import Fleet
    from swe_ai_fleet.cli.progress import Progress, Style
    from swe_ai_fleet.domain.ranking import Result
    from swe_ai_fleet.domain.task import Task
    from swe_ai_fleet.ports.cells import CellRunner
    from swe_ai_fleet.settings import Settings

_FILE = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.group("bench", epilog=EPILOG)
def command() -> None:
    """Run a benchmark through the same code path as a deliberation; times are in seconds."""


@command.command("repair", epilog=EPILOG)
@_FILE
@click.option(
    "--agents", type=click.IntRange(1, 128), default=6, metavar="N", help="Agents of each council (6)."
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=60.0,
    metavar="S",
    help="Seconds for each program (60).",
)
@click.option(
    "--soft-deadline",
    type=click.FloatRange(0.1, 3600),
    metavar="S",
    help="From here on the first safe decision ends it (half of --seconds); 1 shows how soon a patch is there.",
)
@click.option(
    "--only", "names", multiple=True, metavar="NAME", help="This program alone; several times for several."
)
@click.option(
    "--model", "models", multiple=True, metavar="ID", help="provider:model instead of the embedded agents."
)
@json_option
@no_ray_option
@quiet_option
def repair_command(file: Path, **given: Any) -> int:
    """Repair every program of FILE (.jsonl or .jsonl.gz): half of its tests are shown, the other half judges.

    Tells for each whether it was fixed (what was shown passes) and correct (what was hidden passes too), and after how
    many seconds.
    """
    from swe_ai_fleet.bench.repair_programs import read_programs
    from swe_ai_fleet.cli.running import run

    return run(partial(_repair, _chosen(read_programs(file), given["names"]), given))


def _chosen(programs: "Sequence[Program]", names: tuple[str, ...]) -> "Sequence[Program]":
    known = {program.name: program for program in programs}
    for name in names:
        if name not in known:
            raise InputError("--only", name, "there is no such program", f"There are: {', '.join(known)}.")
    return [known[name] for name in names] or programs


async def _repair(programs: "Sequence[Program]", given: dict[str, Any], interrupts: Interrupts) -> int:
    del interrupts
    from swe_ai_fleet.bench.repair import bench_repair
    from swe_ai_fleet.bootstrap import build_check_runner
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.progress import open_progress
    from swe_ai_fleet.cli.session import check_models, open_session, prepare
    from swe_ai_fleet.domain.task import Budget

    settings = prepare()
    check_models(given["models"], settings)
    style: Style = "quiet" if given["quiet"] else "lines"
    with ungrouped():
        async with (
            open_session(settings, use_ray=not given["no_ray"], style=style) as fleet,
            open_progress(style) as progress,
        ):
            bench = await bench_repair(
                programs,
                deliberate=partial(_deliberate, fleet, given["models"]),
                checks=build_check_runner(fleet.settings),
                agents=given["agents"],
                budget=Budget(seconds=given["seconds"], soft_seconds=given["soft_deadline"]),
                told=partial(_note, progress),
            )
    if given["as_json"]:
        print_json(bench)
    else:
        _tell_repair(bench)
    return 0


async def _deliberate(fleet: "Fleet", models: tuple[str, ...], task: "Task") -> "Result":
    requested, notes = await fleet.request(task, models=models, relative_to=Path.cwd())
    return await fleet.deliberate.run(requested, notes=notes)


def _note(progress: "Progress", score: "RepairScore") -> None:
    word = "correct" if score.correct else "fixed" if score.fixed else score.outcome.value
    progress.note(f"{score.name:32} {word:10} {score.seconds:6.1f} s")


def _tell_repair(bench: "RepairBench") -> None:
    from swe_ai_fleet.cli.bench_view import print_rows

    rows = [
        (score.name, "yes" if score.fixed else "no", "yes" if score.correct else "no", f"{score.seconds:.1f}")
        for score in bench.scores
    ]
    print_rows(("program", "fixed", "correct", "seconds"), rows, numbers={"seconds"})
    total = len(bench.scores)
    click.echo(
        f"{bench.fixed} of {total} fixed, {bench.correct} of {total} correct; median {bench.median_s:.1f} s to a "
        f"correct one, {bench.agents} agents, at most {bench.seconds:g} s each"
    )


@command.command("rank", epilog=EPILOG)
@_FILE
@click.option(
    "--samples",
    type=click.IntRange(2),
    default=100,
    metavar="N",
    help="Candidates of each task that are used (100).",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, metavar="N", help="Of sub-councils and ties (0)."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.svg",
    help="Write how often decisions of each P(correct) were right, as a picture.",
)
@click.option(
    "--ray",
    "use_ray",
    is_flag=True,
    help="Run the candidates on Ray, as a deliberation does; CPU seconds leave out what runs there.",
)
@json_option
def rank_command(
    file: Path, samples: int, seed: int, plot: Path | None, *, use_ray: bool, as_json: bool
) -> int:
    """Rank the candidates of every task of FILE (.jsonl or .jsonl.gz); only the scorer's own process sees its tests.

    Tells pass@1 beside random choice, the oracle, CodeT and most-tests-passed, in percent, and seconds.
    """
    from swe_ai_fleet.cli.running import run

    return run(partial(_rank, file, samples, seed, plot, use_ray, as_json))


async def _rank(
    file: Path,
    samples: int,
    seed: int,
    plot: Path | None,
    use_ray: bool,  # noqa: FBT001
    as_json: bool,  # noqa: FBT001
    interrupts: Interrupts,
) -> int:
    del interrupts
    from swe_ai_fleet.bench.rank import bench_rank
    from swe_ai_fleet.bench.rank_plot import reliability_svg
    from swe_ai_fleet.cli.bench_view import print_rank
    from swe_ai_fleet.cli.output import print_json
    from swe_ai_fleet.cli.session import prepare

    settings = prepare()
    with ungrouped():
        async with _cells(settings, use_ray=use_ray) as runner:
            report = await bench_rank(
                file, samples=samples, runner=runner, seed=seed, scorer=settings.sandbox
            )
    if plot is not None:
        await asyncio.to_thread(plot.write_text, reliability_svg(report), encoding="utf-8")
    if as_json:
        print_json(report)
    else:
        print_rank(report)
    return 0


@asynccontextmanager
async def _cells(settings: "Settings", *, use_ray: bool) -> "AsyncIterator[CellRunner]":
    """Where programs run on inputs: on Ray, or in sandboxes that this process starts itself."""
    from swe_ai_fleet.bootstrap import build_sandbox
    from swe_ai_fleet.cli.session import open_session
    from swe_ai_fleet.sandbox.cells import SandboxCellRunner

    if use_ray:
        async with open_session(settings, use_ray=True, style="quiet") as fleet:
            yield fleet.deliberate.cells
    else:
        yield SandboxCellRunner(build_sandbox(settings), concurrency=settings.sandbox.concurrency)


for speed_command in SPEED_COMMANDS:
    command.add_command(speed_command)
