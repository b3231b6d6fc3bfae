"""The record in the memory of one process: the twin of the one on NATS, with the same promises while it lives."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from swe_ai_fleet.domain.events import Closed, Event
from swe_ai_fleet.domain.reliability import ReliabilityBook
from swe_ai_fleet.errors import RecordConflictError, RecordNotFoundError
from swe_ai_fleet.messaging.in_memory_queue import InMemoryCommandQueue, InMemoryDeadLetters
from swe_ai_fleet.messaging.streams import ACK_WAIT_S, MAX_DELIVER
from swe_ai_fleet.messaging.subjects import event_subject, events_of, reliability_subject
from swe_ai_fleet.ports.record import Published, Record, Snapshot


class InMemoryEventLog:
    """An event log that ends with its process."""

    def __init__(self) -> None:
        """Empty."""
        self._events: dict[str, list[Event]] = defaultdict(list)
        self._stored: dict[str, tuple[int, Event]] = {}
        self._followers: dict[str, list[asyncio.Queue[Event]]] = defaultdict(list)

    async def publish(self, event: Event) -> Published:
        """Store it and tell the followers; one event for each key."""
        subject = event_subject(event)
        if subject in self._stored:
            return self._again(event, subject)
        self._stored[subject] = (len(self._stored) + 1, event)
        self._events[event.deliberation_id].append(event)
        for follower in self._followers[event.deliberation_id]:
            follower.put_nowait(event)
        return Published(sequence=len(self._stored))

    def _again(self, event: Event, subject: str) -> Published:
        sequence, first = self._stored[subject]
        if isinstance(event, Closed) and event != first:
            raise RecordConflictError(f"{event.deliberation_id} was closed before, with another result")
        return Published(sequence=sequence, duplicate=True)

    async def history(self, deliberation_id: str) -> Sequence[Event]:
        """All events of one deliberation in stream order."""
        events_of(deliberation_id)
        return tuple(self._events.get(deliberation_id, ()))

    @asynccontextmanager
    async def follow(
        self, deliberation_id: str, *, is_new: bool = False
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """History, then live; ends after ``closed``. The history costs nothing here, so it is told to all."""
        del is_new
        inbox: asyncio.Queue[Event] = asyncio.Queue()
        for event in await self.history(deliberation_id):
            inbox.put_nowait(event)
        self._followers[deliberation_id].append(inbox)
        try:
            yield _until_closed(inbox)
        finally:
            self._followers[deliberation_id].remove(inbox)


async def _until_closed(inbox: asyncio.Queue[Event]) -> AsyncIterator[Event]:
    while True:
        event = await inbox.get()
        yield event
        if isinstance(event, Closed):
            return


class InMemorySnapshotStore:
    """Snapshots that end with their process."""

    def __init__(self) -> None:
        """Empty."""
        self._snapshots: dict[str, Snapshot] = {}

    async def put(self, snapshot: Snapshot) -> None:
        """Store it unless a later one is there."""
        events_of(snapshot.deliberation_id)
        there = self._snapshots.get(snapshot.deliberation_id)
        if there is None or there.updated <= snapshot.updated:
            self._snapshots[snapshot.deliberation_id] = snapshot

    async def get(self, deliberation_id: str) -> Snapshot | None:
        """The latest, or None."""
        return self._snapshots.get(deliberation_id)

    async def list(self, *, limit: int = 100) -> Sequence[Snapshot]:
        """The most recently updated first."""
        newest = sorted(self._snapshots.values(), key=lambda s: (s.updated, s.deliberation_id), reverse=True)
        return newest[:limit]


class InMemoryReliabilityBooks:
    """Books that end with their process."""

    def __init__(self) -> None:
        """Empty."""
        self._books: dict[str, ReliabilityBook] = {}

    async def get(self, task_class: str) -> ReliabilityBook:
        """The latest, or an empty one."""
        reliability_subject(task_class)
        return self._books.get(task_class) or ReliabilityBook(task_class=task_class)

    async def change(
        self, task_class: str, change: Callable[[ReliabilityBook], ReliabilityBook]
    ) -> ReliabilityBook:
        """Put the changed book in the place of the latest."""
        self._books[task_class] = change(await self.get(task_class))
        return self._books[task_class]


class InMemoryBlobStore:
    """Content that ends with its process."""

    def __init__(self) -> None:
        """Empty."""
        self._blobs: dict[str, bytes] = {}

    async def put(self, content: bytes) -> str:
        """Store it under its sha256."""
        digest = hashlib.sha256(content).hexdigest()
        self._blobs[digest] = content
        return digest

    async def get(self, sha256: str) -> bytes:
        """The content of that digest."""
        if sha256 not in self._blobs:
            raise RecordNotFoundError(f"there is no blob {sha256} on the record")
        return self._blobs[sha256]


@asynccontextmanager
async def open_in_memory_record(
    *, ack_wait_s: float = ACK_WAIT_S, max_deliver: int = MAX_DELIVER
) -> AsyncIterator[Record]:
    """A fresh record, gone when it is left.

    Args:
        ack_wait_s: a command that is neither settled nor reported in progress for so long is handed out again.
        max_deliver: a command that was handed out so often becomes a dead letter.
    """
    letters = InMemoryDeadLetters()
    queue = InMemoryCommandQueue(letters, ack_wait_s=ack_wait_s, max_deliver=max_deliver)
    yield Record(
        events=InMemoryEventLog(),
        snapshots=InMemorySnapshotStore(),
        reliability=InMemoryReliabilityBooks(),
        blobs=InMemoryBlobStore(),
        commands=queue,
        dead_letters=letters,
    )
