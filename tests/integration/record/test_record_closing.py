"""Leaving is quick, whatever is open and whatever the server does."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from nats_server import NatsServer
from story import Story

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions

pytestmark = pytest.mark.nats

QUICK_S = 4.0
"""Far below the 30 s of a drain that hangs."""


async def _first(events: AsyncIterator[Event]) -> Event:
    return await anext(events)


async def test_leaving_with_open_subscriptions_is_quick(server: NatsServer) -> None:
    began = time.monotonic()
    async with open_nats_record(NatsOptions(url=server.url)) as record:
        assert await record.commands.next(wait_s=0.05) is None
        async with record.events.follow("d1") as events, asyncio.TaskGroup() as group:
            following = group.create_task(_first(events))
            pulling = group.create_task(record.commands.next(wait_s=60))
            await asyncio.sleep(0.1)
            following.cancel()
            pulling.cancel()
    assert time.monotonic() - began < QUICK_S


@pytest.mark.parametrize("way", ["killed", "paused"])
async def test_leaving_a_server_that_is_gone_is_quick_and_tells_those_who_wait(
    server: NatsServer, way: str
) -> None:
    outcome: list[str] = []

    async def publish() -> None:
        try:
            await record.events.publish(Story().proposed(0))
        except RecordError as error:
            outcome.append(str(error))

    async with open_nats_record(NatsOptions(url=server.url)) as record:
        if way == "killed":
            server.kill()
        else:
            server.pause()
        publishing = asyncio.ensure_future(publish())
        await asyncio.sleep(0.2)
        began = time.monotonic()
    await asyncio.wait([publishing], timeout=QUICK_S)
    assert time.monotonic() - began < QUICK_S
    assert publishing.done()
    assert len(outcome) == 1
    if way == "paused":
        server.resume()


async def test_what_is_under_way_when_leaving_is_stored(server: NatsServer) -> None:
    story = Story()
    async with open_nats_record(NatsOptions(url=server.url)) as record:
        under_way = [
            asyncio.ensure_future(record.events.publish(story.revised(0, round_=n))) for n in range(1, 50)
        ]
        await asyncio.sleep(0)
    assert len((await asyncio.wait(under_way))[0]) == 49
    async with open_nats_record(NatsOptions(url=server.url)) as record:
        assert len(await record.events.history("d1")) == 49


async def test_nothing_runs_on_after_leaving(server: NatsServer) -> None:
    before = asyncio.all_tasks()
    async with open_nats_record(NatsOptions(url=server.url)) as record:
        await record.events.publish(Story().requested())
    await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= before
