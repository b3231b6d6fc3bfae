"""What the agents of one council tell each other while they are at work."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from swe_ai_fleet.domain.lesson import Lesson


class Findings(Protocol):
    """One agent's way to teach its peers and to learn from them. Only a help: no answer may depend on it."""

    async def share(self, lesson: Lesson) -> None:
        """Put what was learnt on the record; the first lesson of an agent and round counts.

        Raises:
            RecordError: it could not be recorded.
        """
        ...

    def of_peers(self) -> AbstractAsyncContextManager[AsyncIterator[Lesson]]:
        """What peers have shared in this round and go on to share, each lesson once.

        Ends when every peer has shared, answered or failed, or the deliberation is closed.

        Raises:
            RecordError: the record cannot be followed.
        """
        ...
