"""Every port of the record, in memory and on a real nats-server."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from nats_server import running_nats_server

from swe_ai_fleet.messaging.in_memory import open_in_memory_record
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Record


@pytest.fixture(params=["memory", pytest.param("nats", marks=pytest.mark.nats)])
async def record(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Record]:
    """An empty record."""
    if request.param == "memory":
        async with open_in_memory_record() as opened:
            yield opened
        return
    async with (
        running_nats_server(tmp_path / "nats") as server,
        open_nats_record(NatsOptions(url=server.url)) as opened,
    ):
        yield opened
