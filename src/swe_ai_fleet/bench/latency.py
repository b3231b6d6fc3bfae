"""What the fleet adds to the time that its models take: to one deliberation, and to a thousand at once."""

import time
from contextlib import AsyncExitStack
from functools import partial

from swe_ai_fleet.bench.raw_calls import raw_calls
from swe_ai_fleet.bench.report import BenchReport, figure, percentile, report
from swe_ai_fleet.bench.surroundings import (
    BenchFleet,
    asking,
    bench_fleet,
    many,
    record_of_its_own,
    settle_memory,
    simulated_server,
    text_task,
)
from swe_ai_fleet.models.simulated.traits import Traits

_MODEL_S = 0.1
_SLOW_MODEL_S = 1.0
_WARM_UP = 20


async def measure_latency(
    *,
    deliberations: int = 200,
    at_once: int = 1000,
    repetitions: int = 3,
    agents: int = 3,
    use_ray: bool = False,
) -> BenchReport:
    """Time deliberations one after the other against models that take 0.1 s, then ``at_once`` against 1-s models.

    Args:
        deliberations: one after the other, in each repetition.
        at_once: started in the same moment.
        repetitions: of everything.
        agents: of each council.
        use_ray: the agents are Ray actors.

    Raises:
        UnreachableError: a server does not start.
    """
    task = text_task(agents=agents)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        quick = await enter(simulated_server(_taking(_MODEL_S)))
        slow = await enter(simulated_server(_taking(_SLOW_MODEL_S)))
        settings = await enter(record_of_its_own(use_ray=use_ray))
        one = await enter(bench_fleet(asking(settings, quick, use_ray=use_ray), task, prefix="one"))
        raw = await enter(raw_calls(quick, task))
        crowd = await enter(bench_fleet(asking(settings, slow, use_ray=use_ray), task, prefix="crowd"))
        bare = partial((await enter(raw_calls(slow, task))).all_at_once, agents)
        await many(one.deliberate, count=_WARM_UP, at_once=1)
        await many(raw.call, count=_WARM_UP, at_once=1)
        settle_memory()
        fleet_ms = [await _added_ms(one, deliberations) for _ in range(repetitions)]
        raw_ms = [
            1000 * (await many(raw.call, count=20, at_once=1) / 20 - _MODEL_S) for _ in range(repetitions)
        ]
        await many(crowd.deliberate, count=_WARM_UP, at_once=_WARM_UP)
        crowds = [
            [await many(way, count=at_once, at_once=at_once) for way in (bare, crowd.deliberate)]
            for _ in range(repetitions)
        ]
    middles, tails = ([percentile(run, share) for run in fleet_ms] for share in (0.5, 0.99))
    return report(
        "latency",
        {
            "deliberations": deliberations,
            "at_once": at_once,
            "agents": agents,
            "use_ray": use_ray,
            "model_s": _MODEL_S,
        },
        [
            figure("added to one deliberation, p50", "ms", middles, aim="at most 10"),
            figure("added to one deliberation, p99", "ms", tails, aim="at most 30"),
            figure("added to one bare call, mean", "ms", raw_ms),
            figure(f"{at_once} at once, bare calls to 1-s models", "s", [times[0] for times in crowds]),
            figure(f"{at_once} at once, 1-s models", "s", [times[1] for times in crowds]),
            figure(
                f"{at_once} at once / ideal",
                "",
                [times[1] / _SLOW_MODEL_S for times in crowds],
                aim="at most 1.15 with cores enough",
            ),
        ],
    )


def _taking(seconds: float) -> Traits:
    return Traits(first_token_s=seconds, answer_tokens=256, tells_logprobs=False)


async def _added_ms(fleet: BenchFleet, count: int) -> list[float]:
    """Of each deliberation: its whole time, less that of a model that answers the slowest agent."""
    added = []
    for _ in range(count):
        began = time.perf_counter()
        await fleet.deliberate()
        added.append(1000 * (time.perf_counter() - began - _MODEL_S))
    return added
