"""Event logs on bad days: duplicates, other orders, refusals at chosen moments."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from swe_ai_fleet.domain.events import Event
from swe_ai_fleet.errors import RecordError
from swe_ai_fleet.ports.record import EventLog, Published


class FailingLog:
    """Passes everything on until ``fails`` says otherwise of an event."""

    def __init__(self, inner: EventLog, fails: Callable[[Event], RecordError | None]) -> None:
        self._inner = inner
        self._fails = fails

    async def publish(self, event: Event) -> Published:
        if (error := self._fails(event)) is not None:
            raise error
        return await self._inner.publish(event)

    async def history(self, deliberation_id: str) -> Sequence[Event]:
        return await self._inner.history(deliberation_id)

    @asynccontextmanager
    async def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._inner.follow(deliberation_id) as stream:
            yield stream


class DistantLog(FailingLog):
    """Takes its time to acknowledge."""

    def __init__(self, inner: EventLog, *, seconds: float) -> None:
        super().__init__(inner, lambda _: None)
        self._seconds = seconds

    async def publish(self, event: Event) -> Published:
        published = await super().publish(event)
        await asyncio.sleep(self._seconds)
        return published


class RepeatingLog(FailingLog):
    """Tells every event twice, the second time later, among others."""

    def __init__(self, inner: EventLog, *, seed: int) -> None:
        super().__init__(inner, lambda _: None)
        self._rng = random.Random(seed)

    @asynccontextmanager
    async def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._inner.follow(deliberation_id) as stream:
            yield self._repeated(stream)

    async def _repeated(self, stream: AsyncIterator[Event]) -> AsyncIterator[Event]:
        told: list[Event] = []
        async for event in stream:
            if event.type != "closed" and told:
                yield self._rng.choice(told)
            yield event
            told.append(event)


class BrokenStream(FailingLog):
    """Its stream ends with an error after some events."""

    def __init__(self, inner: EventLog, *, after: int, error: RecordError) -> None:
        super().__init__(inner, lambda _: None)
        self._after = after
        self._error = error

    @asynccontextmanager
    async def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        async with self._inner.follow(deliberation_id) as stream:
            yield self._broken(stream)

    async def _broken(self, stream: AsyncIterator[Event]) -> AsyncIterator[Event]:
        count = 0
        async for event in stream:
            if count == self._after:
                raise self._error
            count += 1
            yield event


class SlowLog(FailingLog):
    """Every acknowledgement takes a while."""

    def __init__(self, inner: EventLog, *, takes_s: float) -> None:
        super().__init__(inner, lambda _: None)
        self._takes_s = takes_s

    async def publish(self, event: Event) -> Published:
        published = await self._inner.publish(event)
        await asyncio.sleep(self._takes_s)
        return published
