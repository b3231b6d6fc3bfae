"""What services see that know nothing of the fleet but its subjects."""

import asyncio
import json

import nats
import pytest
from endings import closed
from nats.aio.msg import Msg
from nats_server import NatsServer
from story import Story

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordConflictError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.messaging.streams import EVENTS
from swe_ai_fleet.messaging.subjects import ALL_CLOSED
from swe_ai_fleet.ports.record import Record

pytestmark = pytest.mark.nats


async def test_a_plain_subscriber_receives_the_end_exactly_once(server: NatsServer, record: Record) -> None:
    received: list[Msg] = []

    async def take(message: Msg) -> None:
        received.append(message)

    client = await nats.connect(server.url)
    await client.subscribe(ALL_CLOSED, cb=take)
    await client.flush()
    for event in (Story().requested(), Story().proposed(0), closed()):
        await record.events.publish(event)
    await client.flush()
    await client.close()
    (message,) = received
    assert message.subject == "fleet.v1.event.d1.closed"
    envelope = json.loads(message.data)
    assert envelope["specversion"] == "1.0"
    assert envelope["type"] == "swe_ai_fleet.deliberation.v1.closed"
    assert envelope["data"]["result"]["outcome"] == "undecided"


async def test_of_two_writers_a_stream_consumer_and_a_stored_subscriber_see_one_end(
    server: NatsServer, record: Record
) -> None:
    stored: list[Msg] = []

    async def take(message: Msg) -> None:
        stored.append(message)

    client = await nats.connect(server.url)
    await client.subscribe("fleet.v1.stored.*.closed", cb=take)
    subscription = await client.jetstream().pull_subscribe(ALL_CLOSED, "results", stream=EVENTS)

    async def end(log: Record, reason: str) -> bool:
        try:
            await log.events.publish(closed(reason=reason))
        except RecordConflictError:
            return False
        return True

    async with open_nats_record(NatsOptions(url=server.url)) as other, asyncio.TaskGroup() as group:
        one = group.create_task(end(record, "one"))
        two = group.create_task(end(other, "two"))
    assert one.result() != two.result()
    (message,) = await subscription.fetch(1, timeout=5)
    won = "one" if one.result() else "two"
    assert json.loads(message.data)["data"]["result"]["reason"] == won
    await message.ack()
    with pytest.raises(nats.errors.TimeoutError):
        await subscription.fetch(1, timeout=0.2)
    assert len(stored) == 1
    await subscription.unsubscribe()
    await client.close()


async def test_a_repeat_after_the_duplicate_window_is_stored_once_all_the_same(
    server: NatsServer, record: Record
) -> None:
    client = await nats.connect(server.url)
    management = client.jetstream()
    config = (await management.stream_info(EVENTS)).config
    await management.update_stream(config.evolve(duplicate_window=0.1))
    await record.events.publish(Story().proposed(0))
    await asyncio.sleep(0.5)
    assert (await record.events.publish(Story().proposed(0, "again"))).duplicate
    assert len(await record.events.history("d1")) == 1
    await client.close()


async def test_a_message_that_is_no_event_is_passed_over(server: NatsServer, record: Record) -> None:
    client = await nats.connect(server.url)
    stream = client.jetstream()
    await record.events.publish(Story().requested())
    for number, garbage in enumerate((b"", b"\xff\xfe", b"[]", b'{"type": 3}', b"{}" * 10)):
        await stream.publish(f"fleet.v1.event.d1.proposed.{number}.x", garbage)
    future = b'{"type": "swe_ai_fleet.deliberation.v1.pondered", "data": {}}'
    await stream.publish("fleet.v1.event.d1.pondered", future)
    broken = b'{"type": "swe_ai_fleet.deliberation.v1.started", "data": {"round": "many"}}'
    await stream.publish("fleet.v1.event.d1.started.7", broken)
    await record.events.publish(closed())
    assert [event.type for event in await record.events.history("d1")] == ["requested", "closed"]
    async with record.events.follow("d1") as events:
        assert [event.type async for event in events] == ["requested", "closed"]
    await client.close()


async def test_a_large_event_is_a_small_message_with_a_reference_that_any_client_resolves(
    server: NatsServer, record: Record
) -> None:
    event: Event = Story().proposed(0, "x" * 500_000)
    await record.events.publish(event)
    client = await nats.connect(server.url)
    stream = client.jetstream()
    message = await stream.get_last_msg(EVENTS, "fleet.v1.event.d1.proposed.0.dev-1")
    assert message.data is not None
    assert len(message.data) < 2000
    envelope = json.loads(message.data)
    assert envelope["data"]["agent_id"] == "dev-1"
    bucket, _, digest = envelope["dataref"].partition(":")
    content = (await (await stream.object_store(bucket)).get(digest)).data
    assert content is not None
    assert len(json.loads(content)["proposal"]["content"]) == 500_000
    await client.close()
