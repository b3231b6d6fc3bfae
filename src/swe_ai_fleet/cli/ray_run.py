"""A command of the fleet as a job of a Ray cluster: handed over once, followed, its exit code and results brought back.

A job prints what it has to say on one log, progress and results together. Progress is lines of text; results are JSON
documents that begin and end at the beginning of a line.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click
from pydantic import JsonValue
from pydantic_core import from_json

from swe_ai_fleet.cli.exits import Exit
from swe_ai_fleet.errors import InputError

if TYPE_CHECKING:
    from swe_ai_fleet.cli.task_file import TaskFile
    from swe_ai_fleet.execution.ray_submission import RayJob, RayJobs

_PYTHON = ("python", "-m", "swe_ai_fleet")
_ENVIRONMENT = {"FLEET_RAY__ADDRESS": "auto", "RAY_JOB_STOP_WAIT_TIME_S": "10"}
"""A job stands on a node of its cluster, and takes up to ten seconds to end in order."""
_SECRETS = ("KEY", "TOKEN", "SEED", "PASSWORD")
_ENDED_FOR_GOOD = {Exit.DECIDED, Exit.NO_DECISION}


@dataclass(frozen=True, slots=True, kw_only=True)
class RayRun:
    """What a job is asked to do."""

    key: str
    """The same key again is the same job."""
    argv: Sequence[str]
    """The command and its options, without the program."""
    files: Mapping[str, str] = field(default_factory=dict)
    """Texts that lie in the folder where the command works, by name."""
    env: Mapping[str, str] = field(default_factory=dict)


def named_by_content(stem: str, text: str, suffix: str) -> str:
    """A file's name that tells one text from another, so that another text is another command."""
    return f"{stem}-{hashlib.sha256(text.encode()).hexdigest()[:12]}{suffix}"


def variables(given: Sequence[str]) -> dict[str, str]:
    """What ``--ray-env NAME=VALUE`` says.

    Raises:
        InputError: one has no value, or would show a secret on the cluster's dashboard.
    """
    found = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise InputError("--ray-env", text, "is no NAME=VALUE", "Give --ray-env FLEET_LOG__LEVEL=info.")
        if name.upper().endswith(_SECRETS):
            way_out = "Set it on the cluster's nodes."
            raise InputError("--ray-env", name, "would be shown by the cluster's dashboard", way_out)
        found[name] = value
    return found


async def begin(jobs: "RayJobs", run: RayRun) -> "RayJob":
    """The job of that run: the one there is, also where it has ended, or a new one.

    One that was stopped, or ended in a way that another try may better, is followed by a new one, which goes on from
    the record.

    Raises:
        InputError: another command was submitted under that key.
        UnreachableError: the cluster does not answer or does not take it.
    """
    from swe_ai_fleet.execution.ray_submission import submission_id_of

    with tempfile.TemporaryDirectory(prefix="swe-fleet-") as folder:
        for name, text in run.files.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        for attempt in count(1):
            job = await jobs.submit(
                [*_PYTHON, *run.argv],
                submission_id=submission_id_of(run.key, attempt=attempt),
                folder=Path(folder) if run.files else None,
                env={**_ENVIRONMENT, **run.env},
                metadata={"swe-fleet": run.key},
            )
            if not job.state.is_final or exit_of_job(job) in _ENDED_FOR_GOOD:
                return job
    raise AssertionError  # count() has no end


async def follow(jobs: "RayJobs", job: "RayJob", *, again: str, is_quiet: bool) -> "tuple[RayJob, str]":
    """The job once it has ended, and all that it has printed; its progress goes to stderr meanwhile.

    Whoever is interrupted here leaves the job at work, and is told how to come back: ``again``.

    Raises:
        UnreachableError: the cluster has not answered ten times in a row.
    """
    printed: list[str] = []
    begun, progress = "", Lines()
    try:
        async for piece in jobs.follow_logs(job.submission_id):
            printed.append(piece)
            *lines, begun = (begun + piece).split("\n")
            for line in progress.of(lines):
                if not is_quiet:
                    click.echo(line, err=True)
        return await jobs.look(job.submission_id), "".join(printed)
    except asyncio.CancelledError:
        tell_where(job, again)
        raise


@dataclass(slots=True)
class Lines:
    """Tells the lines of a log that are for people from those of documents."""

    is_inside: bool = False

    def of(self, lines: Sequence[str]) -> Iterator[str]:
        """The next lines that are for people, safe to print."""
        from swe_ai_fleet.report.printable import printable

        for line in lines:
            if line == "{":
                self.is_inside = True
            elif self.is_inside:
                self.is_inside = line != "}"
            elif line.strip() and not line.startswith("{"):
                yield printable(line)


def documents(log: str) -> Iterator[dict[str, JsonValue]]:
    """Every JSON document of a log, on one line or on several."""
    begun: list[str] = []
    for line in log.split("\n"):
        if line == "{":
            begun = [line]
            continue
        if begun:
            begun.append(line)
        text = "\n".join(begun) if begun and line == "}" else "" if begun else line
        if not text.startswith("{"):
            continue
        begun = []
        try:
            document = from_json(text)
        except ValueError:
            continue
        if isinstance(document, dict):
            yield document


def results(log: str) -> Iterator[dict[str, JsonValue]]:
    """The documents of a log that say how a deliberation ended; of several on one task the last."""
    found = {
        str(document["task_id"]): document
        for document in documents(log)
        if {"deliberation_id", "task_id", "outcome"} <= document.keys()
    }
    yield from found.values()


def exit_of_job(job: "RayJob") -> int:
    """The exit code of the command that it ran; of one that was lost, 4, and of one that was stopped, 130."""
    from swe_ai_fleet.execution.ray_submission import JobState

    if job.state is JobState.SUCCEEDED:
        return Exit.DECIDED
    if job.state is JobState.STOPPED:
        return Exit.INTERRUPTED
    return Exit.UNREACHABLE if job.exit_code is None or job.exit_code < 0 else job.exit_code


def tell_where(job: "RayJob", again: str) -> None:
    """How to look after it, on stderr."""
    name = job.submission_id
    click.echo(f"Job {name} is at work. Its log: swe-fleet jobs logs {name}", err=True)
    click.echo(f"End it: swe-fleet jobs stop {name}. {again}", err=True)


def tell_ending(job: "RayJob", log: str, again: str) -> None:
    """Why a job did not end by itself with what it was asked for, on stderr."""
    if exit_of_job(job) in _ENDED_FOR_GOOD:
        return
    last = [line for line in Lines().of(log.splitlines()) if line.strip()][-1:]
    said = " ".join([job.message, *last]).strip()
    click.echo(f"Job {job.submission_id} ended as {job.state}: {said}", err=True)
    click.echo(again, err=True)


def task_document(file: "TaskFile") -> str:
    """The task on one line, its repository as an address that does not depend on the caller's folder."""
    return file.portable_task.model_dump_json(exclude_none=True)
