"""``swe-fleet submit --ray-job``: one deliberation as a job of a Ray cluster."""

import json
from collections.abc import Mapping
from typing import Any

import click

from swe_ai_fleet.cli.output import print_json, tell_result
from swe_ai_fleet.cli.ray_run import (
    RayRun,
    begin,
    documents,
    exit_of_job,
    follow,
    named_by_content,
    task_document,
    tell_ending,
    tell_where,
    variables,
)
from swe_ai_fleet.cli.task_file import TaskFile
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.execution.ray_submission import RayJob, RayJobs
from swe_ai_fleet.orchestrator.usecases.requesting import new_deliberation_id
from swe_ai_fleet.settings import Settings


async def submit_on_ray(file: TaskFile, settings: Settings, given: Mapping[str, Any]) -> int:
    """Hand the deliberation over and, with ``--wait``, follow it to its decision; the exit code.

    Raises:
        InputError: another task was submitted under this id, or an option is not valid.
        UnreachableError: the cluster does not answer.
    """
    deliberation_id = given["deliberation_id"] or new_deliberation_id(file.task)
    again = f"The same command with --id {deliberation_id} and --wait follows it."
    async with RayJobs.open(settings.ray) as jobs:
        job = await begin(jobs, _run(file, deliberation_id, given))
        if not given["waits"]:
            return _tell_begun(job, deliberation_id, again, as_json=given["as_json"])
        ended, log = await follow(jobs, job, again=again, is_quiet=given["quiet"])
    decided = [
        Result.model_validate_json(json.dumps(d)) for d in documents(log) if "outcome" in d and "seed" in d
    ]
    if decided:
        tell_result(decided[-1], as_json=given["as_json"], footer=[f"Job: {ended.submission_id}"])
    else:
        tell_ending(ended, log, again)
    return exit_of_job(ended)


def _run(file: TaskFile, deliberation_id: str, given: Mapping[str, Any]) -> RayRun:
    task = task_document(file)
    name = named_by_content("task", task, ".json")
    argv = ["deliberate", name, "--id", deliberation_id, "--json"]
    argv += [part for model in given["models"] for part in ("--model", model)]
    argv += [] if given["seed"] is None else ["--seed", str(given["seed"])]
    env = variables(given["ray_env"])
    return RayRun(key=f"deliberate {deliberation_id}", argv=argv, files={name: task}, env=env)


def _tell_begun(job: RayJob, deliberation_id: str, again: str, *, as_json: bool) -> int:
    if as_json:
        print_json(
            {"deliberation_id": deliberation_id, "submission_id": job.submission_id, "state": job.state}
        )
    else:
        click.echo(job.submission_id)
        tell_where(job, again)
    return 0
