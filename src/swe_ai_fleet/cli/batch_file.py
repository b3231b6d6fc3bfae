"""Many tasks in one file: one JSON document a line."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from swe_ai_fleet.cli.document import parse_json
from swe_ai_fleet.cli.task_file import Override, TaskFile, read_text, task_of
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import TaskFileError
from swe_ai_fleet.orchestrator.usecases.requesting import task_id_of

_LONGEST = 64


def read_batch(source: str, overrides: Sequence[Override] = ()) -> list[TaskFile]:
    """Every task of a JSON Lines file, with the command line's options above each; empty lines are left out.

    A task that does not say otherwise has the priority ``batch``.

    Raises:
        TaskFileError: a line is not a valid task, or two tasks have the same id.
        InputError: an option is what makes a task invalid.
    """
    folder = Path(source).resolve().parent
    found: list[TaskFile] = []
    first: dict[str, int] = {}
    for number, line in enumerate(read_text(source).split("\n"), start=1):
        if not line.strip():
            continue
        document = parse_json(line, path=source, first_line=number)
        if isinstance(document.value, dict):
            document.value.setdefault("priority", "batch")
        file = task_of(document, path=source, folder=folder, overrides=overrides)
        name = task_id_of(file.task)
        if name in first:
            problem = f"stands twice, first in line {first[name]}"
            raise TaskFileError(source, number, "id", name, problem, "Give each task its own id.")
        first[name] = number
        found.append(file)
    if not found:
        raise TaskFileError(
            source, 1, "task", "", "there is no task in it", "Write one JSON document a line."
        )
    return found


def batch_id_of(prefix: str, task: Task) -> str:
    """The deliberation of one task of a batch; the same prefix again is the same deliberation."""
    name = f"{prefix}-{task_id_of(task)}"
    if len(name) <= _LONGEST:
        return name
    return f"{name[: _LONGEST - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
