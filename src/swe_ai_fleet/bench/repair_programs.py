"""Small faulty programs with tests, as repositories to repair; half of the tests is kept for the scorer."""

import ast
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, JsonValue, ValidationError

from swe_ai_fleet.domain.task import Budget, Check, CouncilPlan, Task
from swe_ai_fleet.domain.value import Recorded
from swe_ai_fleet.errors import InputError

Half = Literal["even", "odd"]
"""Positions, counted from 0, of the test cases that a repository shows; test functions where there are no cases."""

_PACKAGE = "python_programs"
_NAME = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
_CONFTEST = "import pytest\n\npytest.use_correct = False\npytest.run_slow = False\n"
_LOADER = '''"""The test cases that are shown."""

import json
from pathlib import Path


def load_json_testcases(name):
    return json.loads((Path(__file__).parent / "testdata.json").read_text())
'''
_CHECK_S = 15.0


class Program(Recorded):
    """One faulty program. Only the scorer may look at the half of its tests that is not shown."""

    name: _NAME
    module: _NAME
    source: str
    """With the fault."""
    cases: tuple[JsonValue, ...] = ()
    """``[arguments, expected]`` each; empty where ``test_source`` holds the tests themselves."""
    test_source: str
    """A pytest module that loads the cases by ``load_testdata`` and the program from ``python_programs``."""
    files: dict[str, str] = Field(default_factory=dict)
    """Further modules that the tests need, by file name."""

    def task(self, folder: Path, *, agents: int, budget: Budget) -> Task:
        """The task that a council is given."""
        return Task(
            id=self.name.replace("_", "-")[:64],
            description=f"{self.name} in {_PACKAGE}/{self.module}.py gives wrong answers. Fix it.",
            repo=str(folder),
            checks=(Check(name="tests", command="python -m pytest -q", timeout_s=_CHECK_S),),
            protected_paths=(
                "test_*.py",
                "conftest.py",
                "load_testdata.py",
                "testdata.json",
                *sorted(self.files),
            ),
            council=CouncilPlan(agents=agents),
            budget=budget,
        )

    def write(self, folder: Path, *, half: Half) -> None:
        """The program with this half of its tests, ready for ``python -m pytest``."""
        package = folder / _PACKAGE
        package.mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / f"{self.module}.py").write_text(self.source)
        for name, text in self.files.items():
            (folder / Path(name).name).write_text(text)
        first = 0 if half == "even" else 1
        tests = self.test_source if self.cases else _half_of_functions(self.test_source, first)
        (folder / f"test_{self.module}.py").write_text(tests)
        (folder / "conftest.py").write_text(_CONFTEST)
        (folder / "load_testdata.py").write_text(_LOADER)
        (folder / "testdata.json").write_text(json.dumps(self.cases[first::2]))


def _half_of_functions(source: str, first: int) -> str:
    """The module with every second of its test functions, counted from ``first``."""
    body = ast.parse(source).body
    tests = [node for node in body if isinstance(node, ast.FunctionDef) and node.name.startswith("test")]
    lines = source.splitlines(keepends=True)
    for place, node in enumerate(tests):
        if place % 2 != first:
            start = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            for line in range(start - 1, node.end_lineno or node.lineno):
                lines[line] = ""
    return "".join(lines)


def read_programs(path: Path) -> Sequence[Program]:
    """The programs of a ``.jsonl`` or ``.jsonl.gz`` file.

    Raises:
        InputError: the file is missing, or a line is not a program.
    """
    programs: list[Program] = []
    try:
        raw = path.read_bytes()
        text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
    except (OSError, EOFError, ValueError) as error:
        raise InputError(
            "FILE", str(path), f"it cannot be read: {error}", "Give a .jsonl or .jsonl.gz file."
        ) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            programs.append(Program.model_validate_json(line))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            field = ".".join(str(part) for part in first["loc"])
            raise InputError(
                f"{path}:{number}: {field}", first["input"], first["msg"], "One program a line."
            ) from error
    return programs
