"""Evidence for proposals: the task's checks, run in the sandbox on fresh copies of the commit."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

from swe_ai_fleet.domain.check import CheckReport, CheckResult, CheckStatus, Trial
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import Check, RepoRef, Task
from swe_ai_fleet.errors import PatchError
from swe_ai_fleet.ports.checks import Sandbox, Workspaces
from swe_ai_fleet.sandbox.controls import protected_files
from swe_ai_fleet.sandbox.files import write_files
from swe_ai_fleet.sandbox.one_check import require_command, run_check
from swe_ai_fleet.sandbox.patches.making import Patch, make_patch
from swe_ai_fleet.sandbox.proposed_checks import agreed, check_of, cpu_limit_s, proposed_tests, trial_of
from swe_ai_fleet.sandbox.tricks import find_trick

BASE = "base"
_NOTE_CHARS = 300


class SandboxCheckRunner:
    """See :class:`~swe_ai_fleet.ports.checks.CheckRunner`.

    Every check has a copy of its own, so that what one check's code does to the files is nothing to another. What
    a proposal does to protected files is reported and left out of the copy. A check that runs pytest or unittest
    is judged by the record of a plugin of ours, never by its exit status alone; one that ends without the whole
    record is an error. So is every check of a proposal whose values would equal anything.
    """

    def __init__(self, *, sandbox: Sandbox, workspaces: Workspaces, concurrency: int | None = None) -> None:
        """At most ``concurrency`` checks run at once; as many as there are CPUs where it is None."""
        self._sandbox = sandbox
        self._workspaces = workspaces
        self._slots = asyncio.Semaphore(concurrency or os.cpu_count() or 1)

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        """Run every check twice on the unchanged commit."""
        runs = await self._run_all([*task.checks, *task.checks], task, repo, patch=None)
        first, second = runs[: len(task.checks)], runs[len(task.checks) :]
        for check, result in zip(task.checks, second, strict=True):
            require_command(check, result)
        return CheckReport(
            proposal_id=BASE,
            applied=True,
            results=tuple(second),
            flaky=tuple(name for pair in zip(first, second, strict=True) for name in _differences(*pair)),
            containment=self._sandbox.containment,
        )

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        """Apply the proposal to fresh copies and run every check once."""
        try:
            tree = await self._workspaces.pristine(repo)
            patch = await asyncio.to_thread(make_patch, proposal.content, tree)
        except PatchError as error:
            return CheckReport(
                proposal_id=proposal.proposal_id,
                applied=False,
                reason=str(error),
                containment=self._sandbox.containment,
            )
        trick = find_trick(patch.files)
        if trick:
            results = [_refused(check, trick) for check in task.checks]
        else:
            results = await self._run_all(task.checks, task, repo, patch=patch)
        return CheckReport(
            proposal_id=proposal.proposal_id,
            applied=True,
            patch=patch.text,
            patch_key=patch.key,
            parses=patch.parses,
            protected_touched=_protected(patch, task),
            results=tuple(results),
            containment=self._sandbox.containment,
        )

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        """Run proposed test files on one answer once, or on the unchanged commit twice."""
        if answer is not None:
            return await self._try(task, repo, checks, answer)
        async with asyncio.TaskGroup() as group:
            runs = [group.create_task(self._try(task, repo, checks, None)) for _ in range(2)]
        return agreed(*(done.result() for done in runs))

    async def _try(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        on = BASE if answer is None else answer.proposal_id
        async with self._slots, self._workspaces.checkout(repo) as folder:
            try:
                tests, changed = await asyncio.to_thread(_prepare, task, checks, answer, folder)
            except PatchError as error:
                return Trial(on=on, status=CheckStatus.ERROR, note=str(error)[:_NOTE_CHARS])
            result = await run_check(
                check_of(task, tests),
                folder=folder,
                changed=changed,
                protected=(*task.protected_paths, *tests),
                sandbox=self._sandbox,
                cpu_s=cpu_limit_s(task),
            )
        return trial_of(on, result)

    async def _run_all(
        self, checks: Sequence[Check], task: Task, repo: RepoRef, *, patch: Patch | None
    ) -> list[CheckResult]:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run(check, task, repo, patch)) for check in checks]
        return [done.result() for done in tasks]

    async def _run(self, check: Check, task: Task, repo: RepoRef, patch: Patch | None) -> CheckResult:
        async with self._slots, self._workspaces.checkout(repo) as folder:
            try:
                changed = await asyncio.to_thread(_apply, patch, task, folder)
            except PatchError as error:
                return _refused(check, str(error))
            return await run_check(
                check, folder=folder, changed=changed, protected=task.protected_paths, sandbox=self._sandbox
            )


def _prepare(
    task: Task, checks: Proposal, answer: Proposal | None, folder: Path
) -> tuple[tuple[str, ...], frozenset[str]]:
    """Put an answer and then proposed test files into a copy; the test files, and what the answer changed.

    Raises:
        PatchError: the one or the other has no place there, or the answer equals anything.
    """
    tests = proposed_tests(checks.content, folder)
    changed: frozenset[str] = frozenset()
    if answer is not None:
        patch = make_patch(answer.content, folder)
        trick = find_trick(patch.files)
        if trick:
            raise PatchError(trick)
        changed = _apply(patch, task, folder)
    try:
        write_files(folder, [(file.path, file.new, False) for file in tests])
    except OSError as error:
        raise PatchError(f"a test file has no place beside the answer: {error.strerror}") from error
    return tuple(file.path for file in tests), changed


def _refused(check: Check, trick: str) -> CheckResult:
    return CheckResult(name=check.name, status=CheckStatus.ERROR, output_tail=f"[not run: {trick}]")


def _apply(patch: Patch | None, task: Task, folder: Path) -> frozenset[str]:
    """Write what the patch changes but for protected files; the paths that were written.

    Raises:
        PatchError: a file has no place there, such as two whose names differ in case where that makes one file.
    """
    if patch is None:
        return frozenset()
    kept = set(_protected(patch, task))
    files = [file for file in patch.files if file.path not in kept]
    try:
        write_files(folder, [(file.path, file.new, file.new_mode == "100755") for file in files])
    except OSError as error:
        raise PatchError(f"the patch cannot be written: {error.strerror}") from error
    return frozenset(file.path for file in files)


def _protected(patch: Patch, task: Task) -> tuple[str, ...]:
    return protected_files(patch.files, task.protected_paths, [check.command for check in task.checks])


def _differences(first: CheckResult, second: CheckResult) -> list[str]:
    """Names, in the manner of :meth:`CheckReport.failures`, of what two runs did not agree on."""
    names = sorted(first.cases.keys() | second.cases.keys())
    cases = [f"{first.name}::{name}" for name in names if first.cases.get(name) != second.cases.get(name)]
    return cases or ([first.name] if first.status is not second.status else [])
