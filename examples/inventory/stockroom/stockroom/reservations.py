"""Goods that are held for a customer."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Reservation:
    """Units of one item, held for one customer from the day it was made to the end of its last day."""

    customer: str
    sku: str
    quantity: int
    made: date
    last_day: date
    collected: bool = False

    def holds(self, on: date) -> bool:
        """Whether the goods are still held on that day."""
        return not self.collected and self.made <= on < self.last_day


def reserved(reservations: Iterable[Reservation], sku: str, on: date) -> int:
    """Units of an item that are held on that day."""
    return sum(entry.quantity for entry in reservations if entry.sku == sku and entry.holds(on))


def by_customer(reservations: Iterable[Reservation], on: date) -> dict[str, int]:
    """Units held on that day for each customer who has any."""
    held: dict[str, int] = {}
    for entry in reservations:
        if entry.holds(on):
            held[entry.customer] = held.get(entry.customer, 0) + entry.quantity
    return held
