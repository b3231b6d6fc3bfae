"""How the fleet grows: what calls in flight hold; cost by number, by council, by rounds, by size of answers."""

import asyncio
import resource
import time
from contextlib import AsyncExitStack
from pathlib import Path

from swe_ai_fleet.bench.model_metrics import until_running
from swe_ai_fleet.bench.report import BenchReport, Figure, figure, report
from swe_ai_fleet.bench.surroundings import (
    BenchFleet,
    asking,
    bench_fleet,
    many,
    record_of_its_own,
    settle_memory,
    simulated_server,
    simulated_servers,
    text_task,
)
from swe_ai_fleet.domain.task import Task
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.settings import Settings

_COUNCILS = (1, 2, 4, 8, 16, 32, 64, 128)
_ROUNDS = (0, 1, 2, 3)
_TOKENS = (256, 4096, 65_536, 262_144)
"""Of proposals of 1 KiB, 16 KiB, 256 KiB and 1 MiB."""
_PATIENCE_S = 300.0
_HOLD_S = 3600.0
_SERVERS = 2
"""Model servers that share the calls which are held, each a process."""
_OTHER_FILES = 256
_WAVE = 50
_BREATH_S = 0.05
_OF_EACH = 8


async def measure_scale(*, calls: int = 10_000, repetitions: int = 3, agents: int = 3) -> BenchReport:
    """Hold ``calls`` agent calls open at once, then run that many deliberations' worth, then grow one thing at a time.

    Raises:
        UnreachableError: a server does not start.
    """
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(record_of_its_own(use_ray=False))
        settle_memory()
        held = await _held(settings, calls, agents)
        costs = [await _costs(settings, agents, large=calls // agents) for _ in range(repetitions)]
        grown = await _grown(settings, repetitions)
    few, lots = [cost[0] for cost in costs], [cost[1] for cost in costs]
    figures = [
        *held,
        figure("CPU of one deliberation, of 100", "ms", few),
        figure(f"CPU of one deliberation, of {calls // agents}", "ms", lots),
        figure(
            "the second / the first",
            "",
            [large / small for small, large in zip(few, lots, strict=True)],
            aim="at most 1.2",
        ),
        *grown,
    ]
    return report("scale", {"calls": calls, "agents": agents}, figures)


async def _held(settings: Settings, calls: int, agents: int) -> list[Figure]:
    """Memory while every call waits for its model."""
    task = text_task(agents=agents)
    traits = Traits(first_token_s=_HOLD_S, tells_logprobs=False, caches_prefixes=False)
    async with AsyncExitStack() as stack:
        _allow_files(2 * calls)
        urls = await stack.enter_async_context(simulated_servers(traits, count=_SERVERS))
        fleet = await stack.enter_async_context(bench_fleet(asking(settings, *urls), task, prefix="held"))
        await fleet.request()
        idle, began = _resident_bytes(), time.perf_counter()
        count = -(-calls // agents)
        running = asyncio.ensure_future(_hold(fleet, count))
        try:
            open_calls = await until_running(urls, calls, limit_s=_PATIENCE_S)
            seconds, grown = time.perf_counter() - began, _resident_bytes() - idle
        finally:
            running.cancel()
            await asyncio.wait([running])
    return [
        figure("agent calls in flight at once", "", [float(open_calls)], aim=f"at least {calls}", digits=0),
        figure("until they were", "s", [seconds]),
        figure("memory of a call in flight", "KiB", [grown / 1024 / max(1, open_calls)], aim="at most 60"),
    ]


async def _hold(fleet: BenchFleet, count: int) -> None:
    """Begin so many deliberations, some at a time, as a worker would; none of them ends."""
    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(fleet.deliberate())
            if number % _WAVE == 0:
                await asyncio.sleep(_BREATH_S)


async def _costs(settings: Settings, agents: int, *, large: int) -> tuple[float, float]:
    """CPU milliseconds of this process for one deliberation, of 100 and of ``large`` that are in flight together.

    Each number has a run before that does not count, so that both find their connections open.
    """
    task = text_task(agents=agents)
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulated_server(_answering(256)))
        fleet = await stack.enter_async_context(bench_fleet(asking(settings, url), task, prefix=_unique()))
        costs = []
        for count in (100, large):
            await many(fleet.deliberate, count=count, at_once=count)
            began = time.process_time()
            await many(fleet.deliberate, count=count, at_once=count)
            costs.append(1000 * (time.process_time() - began) / count)
    return costs[0], costs[1]


async def _grown(settings: Settings, repetitions: int) -> list[Figure]:
    """CPU of one deliberation as one thing grows and the others stay small."""
    figures = [
        await _cost(f"council of {size}", settings, repetitions, text_task(agents=size)) for size in _COUNCILS
    ]
    figures += [
        await _cost(f"{rounds} rounds of 8 agents", settings, repetitions, text_task(agents=8, rounds=rounds))
        for rounds in _ROUNDS
    ]
    figures += [
        await _cost(f"answers of {tokens // 256} KiB", settings, repetitions, text_task(), tokens=tokens)
        for tokens in _TOKENS
    ]
    return figures


async def _cost(name: str, settings: Settings, repetitions: int, task: Task, *, tokens: int = 256) -> Figure:
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(simulated_server(_answering(tokens)))
        agents = settings.agents.model_copy(update={"max_tokens": max(_TOKENS)})
        roomy = asking(settings.model_copy(update={"agents": agents}), url)
        fleet = await stack.enter_async_context(bench_fleet(roomy, task, prefix=_unique()))
        await fleet.deliberate()
        costs = []
        for _ in range(repetitions):
            began = time.process_time()
            await many(fleet.deliberate, count=_OF_EACH, at_once=2)
            costs.append(1000 * (time.process_time() - began) / _OF_EACH)
    return figure(f"CPU of one deliberation, {name}", "ms", costs)


def _answering(tokens: int) -> Traits:
    return Traits(answer_tokens=tokens, tells_logprobs=False, caches_prefixes=False)


def _unique() -> str:
    return f"scale-{time.monotonic_ns()}"


def _allow_files(count: int) -> None:
    """Let this process and those that it starts hold so many connections, as far as the machine lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + _OTHER_FILES if hard == resource.RLIM_INFINITY else min(hard, count + _OTHER_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _resident_bytes() -> int:
    """Memory of this process that is in the machine's."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
