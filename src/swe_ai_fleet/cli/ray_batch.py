"""``swe-fleet batch --ray-job``: the whole batch as one job of a Ray cluster, its files written here."""

import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from pydantic import JsonValue, ValidationError

from swe_ai_fleet.cli.batching import open_files
from swe_ai_fleet.cli.exits import Exit
from swe_ai_fleet.cli.ray_run import (
    RayRun,
    begin,
    exit_of_job,
    follow,
    named_by_content,
    results,
    task_document,
    tell_ending,
    variables,
)
from swe_ai_fleet.cli.task_file import TaskFile
from swe_ai_fleet.domain.ranking import Result
from swe_ai_fleet.execution.ray_submission import RayJobs
from swe_ai_fleet.settings import Settings


async def batch_on_ray(
    files: Sequence[TaskFile],
    settings: Settings,
    given: Mapping[str, Any],
) -> tuple[dict[str, JsonValue], int]:
    """Hand the batch over, follow it to its end and write its files; what it came to, and its exit code.

    Raises:
        InputError: another batch was submitted under this id, or an option is not valid.
        UnreachableError: the cluster does not answer.
    """
    batch_id = given["batch_id"] or f"batch-{secrets.token_hex(4)}"
    run = _run(files, batch_id, given)
    async with RayJobs.open(settings.ray) as jobs:
        job = await begin(jobs, run)
        again = f"The same command with --id {batch_id} follows it again."
        ended, log = await follow(jobs, job, again=again, is_quiet=given["quiet"])
    found = list(results(log))
    summary = _written(found, given["out"], batch_id)
    tell_ending(ended, log, again)
    code = exit_of_job(ended)
    if code == Exit.DECIDED and len(found) < len(files):
        click.echo(
            f"{len(files) - len(found)} results are missing in the log of {ended.submission_id}", err=True
        )
        code = Exit.UNREACHABLE
    return {**summary, "submission_id": ended.submission_id}, code


def _run(files: Sequence[TaskFile], batch_id: str, given: Mapping[str, Any]) -> RayRun:
    tasks = "".join(task_document(file) + "\n" for file in files)
    name = named_by_content("tasks", tasks, ".jsonl")
    argv = ["batch", name, "--id", batch_id, "--out", "-"]
    argv += [part for model in given["models"] for part in ("--model", model)]
    argv += ["--concurrency", str(given["concurrency"])] if given["concurrency"] else []
    argv += ["--no-ray"] if given["no_ray"] else []
    return RayRun(key=f"batch {batch_id}", argv=argv, files={name: tasks}, env=variables(given["ray_env"]))


def _written(found: Sequence[dict[str, JsonValue]], out: Path, batch_id: str) -> dict[str, JsonValue]:
    """Write both files; what the batch came to."""
    endings: Counter[str] = Counter()
    tokens = 0
    with open_files(out) as files:
        for document in found:
            endings[str(document["outcome"])] += 1
            result = _result(document)
            tokens += result.usage.total_tokens if result is not None else 0
            files.add(str(document["task_id"]), result, json.dumps(document))
    return {"batch_id": batch_id, "outcomes": dict(sorted(endings.items())), "tokens": tokens}


def _result(document: Mapping[str, JsonValue]) -> Result | None:
    """None where the task could not even be asked for."""
    try:
        return Result.model_validate_json(json.dumps(document))
    except ValidationError:
        return None
