"""Time, so that tests can own it."""

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Wall-clock time for the record; durations are measured on the event loop's own clock."""

    def now(self) -> datetime:
        """The present moment, UTC, timezone-aware."""
        ...
