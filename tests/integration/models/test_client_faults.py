"""Every way in which a model server can fail, as a real client sees it over real HTTP."""

import socket
import threading
from collections.abc import Callable, Iterator

import pytest
from scripted_models import ask

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
from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
from swe_ai_fleet.models.simulated import Fault, FaultPlan, SimulatedModelServer

Connect = Callable[..., OpenAICompatibleClient]

FAILURES = {
    Fault.RATE_LIMITED: ModelRateLimitedError,
    Fault.RATE_LIMITED_MUTE: ModelRateLimitedError,
    Fault.UNAVAILABLE: ModelRateLimitedError,
    Fault.UNAVAILABLE_UNTIL: ModelRateLimitedError,
    Fault.SERVER_ERROR: ModelServerError,
    Fault.REJECTED: ModelRequestError,
    Fault.HANG: ModelTimeoutError,
    Fault.CUT_BEFORE: ModelUnreachableError,
    Fault.CUT_MIDWAY: ModelMalformedError,
    Fault.MALFORMED: ModelMalformedError,
    Fault.ENDLESS: ModelMalformedError,
    Fault.EMPTY: ModelMalformedError,
    Fault.FILTERED: ModelFilteredError,
    Fault.ERROR_INSIDE: ModelServerError,
}


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("fault", "error"), FAILURES.items())
async def test_every_fault_is_an_error_of_its_kind_that_names_the_model(
    server: SimulatedModelServer, connect: Connect, fault: Fault, error: type[ModelError], streams: bool
) -> None:
    server.faults = FaultPlan.always(fault)
    first_byte_s = 0.2 if fault is Fault.HANG else 20.0
    client = connect(streams=streams, first_byte_s=first_byte_s, max_response_bytes=64 * 1024)
    with pytest.raises(error) as caught:
        await client.complete(ask())
    assert type(caught.value) is error
    assert caught.value.model == "sim:simulated"
    assert (await server.until(lambda counts: counts.open == 0)).faults[fault] >= 1


def test_the_table_of_faults_is_whole() -> None:
    assert FAILURES.keys() | {Fault.TRUNCATED, Fault.SLOW} == set(Fault)


@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
async def test_text_that_was_truncated_says_so_and_json_that_was_truncated_is_an_error(
    server: SimulatedModelServer, connect: Connect, streams: bool
) -> None:
    server.faults = FaultPlan.always(Fault.TRUNCATED)
    client = connect(streams=streams)
    assert (await client.complete(ask())).finish_reason == "length"
    with pytest.raises(ModelTruncatedError):
        await client.complete(ask(json_schema={"type": "object", "properties": {"a": {"type": "string"}}}))


async def test_a_slow_answer_is_an_answer(server: SimulatedModelServer, connect: Connect) -> None:
    server.faults = FaultPlan.always(Fault.SLOW, slow_s=0.05)
    assert (await connect().complete(ask())).text.startswith("Simulated")


async def test_the_servers_wish_and_the_context_limit_are_in_the_error(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.faults = FaultPlan(
        at={1: Fault.RATE_LIMITED, 2: Fault.UNAVAILABLE, 3: Fault.REJECTED}, retry_after_s=7.5
    )
    client = connect()
    with pytest.raises(ModelRateLimitedError) as told:
        await client.complete(ask())
    with pytest.raises(ModelRateLimitedError) as mute:
        await client.complete(ask())
    with pytest.raises(ModelRequestError) as too_long:
        await client.complete(ask())
    assert (told.value.retry_after_s, mute.value.retry_after_s) == (7.5, None)
    assert too_long.value.context_tokens == 4096


async def test_a_connection_that_closes_before_any_byte_is_replaced_once(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.faults = FaultPlan(at={1: Fault.CUT_BEFORE})
    completion = await connect().complete(ask())
    assert completion.attempts == 2
    assert server.counts.requests == 2


async def test_a_connection_that_closes_twice_is_unreachable_after_two_attempts(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.faults = FaultPlan.always(Fault.CUT_BEFORE)
    with pytest.raises(ModelUnreachableError) as caught:
        await connect().complete(ask())
    assert (caught.value.attempts, server.counts.requests) == (2, 2)


async def test_what_was_cut_after_its_first_byte_is_not_sent_again_by_the_client(
    server: SimulatedModelServer, connect: Connect
) -> None:
    server.faults = FaultPlan.always(Fault.CUT_MIDWAY)
    with pytest.raises(ModelMalformedError, match="cut"):
        await connect().complete(ask())
    assert server.counts.requests == 1


async def test_nobody_listening_is_unreachable_with_the_address(connect: Connect) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ModelUnreachableError, match=address):
            await connect(base_url=address).complete(ask())


@pytest.fixture
def raw_server() -> Iterator[Callable[[bytes], str]]:
    """Answers every connection with the same bytes, whatever they are."""
    sockets: list[socket.socket] = []

    def serve(answer: bytes) -> str:
        listening = socket.create_server(("127.0.0.1", 0))
        sockets.append(listening)

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    connection.sendall(answer)

        threading.Thread(target=run, daemon=True).start()
        return f"http://127.0.0.1:{listening.getsockname()[1]}"

    yield serve
    for listening in sockets:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n", ModelMalformedError),
        (b"HTTP/1.1 200 OK\r\ncontent-length: nonsense\r\n\r\n", ModelMalformedError),
        (
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            ModelRequestError,
        ),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\xfe\xfd\xfc", ModelMalformedError),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc", ModelMalformedError),
        (b"HTTP/1.1 500 No\r\ncontent-length: 99999999\r\n\r\nboom", ModelMalformedError),
        (b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n: ping\n\n", ModelMalformedError),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", ModelMalformedError),
    ],
)
async def test_no_answer_is_too_odd_to_become_a_model_error(
    connect: Connect, raw_server: Callable[[bytes], str], answer: bytes, error: type[ModelError]
) -> None:
    with pytest.raises(ModelError) as caught:
        await connect(base_url=raw_server(answer), total_s=5.0).complete(ask())
    assert type(caught.value) is error
