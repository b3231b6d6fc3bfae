"""``VLLMAgentJob`` on a real Ray, with a real record and a simulated model server."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio
import ray
from local_ray import local_ray
from nats_server import running_nats_server
from ray.exceptions import ActorDiedError, ActorUnavailableError, RayActorError, RayTaskError

from swe_ai_fleet.domain.events import Proposed
from swe_ai_fleet.domain.outcome import Answered
from swe_ai_fleet.errors import InputError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.orchestrator.ray_jobs import VLLMAgentJob
from swe_ai_fleet.ports.record import EventLog

pytestmark = [pytest.mark.ray, pytest.mark.nats, pytest.mark.asyncio(loop_scope="module")]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    with local_ray(cpus=4):
        yield


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nats_url(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    async with running_nats_server(tmp_path_factory.mktemp("nats")) as server:
        yield server.url


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def events(nats_url: str) -> AsyncIterator[EventLog]:
    async with open_nats_record(NatsOptions(url=nats_url)) as record:
        yield record.events


@pytest_asyncio.fixture(loop_scope="module")
async def server() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def job(cluster: None, nats_url: str, server: SimulatedModelServer) -> AsyncIterator[Any]:
    handle: Any = VLLMAgentJob.remote(
        nats_url=nats_url, agent_id="dev-1", role="DEV", vllm_url=server.url, model="simulated"
    )
    yield handle
    ray.kill(handle)


def new_id() -> str:
    return f"t-{secrets.token_hex(4)}"


async def test_the_proposal_is_on_the_record_when_the_call_returns(job: Any, events: EventLog) -> None:
    task_id = new_id()
    outcome = await job.run_async.remote(task_id, "Name the risks.", {"rubric": "brief"})
    assert isinstance(outcome, Answered)
    [event] = await events.history(task_id)
    assert isinstance(event, Proposed)
    assert event.proposal == outcome.proposal


async def test_two_hundred_calls_wait_for_the_model_together(job: Any, server: SimulatedModelServer) -> None:
    await job.run_async.remote(new_id(), "Name the risks.", {})
    server.traits = Traits(first_token_s=3.0)
    refs = [job.run_async.remote(new_id(), "Name the risks.", {}) for _ in range(200)]
    outcomes = [await ref for ref in refs]
    assert all(isinstance(outcome, Answered) for outcome in outcomes)
    assert server.counts.most_open > 100


async def test_cancelling_a_call_reaches_the_model_server(job: Any, server: SimulatedModelServer) -> None:
    server.traits = Traits(first_token_s=60)
    ref = job.run_async.remote(new_id(), "Name the risks.", {})
    async with asyncio.timeout(30):
        await server.until(lambda counts: counts.open == 1)
        ray.cancel(ref)
        await server.until(lambda counts: counts.aborted == 1)
    with pytest.raises(RayTaskError):
        await ref


async def test_a_killed_actor_loses_its_calls_and_nothing_else(
    job: Any, server: SimulatedModelServer, events: EventLog
) -> None:
    answered, lost = new_id(), new_id()
    await job.run_async.remote(answered, "Name the risks.", {})
    server.traits = Traits(first_token_s=60)
    ref = job.run_async.remote(lost, "Name the risks.", {})
    async with asyncio.timeout(40):
        await server.until(lambda counts: counts.open == 1)
        ray.kill(job, no_restart=False)
        with pytest.raises((ActorDiedError, ActorUnavailableError)):
            await ref
        await server.until(lambda counts: counts.aborted == 1)
        server.traits = Traits()
        outcome = await _once_it_is_back(job, lost)
    assert isinstance(outcome, Answered)
    assert len(await events.history(answered)) == 1
    assert len(await events.history(lost)) == 1


@pytest.mark.parametrize("wrong", [{"model": ""}, {"nats_url": "http://x"}, {"vllm_url": "nowhere"}])
async def test_a_wrong_argument_kills_the_actor_with_its_reason(
    cluster: None, nats_url: str, wrong: dict[str, str]
) -> None:
    valid = {"nats_url": nats_url, "agent_id": "a", "role": "DEV", "vllm_url": "http://x", "model": "m"}
    handle: Any = VLLMAgentJob.remote(**{**valid, **wrong})
    async with asyncio.timeout(30):
        with pytest.raises(RayActorError, match=next(iter(wrong))):
            await handle.run_async.remote(new_id(), "Name the risks.", {})


async def test_a_wrong_call_raises_what_is_wrong(job: Any) -> None:
    with pytest.raises(InputError, match=r"constraints\.rubrik"):
        await job.run_async.remote(new_id(), "Name the risks.", {"rubrik": "brief"})


async def _once_it_is_back(job: Any, task_id: str) -> Any:
    while True:
        try:
            return await job.run_async.remote(task_id, "Name the risks.", {}, attempt=2)
        except ActorUnavailableError:
            await asyncio.sleep(0.05)
