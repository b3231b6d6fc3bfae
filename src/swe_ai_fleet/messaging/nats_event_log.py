"""The event log on JetStream.

Every key of an event has its own subject, and the server is told with each publish that the subject must be empty:
however late a repeat comes, it is stored once. Readers take messages by subject, without a consumer; followers
listen to the server's own notice of what it has stored, which costs one core subscription.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import structlog

from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.errors import RecordConflictError, RecordError, RecordUnavailableError
from swe_ai_fleet.messaging.envelope import (
    MAX_INLINE_BYTES,
    decode_event,
    encode_data,
    encode_event,
    encode_reference,
    read_envelope,
    reference_of,
)
from swe_ai_fleet.messaging.nats_follow import Feed
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing, SubjectTakenError
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, Stored
from swe_ai_fleet.messaging.streams import EVENTS
from swe_ai_fleet.messaging.subjects import event_subject, events_of, message_id, stored_events_of
from swe_ai_fleet.ports.record import BlobStore, Published

_log = structlog.get_logger()
_STALE_TRIES = 20
_STALE_PAUSE_S = 0.1
_OWN_BYTES = 16 * 1024**2
"""What is kept, encoded, of this process's events until its followers have seen them; none larger than below."""
_OWN_EVENT_BYTES = 16 * 1024


class NatsEventLog:
    """All deliberations' events in one stream."""

    def __init__(
        self, api: JetStreamApi, publisher: NatsPublisher, blobs: BlobStore, *, is_clustered: bool
    ) -> None:
        """``is_clustered``: a server that dies can take a notice with it, so followers look twice before the end."""
        self._api = api
        self._publisher = publisher
        self._blobs = blobs
        self._is_clustered = is_clustered
        self._followed: Counter[str] = Counter()
        self._own: OrderedDict[str, tuple[bytes, Event]] = OrderedDict()
        self._own_bytes = 0

    async def publish(self, event: Event) -> Published:
        """Store one event, once for each key."""
        subject, payload = event_subject(event), await self._message(event)
        message = Outgoing(subject=subject, payload=payload, message_id=message_id(event), after=0)
        if event.deliberation_id in self._followed:
            self._remember(subject, payload, event)
        for _ in range(_STALE_TRIES):
            try:
                stored = await self._publisher.publish(message)
            except SubjectTakenError as taken:
                sequence = taken.sequence
            else:
                if not stored.duplicate:
                    return stored
                sequence = stored.sequence
            before = await self._before(event, message, sequence)
            if before is not None:
                return before
            await asyncio.sleep(_STALE_PAUSE_S)
        raise RecordUnavailableError(f"{message.subject} is taken, but no server shows by what")

    def _remember(self, subject: str, payload: bytes, event: Event) -> None:
        """A follower in this process will see it come back, and need not decode it."""
        if len(payload) > _OWN_EVENT_BYTES or subject in self._own:
            return
        self._own[subject] = (payload, event)
        self._own_bytes += len(payload)
        while self._own_bytes > _OWN_BYTES:
            _, (oldest, _) = self._own.popitem(last=False)
            self._own_bytes -= len(oldest)

    def _recalled(self, stored: Stored) -> Event | None:
        """What this process itself has sent, where it came back unchanged; forgotten with its last follower."""
        payload, own = self._own.get(stored.subject, (None, None))
        if own is None or payload != stored.payload:
            return None
        if self._followed[own.deliberation_id] == 1:
            del self._own[stored.subject]
            self._own_bytes -= len(stored.payload)
        return own

    async def _before(self, event: Event, message: Outgoing, sequence: int) -> Published | None:
        """What is on the subject already; None while a cluster has not agreed on it, or the answer is behind.

        For the end of a deliberation it is ours, after a lost acknowledgement, or somebody else's: that the server
        calls it a duplicate only says that the ids are equal.
        """
        if not isinstance(event, Closed):
            return Published(sequence=sequence, duplicate=True) if sequence else None
        there = await self._api.last(EVENTS, message.subject)
        if there is None:
            return None
        if there.payload != message.payload:
            raise RecordConflictError(f"{message.subject} is on the record already, with another result")
        return Published(sequence=there.sequence, duplicate=True)

    async def _message(self, event: Event) -> bytes:
        data = encode_data(event)
        if len(data) <= MAX_INLINE_BYTES:
            return encode_event(event, data)
        return encode_reference(event, await self._blobs.put(data))

    async def history(self, deliberation_id: str) -> Sequence[Event]:
        """All events of one deliberation in stream order."""
        subject = events_of(deliberation_id)
        events = [await self._event(stored) async for stored in self._api.read(EVENTS, subject)]
        return [event for event in events if event is not None]

    @asynccontextmanager
    async def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """History, then live; ends after ``closed``."""
        api = self._api
        feed = Feed(
            api.read,
            api.connection.wait_up,
            events_of(deliberation_id),
            is_clustered=self._is_clustered,
            is_new=is_new,
        )
        subject = stored_events_of(deliberation_id)
        self._followed[deliberation_id] += 1
        try:
            async with (
                self._api.connection.subscribed(subject, feed.on_notice, feed),
                aclosing(self._events(feed)) as events,
            ):
                yield events
        finally:
            self._followed[deliberation_id] -= 1
            if not self._followed[deliberation_id]:
                del self._followed[deliberation_id]

    async def _events(self, feed: Feed) -> AsyncGenerator[Event, None]:
        async with aclosing(feed.messages()) as messages:
            async for stored in messages:
                event = await self._resolved(stored)
                if event is None:
                    continue
                yield event
                if isinstance(event, Closed):
                    return

    async def _resolved(self, stored: Stored) -> Event | None:
        """The event of a message, tried until the store of large payloads answers."""
        if (own := self._recalled(stored)) is not None:
            return own
        while True:
            try:
                return await self._event(stored)
            except RecordUnavailableError:
                await asyncio.sleep(_STALE_PAUSE_S)
                await self._api.connection.wait_up()

    async def _event(self, stored: Stored) -> Event | None:
        """The event of a message; None where it says nothing to this version, or is broken."""
        try:
            envelope = read_envelope(stored.payload)
            reference = reference_of(envelope)
            data = None if reference is None else await self._blobs.get(reference)
            return decode_event(envelope, data)
        except RecordUnavailableError:
            raise
        except RecordError as error:
            _log.warning("record.event_unreadable", sequence=stored.sequence, error=str(error))
            return None
