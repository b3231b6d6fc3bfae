"""The clock of this machine."""

from datetime import UTC, datetime


class SystemClock:
    """A :class:`~swe_ai_fleet.ports.clock.Clock` that every process can make for itself."""

    def now(self) -> datetime:
        """The present moment, UTC."""
        return datetime.now(UTC)
