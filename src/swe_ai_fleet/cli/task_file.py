"""A task from a file, from standard input and from options; everything that is wrong with it names its place."""

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from swe_ai_fleet.cli.document import MAX_BYTES, Document, Location, field_name, parse_json, parse_yaml
from swe_ai_fleet.cli.task_problems import Problem, problems_of
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.errors import InputError, TaskFileError

STDIN = "-"
_URL = re.compile(r"^([a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One option of the command line that stands above the file."""

    location: Location
    option: str
    value: object


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFile:
    """A valid task, and where each of its fields came from."""

    task: Task
    path: str
    folder: Path
    """What ``repo`` is relative to."""
    document: Document
    options: Mapping[Location, Override]

    @property
    def work_tree(self) -> Path | None:
        """The folder of the repository; None where it is elsewhere, or there is none."""
        if self.task.repo is None:
            return None
        folder = (self.folder / _expanded(self.task.repo)).resolve()
        return folder if folder.is_dir() else None

    @property
    def portable_task(self) -> Task:
        """The task with its repository as an address that does not depend on the caller's folder."""
        folder = self.work_tree
        return self.task if folder is None else self.task.model_copy(update={"repo": str(folder)})

    @contextmanager
    def locating(self) -> Iterator[None]:
        """Errors of the task's fields leave it with their place."""
        try:
            yield
        except InputError as error:
            raise self.locate(error) from error

    def locate(self, error: InputError) -> InputError:
        """The same error with the file and the line of its field, where the field is one of the task's."""
        location = self._indexed(_location_of(error.field))
        if isinstance(error, TaskFileError) or location[:1] not in {(name,) for name in Task.model_fields}:
            return error
        given = self.options.get(location)
        if given is not None:
            return InputError(given.option, given.value, error.problem, error.way_out)
        line = self.document.line(location)
        return TaskFileError(
            self.path, line, error.field, _Verbatim(error.value), error.problem, error.way_out
        )

    def _indexed(self, location: Location) -> Location:
        """Checks are also known by their names: ``checks.tests.command`` is ``checks[0].command``."""
        names = [check.name for check in self.task.checks]
        if location[:1] == ("checks",) and len(location) > 1 and location[1] in names:
            return ("checks", names.index(str(location[1])), *location[2:])
        return location


class _Verbatim:
    """A value that was put into words already."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text


def read_task(source: str, overrides: Sequence[Override] = ()) -> TaskFile:
    """The task of a YAML or JSON file, with the command line's options above it.

    Args:
        source: a path, or ``-`` for standard input.
        overrides: what options say; the last word on their fields.

    Raises:
        TaskFileError: the file cannot be read or is not a valid task; of several problems the first in the file,
            the others as notes.
        InputError: an option is what makes it invalid; the field is the option.
    """
    path = "standard input" if source == STDIN else source
    folder = Path.cwd() if source == STDIN else Path(source).resolve().parent
    return task_of(_parse(read_text(source), path), path=path, folder=folder, overrides=overrides)


def task_of(document: Document, *, path: str, folder: Path, overrides: Sequence[Override]) -> TaskFile:
    """The task that a document holds.

    Raises:
        InputError: as :func:`read_task`.
    """
    if not isinstance(document.value, dict):
        raise TaskFileError(
            path,
            document.line(()),
            "task",
            document.value,
            "a task is a mapping of fields",
            "Begin with `description: ...`.",
        )
    raw: dict[str, object] = document.value
    for override in overrides:
        _put(raw, override)
    options = {override.location: override for override in overrides}
    try:
        task = Task.model_validate_json(json.dumps(raw), strict=True)
    except ValidationError as error:
        raise _first_problem(list(problems_of(error)), path, document, options) from None
    return TaskFile(task=task, path=path, folder=folder, document=document, options=options)


def repo_override(text: str) -> str:
    """``--repo`` as the task holds it: relative to the caller's folder, not to the file's.

    Raises:
        InputError: of ``--repo``: a task cannot hold it.
    """
    from swe_ai_fleet.sandbox.repositories import require_utf8

    repo = text if _URL.match(text) else str(_expanded(text).resolve())
    require_utf8(repo, "--repo", text)
    return repo


def _expanded(repo: str) -> Path:
    """With the user's home for ``~``, as the sandbox takes it."""
    try:
        return Path(repo).expanduser()
    except RuntimeError:  # nobody of that name
        return Path(repo)


def read_text(source: str) -> str:
    """The text of a file, or of standard input.

    Raises:
        TaskFileError: it cannot be read, is too large, or is not UTF-8.
    """
    path = "standard input" if source == STDIN else source
    try:
        if source == STDIN:
            content = sys.stdin.buffer.read(MAX_BYTES + 1)
        else:
            with Path(source).open("rb") as file:
                content = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise TaskFileError(
            path, None, "TASK", source, "there is no such file", "Give the path of a task file, or `-`."
        ) from error
    except OSError as error:
        problem = f"cannot be read: {error.strerror or error}"
        raise TaskFileError(
            path, None, "TASK", source, problem, "Give a YAML or JSON file that you may read."
        ) from error
    if len(content) > MAX_BYTES:
        problem = f"the file is larger than {MAX_BYTES} bytes"
        raise TaskFileError(path, None, "TASK", source, problem, "Long material belongs into the repository.")
    return _decode(content, path)


def _decode(content: bytes, path: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise TaskFileError(
            path, line, "task", content[error.start : error.end], "not UTF-8", "Save the file as UTF-8."
        ) from error


def _parse(text: str, path: str) -> Document:
    if path.endswith(".json"):
        return parse_json(text, path=path)
    if text.lstrip().startswith("{"):
        try:
            return parse_json(text, path=path)
        except TaskFileError:
            pass  # a YAML mapping may be written with braces as well
    return parse_yaml(text, path=path)


def _put(raw: dict[str, object], override: Override) -> None:
    """Set the field; something that is no mapping in its way is left for validation to name."""
    place = raw
    for part in override.location[:-1]:
        inner = place.setdefault(str(part), {})
        if inner is None:
            inner = place[str(part)] = {}
        if not isinstance(inner, dict):
            return
        place = inner
    place[str(override.location[-1])] = override.value


def _first_problem(
    problems: Sequence[Problem], path: str, document: Document, options: Mapping[Location, Override]
) -> InputError:
    def place(problem: Problem) -> tuple[bool, int]:
        return problem.location not in options, document.line(problem.location) or 0

    errors = [_as_error(problem, path, document, options) for problem in sorted(problems, key=place)]
    for other in errors[1:]:
        errors[0].add_note(str(other))
    return errors[0]


def _as_error(
    problem: Problem, path: str, document: Document, options: Mapping[Location, Override]
) -> InputError:
    given = options.get(problem.location)
    if given is not None:
        return InputError(given.option, given.value, problem.problem, problem.way_out)
    return TaskFileError(
        path,
        document.line(problem.location),
        field_name(problem.location),
        problem.value,
        problem.problem,
        problem.way_out,
    )


def _location_of(name: str) -> Location:
    """The inverse of :func:`~swe_ai_fleet.cli.document.field_name`."""
    return tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", name))
