"""Work that needs a core for a while, as a Ray task on whichever node has one to spare."""

import asyncio
import signal
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import ray
from ray.exceptions import LocalRayletDiedError, NodeDiedError, RayError, RayTaskError, WorkerCrashedError

from swe_ai_fleet.errors import PlacementError, SandboxError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.placement import Demand, check_selector, hosts, shortage
from swe_ai_fleet.execution.ray_calls import awaited, cluster_nodes
from swe_ai_fleet.tracing.checks import running
from swe_ai_fleet.tracing.spans import current_span

_Answer = TypeVar("_Answer")
Work = Callable[[Any], Coroutine[Any, Any, _Answer]]
"""What is done with the runner of the process where it is done; picklable, so that it can travel."""

_LOST = (WorkerCrashedError, NodeDiedError, LocalRayletDiedError)


class RayWork:
    """Runs work with a runner that is built in each worker.

    Work whose worker or node dies is done once more; nothing of it has an effect outside its sandbox, so that repeating
    it is free of harm. Cancelling a call kills what it runs.
    """

    def __init__(self, options: RayOptions, build: Callable[[], Any]) -> None:
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
        self._task: Any = ray.remote(_run).options(**placement)
        self._build = ray.put(build)

    async def places(self) -> int:
        """How many pieces of work the cluster can do at once, from what its nodes have in all.

        Raises:
            PlacementError: no node can host any.
        """
        nodes = await cluster_nodes()
        able = hosts(nodes, self._demand)
        if not able:
            raise PlacementError(shortage(nodes, self._demand))
        return sum(int(node["Resources"]["CPU"] / self._demand.resources["CPU"]) for node in able)

    async def on_some_node(self, work: Work[_Answer]) -> _Answer:
        """What the work returns.

        Raises:
            FleetError: the work raised it.
            PlacementError: no node can host it.
            SandboxError: its worker died twice, or the cluster cannot run it.
        """
        await self.places()
        try:
            return await self._once(work)
        except _LOST:
            pass
        try:
            return await self._once(work)
        except _LOST as error:
            raise SandboxError(f"the worker that ran a check died, twice: {error}") from error

    async def _once(self, work: Work[_Answer]) -> _Answer:
        try:
            answer: _Answer = await awaited(self._task.remote(self._build, work, current_span().traceparent))
        except RayTaskError:
            raise
        except _LOST:
            raise
        except RayError as error:
            raise SandboxError(f"a check cannot run on the cluster: {error}") from error
        return answer


def _run(build: Callable[[], Any], work: Work[_Answer], traceparent: str | None) -> _Answer:
    """In the worker: one event loop a piece. Ray interrupts it to cancel, which kills what the sandbox runs."""
    runner = build()
    if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL):
        # As in a script's background job, whose children ignore it: Ray's interrupt would do nothing.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with running(traceparent):
        return asyncio.run(work(runner))
