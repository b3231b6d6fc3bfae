"""A simulated model server for each test, and clients of it."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from swe_ai_fleet.models.openai_client import OpenAICompatibleClient
from swe_ai_fleet.models.provider import Provider
from swe_ai_fleet.models.simulated import SimulatedModelServer

Connect = Callable[..., OpenAICompatibleClient]


@pytest.fixture
async def server() -> AsyncIterator[SimulatedModelServer]:
    async with SimulatedModelServer(seed=5) as running:
        yield running


@pytest.fixture
async def connect(server: SimulatedModelServer) -> AsyncIterator[Connect]:
    """Makes clients of the server; keyword arguments are the provider's."""
    opened: list[OpenAICompatibleClient] = []

    def make(**provider: Any) -> OpenAICompatibleClient:
        fields: dict[str, Any] = {"name": "sim", "base_url": server.url, "total_s": 20.0, **provider}
        opened.append(OpenAICompatibleClient(Provider(**fields), "simulated"))
        return opened[-1]

    yield make
    for client in opened:
        await client.close()
