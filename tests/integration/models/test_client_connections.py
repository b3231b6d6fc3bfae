"""Connections of model clients: limits in time and size, cancellation, reuse, secrets."""

import asyncio
import logging
import socket
import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from scripted_models import ask

from swe_ai_fleet.errors import (
    ModelMalformedError,
    ModelRequestError,
    ModelTimeoutError,
    UnreachableError,
)
from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.registry import ModelRegistry
from swe_ai_fleet.models.sessions import KEEP_ALIVE_S
from swe_ai_fleet.models.simulated import ChatRequest, Fault, FaultPlan, SimulatedModelServer, Traits

Connect = Callable[..., OpenAICompatibleClient]
KEY = "sk-very-secret-key"


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_cancelling_a_call_closes_its_connection_within_a_second(
    server: SimulatedModelServer, connect: Connect, streams: bool
) -> None:
    server.traits = Traits(first_token_s=60.0)
    client = connect(streams=streams)
    call = asyncio.create_task(client.complete(ask()))
    await server.until(lambda counts: counts.open == 1)
    call.cancel()
    async with asyncio.timeout(1.0):
        counts = await server.until(lambda counts: counts.open == 0)
    assert counts.aborted == 1


async def test_cancelling_in_the_middle_of_a_stream_closes_it_too(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(tokens_per_s=20.0, answer_tokens=10_000)
    call = asyncio.create_task(connect(streams=True).complete(ask()))
    await server.until(lambda counts: counts.open == 1)
    await asyncio.sleep(0.1)
    call.cancel()
    async with asyncio.timeout(1.0):
        assert (await server.until(lambda counts: counts.open == 0)).aborted == 1


async def test_a_call_that_takes_too_long_in_all_closes_its_connection(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(tokens_per_s=20.0, answer_tokens=10_000)
    with pytest.raises(ModelTimeoutError, match=r"no whole answer within 0\.2 s"):
        await connect(streams=True, total_s=0.2).complete(ask())
    async with asyncio.timeout(1.0):
        assert (await server.until(lambda counts: counts.open == 0)).aborted == 1


async def test_the_callers_own_limit_is_kept_where_it_is_shorter(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.faults = FaultPlan.always(Fault.HANG)
    with pytest.raises(ModelTimeoutError, match=r"within 0\.1 s"):
        await connect(total_s=60.0).complete(ask(timeout_s=0.1))


async def test_a_stream_that_began_in_time_may_take_longer_than_the_limit_on_its_first_token(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(tokens_per_s=40.0, answer_tokens=40)
    completion = await connect(streams=True, first_byte_s=0.5).complete(ask())
    assert completion.usage.completion_tokens == 40


async def test_no_connection_within_the_limit_is_a_timeout_that_says_so(connect: Connect) -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        port = deaf.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", port))
        with pytest.raises(ModelTimeoutError, match="no connection"):
            await connect(base_url=f"http://127.0.0.1:{port}", connect_s=0.2, total_s=5.0).complete(ask())
        for filler in fillers:
            filler.close()


async def test_an_answer_longer_than_the_limit_is_malformed_and_its_connection_is_closed(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.script = lambda _: "x" * 100_000
    with pytest.raises(ModelMalformedError, match="longer than 65536 bytes"):
        await connect(max_response_bytes=65536).complete(ask(max_tokens=100_000))


async def test_connections_are_reused_and_a_burst_needs_no_more_than_its_width(
    server: SimulatedModelServer, connect: Connect
) -> None:
    client = connect()
    for _ in range(5):
        await client.complete(ask())
    assert server.counts.connections == 1
    async with asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(client.complete(ask()))
    assert server.counts.connections <= 20


def test_an_idle_connection_is_given_up_before_a_server_of_uvicorn_closes_it() -> None:
    assert KEEP_ALIVE_S < 5.0


async def test_a_connection_that_the_server_closed_while_it_was_idle_costs_no_error() -> None:
    async with SimulatedModelServer(traits=Traits(keep_alive_s=0.05)) as server:
        client = OpenAICompatibleClient(Provider(name="sim", base_url=server.url), "simulated")
        for pause_s in (0.0, 0.04, 0.05, 0.051, 0.06, 0.2):
            await asyncio.sleep(pause_s)
            assert (await client.complete(ask())).text
        await client.close()


async def test_a_server_that_was_restarted_is_found_again(
    connect: Connect, server: SimulatedModelServer
) -> None:
    client = connect()
    await client.complete(ask())
    await server.__aexit__(None, None, None)
    async with server:
        assert (await client.complete(ask())).attempts <= 2


async def test_the_session_id_and_the_trace_travel_in_headers_and_the_key_as_a_bearer_token(
    server: SimulatedModelServer, connect: Connect
) -> None:
    seen: list[dict[str, str]] = []
    server.traits = Traits(api_key=SecretStr(KEY))

    def script(request: ChatRequest) -> str:
        seen.append(request.headers)
        return "fine"

    server.script = script
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    await connect(api_key=SecretStr(KEY)).complete(ask(session="d1", traceparent=trace))
    assert (seen[0]["x-session-id"], seen[0]["traceparent"]) == ("d1", trace)


async def test_a_key_is_in_no_representation_no_error_and_no_log(
    server: SimulatedModelServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.traits = Traits(api_key=SecretStr("another"))
    client = connect(api_key=SecretStr(KEY))
    with pytest.raises(ModelRequestError) as caught:
        await client.complete(ask())
    registry = ModelRegistry([client.provider])
    shown = [repr(client.provider), str(client.provider), client.provider.model_dump_json(), repr(registry)]
    shown += [
        repr(caught.value),
        str(caught.value),
        repr(vars(caught.value)),
        caplog.text,
        repr(vars(client)),
    ]
    assert not any(KEY in text for text in shown)


async def test_a_server_that_repeats_the_credentials_it_refuses_does_not_put_them_into_the_error(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.traits = Traits(refuses=frozenset({"model"}), model="m")
    client = OpenAICompatibleClient(
        Provider(name="sim", base_url=server.url, api_key=SecretStr("model")), "simulated"
    )
    with pytest.raises(ModelRequestError) as caught:
        await client.complete(ask())
    await client.close()
    assert "'(key)' is not supported" in str(caught.value)


async def test_models_are_listed_and_a_server_that_is_away_is_unreachable_with_a_way_out(
    server: SimulatedModelServer, connect: Connect
) -> None:
    client = connect()
    assert await client.models() == ("simulated",)
    await server.__aexit__(None, None, None)
    began = time.monotonic()
    with pytest.raises(UnreachableError, match="base_url of provider 'sim'"):
        await client.models()
    assert time.monotonic() - began < 5.0


def test_a_client_that_was_used_on_a_loop_that_is_gone_works_on_the_next_and_closes() -> None:
    server = SimulatedModelServer()
    clients: list[OpenAICompatibleClient] = []

    async def use() -> None:
        async with server:
            if not clients:
                clients.append(OpenAICompatibleClient(Provider(name="sim", base_url=server.url), "simulated"))
            assert (await clients[0].complete(ask())).text

    asyncio.run(use())
    asyncio.run(use())
    asyncio.run(clients[0].close())
