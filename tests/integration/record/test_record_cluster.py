"""Three servers that replicate each other: a leader that dies takes nothing with it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from endings import closed, until
from nats_server import NatsServer, running_nats_cluster
from story import T0, Story, task

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordConflictError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import COMMANDS, EVENTS, WORKERS
from swe_ai_fleet.ports.record import Command, Record

pytestmark = [pytest.mark.nats, pytest.mark.slow, pytest.mark.timeout(180)]


def options(servers: list[NatsServer]) -> NatsOptions:
    url = ",".join(server.url for server in servers)
    return NatsOptions(url=url, replicas=3, connect_s=60.0, request_s=2.0)


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[list[NatsServer], Record]]:
    async with running_nats_cluster(folder) as servers, open_nats_record(options(servers)) as record:
        yield servers, record


async def leader(servers: list[NatsServer], *, consumer: bool = False) -> NatsServer:
    """The server that leads the events, or the workers' consumer."""
    client = await nats.connect([server.url for server in servers])
    try:
        verb = f"CONSUMER.INFO.{COMMANDS}.{WORKERS}" if consumer else f"STREAM.INFO.{EVENTS}"
        reply = await client.request(f"$JS.API.{verb}", timeout=10)
        name = json.loads(reply.data)["cluster"]["leader"]
        return next(server for server in servers if server.name == name)
    finally:
        await client.close()


async def collect(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


async def test_killing_the_leader_loses_no_acknowledged_event_and_stores_none_twice(tmp_path: Path) -> None:
    story = Story()
    events: list[Event] = [story.revised(n % 3, f"answer {n}", round_=n // 3 + 1) for n in range(600)]
    acknowledged = 0
    async with cluster(tmp_path) as (servers, record):

        async def publish(event: Event) -> None:
            nonlocal acknowledged
            await record.events.publish(event)
            acknowledged += 1

        async with record.events.follow("d1") as stream, asyncio.TaskGroup() as group:
            following = group.create_task(collect(stream))
            async with asyncio.TaskGroup() as publishing:
                for event in events:
                    publishing.create_task(publish(event))
                await until(lambda: acknowledged >= 100)
                dead = await leader(servers)
                dead.kill()
            assert acknowledged == len(events)
            await dead.start()
            await record.events.publish(closed())
        history = list(await record.events.history("d1"))
    assert sorted(e.key for e in history) == sorted(e.key for e in [*events, closed()])
    assert sorted(e.key for e in following.result()) == sorted(e.key for e in history)
    assert following.result()[-1] == closed()


async def test_two_ends_during_an_election_leave_exactly_one(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (servers, record), open_nats_record(options(servers)) as other:

        async def end(log: Record, reason: str) -> bool:
            try:
                await log.events.publish(closed(reason=reason))
            except RecordConflictError:
                return False
            return True

        (await leader(servers)).kill()
        async with asyncio.TaskGroup() as group:
            ends = [group.create_task(end(log, f"{n}")) for n, log in enumerate((record, other))]
        assert sorted(task.result() for task in ends) == [False, True]
        assert len(await record.events.history("d1")) == 1


async def test_a_command_survives_the_leader_of_its_consumer(tmp_path: Path) -> None:
    async with cluster(tmp_path) as (servers, record):
        await record.commands.submit(Command(deliberation_id="d1", task=task(), seed=7, time=T0))
        delivery = await record.commands.next(wait_s=20)
        assert delivery is not None
        (await leader(servers, consumer=True)).kill()
        await delivery.ack()
        assert await record.commands.next(wait_s=1) is None
