"""Reliability books in a NATS key-value bucket, written with compare-and-set."""

import asyncio
from collections.abc import Callable

from pydantic import ValidationError

from swe_ai_fleet.domain.reliability import ReliabilityBook
from swe_ai_fleet.errors import RecordUnavailableError
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing, SubjectTakenError
from swe_ai_fleet.messaging.nats_requests import JetStreamApi
from swe_ai_fleet.messaging.streams import RELIABILITY
from swe_ai_fleet.messaging.subjects import reliability_subject

_TRIES = 20
_PAUSE_S = 0.05


class NatsReliabilityBooks:
    """One key for each class of tasks."""

    def __init__(self, api: JetStreamApi, publisher: NatsPublisher) -> None:
        """Nothing is read yet."""
        self._api = api
        self._publisher = publisher

    async def get(self, task_class: str) -> ReliabilityBook:
        """The latest, or an empty one."""
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
                return changed
        raise RecordUnavailableError(f"the reliability book of {task_class} changes too fast")

    async def _latest(self, task_class: str) -> tuple[int, ReliabilityBook]:
        stored = await self._api.last(RELIABILITY, reliability_subject(task_class))
        empty = ReliabilityBook(task_class=task_class)
        if stored is None:
            return 0, empty
        try:
            return stored.sequence, ReliabilityBook.model_validate_json(stored.payload)
        except ValidationError:  # deleted, or not ours
            return stored.sequence, empty
