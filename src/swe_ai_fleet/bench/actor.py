"""What one shared actor bears: many calls at once to a model that takes its time, each answer acknowledged."""

from contextlib import AsyncExitStack
from typing import Any

from swe_ai_fleet.bench.raw_calls import raw_calls
from swe_ai_fleet.bench.report import BenchReport, figure, report
from swe_ai_fleet.bench.surroundings import (
    PROVIDER,
    many,
    record_of_its_own,
    settle_memory,
    simulated_server,
    text_task,
)
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.orchestrator import ray_jobs

_MODEL_S = 1.0
_QUESTION = "Name the three greatest risks of moving the orders of a shop to another database in one night."


async def measure_actor(*, calls: int = 200, repetitions: int = 3) -> BenchReport:
    """Time ``calls`` calls at once through one ``VLLMAgentJob`` against a 1-s model, and as many bare ones.

    Raises:
        UnreachableError: a server does not start.
    """
    async with AsyncExitStack() as stack:
        traits = Traits(first_token_s=_MODEL_S, answer_tokens=256, tells_logprobs=False)
        url = await stack.enter_async_context(simulated_server(traits))
        settings = await stack.enter_async_context(record_of_its_own(use_ray=True))
        raw = await stack.enter_async_context(raw_calls(url, text_task()))
        job: Any = ray_jobs.VLLMAgentJob.remote(
            nats_url=settings.nats.url or "",
            agent_id="dev-1",
            role="DEV",
            vllm_url=url,
            model=PROVIDER,
            nats=settings.nats,
        )
        numbers = iter(range(1_000_000))

        async def ask() -> None:
            await job.run_async.remote(f"risks-{next(numbers)}", _QUESTION, {})

        await many(ask, count=calls, at_once=calls)
        await many(raw.call, count=calls, at_once=calls)
        settle_memory()
        through = [await many(ask, count=calls, at_once=calls) for _ in range(repetitions)]
        bare = [await many(raw.call, count=calls, at_once=calls) for _ in range(repetitions)]
        await job.close.remote()
    return report(
        "actor",
        {"calls": calls, "model_s": _MODEL_S},
        [
            figure(f"{calls} calls at once through one actor", "s", through, aim="under 1.6"),
            figure(f"{calls} bare calls at once", "s", bare),
        ],
    )
