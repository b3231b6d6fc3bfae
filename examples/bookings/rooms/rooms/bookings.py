"""Bookings, in minutes since midnight; the end is the first minute that is free again."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Booking:
    """One room, taken from ``start`` to just before ``end``."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < self.end <= 24 * 60:
            raise ValueError(f"a booking lies within one day and takes time: {self.start} to {self.end}")

    @property
    def minutes(self) -> int:
        """How long it takes."""
        return self.end - self.start


def busy_times(bookings: Iterable[Booking]) -> list[Booking]:
    """When the room is taken: bookings that overlap or touch become one, the earliest first."""
    busy: list[Booking] = []
    for booking in sorted(bookings):
        if busy and booking.start <= busy[-1].end:
            busy[-1] = Booking(busy[-1].start, booking.end)
        else:
            busy.append(booking)
    return busy
