"""A server that is killed and comes back loses nothing that was acknowledged, and nothing is stored twice."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from endings import closed, until
from nats_server import NatsServer
from story import T0, Story, task

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.messaging.nats_record import open_nats_record
from swe_ai_fleet.messaging.options import NatsOptions
from swe_ai_fleet.ports.record import Command, Record

pytestmark = pytest.mark.nats


async def collect(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


def numbered(count: int) -> list[Event]:
    story = Story()
    return [story.revised(n % 3, f"answer {n}", round_=n // 3 + 1) for n in range(count)]


async def test_what_was_acknowledged_is_stored_once_when_the_server_is_killed_meanwhile(
    server: NatsServer, record: Record
) -> None:
    events = numbered(600)
    acknowledged = 0

    async def publish(event: Event) -> None:
        nonlocal acknowledged
        await record.events.publish(event)
        acknowledged += 1

    async with asyncio.TaskGroup() as group:
        for event in events:
            group.create_task(publish(event))
        for share in (0.2, 0.5):
            enough = share * len(events)
            await until(lambda: acknowledged >= enough)  # noqa: B023  # it is awaited before the next turn
            await server.restart()
    history = await record.events.history("d1")
    assert sorted(e.key for e in history) == sorted(e.key for e in events)


async def test_a_follower_goes_on_after_a_restart_as_if_nothing_had_happened(
    server: NatsServer, record: Record
) -> None:
    events = [Story().requested(), *numbered(90), closed()]
    async with record.events.follow("d1") as stream, asyncio.TaskGroup() as group:
        following = group.create_task(collect(stream))
        for number, event in enumerate(events):
            await record.events.publish(event)
            if number in (20, 60):
                await server.restart()
    assert following.result() == events


async def test_events_that_others_stored_while_a_follower_was_cut_off_reach_it(
    server: NatsServer, record: Record
) -> None:
    """The follower's own connection breaks; the other publishes before it is back."""
    story = Story()
    await record.events.publish(story.requested())
    async with record.events.follow("d1") as stream:
        events = aiter(stream)
        assert (await anext(events)).type == "requested"
        await server.restart()
        async with open_nats_record(NatsOptions(url=server.url)) as other:
            await other.events.publish(story.started())
            await other.events.publish(closed())
        assert [event.type for event in await collect(events)] == ["started", "closed"]


async def test_an_answer_given_while_the_server_is_away_is_stored_when_it_is_back(
    server: NatsServer, record: Record
) -> None:
    server.kill()
    async with asyncio.TaskGroup() as group:
        publishing = group.create_task(record.events.publish(Story().proposed(0)))
        await asyncio.sleep(0.5)
        assert not publishing.done()
        await server.start()
    assert not publishing.result().duplicate
    assert record.publish_retries() > 0
    assert len(await record.events.history("d1")) == 1


async def test_an_answer_whose_asker_has_given_up_is_stored_all_the_same(
    server: NatsServer, record: Record
) -> None:
    server.kill()
    publishing = asyncio.ensure_future(record.events.publish(Story().proposed(0)))
    await asyncio.sleep(0.2)
    publishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await publishing
    await server.start()
    async with record.events.follow("d1") as stream:
        assert (await anext(aiter(stream))).type == "proposed"


async def test_a_caller_is_told_when_the_server_stays_away(server: NatsServer) -> None:
    options = NatsOptions(url=server.url, publish_s=0.5)
    async with open_nats_record(options) as record:
        server.kill()
        with pytest.raises(RecordUnavailableError, match="stays in the outbox"):
            await record.events.publish(Story().proposed(0))
        await server.start()
        async with record.events.follow("d1") as stream:
            assert (await anext(aiter(stream))).type == "proposed"


async def test_a_full_outbox_holds_publishers_back_and_says_so(server: NatsServer) -> None:
    options = NatsOptions(url=server.url, publish_s=1.0, outbox_bytes=1024**2)
    story = Story()
    async with open_nats_record(options) as record:
        server.kill()

        async def publish(number: int) -> str:
            try:
                await record.events.publish(story.revised(0, "x" * 100_000, round_=number))
            except RecordUnavailableError as error:
                return str(error).rpartition("; ")[2]
            return "stored"

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(publish(number)) for number in range(1, 21)]
        said = [task.result() for task in tasks]
        assert said.count("it stays in the outbox") == 10
        assert said.count("the outbox is full") == 10
        await server.start()
        await record.events.publish(story.requested())
        async with record.events.follow("d1") as stream:
            events = aiter(stream)
            assert len([await anext(events) for _ in range(11)]) == 11


async def test_the_queue_works_on_across_a_restart(server: NatsServer, record: Record) -> None:
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(record.commands.next(wait_s=20))
        await asyncio.sleep(0.2)
        await server.restart()
        await record.commands.submit(Command(deliberation_id="d1", task=task(), seed=7, time=T0))
    delivery = taking.result()
    assert delivery is not None
    await server.restart()
    await delivery.ack()
    if (again := await record.commands.next(wait_s=0.2)) is not None:
        await again.ack()  # the server died before it had written down that it handed it out
    assert await record.commands.next(wait_s=0.2) is None


async def test_a_command_in_hand_when_the_server_dies_comes_again_or_is_settled_never_both(
    server: NatsServer, record: Record
) -> None:
    await record.commands.submit(Command(deliberation_id="d1", task=task(), seed=7, time=T0))
    delivery = await record.commands.next(wait_s=5)
    assert delivery is not None
    await server.restart()
    await delivery.nak(delay_s=0)
    again = await record.commands.next(wait_s=10)
    assert again is not None
    await again.ack()
    assert await record.commands.next(wait_s=0.2) is None


async def test_a_server_that_stands_still_for_a_while_stores_everything_once(
    server: NatsServer, record: Record
) -> None:
    events = numbered(60)
    async with asyncio.TaskGroup() as group:
        server.pause()
        for event in events:
            group.create_task(record.events.publish(event))
        await asyncio.sleep(2.5)
        server.resume()
    assert sorted(e.key for e in await record.events.history("d1")) == sorted(e.key for e in events)


async def test_settling_a_command_when_the_record_is_closed_is_no_error(server: NatsServer) -> None:
    async with open_nats_record(NatsOptions(url=server.url)) as record:
        await record.commands.submit(Command(deliberation_id="d1", task=task(), seed=7, time=T0))
        delivery = await record.commands.next(wait_s=5)
        assert delivery is not None
    await delivery.ack()
    await delivery.in_progress()
