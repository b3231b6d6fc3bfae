"""Movements of goods, and what is on hand because of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum


class Kind(Enum):
    """Why goods moved."""

    RECEIPT = "receipt"
    SALE = "sale"
    RETURN = "return"
    WRITE_OFF = "write_off"


INWARD = {Kind.RECEIPT, Kind.RETURN}


@dataclass(frozen=True)
class Movement:
    """Some units of one item came or went; ``quantity`` is never negative."""

    day: date
    sku: str
    kind: Kind
    quantity: int

    @property
    def change(self) -> int:
        """How many more units there are afterwards."""
        return self.quantity if self.kind in INWARD else -self.quantity


def on_hand(movements: Iterable[Movement], sku: str, on: date) -> int:
    """Units in the warehouse at the end of that day."""
    return sum(move.change for move in movements if move.sku == sku and move.day <= on)


def sold_per_day(movements: Iterable[Movement], sku: str, first: date, last: date) -> list[int]:
    """Units sold on each day from ``first`` to ``last``, both included; days without a sale are 0."""
    days = (last - first).days + 1
    sold = [0] * max(days, 0)
    for move in movements:
        if move.sku == sku and move.kind is Kind.SALE and first <= move.day <= last:
            sold[(move.day - first).days] += move.quantity
    return sold


def last_days(on: date, count: int) -> tuple[date, date]:
    """First and last of the ``count`` days that end with ``on``."""
    return on - timedelta(days=count - 1), on
