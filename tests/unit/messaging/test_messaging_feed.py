"""A follower's feed: every message once, whichever way its notice went."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from swe_ai_fleet.errors import RecordDeniedError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_client import Incoming
from swe_ai_fleet.messaging.nats_follow import Feed
from swe_ai_fleet.messaging.nats_requests import Stored

pytestmark = pytest.mark.timeout(60)


class Stream:
    """What is stored, as a server shows it to readers; ``away`` counts the reads that it does not answer."""

    def __init__(self, *sequences: int) -> None:
        self.stored = [stored(sequence) for sequence in sequences]
        self.away = 0
        self.reads = 0

    async def read(self, stream: str, subject: str, *, start: int = 1) -> AsyncIterator[Stored]:
        del stream, subject
        self.reads += 1
        if self.away:
            self.away -= 1
            raise RecordUnavailableError("the server is away")
        for message in list(self.stored):
            if message.sequence >= start:
                yield message

    async def wait_up(self) -> None:
        """It is always connected."""


def stored(sequence: int, kind: str = "proposed") -> Stored:
    return Stored(f"fleet.v1.event.d1.{kind}.{sequence}", sequence, b"{}")


def notice(message: Stored) -> Incoming:
    head = f"NATS/1.0\r\nNats-Subject: {message.subject}\r\nNats-Sequence: {message.sequence}\r\n\r\n"
    return Incoming("fleet.v1.stored.d1.x", "", message.payload, head.encode())


def feed_of(stream: Stream, *, is_clustered: bool = False, is_new: bool = False) -> Feed:
    return Feed(stream.read, stream.wait_up, "fleet.v1.event.d1.>", is_clustered=is_clustered, is_new=is_new)


async def take(feed: Feed, count: int) -> list[int]:
    async with aclosing(feed.messages()) as messages:
        return [(await anext(messages)).sequence for _ in range(count)]


async def test_nothing_is_read_of_what_is_new_until_something_was_lost() -> None:
    stream = Stream(4, 5)
    feed = feed_of(stream, is_new=True)
    feed.on_notice(notice(stored(4)))
    assert await take(feed, 1) == [4]
    assert stream.reads == 0
    feed.lost()
    assert await take(feed, 1) == [5]


async def test_in_a_cluster_what_is_new_is_read_all_the_same() -> None:
    assert await take(feed_of(Stream(1, 4), is_clustered=True, is_new=True), 2) == [1, 4]


async def test_what_is_stored_comes_first_then_what_is_told() -> None:
    feed = feed_of(Stream(1, 4))
    feed.on_notice(notice(stored(9)))
    assert await take(feed, 3) == [1, 4, 9]


async def test_a_notice_of_what_was_read_already_is_passed_over() -> None:
    feed = feed_of(Stream(1, 4))
    for sequence in (1, 4, 4, 9, 9, 10):
        feed.on_notice(notice(stored(sequence)))
    assert await take(feed, 4) == [1, 4, 9, 10]


async def test_what_was_stored_while_the_connection_was_replaced_is_read() -> None:
    stream = Stream(1)
    feed = feed_of(stream)
    async with aclosing(feed.messages()) as messages:
        assert (await anext(messages)).sequence == 1
        stream.stored += [stored(2), stored(3)]
        feed.lost()
        feed.on_notice(notice(stored(3)))
        feed.on_notice(notice(stored(5)))
        assert [(await anext(messages)).sequence for _ in range(3)] == [2, 3, 5]


async def test_a_server_that_does_not_answer_is_asked_again() -> None:
    stream = Stream(1, 2)
    stream.away = 3
    assert await take(feed_of(stream), 2) == [1, 2]
    assert stream.reads == 4


@pytest.mark.parametrize(("is_clustered", "ticks"), [(True, 2), (False, 8)])
async def test_a_notice_that_was_lost_is_made_good_after_a_while_without_news(
    *, is_clustered: bool, ticks: int
) -> None:
    stream = Stream(1)
    feed = feed_of(stream, is_clustered=is_clustered)
    async with aclosing(feed.messages()) as messages:
        await anext(messages)
        stream.stored.append(stored(2))
        for _ in range(ticks):
            feed.tick()
        assert (await anext(messages)).sequence == 2


async def test_silence_makes_a_follower_ask_ever_more_rarely() -> None:
    stream = Stream(1)
    feed = feed_of(stream, is_clustered=True)
    async with aclosing(feed.messages()) as messages, asyncio.TaskGroup() as group:
        await anext(messages)
        waiting = group.create_task(_next(messages))
        for _ in range(60):
            feed.tick()
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        waiting.cancel()
    assert stream.reads == 1 + 4  # after 2, 4, 8, 16 and then 32 ticks


async def test_on_a_cluster_nothing_that_came_before_the_end_is_missing_at_the_end() -> None:
    """Notices 2 and 3 died with their server; the one of the end came from the next leader."""
    stream = Stream(1)
    feed = feed_of(stream, is_clustered=True)
    end = Stored("fleet.v1.event.d1.closed", 4, b"{}")
    async with aclosing(feed.messages()) as messages:
        assert (await anext(messages)).sequence == 1
        stream.stored += [stored(2), stored(3), end]
        feed.on_notice(notice(end))
        assert [(await anext(messages)).sequence for _ in range(3)] == [2, 3, 4]


async def test_a_refusal_ends_the_feed_with_its_reason() -> None:
    feed = feed_of(Stream())
    feed.refused(RecordDeniedError("these NATS credentials may not subscribe it"))
    with pytest.raises(RecordDeniedError, match="may not subscribe"):
        await take(feed, 1)


async def _next(messages: AsyncIterator[Stored]) -> Stored:
    return await anext(messages)
