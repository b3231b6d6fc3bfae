"""Deliberations a second with models that take no time: the fleet beside the bare calls, in the same run."""

import statistics
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

from swe_ai_fleet.bench.peer import open_peers
from swe_ai_fleet.bench.raw_calls import raw_calls
from swe_ai_fleet.bench.report import BenchReport, Figure, figure, report
from swe_ai_fleet.bench.surroundings import (
    asking,
    bench_fleet,
    many,
    record_of_its_own,
    settle_memory,
    simulated_server,
    text_task,
)
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.settings import Settings

Deliberate = Callable[[], Awaitable[object]]

RAW = "raw calls"
IN_PROCESS = "fleet, one process"
ON_RAY = "fleet, Ray"
SHARED_ACTORS = "shared Ray actors, nothing recorded"
NEW_ACTORS = "a new actor for each agent"
_TOKENS_OF_1_KIB = 256
_WORKERS = (1, 2)
_FEW = 2
"""Deliberations with new actors a repetition, and repetitions of them; one takes a second and more."""


async def measure_throughput(
    *,
    deliberations: int = 500,
    at_once: int = 64,
    repetitions: int = 5,
    agents: int = 3,
    use_ray: bool = True,
) -> BenchReport:
    """Measure every way in turn, ``repetitions`` times, after a round that does not count.

    Args:
        deliberations: of one repetition.
        at_once: how many are in flight.
        repetitions: of every way; they take turns, so that all of them see the same machine.
        agents: of each council; all propose 1 KiB.
        use_ray: False leaves out what needs Ray.

    Raises:
        UnreachableError: a server does not start.
    """
    task = text_task(agents=agents)
    traits = Traits(answer_tokens=_TOKENS_OF_1_KIB, tells_logprobs=False)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulated_server(traits))
        settings = await stack.enter_async_context(record_of_its_own(use_ray=use_ray))
        ways = await _ways(stack, settings, url, task, use_ray=use_ray)
        peers = {
            count: await stack.enter_async_context(
                open_peers(settings, url, count=count, agents=agents, at_once=at_once // count)
            )
            for count in _WORKERS
        }
        settle_memory()
        new_actors = ways.pop(NEW_ACTORS, None)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for repetition in range(repetitions + 1):
            for name, way in ways.items():
                rate = deliberations / await many(way, count=deliberations, at_once=at_once)
                if repetition > 0:
                    rates[name].append(rate)
            for count, workers in peers.items():
                rate = deliberations / await workers.run(deliberations // count)
                if repetition > 0:
                    rates.setdefault(_worker_name(count), []).append(rate)
        if new_actors is not None:
            rates[NEW_ACTORS] = [_FEW / await many(new_actors, count=_FEW, at_once=_FEW) for _ in range(_FEW)]
    told = {"deliberations": deliberations, "at_once": at_once, "agents": agents, "proposal_bytes": 1024}
    return report("throughput", dict(told), _figures(rates))


async def _ways(
    stack: AsyncExitStack, settings: Settings, url: str, task: Task, *, use_ray: bool
) -> dict[str, Deliberate]:
    """Every way to deliberate, open until the stack is left."""
    enter, agents = stack.enter_async_context, task.council.agents
    raw = await enter(raw_calls(url, task))
    fleet = await enter(bench_fleet(asking(settings, url), task, prefix="in-process"))
    ways: dict[str, Deliberate] = {RAW: partial(raw.all_at_once, agents), IN_PROCESS: fleet.deliberate}
    if use_ray:
        from swe_ai_fleet.bench.ray_baselines import (  # noqa: PLC0415 - Ray takes a second
            deliberate_with_new_actors,
            shared_actors,
        )

        on_ray = await enter(bench_fleet(asking(settings, url, use_ray=True), task, prefix="on-ray"))
        shared = await enter(shared_actors(url, task, agents=agents))
        ways |= {
            ON_RAY: on_ray.deliberate,
            SHARED_ACTORS: shared.deliberate,
            NEW_ACTORS: partial(deliberate_with_new_actors, url, task, agents=agents),
        }
    return ways


def _worker_name(count: int) -> str:
    return "one worker process of its own" if count == 1 else f"{count} worker processes"


def _figures(rates: Mapping[str, list[float]]) -> list[Figure]:
    figures = [figure(name, "deliberations/s", values, digits=1) for name, values in rates.items()]
    for name in (IN_PROCESS, ON_RAY):
        if name in rates:
            shares = [ours / theirs for ours, theirs in zip(rates[name], rates[RAW], strict=True)]
            figures.append(figure(f"{name} / raw calls", "", shares, aim="at least 0.3, better 0.5"))
    one, several = (_worker_name(count) for count in _WORKERS)
    gains = [more / less for more, less in zip(rates[several], rates[one], strict=True)]
    figures.append(figure(f"{several} / one", "", gains, aim="near 2 while cores last"))
    if NEW_ACTORS in rates:
        ours = statistics.median(rates[IN_PROCESS])
        times = [ours / theirs for theirs in rates[NEW_ACTORS]]
        figures.append(figure("fleet / a new actor for each agent", "", times, aim="at least 300", digits=0))
    return figures
