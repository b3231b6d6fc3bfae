"""Calls that behave: what is repeated, when, how often, and what everybody learns from it."""

import asyncio
import itertools
import random

import pytest
from fake_time import fake_time, now_s
from scripted_models import MODEL, ScriptedModel, ask

from swe_ai_fleet.errors import (
    ModelError,
    ModelFilteredError,
    ModelMalformedError,
    ModelRateLimitedError,
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
    ModelTruncatedError,
    ModelUnreachableError,
)
from swe_ai_fleet.models.endpoint import Endpoint
from swe_ai_fleet.models.limiter import PriorityLimiter
from swe_ai_fleet.models.resilience import ResilientClient, RetryPolicy

BROKEN = ModelServerError(MODEL, "500")


def endpoint(limit: int = 8) -> Endpoint:
    return Endpoint(MODEL, limiter=PriorityLimiter(limit), rng=random.Random(3))


def client(model: ScriptedModel, at: Endpoint | None = None, **policy: object) -> ResilientClient:
    return ResilientClient(model, at or endpoint(), RetryPolicy.model_validate(policy), rng=random.Random(3))


def shed(retry_after_s: float | None = None) -> ModelRateLimitedError:
    return ModelRateLimitedError(MODEL, "503", retry_after_s=retry_after_s)


@pytest.mark.parametrize(
    "error",
    [
        ModelServerError(MODEL, "500"),
        ModelUnreachableError(MODEL, "refused"),
        ModelTimeoutError(MODEL, "late"),
        ModelMalformedError(MODEL, "no JSON"),
    ],
)
@fake_time
async def test_what_may_help_is_repeated_and_counted(error: ModelError) -> None:
    model = ScriptedModel(steps=[error, error, "fine"])
    completion = await client(model).complete(ask())
    assert (completion.text, completion.attempts) == ("fine", 3)


@pytest.mark.parametrize(
    "error",
    [ModelRequestError(MODEL, "400"), ModelTruncatedError(MODEL, "cut"), ModelFilteredError(MODEL, "no")],
)
@fake_time
async def test_what_cannot_help_is_not_repeated_and_speaks_for_the_endpoint(error: ModelError) -> None:
    model, at = ScriptedModel(steps=[error]), endpoint()
    for _ in range(20):
        with pytest.raises(type(error)) as caught:
            await client(model, at).complete(ask())
        assert caught.value.attempts == 1
    assert len(model.requests) == 20
    assert at.report().breaker == "closed"


@fake_time
async def test_the_last_error_is_raised_after_max_attempts_with_their_number() -> None:
    model = ScriptedModel(steps=[BROKEN])
    with pytest.raises(ModelServerError) as caught:
        await client(model, max_attempts=3).complete(ask())
    assert caught.value.attempts == len(model.requests) == 3


@fake_time
async def test_a_repeat_is_the_same_request_but_for_the_seed_after_a_malformed_answer() -> None:
    model = ScriptedModel(steps=[BROKEN, ModelMalformedError(MODEL, "no JSON"), "fine"])
    await client(model).complete(ask(seed=40))
    first, second, third = model.requests
    assert first == second
    assert third == first.model_copy(update={"seed": 42})


@fake_time
async def test_a_pause_before_a_repeat_is_random_below_a_bound_that_doubles() -> None:
    longest = [0.0, 0.0, 0.0]
    for seed in range(40):
        model, moments = ScriptedModel(steps=[BROKEN]), []
        began = now_s()
        resilient = ResilientClient(
            model, endpoint(), RetryPolicy(base_s=1.0, cap_s=2.0), rng=random.Random(seed)
        )
        task = asyncio.create_task(resilient.complete(ask()))
        seen = 0
        while not task.done():
            await asyncio.sleep(0.01)
            if len(model.requests) > seen:
                seen = len(model.requests)
                moments.append(now_s() - began)
        with pytest.raises(ModelServerError):
            await task
        gaps = [later - earlier for earlier, later in itertools.pairwise(moments)]
        longest = [max(pair) for pair in zip(longest, gaps, strict=True)]
    assert 0.5 < longest[0] <= 1.02
    assert 1.0 < longest[1] <= 2.02
    assert 1.0 < longest[2] <= 2.02


@fake_time
async def test_load_that_is_shed_pauses_every_call_to_the_endpoint_for_as_long_as_the_server_wishes() -> None:
    model, at = ScriptedModel(steps=[shed(4.0), "fine"]), endpoint()
    answers = [asyncio.create_task(client(model, at).complete(ask())) for _ in range(1)]
    await asyncio.sleep(1)
    answers += [asyncio.create_task(client(model, at).complete(ask())) for _ in range(5)]
    await asyncio.sleep(2.9)
    assert len(model.requests) == 1
    await asyncio.wait(answers)
    assert 4.0 <= now_s() <= 5.0
    assert len(model.requests) == 7


@fake_time
async def test_refusals_for_load_are_bounded_by_patience_not_by_attempts() -> None:
    model = ScriptedModel(steps=[shed()])
    with pytest.raises(ModelRateLimitedError):
        await client(model, max_attempts=1, patience_s=60.0).complete(ask())
    assert 30 <= now_s() <= 60
    assert len(model.requests) > 3


@fake_time
async def test_a_wish_beyond_the_patience_is_not_waited_for() -> None:
    with pytest.raises(ModelRateLimitedError) as caught:
        await client(ScriptedModel(steps=[shed(3600.0)]), patience_s=20.0).complete(ask())
    assert now_s() < 1
    assert caught.value.retry_after_s == 3600.0


