"""Checks that agents propose: test files, run on the unchanged commit and on answers, each run in a copy of its own.

They are as untrusted as the answers. A run is given one answer's files and the proposed test files, nothing of any
other answer; what it does to the files ends with it, and only the sealed record of the test runner is believed.
"""

import re
import shlex
from collections.abc import Sequence
from pathlib import Path

from swe_ai_fleet.domain.check import CheckResult, CheckStatus, Trial
from swe_ai_fleet.domain.task import Check, Task
from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.sandbox.controls import protected_files
from swe_ai_fleet.sandbox.patches.fences import fences, whole_files
from swe_ai_fleet.sandbox.patches.making import make_patch
from swe_ai_fleet.sandbox.patches.writing import ChangedFile

NAME = "proposed"
_MAX_FILES = 20
_MAX_BYTES = 256 * 1024
_MAX_CASES = 200
_MAX_CASE_CHARS = 300
_NOTE_CHARS = 300
_WALL_SHARE, _LEAST_WALL_S = 0.12, 10.0
_CPU_SHARE, _LEAST_CPU_S = 0.05, 5.0
_TEST_FILE = re.compile(r"(?:^|/)(?:test_[^/]*|[^/]*_test)\.py$")
_RUNNER = re.compile(r"^\s*((?:\w+=\S*\s+)*(?:\S*python[\d.]*\s+-m\s+)?(?:pytest|py\.test))(?=\s|$)")
_HOME = "test_proposed.py"


def proposed_tests(content: str, tree: Path) -> tuple[ChangedFile, ...]:
    """The test files that proposed checks consist of: new ones, or existing ones as they are to be.

    Whatever else they would change is left out: a check tells of an answer, it does not alter it.

    Raises:
        PatchError: there is none, or they are too large; the message says which.
    """
    files = make_patch(_with_a_name(content), tree).files
    tests = tuple(file for file in files if file.new is not None and _TEST_FILE.search(file.path))
    steering = set(protected_files(tests, ()))
    tests = tuple(file for file in tests if file.path not in steering)
    if not tests:
        raise PatchError("there is no test file in it: whole files named test_*.py")
    size = sum(len((file.new or "").encode()) for file in tests)
    if len(tests) > _MAX_FILES or size > _MAX_BYTES:
        raise PatchError(f"{len(tests)} test files of {size} bytes; at most {_MAX_FILES} of {_MAX_BYTES}")
    return tests


def check_of(task: Task, paths: Sequence[str]) -> Check:
    """The check that runs these test files: with the task's own way to start pytest, where it has one.

    It gets a small share of the task's seconds, so that a test that sleeps does not hold the deliberation; one that
    computes without end has less, in CPU seconds, which do not depend on what else runs on the machine.
    """
    found = (_RUNNER.match(check.command) for check in task.checks)
    runner = next((match[1] for match in found if match is not None), "python -m pytest")
    longest = max((check.timeout_s for check in task.checks), default=60.0)
    limit_s = min(longest, max(_LEAST_WALL_S, _WALL_SHARE * task.budget.seconds))
    words = " ".join(shlex.quote(f"./{path}") for path in paths)
    return Check(name=NAME, command=f"{runner} -q -p no:cacheprovider {words}", timeout_s=limit_s)


def cpu_limit_s(task: Task) -> float:
    """CPU seconds that one process of proposed checks may use."""
    return max(_LEAST_CPU_S, _CPU_SHARE * task.budget.seconds)


def trial_of(on: str, result: CheckResult) -> Trial:
    """What one run says; one with cases beyond measure says nothing."""
    status, note = result.status, ""
    if len(result.cases) > _MAX_CASES or any(len(case) > _MAX_CASE_CHARS for case in result.cases):
        status, note = CheckStatus.ERROR, f"more than {_MAX_CASES} cases, or names that are too long"
    elif status not in (CheckStatus.PASSED, CheckStatus.FAILED):
        note = (result.output_tail.strip().splitlines() or [status.value])[-1][:_NOTE_CHARS]
    return Trial(on=on, status=status, cases=dict(result.cases) if not note else {}, note=note)


def agreed(first: Trial, second: Trial) -> Trial:
    """Two runs of the same as one; a case on which they differ is skipped."""
    if not (first.is_verdict and second.is_verdict):
        return second if first.is_verdict else first
    names = sorted(first.cases.keys() | second.cases.keys())
    cases = {
        name: verdict if (verdict := second.cases.get(name)) == first.cases.get(name) else "skipped"
        for name in names
    }
    return second.model_copy(update={"cases": cases})


def _with_a_name(content: str) -> str:
    """The same; one nameless block of Python that holds tests gets a name, for models forget it."""
    tests = [fence.text for fence in fences(content) if "def test" in fence.text]
    if len(tests) != 1 or whole_files(content):
        return content
    return f"{_HOME}\n~~~~~~~~\n{tests[0].rstrip()}\n~~~~~~~~\n"
