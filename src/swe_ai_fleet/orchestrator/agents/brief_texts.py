"""What all agents of a deliberation read, in the same bytes: the task, the evidence, the files."""

import json
from collections.abc import Sequence
from functools import lru_cache

from swe_ai_fleet.domain.brief import Brief, SourceFile
from swe_ai_fleet.domain.check import CheckReport, CheckStatus
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import AgentRefusedError
from swe_ai_fleet.orchestrator.agents.delimiters import cut_middle, fenced, foreign

_TAIL_BYTES = 3000
_LEAST_TASK_BYTES = 200
"""What of a task has to be left for an answer to be about it."""


def brief_text(brief: Brief, *, limit_bytes: int | None) -> str:
    """The common prefix of every prompt.

    Shortened, it keeps the task first, then the evidence, then the likeliest files.

    Raises:
        AgentRefusedError: next to nothing of the task would be left.
    """
    return _once(_Same(brief), limit_bytes)


class _Same:
    """A brief that equals itself alone: comparing what it holds would cost more than writing it."""

    __slots__ = ("brief",)

    def __init__(self, brief: Brief) -> None:
        self.brief = brief

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.brief is self.brief

    def __hash__(self) -> int:
        return id(self.brief)


@lru_cache(maxsize=16)  # the agents of a deliberation are asked right after each other, with the same brief
def _once(same: _Same, limit_bytes: int | None) -> str:
    return _brief_text(same.brief, limit_bytes=limit_bytes)


def _brief_text(brief: Brief, *, limit_bytes: int | None) -> str:
    task = brief.task
    part_bytes = None if limit_bytes is None else limit_bytes // 8
    description = task.description if limit_bytes is None else _cut_task(task.description, limit_bytes // 2)
    parts = ["# Task", fenced("task", description), *_constraints_text(task, limit_bytes=part_bytes)]
    if brief.repo is None:
        return "\n\n".join([*parts, "There is no repository."])
    if brief.base is not None:
        report = report_text(brief.base, limit_bytes=min(_TAIL_BYTES, part_bytes or _TAIL_BYTES))
        parts += ["# What the checks say of the unchanged code", report]
    left = None if limit_bytes is None else limit_bytes - len("\n\n".join(parts).encode("utf-8", "replace"))
    if brief.tree and left is None:
        parts += ["# Files of the repository", fenced("paths", "\n".join(brief.tree))]
    return "\n\n".join([*parts, *_files_text(brief.files, limit_bytes=left)])


def _cut_task(description: str, limit_bytes: int) -> str:
    """Nobody is asked about a task that it cannot read."""
    if limit_bytes < min(_LEAST_TASK_BYTES, len(description)):
        raise AgentRefusedError(
            "The model's context does not hold the task.", "Ask a model with a longer one."
        )
    return cut_middle(description, limit_bytes)


def _constraints_text(task: Task, *, limit_bytes: int | None) -> list[str]:
    constraints = task.constraints
    metadata = json.dumps(constraints.metadata, sort_keys=True, ensure_ascii=False)
    sections = (
        ("How answers are judged", "rubric", constraints.rubric),
        (
            "What every answer must satisfy",
            "requirements",
            "\n".join(f"- {text}" for text in constraints.requirements),
        ),
        (
            "Checks that are run on every answer",
            "checks",
            "\n".join(f"{check.name}: {check.command}" for check in task.checks),
        ),
        ("Paths that no answer may touch", "paths", "\n".join(task.protected_paths)),
        ("Further facts", "metadata", metadata if constraints.metadata else ""),
    )
    parts = []
    for title, kind, text in sections:
        if text:
            parts += [
                f"# {title}",
                fenced(kind, text if limit_bytes is None else cut_middle(text, limit_bytes)),
            ]
    return parts


def _files_text(files: Sequence[SourceFile], *, limit_bytes: int | None) -> list[str]:
    """The files, most likely first, as far as they fit."""
    parts: list[str] = []
    for file in files:
        text = file.text if limit_bytes is None else cut_middle(file.text, limit_bytes)
        note = " (only a part of it)" if file.truncated or text != file.text else ""
        part = f"## {json.dumps(file.path, ensure_ascii=False)}{note}\n\n{fenced('file', text)}"
        if limit_bytes is not None:
            limit_bytes -= len(part.encode("utf-8", "replace"))
            if limit_bytes < 0 and parts:
                break
        parts.append(part)
    return ["# Files that may matter, most likely first", *parts] if parts else []


def report_text(report: CheckReport, *, limit_bytes: int) -> str:
    """What was executed, without times, which differ from run to run."""
    if not report.applied:
        return f"It could not be applied:\n\n{foreign('reason', report.reason, limit_bytes)}"
    lines = []
    if report.protected_touched:
        lines.append(f"It touches protected paths: {json.dumps(sorted(report.protected_touched))}.")
    if not report.parses:
        lines.append("A changed file is not valid syntax.")
    verdicts = [f"{result.name}: {result.status.value}" for result in report.results]
    failures = sorted(report.failures())
    if verdicts or not report.outputs:
        lines.append(foreign("verdicts", "\n".join([*verdicts, *failures]), limit_bytes))
    if report.outputs:
        returned = [f"({arguments}) -> {output}" for arguments, output in report.outputs.items()]
        lines.append(foreign("returned", "\n".join(returned), limit_bytes))
    lines += [
        foreign("output", result.output_tail, limit_bytes)
        for result in report.results
        if result.status is not CheckStatus.PASSED and result.output_tail
    ]
    return "\n\n".join(lines)
