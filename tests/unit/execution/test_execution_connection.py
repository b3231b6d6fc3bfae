"""What is said where there is no cluster."""

import asyncio
import socket

import pytest

from swe_ai_fleet.errors import InputError, UnreachableError
from swe_ai_fleet.execution.options import RayOptions
from swe_ai_fleet.execution.ray_connection import connected


@pytest.mark.parametrize(
    "address", ["ray://head:10001", "head", "head:port", "http://head:6379", "head:6379/x", ""]
)
async def test_what_is_no_address_is_named(address: str) -> None:
    with pytest.raises(InputError) as raised:
        async with connected(RayOptions(address=address)):
            pass
    assert raised.value.field == "ray.address"


async def test_a_cluster_that_is_not_there_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UnreachableError, match=f"Ray does not answer at {address}"):
            async with connected(RayOptions(address=address)):
                pass


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
async def test_somebody_else_at_the_address_is_not_taken_for_a_cluster(answer: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await reader.read()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, asyncio.timeout(20):
        with pytest.raises(UnreachableError, match=f"127.0.0.1:{port}"):
            async with connected(RayOptions(address=f"127.0.0.1:{port}", connect_timeout_s=0.5)):
                pass


async def test_nothing_configured_and_nothing_embedded_is_said() -> None:
    with pytest.raises(UnreachableError, match="FLEET_RAY__ADDRESS"):
        async with connected(RayOptions()):
            pass
