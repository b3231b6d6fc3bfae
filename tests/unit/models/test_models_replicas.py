"""A deliberation keeps to one of several equal servers."""

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack

import pytest

from swe_ai_fleet.domain.proposal import Usage
from swe_ai_fleet.errors import (
    ModelRequestError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
)
from swe_ai_fleet.models.replicas import Replica, ReplicatedClient
from swe_ai_fleet.models.simulated.faults import Fault, FaultPlan
from swe_ai_fleet.models.simulated.server import SimulatedModelServer
from swe_ai_fleet.orchestrator.agents.vllm_agent_base import VLLMAgentBase
from swe_ai_fleet.ports.models import Completion, Message, ModelRequest


class Server:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.asked: list[ModelRequest] = []

    async def complete(self, request: ModelRequest) -> Completion:
        self.asked.append(request)
        if self.error is not None:
            raise self.error
        return Completion(text="yes", model="vllm:tiny", usage=Usage(requests=1))

    async def close(self) -> None:
        pass


def request(session: str, timeout_s: float = 10) -> ModelRequest:
    return ModelRequest(messages=(Message(role="user", content="?"),), session=session, timeout_s=timeout_s)


def replicated(servers: Mapping[str, Server], *, near: Sequence[str] = ()) -> ReplicatedClient:
    replicas = [Replica(url=url, hasty=server, patient=server) for url, server in servers.items()]

    async def find() -> list[Replica]:
        return replicas

    return ReplicatedClient("vllm:tiny", find, near=near)


def urls(count: int) -> list[str]:
    return [f"http://vllm-{number}:8000/v1" for number in range(count)]


async def test_a_session_stays_and_sessions_are_spread() -> None:
    replicas = {url: Server() for url in urls(3)}
    client = replicated(replicas)
    for number in range(90):
        for _ in range(3):
            await client.complete(request(f"d{number}"))
    sessions = [{asked.session for asked in replica.asked} for replica in replicas.values()]
    assert sum(len(one) for one in sessions) == 90
    assert all(15 <= len(one) <= 45 for one in sessions)


async def test_a_server_that_is_away_is_stepped_over_and_counted() -> None:
    order = replicated({}).order("d1", urls(3))
    healthy = Server()
    mixed = replicated(
        {url: healthy if url == order[2] else Server(ModelServerError("vllm:tiny", "500")) for url in order}
    )
    completion = await mixed.complete(request("d1"))
    assert (completion.text, completion.attempts) == ("yes", 3)
    left_s = healthy.asked[0].timeout_s
    assert left_s is not None
    assert left_s < 10


async def test_a_request_that_was_rejected_is_not_sent_elsewhere() -> None:
    replicas = {url: Server(ModelRequestError("vllm:tiny", "400")) for url in urls(2)}
    with pytest.raises(ModelRequestError):
        await replicated(replicas).complete(request("d1"))
    assert sum(len(replica.asked) for replica in replicas.values()) == 1


async def test_when_all_are_away_the_last_error_counts_every_call() -> None:
    replicas = {url: Server(ModelUnreachableError("vllm:tiny", "refused")) for url in urls(3)}
    with pytest.raises(ModelUnreachableError) as raised:
        await replicated(replicas).complete(request("d1"))
    assert raised.value.attempts == 3


async def test_once_the_time_is_over_nobody_else_is_asked() -> None:
    replicas = {url: Server(ModelTimeoutError("vllm:tiny", "slow")) for url in urls(3)}
    with pytest.raises(ModelTimeoutError):
        await replicated(replicas).complete(request("d1", timeout_s=1e-9))
    assert sum(len(replica.asked) for replica in replicas.values()) == 1


async def test_a_name_without_an_address_is_unreachable() -> None:
    with pytest.raises(ModelUnreachableError, match="no address"):
        await replicated({}).complete(request("d1"))


def test_the_server_on_ones_own_host_comes_first() -> None:
    client = replicated({}, near=["vllm-2"])
    orders = [client.order(f"d{number}", urls(4)) for number in range(20)]
    assert {order[0] for order in orders} == {"http://vllm-2:8000/v1"}
    assert len({order[1] for order in orders}) == 3


async def test_an_agent_takes_several_urls() -> None:
    async with AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(SimulatedModelServer()) for _ in range(2)]
        agent = VLLMAgentBase("dev-1", "DEV", ", ".join(server.url for server in servers), "simulated")
        for number in range(12):
            await agent.generate_proposal(f"Name risk {number}.", {})
        assert all(server.counts.requests > 0 for server in servers)
        servers[0].faults = FaultPlan.always(Fault.CUT_BEFORE)
        for number in range(12):
            assert (await agent.generate_proposal(f"Name risk {number}.", {})).content
        await agent.close()
