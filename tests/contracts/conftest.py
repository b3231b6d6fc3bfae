"""Every port of the record, in memory and on a real nats-server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path

import pytest
from nats_server import running_nats_server

from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Record

OpenRecord = Callable[[], AbstractAsyncContextManager[Record]]


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.nats)])
async def open_record(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OpenRecord]:
    """Opens the record that the test is about."""
    if request.param == "memory":
        yield open_in_memory_record
        return
    async with running_nats_server(tmp_path / "nats") as server:
        yield partial(open_nats_record, NatsOptions(url=server.url))


@pytest.fixture
async def record(open_record: OpenRecord) -> AsyncIterator[Record]:
    """An empty record."""
    async with open_record() as opened:
        yield opened
