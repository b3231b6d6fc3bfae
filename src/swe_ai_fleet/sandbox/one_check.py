"""One run of one check on one folder, and what it says."""

import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from swe_ai_fleet.domain.check import CheckResult, CheckStatus
from swe_ai_fleet.domain.task import Check
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.ports.checks import ExecResult, Limits, Sandbox
from swe_ai_fleet.sandbox.controls import existing
from swe_ai_fleet.sandbox.files import regular_files
from swe_ai_fleet.sandbox.verdicts import INSIDE, Recorder, Verdict, prepare_command

_TAIL_BYTES = 8192
_NOT_FOUND, _NOT_EXECUTABLE = 127, 126
_NO_MODULE = re.compile(r"(?:^|/)python[\d.]*: No module named ([\w.]+)$", re.MULTILINE)
_USAGE, _NO_TESTS = 4, 5
"""Exit codes of pytest that are no verdict on the code; 3, an internal error, may be the code's doing."""
_TIME = ("wall", "cpu")


async def run_check(
    check: Check,
    *,
    folder: Path,
    changed: Collection[str],
    protected: Sequence[str],
    sandbox: Sandbox,
    cpu_s: float | None = None,
) -> CheckResult:
    """Run it with ``folder`` as its place.

    Args:
        check: what to run.
        folder: a private copy; what the check does to it stays there.
        changed: the files that a proposal has changed in it.
        protected: globs of files that must stay as they are while it runs.
        sandbox: where it runs.
        cpu_s: CPU seconds of any one of its processes; the sandbox's own limit where it is None.

    Raises:
        SandboxError: it could not be started.
    """
    recorder = Recorder.new()
    command, is_expected = prepare_command(check.command)
    held = [folder / path for path in existing(regular_files(folder), protected)]
    done = await sandbox.run(
        ("/bin/sh", "-c", command),
        folder=folder,
        limits=Limits(wall_s=check.timeout_s, cpu_s=cpu_s),
        env=recorder.environment(folder),
        readable=(INSIDE, *held),
    )
    verdict = recorder.read(folder)
    cases = verdict.believed_cases(changed, folder)
    ending = _judge(done, verdict, is_expected=is_expected, has_failed="failed" in cases.values())
    return CheckResult(
        name=check.name,
        status=ending.status,
        exit_code=done.exit_code,
        duration_s=round(done.duration_s, 3),
        cases=cases,
        output_tail=_tail(done, ending.note, folder),
    )


class _Ending(NamedTuple):
    status: CheckStatus
    note: str = ""


def _judge(done: ExecResult, verdict: Verdict, *, is_expected: bool, has_failed: bool) -> _Ending:
    """From how it ended and what was recorded to one word, and a remark for people."""
    if done.killed_by is not None or done.exit_code is None:
        status = CheckStatus.TIMEOUT if done.killed_by in _TIME else CheckStatus.ERROR
        return _Ending(status, f"[ended by the sandbox: {done.killed_by}]")
    problem = verdict.unbelievable(exit_code=done.exit_code, is_expected=is_expected)
    if problem:
        return _Ending(CheckStatus.ERROR, f"[{problem}]")
    if done.exit_code in (_NOT_FOUND, _NOT_EXECUTABLE):
        return _Ending(CheckStatus.ERROR)
    if any(code in (_USAGE, _NO_TESTS) for code in verdict.exit_codes):
        return _Ending(CheckStatus.ERROR)
    if done.exit_code != 0:
        return _Ending(CheckStatus.FAILED)
    if any(verdict.exit_codes) or has_failed:
        return _Ending(
            CheckStatus.FAILED, "[the command says that it passed, its test runner says that it did not]"
        )
    return _Ending(CheckStatus.PASSED)


def _tail(done: ExecResult, note: str, folder: Path) -> str:
    """The last of both outputs, without the name of the private copy."""
    text = b"\n".join(part for part in (done.stdout, done.stderr) if part).decode(errors="replace")
    text = text.replace(f"{folder.resolve()}/", "").replace(str(folder.resolve()), ".")
    return (text[-_TAIL_BYTES:] + (f"\n{note}" if note else "")).strip("\0")


def require_command(check: Check, result: CheckResult) -> None:
    """Refuse a check that cannot run even on the unchanged commit.

    Raises:
        InputError: its command, or the Python module that it runs, is not there.
    """
    missing = _NO_MODULE.search(result.output_tail)
    is_missing = result.exit_code in (_NOT_FOUND, _NOT_EXECUTABLE)
    if not is_missing and (result.exit_code in (0, None) or missing is None):
        return
    lines = result.output_tail.strip().splitlines()
    problem = f"it cannot run: {lines[-1][:200]}" if lines else "it cannot run"
    raise InputError(
        f"checks.{check.name}.command", check.command, problem, "Name a command that the sandbox's PATH has."
    )
