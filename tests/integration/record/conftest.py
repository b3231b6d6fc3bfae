"""A real nats-server for each test, and the record opened on it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats_server import NatsServer, running_nats_server

from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Record


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[NatsServer]:
    """A fresh server."""
    async with running_nats_server(tmp_path / "nats") as running:
        yield running


@pytest.fixture
async def record(server: NatsServer) -> AsyncIterator[Record]:
    """The record on it."""
    async with open_nats_record(NatsOptions(url=server.url, request_s=2.0)) as opened:
        yield opened
