"""Reliability books in a NATS key-value bucket, written with compare-and-set."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from pydantic import ValidationError

from swe_ai_fleet.domain.reliability import ReliabilityBook
from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing, SubjectTakenError
from swe_ai_fleet.messaging.nats_requests import JetStreamApi
from swe_ai_fleet.messaging.streams import RELIABILITY
from swe_ai_fleet.messaging.subjects import reliability_subject

_TRIES = 20
_PAUSE_S = 0.05
_FRESH_S = 2.0
_REMEMBERED = 1000


class NatsReliabilityBooks:
    """One key for each class of tasks."""

    def __init__(self, api: JetStreamApi, publisher: NatsPublisher) -> None:
        """Nothing is read yet."""
        self._api = api
        self._publisher = publisher
        self._read: dict[str, tuple[float, ReliabilityBook]] = {}

    async def get(self, task_class: str) -> ReliabilityBook:
        """The latest, or an empty one; read at most every two seconds, for every deliberation asks."""
        now = asyncio.get_running_loop().time()
        read_at, book = self._read.get(task_class, (-_FRESH_S, ReliabilityBook(task_class=task_class)))
        if now - read_at < _FRESH_S:
            return book
        return (await self._latest(task_class))[1]

    async def change(
        self, task_class: str, change: Callable[[ReliabilityBook], ReliabilityBook]
    ) -> ReliabilityBook:
        """Read, change and write, again where somebody else wrote in between."""
        subject = reliability_subject(task_class)
        for _ in range(_TRIES):
            revision, book = await self._latest(task_class)
            changed = change(book)
            if changed == book:
                return book
            payload = changed.model_dump_json().encode()
            try:
                await self._publisher.publish(Outgoing(subject=subject, payload=payload, after=revision))
            except SubjectTakenError:
                await asyncio.sleep(_PAUSE_S)  # a replica that answers may be behind its leader
            else:
                self._remember(changed)
                return changed
        raise RecordUnavailableError(f"the reliability book of {task_class} changes too fast")

    async def _latest(self, task_class: str) -> tuple[int, ReliabilityBook]:
        stored = await self._api.last(RELIABILITY, reliability_subject(task_class))
        book = ReliabilityBook(task_class=task_class)
        if stored is not None:
            with suppress(ValidationError):  # deleted, or not ours
                book = ReliabilityBook.model_validate_json(stored.payload)
        self._remember(book)
        return 0 if stored is None else stored.sequence, book

    def _remember(self, book: ReliabilityBook) -> None:
        if len(self._read) >= _REMEMBERED:
            self._read.clear()
        self._read[book.task_class] = (asyncio.get_running_loop().time(), book)
