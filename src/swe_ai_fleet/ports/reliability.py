"""What is known of how often agents and judges have been right."""

from collections.abc import Callable
from typing import Protocol

from swe_ai_fleet.domain.reliability import ReliabilityBook


class ReliabilityBooks(Protocol):
    """One book for each class of tasks, written with compare-and-set."""

    async def get(self, task_class: str) -> ReliabilityBook:
        """The book, empty where nothing has been reported yet; what others wrote may be missing for two seconds.

        Raises:
            RecordError: the store does not answer, or these credentials may not read it.
        """
        ...

    async def change(
        self, task_class: str, change: Callable[[ReliabilityBook], ReliabilityBook]
    ) -> ReliabilityBook:
        """Put what ``change`` makes of the latest book in its place, and return it.

        ``change`` is called again where somebody else was faster; where it gives back what it was given, nothing is
        written.

        Raises:
            RecordError: the store does not take it.
        """
        ...
