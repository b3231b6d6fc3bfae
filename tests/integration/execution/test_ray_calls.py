"""Calls that are given up: cancelled where they go on, left alone where they end by themselves."""

import asyncio
from typing import Any

import pytest
import ray
from waiting_actor import Waiting

from swe_ai_fleet.execution.ray_calls import awaited

pytestmark = [pytest.mark.ray, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture
def actor(cluster: str) -> Any:
    remote: Any = ray.remote(Waiting)
    return remote.options(num_cpus=0).remote()


async def given_up(actor: Any, *, parting_s: float) -> Any:
    ref = actor.wait.remote()
    waiting = asyncio.ensure_future(awaited(ref, parting_s=parting_s))
    await actor.until_begun.remote()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    return ref


@pytest.mark.parametrize("parting_s", [0.0, 0.05])
async def test_a_call_that_goes_on_is_cancelled(actor: Any, parting_s: float) -> None:
    await given_up(actor, parting_s=parting_s)
    async with asyncio.timeout(20):
        await actor.until_cancelled.remote()


async def test_a_call_that_ends_by_itself_is_not_cancelled(
    actor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancelled: list[Any] = []
    monkeypatch.setattr(ray, "cancel", cancelled.append)
    ref = await given_up(actor, parting_s=1.0)
    await actor.say.remote()
    assert await ref == "heard"
    await asyncio.sleep(1.1)
    assert cancelled == []
