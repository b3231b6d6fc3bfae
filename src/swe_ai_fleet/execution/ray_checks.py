"""Evidence from the whole cluster: every check runs as a Ray task, on whichever node has a core to spare."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

import ray
from ray.exceptions import LocalRayletDiedError, NodeDiedError, RayError, RayTaskError, WorkerCrashedError

from swe_ai_fleet.domain.check import CheckReport
from swe_ai_fleet.domain.proposal import Proposal
from swe_ai_fleet.domain.task import RepoRef, Task
from swe_ai_fleet.errors import PlacementError, SandboxError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.placement import Demand, check_selector, hosts, shortage
from swe_ai_fleet.execution.ray_calls import awaited, cluster_nodes
from swe_ai_fleet.ports.checks import CheckRunner

BuildCheckRunner = Callable[[], CheckRunner]
"""Makes the check runner of the process where it will work; picklable, so that it can travel."""

_Work = Callable[[CheckRunner], Coroutine[Any, Any, CheckReport]]

_LOST = (WorkerCrashedError, NodeDiedError, LocalRayletDiedError)


class RayCheckRunner:
    """A :class:`~swe_ai_fleet.ports.checks.CheckRunner` that is one on every node.

    A task whose worker or node dies is run once more; a check has no effect outside its sandbox, so that repeating it
    is free of harm. Cancelling a call kills what it runs.
    """

    def __init__(self, options: RayOptions, build: BuildCheckRunner) -> None:
        """``build`` makes the runner in each worker. The cluster must be connected already; the agents' pool does that.

        Raises:
            InputError: a condition on labels is none.
        """
        check_selector("ray.check_label_selector", options.check_label_selector)
        self._demand = Demand(resources={"CPU": options.check_cpus}, labels=options.check_label_selector)
        placement: dict[str, Any] = {
            "num_cpus": options.check_cpus,
            "scheduling_strategy": "SPREAD",
            "max_retries": 0,
        }
        if options.check_label_selector:
            placement["label_selector"] = options.check_label_selector
        self._task = ray.remote(_run).options(**placement)
        self._build = ray.put(build)

    async def check_base(self, task: Task, repo: RepoRef) -> CheckReport:
        """Run the task's checks twice on the unchanged commit, on some node."""
        return await self._on_some_node(partial(_check_base, task, repo))

    async def check(self, task: Task, repo: RepoRef, proposal: Proposal) -> CheckReport:
        """Apply the proposal to a fresh copy and run the task's checks there, on some node."""
        return await self._on_some_node(partial(_check, task, repo, proposal))

    async def _on_some_node(self, work: _Work) -> CheckReport:
        nodes = await cluster_nodes()
        if not hosts(nodes, self._demand):
            raise PlacementError(shortage(nodes, self._demand))
        try:
            return await self._once(work)
        except _LOST:
            pass
        try:
            return await self._once(work)
        except _LOST as error:
            raise SandboxError(f"the worker that ran a check died, twice: {error}") from error

    async def _once(self, work: _Work) -> CheckReport:
        try:
            return await awaited(self._task.remote(self._build, work))
        except RayTaskError:
            raise
        except _LOST:
            raise
        except RayError as error:
            raise SandboxError(f"a check cannot run on the cluster: {error}") from error


def _run(build: BuildCheckRunner, work: _Work) -> CheckReport:
    """In the worker: one event loop a check. Ray interrupts it to cancel, which kills what the sandbox runs."""
    return asyncio.run(work(build()))


async def _check_base(task: Task, repo: RepoRef, runner: CheckRunner) -> CheckReport:
    return await runner.check_base(task, repo)


async def _check(task: Task, repo: RepoRef, proposal: Proposal, runner: CheckRunner) -> CheckReport:
    return await runner.check(task, repo, proposal)
