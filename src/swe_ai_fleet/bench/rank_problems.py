"""The recorded samples that the ranking benchmark decides on, without what only the scorer may see."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError

from swe_ai_fleet.domain.value import Recorded
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ranking.claims import Assertion, assertions_in, examples_in
from swe_ai_fleet.ranking.pool import is_literal

_END_OF_BODY = re.compile(r"\nclass|\ndef|\n#|\nif|\nprint")


class Problem(Recorded):
    """One function to write, with the answers and tests that were sampled for it."""

    task_id: str
    prompt: str
    """Imports, signature and docstring."""
    entry_point: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    candidates: Annotated[tuple[str, ...], Field(min_length=1)]
    """Bodies as the model wrote them."""
    generated_tests: tuple[str, ...] = ()
    """Continuations of a prompt that ends in ``assert``."""

    def program(self, candidate: int) -> str:
        """The candidate as a module: the body ends where the model went on to something else."""
        return f"{self.prompt}{_END_OF_BODY.split(self.candidates[candidate], maxsplit=1)[0].rstrip()}\n"

    def tests(self, samples: int) -> list[list[Assertion]]:
        """The asserts of the first ``samples`` test samples."""
        return [assertions_in(sample, self.entry_point) for sample in self.generated_tests[:samples]]

    def examples(self) -> list[Assertion]:
        """What the prompt itself shows, as far as it is made of literals."""
        found = examples_in(self.prompt, self.entry_point)
        return [one for one in found if one.arguments is not None and is_literal(one.arguments)]


@dataclass(frozen=True, slots=True, kw_only=True)
class HiddenTest:
    """The ground truth of one problem. Only the scorer's process reads it."""

    task_id: str
    entry_point: str
    source: str


def read_problems(path: Path) -> list[Problem]:
    """The problems of a ``.jsonl`` or ``.jsonl.gz`` file; hidden tests are not even parsed into them.

    Raises:
        InputError: the file is missing or a line is not a problem.
    """
    return [_parsed(path, number, line) for number, line in _lines(path)]


def read_hidden_tests(path: Path) -> dict[str, HiddenTest]:
    """By task id.

    Raises:
        InputError: the file is missing or a line has no hidden test.
    """
    found = {}
    for number, line in _lines(path):
        try:
            row = json.loads(line)
            test = HiddenTest(
                task_id=str(row["task_id"]),
                entry_point=str(row["entry_point"]),
                source=str(row["hidden_test"]),
            )
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{path}:{number}", line[:80], "no hidden test", "Give a file of the documented format."
            ) from error
        found[test.task_id] = test
    return found


def _parsed(path: Path, number: int, line: str) -> Problem:
    try:
        return Problem.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or "line"
        raise InputError(
            f"{path}:{number}: {field}", line[:80], first["msg"], "Give a file of the documented format."
        ) from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    opening = gzip.open if path.suffix == ".gz" else open
    try:
        with opening(path, "rt", encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield number, line
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise InputError(
            "file", str(path), str(error), "Give a .jsonl or .jsonl.gz file of recorded samples."
        ) from error
