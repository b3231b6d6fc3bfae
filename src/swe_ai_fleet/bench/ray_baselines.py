"""How fleets on Ray are usually written: shared actors without a record, and an actor for each agent and task."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import ray

from swe_ai_fleet.bench.raw_calls import raw_calls
from swe_ai_fleet.domain.task import Task


class _Caller:
    """An actor that makes bare calls; its session is opened by the first one, on the actor's own loop."""

    def __init__(self, url: str, task: Task) -> None:
        self._opening = raw_calls(url, task)
        self._calls: Any = None
        self._lock = asyncio.Lock()

    async def call(self) -> str:
        async with self._lock:
            if self._calls is None:
                self._calls = await self._opening.__aenter__()
        return str(await self._calls.call())


def _actor(url: str, task: Task) -> Any:
    return ray.remote(_Caller).options(num_cpus=0.01, max_concurrency=1000).remote(url, task)


class SharedActors:
    """Each deliberation asks every actor once."""

    def __init__(self, actors: list[Any]) -> None:
        """Use :func:`shared_actors`."""
        self._actors = actors

    async def deliberate(self) -> None:
        """One call to every actor, at once."""
        await asyncio.wait([asyncio.ensure_future(_awaited(actor.call.remote())) for actor in self._actors])


@asynccontextmanager
async def shared_actors(url: str, task: Task, *, agents: int) -> AsyncIterator[SharedActors]:
    """One actor an agent, started and warm."""
    actors = [_actor(url, task) for _ in range(agents)]
    pool = SharedActors(actors)
    await pool.deliberate()
    try:
        yield pool
    finally:
        for actor in actors:
            ray.kill(actor)


async def deliberate_with_new_actors(url: str, task: Task, *, agents: int) -> None:
    """One new actor an agent, killed after its answer."""
    actors = [_actor(url, task) for _ in range(agents)]
    try:
        await asyncio.wait([asyncio.ensure_future(_awaited(actor.call.remote())) for actor in actors])
    finally:
        for actor in actors:
            ray.kill(actor)


async def _awaited(reference: Any) -> Any:
    return await reference
