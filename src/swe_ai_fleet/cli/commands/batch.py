"""``swe-fleet batch``: many tasks in one run."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.exits import EPILOG, Exit, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import (
    check_id,
    council_options,
    json_option,
    no_ray_option,
    overrides_of,
    quiet_option,
    ray_env_option,
    ray_job_option,
)

if TYPE_CHECKING:
    from swe_ai_fleet.cli.progress import Style
    from swe_ai_fleet.cli.task_file import TaskFile
    from swe_ai_fleet.settings import Settings


@click.command("batch", epilog=EPILOG)
@click.argument("tasks", metavar="TASKS")
@click.option(
    "--out",
    type=click.Path(file_okay=False, allow_dash=True, path_type=Path),
    metavar="DIR",
    default=Path(),
    help="Where the files go; `-` prints the results as they come, and writes no files.",
)
@click.option(
    "--concurrency",
    type=click.IntRange(1),
    metavar="N",
    help="Deliberations at once (FLEET_WORKER__CONCURRENCY, 8).",
)
@click.option(
    "--id",
    "batch_id",
    metavar="ID",
    help="Begins every deliberation's id; the same id again goes on with the rest.",
)
@council_options
@json_option
@no_ray_option
@ray_job_option
@ray_env_option
@quiet_option
def command(tasks: str, **given: Any) -> int:
    """Deliberate on every task of TASKS, a file with one JSON document a line.

    Writes DIR/results.jsonl, a result a line as it comes, and DIR/predictions.jsonl, which SWE-bench's harness scores.
    Options stand above the file; deadlines are in seconds, budgets in tokens, both for each task. Exits 0 when every
    task was decided, 3 when one was not. With --ray-job the batch is one job, which goes on when this command is
    interrupted; the same --id again follows it, and brings the files here when it has ended.
    """
    from swe_ai_fleet.cli.batch_file import read_batch
    from swe_ai_fleet.cli.running import run
    from swe_ai_fleet.cli.session import check_models, prepare

    check_id(given["batch_id"], longest=32)
    files = read_batch(tasks, overrides_of(given))
    settings = prepare()
    if given["as_ray_job"]:
        return run(partial(_batch_on_ray, files, settings, given))
    check_models(given["models"], settings)
    return run(partial(_batch, files, settings, given))


async def _batch_on_ray(
    files: "list[TaskFile]", settings: "Settings", given: dict[str, Any], interrupts: Interrupts
) -> int:
    del interrupts
    from swe_ai_fleet.cli.ray_batch import batch_on_ray

    summary, code = await batch_on_ray(files, settings, given)
    _tell(summary, given["out"], as_json=given["as_json"])
    return code


async def _batch(
    files: "list[TaskFile]", settings: "Settings", given: dict[str, Any], interrupts: Interrupts
) -> int:
    import secrets

    from swe_ai_fleet.cli.batching import STDOUT, Batch, open_files
    from swe_ai_fleet.cli.output import check_folder
    from swe_ai_fleet.cli.progress import open_progress
    from swe_ai_fleet.cli.session import open_session

    if given["out"] != STDOUT:
        check_folder(given["out"])
    style: Style = "quiet" if given["quiet"] else "lines"
    models = given["models"] or settings.default_models()
    session = open_session(settings, use_ray=not given["no_ray"], style=style, models=models)
    with ungrouped():
        async with session as fleet, open_progress(style) as progress:
            with open_files(given["out"]) as written:
                batch = Batch(
                    fleet=fleet,
                    prefix=given["batch_id"] or f"batch-{secrets.token_hex(4)}",
                    models=given["models"],
                    concurrency=given["concurrency"] or settings.worker.concurrency,
                    progress=progress,
                    files=written,
                )
                await batch.run(files, interrupts)
    _tell(batch.summary(), given["out"], as_json=given["as_json"])
    return Exit.INTERRUPTED if interrupts.fired else batch.exit_code(len(files))


def _tell(summary: dict[str, Any], out: Path, *, as_json: bool) -> None:
    from swe_ai_fleet.cli.batching import STDOUT
    from swe_ai_fleet.cli.output import print_json

    if as_json:
        print_json(summary)
        return
    counted = ", ".join(f"{count} {outcome}" for outcome, count in summary["outcomes"].items())
    line = f"{summary['batch_id']}: {counted or 'nothing ended'}; {summary['tokens']:,} tokens"
    click.echo(line, err=out == STDOUT)
    if out != STDOUT:
        click.echo(f"Written: {out / 'results.jsonl'}, {out / 'predictions.jsonl'}")
