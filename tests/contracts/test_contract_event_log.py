"""What every event log promises."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager

import pytest
from endings import closed
from story import Story

from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.errors import InputError, RecordConflictError
from swe_ai_fleet.ports.record import Record


async def collect(stream: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in stream]


async def test_history_gives_what_was_published_in_order(record: Record) -> None:
    story = Story()
    told: list[Event] = [
        story.requested(),
        story.started(),
        story.base(),
        story.proposed(0, "ä → ✓\n\x00"),
        story.critiqued(1, 0),
        story.failed(2),
        story.cut(["dev-1.0"]),
        story.cancelled(),
        closed(),
    ]
    for event in told:
        await record.events.publish(event)
    assert list(await record.events.history("d1")) == told


async def test_an_error_of_whoever_uses_the_record_leaves_it_as_it_is(
    open_record: Callable[[], AbstractAsyncContextManager[Record]],
) -> None:
    async def use() -> None:
        async with open_record() as record:
            await record.events.publish(Story().requested())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()


async def test_an_unknown_deliberation_has_no_history(record: Record) -> None:
    assert not await record.events.history("nobody")


async def test_sequences_rise(record: Record) -> None:
    story = Story()
    first = await record.events.publish(story.requested())
    second = await record.events.publish(story.started())
    assert second.sequence > first.sequence
    assert not first.duplicate
    assert not second.duplicate


async def test_the_same_key_is_stored_once_whatever_it_carries(record: Record) -> None:
    story = Story()
    first = await record.events.publish(story.proposed(0, "first"))
    again = await record.events.publish(story.proposed(0, "second").model_copy(update={"attempt": 2}))
    assert again.duplicate
    assert again.sequence == first.sequence
    assert list(await record.events.history("d1")) == [story.proposed(0, "first")]


async def test_the_same_agent_speaks_once_a_round(record: Record) -> None:
    story = Story()
    await record.events.publish(story.revised(0, round_=1))
    assert not (await record.events.publish(story.revised(0, round_=2))).duplicate
    assert len(await record.events.history("d1")) == 2


async def test_many_publishers_of_one_event_store_it_once(record: Record) -> None:
    event = Story().proposed(0)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(record.events.publish(event)) for _ in range(20)]
    assert sum(not task.result().duplicate for task in tasks) == 1


async def test_deliberations_do_not_see_each_other(record: Record) -> None:
    for name in ("d1", "d10", "d1-x"):
        await record.events.publish(Story(deliberation_id=name).requested())
    assert [e.deliberation_id for e in await record.events.history("d1")] == ["d1"]


async def test_repeating_the_same_end_is_a_duplicate(record: Record) -> None:
    await record.events.publish(closed())
    assert (await record.events.publish(closed())).duplicate


async def test_another_end_is_a_conflict_and_leaves_the_first(record: Record) -> None:
    await record.events.publish(closed(reason="first"))
    with pytest.raises(RecordConflictError):
        await record.events.publish(closed(reason="second"))
    (event,) = await record.events.history("d1")
    assert isinstance(event, Closed)
    assert event.result.reason == "first"


async def test_of_two_different_ends_at_once_exactly_one_stays(record: Record) -> None:
    async def end(reason: str) -> bool:
        try:
            await record.events.publish(closed(reason=reason))
        except RecordConflictError:
            return False
        return True

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(end(f"writer {n}")) for n in range(10)]
    assert sum(task.result() for task in tasks) == 1
    assert len(await record.events.history("d1")) == 1


@pytest.mark.parametrize("name", ["", "a.b", "*", ">", "a b", "é", "x" * 65, "a\r\nPUB x 0"])
async def test_an_id_that_cannot_stand_in_a_subject_is_refused(record: Record, name: str) -> None:
    with pytest.raises(InputError, match="deliberation_id"):
        await record.events.publish(Story(deliberation_id=name).requested())
    with pytest.raises(InputError, match="deliberation_id"):
        await record.events.history(name)


async def test_a_large_event_comes_back_whole(record: Record) -> None:
    event = Story().proposed(0, "Ünïcode 1234\n" * 60_000)
    await record.events.publish(event)
    assert list(await record.events.history("d1")) == [event]


async def test_following_gives_history_then_live_and_ends_after_closed(record: Record) -> None:
    story = Story()
    await record.events.publish(story.requested())
    await record.events.publish(story.started())
    async with record.events.follow("d1") as stream, asyncio.TaskGroup() as group:
        following = group.create_task(collect(stream))
        await record.events.publish(story.proposed(0))
        await record.events.publish(story.proposed(0))
        await record.events.publish(closed())
    assert [event.type for event in following.result()] == ["requested", "started", "proposed", "closed"]


async def test_following_a_closed_deliberation_replays_it_and_ends(record: Record) -> None:
    for event in (Story().requested(), closed()):
        await record.events.publish(event)
    async with record.events.follow("d1") as stream:
        assert [event.type for event in await collect(stream)] == ["requested", "closed"]


async def test_nothing_is_missed_or_repeated_where_history_meets_live(record: Record) -> None:
    story = Story(deliberation_id="busy")
    kinds: list[Event] = [
        story.proposed(0),
        *(story.revised(0, round_=n) for n in range(1, 60)),
        closed("busy"),
    ]

    async def publish_all() -> None:
        for event in kinds:
            await record.events.publish(event)

    async def follow() -> list[Event]:
        async with record.events.follow("busy") as stream:
            return await collect(stream)

    async with asyncio.TaskGroup() as group:
        publishing = group.create_task(publish_all())
        followers = []
        while not publishing.done():
            followers.append(group.create_task(follow()))
            await asyncio.sleep(0.001)
    assert followers
    assert all(follower.result() == kinds for follower in followers)


async def test_whoever_follows_before_the_first_event_is_told_of_all(record: Record) -> None:
    story = Story(deliberation_id="new")
    kinds: list[Event] = [story.requested(), story.started(), story.proposed(0), closed("new")]
    async with record.events.follow("new", is_new=True) as stream:
        for event in kinds:
            await record.events.publish(event)
        assert await collect(stream) == kinds


async def test_a_follower_may_leave_early(record: Record) -> None:
    await record.events.publish(Story().requested())
    async with record.events.follow("d1") as stream:
        assert (await anext(aiter(stream))).type == "requested"
    await record.events.publish(Story().started())
    assert len(await record.events.history("d1")) == 2


async def test_a_follower_that_is_cancelled_leaves_nothing_behind(record: Record) -> None:
    before = asyncio.all_tasks()
    async with record.events.follow("d1") as stream, asyncio.TaskGroup() as group:
        following = group.create_task(collect(stream))
        await asyncio.sleep(0)
        following.cancel()
    await asyncio.sleep(0)
    assert following.cancelled()
    assert asyncio.all_tasks() <= before
