"""Following one deliberation: what is stored, then what the server says it stores, without a gap between them.

The subscription is there before the history is read, so every event is in one of the two. A notice can still be lost:
with a connection that breaks, with a client that falls behind, or with a server of a cluster that dies between storing
and telling. The first two are noticed and the stream is read again from where this follower stands; against the third
it is also read after a while without news, and before the end.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Protocol

from swe_ai_fleet.errors import RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_client import Incoming
from swe_ai_fleet.messaging.nats_requests import Stored
from swe_ai_fleet.messaging.streams import EVENTS

_QUIET_TICKS = 2
"""Seconds without news after which the stream of a cluster is read again, at first; they double up to the longest."""
_CALM_TICKS = 8
"""The same where one server stores and tells: thousands of followers wait for slow models at the same time."""
_LONGEST_QUIET_TICKS = 32
_PAUSE_S = 0.2
_STALE_TRIES = 25
"""How often a replica that is behind its leader is asked again."""


class Read(Protocol):
    """Reads a stream by subject; see :meth:`~swe_ai_fleet.messaging.nats_requests.JetStreamApi.read`."""

    def __call__(self, stream: str, subject: str, *, start: int = 1) -> AsyncIterator[Stored]:
        """Messages from sequence ``start``."""
        ...


WaitUp = Callable[[], Awaitable[None]]


class Feed:
    """The messages of one subject pattern, each once, in stream order."""

    def __init__(
        self, read: Read, wait_up: WaitUp, subject: str, *, is_clustered: bool, is_new: bool = False
    ) -> None:
        """``subject`` is the pattern as it stands in the stream; ``wait_up`` returns when there is a connection.

        ``is_new``: whoever follows publishes the first message after it subscribed, over the same connection.
        """
        self._read = read
        self._wait_up = wait_up
        self._subject = subject
        self._is_clustered = is_clustered
        self._starts_empty = is_new and not is_clustered
        self._inbox: asyncio.Queue[Stored | RecordError | None] = asyncio.Queue()
        self._seen: set[int] = set()
        self._last = 0
        self._ticks = 0
        self._first_patience = _QUIET_TICKS if is_clustered else _CALM_TICKS
        self._patience = self._first_patience

    def on_notice(self, message: Incoming) -> None:
        """Take what the server has stored."""
        sequence, subject = message.header("Nats-Sequence"), message.header("Nats-Subject")
        if sequence is not None and subject is not None and sequence.isdigit():
            self._inbox.put_nowait(Stored(subject, int(sequence), message.payload))

    def lost(self) -> None:
        """Read the stream again."""
        self._inbox.put_nowait(None)

    def refused(self, error: RecordError) -> None:
        """End with this error."""
        self._inbox.put_nowait(error)

    async def messages(self) -> AsyncGenerator[Stored, None]:
        """Without end.

        Raises:
            RecordDeniedError: these credentials may not follow.
        """
        if not self._starts_empty:
            async for stored in self._unread():
                yield stored
        while True:
            news = await self._news()
            if news is None or self._is_end_of_clustered(news):
                async for stored in self._unread(upto=0 if news is None else news.sequence):
                    yield stored
            if news is not None and self._is_new(news):
                yield news

    async def _news(self) -> Stored | None:
        """The next notice; None when the stream has to be read."""
        news = await self._inbox.get()
        self._ticks = 0
        if isinstance(news, RecordError):
            raise news
        if news is not None:
            self._patience = self._first_patience
        return news

    def tick(self) -> None:
        """Read the stream again after a while without news, and then after twice as long."""
        self._ticks += 1
        if self._ticks >= self._patience and self._inbox.empty():
            self._patience = min(2 * self._patience, _LONGEST_QUIET_TICKS)
            self._inbox.put_nowait(None)

    def _is_end_of_clustered(self, news: Stored) -> bool:
        return self._is_clustered and news.subject.endswith(".closed")

    async def _unread(self, *, upto: int = 0) -> AsyncIterator[Stored]:
        """What the stream holds beyond what was given, tried until a server answers that knows message ``upto``."""
        tries = 0
        while True:
            tries += 1
            try:
                start = 1 if self._is_clustered else self._last + 1
                async for stored in self._read(EVENTS, self._subject, start=start):
                    if self._is_new(stored):
                        yield stored
            except RecordUnavailableError:
                await asyncio.sleep(_PAUSE_S)
                await self._wait_up()
                continue
            if self._last >= upto or tries >= _STALE_TRIES:
                return
            await asyncio.sleep(_PAUSE_S)

    def _is_new(self, stored: Stored) -> bool:
        if stored.sequence in self._seen:
            return False
        self._seen.add(stored.sequence)
        self._last = max(self._last, stored.sequence)
        return True
