"""Starting the pool's actors where the options want them."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

from ray.actor import ActorHandle

from swe_ai_fleet.errors import PlacementError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.placement import Demand, check_selector, hosts, shortage
from swe_ai_fleet.execution.ray_actor import RayAgentHost, RayAgentHostActor
from swe_ai_fleet.execution.ray_calls import cluster_nodes
from swe_ai_fleet.orchestrator.agents.kept_record import OpenRecord
from swe_ai_fleet.ports.agents import BuildAgent

_POLL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Hiring:
    """What every actor of one pool is made of."""

    options: RayOptions
    build_agent: BuildAgent
    open_record: OpenRecord

    @property
    def demand(self) -> Demand:
        """What one actor takes of its node."""
        options = self.options
        resources = {"CPU": options.num_cpus, **options.resources}
        if options.memory_bytes is not None:
            resources["memory"] = float(options.memory_bytes)
        return Demand(resources=resources, labels=options.label_selector)

    def actor(self) -> "ActorHandle[RayAgentHost]":
        """A new one, wherever Ray places it; it may still have to start."""
        options = self.options
        placement: dict[str, Any] = {
            "num_cpus": options.num_cpus,
            "resources": options.resources,
            "scheduling_strategy": options.scheduling_strategy,
            "max_concurrency": options.max_concurrency,
            "max_pending_calls": options.max_pending,
            "max_restarts": -1,
            "max_task_retries": 0,
        }
        if options.memory_bytes is not None:
            placement["memory"] = options.memory_bytes
        if options.label_selector:
            placement["label_selector"] = options.label_selector
        handle = RayAgentHostActor.options(**placement).remote(self.build_agent, self.open_record)
        return cast("ActorHandle[RayAgentHost]", handle)

    async def number(self) -> int:
        """How many actors to start.

        Raises:
            InputError: a condition on labels is none.
            PlacementError: no node can host one, and none has come within the limit.
        """
        check_selector("ray.label_selector", self.options.label_selector)
        waited_s = 0.0
        while not (able := hosts(await cluster_nodes(), self.demand)):
            if waited_s >= self.options.placement_timeout_s:
                raise PlacementError(shortage(await cluster_nodes(), self.demand))
            await asyncio.sleep(_POLL_S)
            waited_s += _POLL_S
        return self.options.actors or self.options.actors_per_node * len(able)
