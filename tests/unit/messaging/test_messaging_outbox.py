"""The outbox: as much as it may hold, and no more."""

import asyncio

import pytest

from swe_ai_fleet.messaging.nats_publisher import Outbox

pytestmark = pytest.mark.timeout(60)


async def test_what_fits_is_taken_at_once() -> None:
    outbox = Outbox(100)
    await outbox.take(60)
    await outbox.take(40)
    assert outbox.held_bytes == 100


async def test_what_does_not_fit_waits_for_room() -> None:
    outbox = Outbox(100)
    await outbox.take(60)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(outbox.take(50))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        outbox.give_back(60)
    assert outbox.held_bytes == 50


async def test_what_is_larger_than_the_whole_is_taken_alone() -> None:
    outbox = Outbox(100)
    await outbox.take(10)
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(outbox.take(500))
        await asyncio.sleep(0.01)
        assert not waiting.done()
        outbox.give_back(10)
    assert outbox.held_bytes == 500


async def test_whoever_stops_waiting_takes_nothing() -> None:
    outbox = Outbox(100)
    await outbox.take(100)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await outbox.take(1)
    outbox.give_back(100)
    assert outbox.held_bytes == 0
