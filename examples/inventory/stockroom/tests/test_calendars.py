from datetime import date

import pytest

from stockroom.calendars import WorkingDays

FRIDAY, SATURDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)


def test_nobody_works_on_a_holiday():
    assert WorkingDays().works(FRIDAY)
    assert not WorkingDays([FRIDAY]).works(FRIDAY)


@pytest.mark.parametrize(
    ("start", "count", "end"),
    [
        (FRIDAY, 0, FRIDAY),
        (SATURDAY, 0, MONDAY),
        (FRIDAY, 1, MONDAY),
        (FRIDAY, 5, date(2026, 3, 13)),
        (SATURDAY, 1, date(2026, 3, 10)),
    ],
)
def test_working_days_skip_the_weekend(start, count, end):
    assert WorkingDays().after(start, count) == end


def test_working_days_skip_holidays():
    assert WorkingDays([MONDAY]).after(FRIDAY, 1) == date(2026, 3, 10)
