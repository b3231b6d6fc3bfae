"""One Ray and one record for the tests of a module."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from local_ray import local_ray
from nats_server import running_nats_server

from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import EventLog


@dataclass(frozen=True, kw_only=True)
class Nats:
    url: str
    events: EventLog


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A local Ray with this process as its driver."""
    with local_ray(cpus=4) as address:
        yield address


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nats(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Nats]:
    """A record on a real nats-server."""
    async with (
        running_nats_server(tmp_path_factory.mktemp("nats")) as server,
        open_nats_record(NatsOptions(url=server.url)) as record,
    ):
        yield Nats(url=server.url, events=record.events)
