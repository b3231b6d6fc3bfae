"""``swe-fleet deliberate``: one task, one decision."""

import asyncio
import shlex
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from swe_ai_fleet.cli.exits import EPILOG, Exit, exit_of_outcome, ungrouped
from swe_ai_fleet.cli.interrupts import Interrupts
from swe_ai_fleet.cli.options import (
    check_id,
    json_option,
    no_ray_option,
    overrides_of,
    quiet_option,
    task_options,
)
from swe_ai_fleet.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from swe_ai_fleet.bootstrap import Fleet
    from swe_ai_fleet.cli.progress import Style
    from swe_ai_fleet.cli.task_file import TaskFile
    from swe_ai_fleet.domain.events import Event
    from swe_ai_fleet.domain.ranking import Result
    from swe_ai_fleet.settings import Settings


@click.command("deliberate", epilog=EPILOG)
@task_options
@json_option
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="Write the files there."
)
@click.option(
    "--apply", "applies", is_flag=True, help="Apply the winning patch to the repository's work tree."
)
@no_ray_option
@quiet_option
def command(task: str, **given: Any) -> int:
    """Deliberate on TASK, a YAML or JSON file (`-`: standard input), and print the decision.

    Options stand above the file. Deadlines are in seconds; budgets are in tokens.
    """
    from swe_ai_fleet.cli.running import run
    from swe_ai_fleet.cli.session import check_models, prepare
    from swe_ai_fleet.cli.task_file import read_task

    check_id(given["deliberation_id"])
    file = read_task(task, overrides_of(given))
    if given["applies"]:
        _check_apply(file)
    settings = prepare()
    check_models(given["models"], settings)
    plan = Plan(
        file=file,
        settings=settings,
        models=given["models"],
        deliberation_id=given["deliberation_id"],
        seed=given["seed"],
        use_ray=not given["no_ray"],
        as_json=given["as_json"],
        style="quiet" if given["quiet"] else "auto",
        out=given["out"],
        applies=given["applies"],
    )
    return run(partial(carry_out, plan))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that one run needs to know."""

    file: "TaskFile"
    settings: "Settings"
    models: tuple[str, ...] = ()
    deliberation_id: str | None = None
    seed: int | None = None
    use_ray: bool = True
    as_json: bool = False
    style: "Style" = "auto"
    out: Path | None = None
    applies: bool = False


async def carry_out(plan: Plan, interrupts: Interrupts) -> int:
    """Deliberate, write, apply and tell; the servers that were started end afterwards."""
    from swe_ai_fleet.cli.output import tell_result
    from swe_ai_fleet.cli.session import open_session
    from swe_ai_fleet.sandbox.repositories import resolve_repo
    from swe_ai_fleet.tracing.spans import span

    file = plan.file
    with file.locating(), ungrouped():
        if file.task.repo is not None:
            await resolve_repo(file.task.repo, relative_to=file.folder)
        _check_targets(plan)
        models = plan.models or plan.settings.default_models()
        session = open_session(plan.settings, use_ray=plan.use_ray, style=plan.style, models=models)
        async with session as fleet:
            with span("swe-fleet deliberate"):
                result = await _decide(plan, fleet, interrupts)
            events = await fleet.record.events.history(result.deliberation_id) if plan.out else ()
            footer: list[str] = []
            try:
                await asyncio.to_thread(_leave_behind, result, events, plan, footer)
            finally:
                tell_result(result, as_json=plan.as_json, footer=footer)
    return Exit.INTERRUPTED if interrupts.fired else exit_of_outcome(result.outcome)


async def _decide(plan: Plan, fleet: "Fleet", interrupts: Interrupts) -> "Result":
    from swe_ai_fleet.cli.deliberating import check_same, deliberate
    from swe_ai_fleet.cli.progress import open_progress

    async with open_progress(plan.style) as progress:
        requested, notes = await fleet.request(
            plan.file.task,
            deliberation_id=plan.deliberation_id,
            seed=plan.seed,
            models=plan.models,
            relative_to=plan.file.folder,
        )
        if plan.deliberation_id is not None:
            await check_same(fleet.record.events, requested)
        return await deliberate(
            fleet, requested, notes=notes, observe=progress.observe, interrupts=interrupts
        )


def _leave_behind(result: "Result", events: "Sequence[Event]", plan: Plan, told: list[str]) -> None:
    """Write and apply what was asked for; ``told`` gets the lines that tell of it, as far as it comes."""
    from swe_ai_fleet.cli.applying import apply_line, apply_patch, shown_path
    from swe_ai_fleet.cli.output import winner_file, write_files
    from swe_ai_fleet.cli.session import record_place

    shown = f"swe-fleet show {result.deliberation_id}"
    told += [f"Record: {record_place(plan.settings)}", f"Show it again: {shown}"]
    if plan.out is not None:
        names = ", ".join(path.name for path in write_files(result, events, plan.out))
        told.append(f"Written to {shlex.quote(shown_path(plan.out))}: {names}")
    folder = plan.file.work_tree
    if result.winner is None or result.winner.patch is None or folder is None:
        return
    if plan.applies:
        apply_patch(result.winner.patch, folder, printed_by=f"{shown} --patch")
        told.append(f"Applied to {folder}; nothing is committed.")
    elif plan.out is not None:
        told.append(f"Apply it: {apply_line(folder, plan.out.resolve() / winner_file(result.winner))}")
    else:
        told.append(f"Apply it: {shown} --patch | {apply_line(folder, None)}")


def _check_apply(file: "TaskFile") -> None:
    if file.task.repo is None:
        raise InputError(
            "--apply", "on", "a text-only task has no patch", "Leave --apply out, or give --repo."
        )
    if file.work_tree is None:
        problem = "only a folder of this machine can be changed"
        raise InputError("--apply", file.task.repo, problem, "Give --repo DIR, or use --out DIR.")


def _check_targets(plan: Plan) -> None:
    """What is to be written and changed at the end can be, before anybody is asked.

    Raises:
        InputError: of ``--out`` or ``--apply``.
    """
    from swe_ai_fleet.cli.applying import is_work_tree
    from swe_ai_fleet.cli.output import check_folder

    if plan.out is not None:
        check_folder(plan.out)
    folder = plan.file.work_tree
    if plan.applies and folder is not None and not is_work_tree(folder):
        way_out = "Give a work tree with --repo DIR, or use --out DIR."
        raise InputError("--apply", plan.file.task.repo, "a bare repository has no files to change", way_out)
