"""Evidence from the whole cluster: every check runs as a Ray task, on whichever node has a core to spare."""

from collections.abc import Callable
from functools import partial

from swe_ai_fleet.domain.check import CheckReport, Trial
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_work import RayWork
from swe_ai_fleet.ports.checks import CheckRunner

BuildCheckRunner = Callable[[], CheckRunner]
"""Makes the check runner of the process where it will work; picklable, so that it can travel."""


class RayCheckRunner:
    """A :class:`~swe_ai_fleet.ports.checks.CheckRunner` that is one on every node.

    A task whose worker or node dies is run once more. Cancelling a call kills what it runs.
    """

    def __init__(self, options: RayOptions, build: BuildCheckRunner) -> None:
        """``build`` makes the runner in each worker. The cluster must be connected already; the agents' pool does that.

        Raises:
            InputError: a condition on labels is none.
        """
        self._work = RayWork(options, build)

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        """Run the task's checks twice on the unchanged commit, on some node."""
        return await self._work.on_some_node(partial(_check_base, task, repo))

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        """Apply the proposal to a fresh copy and run the task's checks there, on some node."""
        return await self._work.on_some_node(partial(_check, task, repo, proposal))

    async def try_checks(self, task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None) -> Trial:
        """Run proposed checks on one answer or on the unchanged commit, on some node."""
        return await self._work.on_some_node(partial(_try_checks, task, repo, checks, answer))


async def _check_base(task: Task, repo: RepoRef, runner: CheckRunner) -> CheckReport:
    return await runner.check_base(task, repo)


async def _check(task: Task, repo: RepoRef, proposal: Proposal, runner: CheckRunner) -> CheckReport:
    return await runner.check(task, repo, proposal)


async def _try_checks(
    task: Task, repo: RepoRef, checks: Proposal, answer: Proposal | None, runner: CheckRunner
) -> Trial:
    return await runner.try_checks(task, repo, checks, answer)
