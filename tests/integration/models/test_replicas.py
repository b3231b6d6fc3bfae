"""Several equal model servers behind one provider: a council's prefix is computed at one of them."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.registry import ModelRegistry
from swe_ai_fleet.models.replicas import Replica
from swe_ai_fleet.models.servers import Servers, addresses
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.models.simulated.traits import Traits
from swe_ai_fleet.ports.models import Completion, Message, ModelClient, ModelRequest

AGENTS, DELIBERATIONS = 5, 24
CONTEXT = "The repository and the task, as every agent of this deliberation sees them. " * 40


class Answering:
    """A client that only has to be there."""

    async def complete(self, request: ModelRequest) -> Completion:
        return Completion(text=request.session, model="vllm:simulated", usage=Usage(requests=1))

    async def close(self) -> None:
        pass


@asynccontextmanager
async def simulated(count: int) -> AsyncIterator[list[SimulatedModelServer]]:
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(SimulatedModelServer()) for _ in range(count)]


@asynccontextmanager
async def opened(base_url: str, **options: Any) -> AsyncIterator[ModelClient]:
    registry = ModelRegistry([Provider(name="vllm", base_url=base_url, **options)])
    try:
        yield registry.client("vllm:simulated")
    finally:
        await registry.close()


async def deliberate(client: ModelClient, number: int) -> None:
    """Every agent of one council asks once: the common context first, its own words last."""
    for agent in range(AGENTS):
        message = Message(role="user", content=f"Deliberation {number}. {CONTEXT} You are agent {agent}.")
        await client.complete(ModelRequest(messages=(message,), session=f"d{number}"))


def joined(several: Sequence[SimulatedModelServer]) -> str:
    return ",".join(server.url for server in several)


def cached(several: Sequence[SimulatedModelServer]) -> float:
    counts = [server.counts for server in several]
    return sum(count.cached_tokens for count in counts) / sum(count.prompt_tokens for count in counts)


async def test_prefixes_are_shared_as_with_one_server() -> None:
    """With N agents, N-1 of N prompts find the common part; dealt in turn, only what falls on a server twice does."""
    async with simulated(1) as alone, simulated(3) as several, simulated(3) as dealt:
        async with opened(joined(alone)) as client:
            for number in range(DELIBERATIONS):
                await deliberate(client, number)
        async with opened(joined(several)) as client:
            for number in range(DELIBERATIONS):
                await deliberate(client, number)
        for number in range(DELIBERATIONS):
            for agent in range(AGENTS):
                async with opened(dealt[agent % 3].url) as client:
                    text = f"Deliberation {number}. {CONTEXT} You are agent {agent}."
                    await client.complete(ModelRequest(messages=(Message(role="user", content=text),)))
        assert cached(several) == pytest.approx(cached(alone), abs=0.02)
        assert cached(several) > cached(dealt) + 0.25
        requests = [server.counts.requests for server in several]
        assert sum(requests) == DELIBERATIONS * AGENTS
        assert all(count % AGENTS == 0 for count in requests), "no deliberation is divided"
        assert min(requests) > 0


async def test_a_replica_that_dies_is_replaced_and_its_deliberations_stay_together() -> None:
    async with simulated(3) as several, opened(joined(several)) as client:
        for number in range(DELIBERATIONS):
            await deliberate(client, number)
        before = [server.counts.requests for server in several]
        several[0].faults = FaultPlan.always(Fault.CUT_BEFORE)
        for number in range(DELIBERATIONS):
            await deliberate(client, number)
        gained = [server.counts.requests - count for server, count in zip(several, before, strict=True)]
        assert gained[1] + gained[2] == DELIBERATIONS * AGENTS
        assert gained[1] >= before[1], "who was at a living replica stays there"
        assert gained[2] >= before[2]


async def test_a_replica_that_is_full_passes_its_deliberation_on() -> None:
    async with simulated(2) as several, opened(joined(several)) as client:
        several[0].faults = FaultPlan.always(Fault.UNAVAILABLE)
        for number in range(8):
            await deliberate(client, number)
        assert several[1].counts.prompt_tokens > 0
        assert several[0].counts.completion_tokens == 0


async def test_an_agent_prefers_the_replica_of_its_own_machine() -> None:
    async with AsyncExitStack() as stack:
        own = await stack.enter_async_context(SimulatedModelServer(host="127.0.0.1"))
        other = await stack.enter_async_context(SimulatedModelServer(host="127.0.0.2"))
        client = await stack.enter_async_context(opened(joined([other, own]), prefers_own_node=True))
        for number in range(12):
            await deliberate(client, number)
        assert (own.counts.requests, other.counts.requests) == (12 * AGENTS, 0)
        own.faults = FaultPlan.always(Fault.CUT_BEFORE)
        await deliberate(client, 0)
        assert other.counts.requests == AGENTS


async def test_replicas_come_and_go_with_the_addresses_of_a_name() -> None:
    """As a headless Service gives them."""
    provider = Provider(name="vllm", base_url="http://vllm-replicas:8000/v1", each_address=True)
    found = [provider.at(address) for address in ("10.0.0.1", "10.0.0.2")]

    async def look_up(_: Provider) -> list[Provider]:
        return found

    def build(server: Provider) -> Replica:
        return Replica(url=server.url, hasty=Answering(), patient=Answering())

    find = Servers(provider, build, look_up=look_up, believed_s=0)
    first, second = await find()
    assert (first.url, second.url) == ("http://10.0.0.1:8000/v1", "http://10.0.0.2:8000/v1")
    found = [provider.at("10.0.0.2"), provider.at("fd00::3")]
    still, new = await find()
    assert still is second
    assert new.url == "http://[fd00::3]:8000/v1"
    found = []
    assert [replica.url for replica in await find()] == [still.url, new.url], "a name server that is away"


async def test_the_addresses_of_a_name_are_asked_each() -> None:
    async with SimulatedModelServer() as server:
        by_name = server.url.replace("127.0.0.1", "localhost")
        [here, *_] = await addresses(Provider(name="vllm", base_url=server.url, each_address=True))
        assert here.url == server.url
        async with opened(by_name, each_address=True) as client:
            await deliberate(client, 1)
        assert server.counts.completion_tokens > 0
    nowhere = Provider(name="vllm", base_url="http://there-is-no-such-host.invalid:8000", each_address=True)
    assert await addresses(nowhere) == []


async def test_one_replica_that_is_well_is_enough_to_begin() -> None:
    async with SimulatedModelServer(traits=Traits(model="other")) as wrong, SimulatedModelServer() as right:
        for base_url in (f"http://127.0.0.1:9,{right.url}", f"{wrong.url},{right.url}"):
            registry = ModelRegistry([Provider(name="vllm", base_url=base_url)])
            await registry.probe("vllm:simulated")
            await registry.close()
        nobody = ModelRegistry([Provider(name="vllm", base_url="http://127.0.0.1:9,http://127.0.0.1:10")])
        with pytest.raises(UnreachableError):
            await nobody.probe("vllm:simulated")
        await nobody.close()
        without = ModelRegistry([Provider(name="vllm", base_url=f"{wrong.url},{wrong.url}")])
        with pytest.raises(InputError, match="does not offer it"):
            await without.probe("vllm:simulated")
        await without.close()


@pytest.mark.parametrize(
    ("base_url", "says"),
    [
        ("http://a:8000,ftp://b", "must be http"),
        ("http://a:8000,http://user:pw@b", "credentials"),
        ("http://a:8000,", "must be http"),
    ],
)
def test_every_address_is_held_to_the_form(base_url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Provider(name="vllm", base_url=base_url)


def test_a_name_with_several_addresses_is_not_for_tls() -> None:
    for base_url in ("https://vllm:8000", "http://a:8000,http://b:8000"):
        with pytest.raises(ValueError, match="each_address"):
            Provider(name="vllm", base_url=base_url, each_address=True)