@fake_time
async def test_a_dead_endpoint_is_called_far_less_than_it_is_asked() -> None:
    model, at = ScriptedModel(steps=[ModelUnreachableError(MODEL, "refused")]), endpoint()
    for _ in range(400):
        with pytest.raises(ModelUnreachableError):
            await client(model, at, patience_s=0.0).complete(ask())
        await asyncio.sleep(0.05)
    assert len(model.requests) <= 20
    assert at.report().breaker in {"open", "half_open"}


@fake_time
async def test_the_error_of_a_call_that_was_not_made_tells_why_and_counts_no_attempt() -> None:
    model, at = ScriptedModel(steps=[ModelUnreachableError(MODEL, "connection refused")]), endpoint()
    impatient = client(model, at, max_attempts=1, patience_s=0.0)
    for _ in range(5):
        with pytest.raises(ModelUnreachableError):
            await impatient.complete(ask())
    with pytest.raises(ModelUnreachableError) as caught:
        await impatient.complete(ask())
    assert "circuit is open" in str(caught.value)
    assert "connection refused" in str(caught.value)
    assert caught.value.attempts == 0


@fake_time
async def test_an_endpoint_that_comes_back_is_found_by_one_trial_and_used_again() -> None:
    model, at = ScriptedModel(steps=[BROKEN] * 5 + ["fine"], takes_s=0.1), endpoint()
    for _ in range(5):
        with pytest.raises(ModelServerError):
            await client(model, at, max_attempts=1).complete(ask())
    assert at.report().breaker == "open"
    answers = [asyncio.create_task(client(model, at).complete(ask())) for _ in range(6)]
    await asyncio.sleep(1.05)
    assert len(model.requests) == 6
    await asyncio.wait(answers)
    assert len(model.requests) == 5 + 6
    assert at.report().breaker == "closed"


@fake_time
async def test_repeats_stay_a_share_of_the_calls_when_everything_fails() -> None:
    model = ScriptedModel(steps=[ModelServerError(MODEL, "500")])
    at = endpoint(limit=1000)
    at.breaker._threshold = 10**6
    for _ in range(200):
        with pytest.raises(ModelServerError):
            await client(model, at, max_attempts=4).complete(ask())
    assert len(model.requests) <= 200 * 1.5 + 10


@fake_time
async def test_no_slot_is_held_while_waiting_for_a_repeat() -> None:
    at = endpoint(limit=1)
    slow = asyncio.create_task(client(ScriptedModel(steps=[shed(5.0), "fine"]), at).complete(ask()))
    await asyncio.sleep(1)
    assert at.report().in_flight == 0
    await slow


@fake_time
async def test_the_judge_goes_before_proposals_and_these_before_the_batch() -> None:
    at, order = endpoint(limit=1), []

    async def call(priority: str) -> None:
        await client(ScriptedModel(takes_s=1.0), at).complete(ask(priority=priority))
        order.append(priority)

    async with asyncio.TaskGroup() as group:
        group.create_task(call("batch"))
        await asyncio.sleep(0.1)
        for priority in ("batch", "interactive", "judge"):
            group.create_task(call(priority))
    assert order == ["batch", "judge", "interactive", "batch"]


@fake_time
async def test_a_straggler_is_asked_for_again_once_and_the_loser_is_cancelled() -> None:
    model, at = ScriptedModel(takes_s=[60.0, 1.0]), endpoint()
    completion = await client(model, at, hedge_after_s=2.0).complete(ask())
    assert (now_s(), completion.attempts, model.cancelled) == (3.0, 2, 1)
    assert model.requests[0] == model.requests[1]
    assert at.report().hedges == 1


@fake_time
async def test_only_one_straggler_at_a_time_is_hedged_and_none_where_there_is_no_room() -> None:
    model, at = ScriptedModel(takes_s=10.0), endpoint()
    calls = [client(model, at, hedge_after_s=2.0).complete(ask()) for _ in range(4)]
    async with asyncio.TaskGroup() as group:
        for call in calls:
            group.create_task(call)
    assert at.report().hedges == 1
    full, crowded = ScriptedModel(takes_s=10.0), endpoint(limit=2)
    async with asyncio.TaskGroup() as group:
        for _ in range(2):
            group.create_task(client(full, crowded, hedge_after_s=2.0).complete(ask()))
    assert crowded.report().hedges == 0


@fake_time
async def test_cancelling_a_call_cancels_it_at_the_server_and_frees_its_slot() -> None:
    model, at = ScriptedModel(takes_s=60.0), endpoint(limit=1)
    call = asyncio.create_task(client(model, at).complete(ask()))
    await asyncio.sleep(1)
    call.cancel()
    await asyncio.wait([call])
    assert (model.cancelled, at.report().in_flight) == (1, 0)


@fake_time
async def test_a_cancelled_trial_does_not_leave_the_circuit_open_for_ever() -> None:
    model, at = ScriptedModel(steps=[BROKEN] * 5 + ["fine"], takes_s=[0.0] * 5 + [60.0, 0.0]), endpoint()
    for _ in range(5):
        with pytest.raises(ModelServerError):
            await client(model, at, max_attempts=1).complete(ask())
    trial = asyncio.create_task(client(model, at).complete(ask()))
    await asyncio.sleep(2)
    trial.cancel()
    await asyncio.wait([trial])
    assert (await client(model, at).complete(ask())).text == "fine"


@fake_time
async def test_shed_load_also_narrows_the_limit_on_calls_in_flight() -> None:
    at = endpoint(limit=8)
    model = ScriptedModel(steps=[*[shed(1.0)] * 8, "fine"], takes_s=0.1)
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(client(model, at).complete(ask()))
    assert at.limiter.limit < 8
