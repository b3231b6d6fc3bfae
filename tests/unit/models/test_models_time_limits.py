"""One limit holds for all that is done for one completion."""

import asyncio
import random

import pytest
from fake_time import fake_time, now_s
from scripted_models import MODEL, ScriptedModel, ask

from swe_ai_fleet.errors import ModelRateLimitedError, ModelTimeoutError
from swe_ai_fleet.models.endpoint import Endpoint
from swe_ai_fleet.models.limiter import PriorityLimiter
from swe_ai_fleet.models.resilience import ResilientClient, RetryPolicy
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest


class Bounded:
    """Takes so long, and keeps to the limit of a request, as a real client does."""

    def __init__(self, takes_s: float) -> None:
        self._inner = ScriptedModel(takes_s=takes_s)

    async def complete(self, request: ModelRequest) -> Completion:
        try:
            async with asyncio.timeout(request.timeout_s):
                return await self._inner.complete(request)
        except TimeoutError as error:
            raise ModelTimeoutError(MODEL, "late") from error

    async def close(self) -> None:
        """Nothing to close."""


def endpoint(limit: int = 8) -> Endpoint:
    return Endpoint(MODEL, limiter=PriorityLimiter(limit), rng=random.Random(3))


def client(model: ModelClient, at: Endpoint, **policy: object) -> ResilientClient:
    return ResilientClient(model, at, RetryPolicy.model_validate(policy), rng=random.Random(3))


@fake_time
async def test_it_bounds_all_attempts_and_pauses_and_the_endpoint_learns_that_it_was_slow() -> None:
    at = endpoint()
    with pytest.raises(ModelTimeoutError) as caught:
        await client(Bounded(60.0), at).complete(ask(timeout_s=10.0))
    assert now_s() == pytest.approx(10.0, abs=0.02)
    assert caught.value.attempts >= 1
    assert at.report().failed == {"timeout": 1}


@fake_time
async def test_it_bounds_the_wait_for_a_slot() -> None:
    at = endpoint(limit=1)
    first = asyncio.create_task(client(ScriptedModel(takes_s=60.0), at).complete(ask()))
    await asyncio.sleep(1)
    with pytest.raises(ModelTimeoutError, match="no answer within 10 s"):
        await client(ScriptedModel(), at).complete(ask(timeout_s=10.0))
    assert (now_s(), at.report().in_flight, at.report().waiting) == (11.0, 1, 0)
    await first


@fake_time
async def test_a_second_call_has_only_what_the_first_has_left() -> None:
    with pytest.raises(ModelTimeoutError):
        await client(Bounded(60.0), endpoint(), max_attempts=1, hedge_after_s=8.0).complete(
            ask(timeout_s=10.0)
        )
    assert now_s() == pytest.approx(10.0, abs=0.02)


@fake_time
async def test_load_that_is_shed_for_longer_is_told_as_that_and_at_once() -> None:
    shed = ModelRateLimitedError(MODEL, "503", retry_after_s=15.0)
    with pytest.raises(ModelRateLimitedError):
        await client(ScriptedModel(steps=[shed]), endpoint()).complete(ask(timeout_s=10.0))
    assert now_s() == 0.0
