"""Dead letters on JetStream: one message for each command that was given up, one more for each that went back."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import ValidationError

from swe_ai_fleet.errors import RecordNotFoundError, RecordUnavailableError
from swe_ai_fleet.messaging.nats_publisher import NatsPublisher, Outgoing
from swe_ai_fleet.messaging.nats_requests import JetStreamApi, Stored
from swe_ai_fleet.messaging.streams import DEAD_LETTERS
from swe_ai_fleet.messaging.subjects import ALL_DEAD_LETTERS, dead_letter_id, dead_letter_subject, retry_id
from swe_ai_fleet.ports.record import DeadLetter, Published

_LOOK_S = 1.0


class NatsDeadLetters:
    """The letters of all workers; ``letter_id`` is the letter's place in the stream."""

    def __init__(self, api: JetStreamApi, publisher: NatsPublisher) -> None:
        """Nothing is read yet."""
        self._api = api
        self._publisher = publisher

    async def add(self, letter: DeadLetter) -> None:
        """Keep one; the same command again is a duplicate."""
        await self._publish(
            letter,
            letter.model_dump_json(exclude={"letter_id", "retried"}).encode(),
            dead_letter_id(letter.stream, letter.sequence),
        )

    async def list(self, *, limit: int = 100) -> Sequence[DeadLetter]:
        """The latest first."""
        letters: dict[str, DeadLetter] = {}
        async for stored in self._api.read(DEAD_LETTERS, ALL_DEAD_LETTERS):
            _take(stored, letters)
        return list(reversed(letters.values()))[:limit]

    async def wait(self, deliberation_id: str) -> DeadLetter:
        """The latest that was not put back, looked for every second; only what is new is read."""
        letters: dict[str, DeadLetter] = {}
        start = 1
        while True:
            with suppress(RecordUnavailableError):
                async for stored in self._api.read(DEAD_LETTERS, ALL_DEAD_LETTERS, start=start):
                    start = stored.sequence + 1
                    _take(stored, letters)
            for letter in reversed(letters.values()):
                if letter.deliberation_id == deliberation_id and letter.retried is None:
                    return letter
            await asyncio.sleep(_LOOK_S)

    async def get(self, letter_id: str) -> DeadLetter:
        """One of them."""
        for letter in await self.list(limit=2**31):
            if letter.letter_id == letter_id:
                return letter
        raise RecordNotFoundError(f"there is no dead letter {letter_id} on the record")

    async def retry(self, letter_id: str) -> Published:
        """Put its command back on the queue, once."""
        letter = await self.get(letter_id)
        published = await self._publisher.publish(
            Outgoing(subject=letter.subject, payload=letter.payload.encode(), message_id=retry_id(letter_id))
        )
        mark = {"retried_letter": letter_id, "time": datetime.now(UTC).isoformat()}
        await self._publish(letter, json.dumps(mark).encode(), f"{retry_id(letter_id)}:mark")
        return published

    async def _publish(self, letter: DeadLetter, payload: bytes, identity: str) -> None:
        subject = dead_letter_subject(letter.stream, letter.consumer)
        await self._publisher.publish(Outgoing(subject=subject, payload=payload, message_id=identity))


def _take(stored: Stored, letters: dict[str, DeadLetter]) -> None:
    """Add a letter, or what became of one."""
    mark = _mark(stored)
    if mark is None:
        letter = _letter(stored)
        if letter is not None:
            letters[letter.letter_id] = letter
    elif mark[0] in letters:
        letters[mark[0]] = letters[mark[0]].model_copy(update={"retried": mark[1]})


def _mark(stored: Stored) -> tuple[str, datetime] | None:
    """Which letter was put back, and when; None for a letter."""
    try:
        content = json.loads(stored.payload)
        return str(content["retried_letter"]), datetime.fromisoformat(content["time"])
    except (ValueError, KeyError, TypeError):
        return None


def _letter(stored: Stored) -> DeadLetter | None:
    """None for a message that is not ours."""
    try:
        content = {**json.loads(stored.payload), "letter_id": str(stored.sequence)}
        return DeadLetter.model_validate(content)
    except (ValueError, TypeError, ValidationError):
        return None
