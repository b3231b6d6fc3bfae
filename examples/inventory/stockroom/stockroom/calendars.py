"""Working days."""

from collections.abc import Iterable
from datetime import date, timedelta

SATURDAY = 5
ONE_DAY = timedelta(days=1)


class WorkingDays:
    """Monday to Friday, without the holidays."""

    def __init__(self, holidays: Iterable[date] = ()) -> None:
        self.holidays = frozenset(holidays)

    def works(self, day: date) -> bool:
        """Whether somebody works on that day."""
        return day.weekday() < SATURDAY and day not in self.holidays

    def after(self, day: date, count: int) -> date:
        """The day that is ``count`` working days after ``day``; 0 gives ``day`` or the next working day."""
        while not self.works(day):
            day += ONE_DAY
        while count > 0:
            day += ONE_DAY
            if self.works(day):
                count -= 1
        return day
