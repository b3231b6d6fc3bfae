import pytest

from rooms.bookings import Booking, busy_times
from rooms.free import first_free, free_times

NINE, TEN, ELEVEN, NOON, FIVE = 540, 600, 660, 720, 1020


def test_separate_bookings_stay_separate():
    assert busy_times([Booking(ELEVEN, NOON), Booking(NINE, TEN)]) == [Booking(NINE, TEN), Booking(ELEVEN, NOON)]


def test_bookings_that_touch_become_one():
    assert busy_times([Booking(NINE, TEN), Booking(TEN, ELEVEN)]) == [Booking(NINE, ELEVEN)]


def test_bookings_that_overlap_become_one():
    assert busy_times([Booking(NINE, ELEVEN), Booking(TEN, NOON)]) == [Booking(NINE, NOON)]


@pytest.mark.parametrize(("start", "end"), [(TEN, NINE), (TEN, TEN), (-1, NINE), (NINE, 1441)])
def test_a_booking_takes_time_within_one_day(start, end):
    with pytest.raises(ValueError, match="within one day"):
        Booking(start, end)


def test_a_day_without_bookings_is_free():
    assert free_times([], NINE, FIVE) == [Booking(NINE, FIVE)]


def test_a_booking_that_began_before_opening_counts():
    assert free_times([Booking(480, TEN)], NINE, FIVE) == [Booking(TEN, FIVE)]


def test_bookings_after_closing_do_not_matter():
    assert free_times([Booking(FIVE, 1080)], NINE, FIVE) == [Booking(NINE, FIVE)]


def test_the_room_is_taken_while_the_longer_booking_runs():
    day = [Booking(NINE, NOON), Booking(TEN, ELEVEN)]
    assert first_free(day, NINE, FIVE, 30) == Booking(NOON, 750)


def test_nothing_free_is_said():
    assert first_free([Booking(NINE, 1000)], NINE, FIVE, 60) is None
