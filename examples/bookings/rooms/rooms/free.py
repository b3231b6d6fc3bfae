"""Free time between bookings."""

from collections.abc import Iterable

from rooms.bookings import Booking, busy_times


def free_times(bookings: Iterable[Booking], opens: int, closes: int) -> list[Booking]:
    """When the room is free while the house is open, the earliest first."""
    free = []
    now = opens
    for taken in busy_times(bookings):
        if taken.start >= closes:
            break
        if taken.start > now:
            free.append(Booking(now, taken.start))
        now = max(now, taken.end)
    if now < closes:
        free.append(Booking(now, closes))
    return free


def first_free(bookings: Iterable[Booking], opens: int, closes: int, minutes: int) -> Booking | None:
    """The earliest free time of that length, or None."""
    for gap in free_times(bookings, opens, closes):
        if gap.minutes >= minutes:
            return Booking(gap.start, gap.start + minutes)
    return None
