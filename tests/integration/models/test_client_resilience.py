"""Clients of the registry against a server that has bad days."""

import asyncio
from typing import Any

import pytest
from scripted_models import ask

from swe_ai_fleet.errors import InputError, ModelError, ModelRateLimitedError, UnreachableError
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.registry import ModelRegistry
from swe_ai_fleet.models.resilience import RetryPolicy
from swe_ai_fleet.models.simulated import Fault, FaultPlan, SimulatedModelServer, Traits
from swe_ai_fleet.ports.models import ModelClient

QUICK = RetryPolicy(base_s=0.001, cap_s=0.01, patience_s=5.0)
BAD_DAYS = (
    Fault.RATE_LIMITED,
    Fault.UNAVAILABLE,
    Fault.SERVER_ERROR,
    Fault.CUT_BEFORE,
    Fault.CUT_MIDWAY,
    Fault.MALFORMED,
    Fault.EMPTY,
    Fault.HANG,
)


def registry(*servers: SimulatedModelServer, retry: RetryPolicy = QUICK, **provider: Any) -> ModelRegistry:
    fields: dict[str, Any] = {"first_byte_s": 0.5, **provider}
    providers = [
        Provider(name=f"s{number}", base_url=server.url, **fields)
        for number, server in enumerate(servers, start=1)
    ]
    return ModelRegistry(providers, retry=retry)


async def many(client: ModelClient, count: int) -> tuple[int, int]:
    """How many of ``count`` calls side by side were answered, and how many failed."""
    outcomes: list[bool] = []

    async def one(number: int) -> None:
        try:
            await client.complete(ask(f"question {number}"))
        except ModelError:
            outcomes.append(False)
        else:
            outcomes.append(True)

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
    return outcomes.count(True), outcomes.count(False)


async def test_a_server_of_which_three_in_ten_calls_fail_serves_nearly_all_without_a_storm(
    server: SimulatedModelServer,
) -> None:
    server.faults = FaultPlan(share=0.3, kinds=BAD_DAYS, retry_after_s=0.05)
    models = registry(server, concurrency=16)
    client = models.client("s1:m")
    answered, failed = await many(client, 150)
    await client.close()
    assert failed <= 8
    assert server.counts.requests <= 150 * 1.5 + 20
    assert server.counts.open == 0
    assert models.reports()[0].succeeded == answered


async def test_a_dead_server_is_called_by_a_few_of_many_and_found_again_when_it_is_back(
    server: SimulatedModelServer,
) -> None:
    server.faults = FaultPlan.always(Fault.SERVER_ERROR)
    models = registry(server, retry=RetryPolicy(max_attempts=1, patience_s=0.0), concurrency=4)
    client = models.client("s1:m")
    assert (await many(client, 200)) == (0, 200)
    assert server.counts.requests <= 10
    server.faults = FaultPlan()
    patient = registry(server).client("s1:m")
    assert (await many(patient, 20)) == (20, 0)
    await client.close()
    await patient.close()


async def test_an_overloaded_server_is_given_only_what_it_bears(server: SimulatedModelServer) -> None:
    server.traits = Traits(capacity=4, first_token_s=0.01)
    policy = RetryPolicy(patience_s=20.0)
    client = registry(server, concurrency=64, retry=policy, first_byte_s=20.0).client("s1:m")
    answered, failed = await many(client, 100)
    await client.close()
    assert (answered, failed) == (100, 0)
    assert server.counts.requests < 300


async def test_the_limit_on_calls_in_flight_is_shared_by_all_models_of_a_provider(
    server: SimulatedModelServer,
) -> None:
    server.traits = Traits(first_token_s=0.02)
    models = registry(server, concurrency=3)
    one, other = models.client("s1:a"), models.client("s1:b")
    async with asyncio.TaskGroup() as group:
        group.create_task(many(one, 10))
        group.create_task(many(other, 10))
    await one.close()
    await other.close()
    assert server.counts.most_open == 3


async def test_a_fallback_order_goes_over_to_the_next_provider_and_says_which(
    server: SimulatedModelServer,
) -> None:
    async with SimulatedModelServer() as second:
        server.faults = FaultPlan.always(Fault.SERVER_ERROR)
        client = registry(server, second).client("s1:a|s2:b")
        completion = await client.complete(ask())
        await client.close()
    assert completion.model == "s2:b"
    assert completion.attempts == server.counts.requests + 1 == 3


async def test_the_preferred_model_is_used_again_when_it_is_well(server: SimulatedModelServer) -> None:
    async with SimulatedModelServer() as second:
        server.faults = FaultPlan(at={1: Fault.SERVER_ERROR, 2: Fault.SERVER_ERROR})
        client = registry(server, second).client("s1:a|s2:b")
        used = [(await client.complete(ask())).model for _ in range(3)]
        await client.close()
    assert used == ["s2:b", "s1:a", "s1:a"]


async def test_a_model_with_a_successor_outside_is_given_up_early(server: SimulatedModelServer) -> None:
    server.faults = FaultPlan.always(Fault.RATE_LIMITED, retry_after_s=30.0)
    client = registry(server, retry=RetryPolicy()).client("s1:a", has_successor=True)
    async with asyncio.timeout(2.0):
        with pytest.raises(ModelRateLimitedError):
            await client.complete(ask())
    await client.close()


async def test_a_straggler_is_hedged_and_its_connection_closed(server: SimulatedModelServer) -> None:
    server.faults = FaultPlan(at={1: Fault.HANG})
    client = registry(server, retry=RetryPolicy(hedge_after_s=0.05), first_byte_s=30.0).client("s1:m")
    completion = await client.complete(ask())
    assert completion.attempts == 2
    async with asyncio.timeout(1.0):
        assert (await server.until(lambda counts: counts.open == 0)).aborted == 1
    await client.close()


async def test_cancelling_many_calls_closes_all_their_connections_within_a_second(
    server: SimulatedModelServer,
) -> None:
    server.traits = Traits(first_token_s=60.0)
    client = registry(server, first_byte_s=90.0).client("s1:m")
    calls = asyncio.create_task(many(client, 40))
    await server.until(lambda counts: counts.open == 40)
    calls.cancel()
    async with asyncio.timeout(1.0):
        assert (await server.until(lambda counts: counts.open == 0)).aborted == 40
    await client.close()


async def test_connections_close_with_the_last_lease_and_open_again_for_the_next(
    server: SimulatedModelServer,
) -> None:
    models = registry(server)
    first, second = models.client("s1:m"), models.client("s1:m")
    await first.complete(ask())
    await first.close()
    await first.close()
    assert (await second.complete(ask())).text
    await second.close()
    third = models.client("s1:m")
    assert (await third.complete(ask())).text
    await third.close()


async def test_a_probe_tells_a_server_that_is_away_from_a_model_that_it_does_not_offer(
    server: SimulatedModelServer,
) -> None:
    models = registry(server)
    await models.probe("s1:simulated|offline:repair")
    with pytest.raises(InputError, match="It offers: simulated"):
        await models.probe("s1:other")
    await server.__aexit__(None, None, None)
    await models.probe("s1:simulated", known_for_s=60.0)
    with pytest.raises(UnreachableError):
        await models.probe("s1:simulated")
    await models.close()
