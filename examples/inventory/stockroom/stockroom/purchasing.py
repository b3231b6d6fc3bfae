"""Purchase orders that are under way, and how many packs to buy."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class PurchaseLine:
    """Units of one item that were ordered, and how many of them have arrived."""

    order: str
    sku: str
    ordered: int
    received: int = 0
    cancelled: bool = False

    @property
    def outstanding(self) -> int:
        """Units still to come; a supplier who sent too many owes nothing."""
        return 0 if self.cancelled else max(self.ordered - self.received, 0)


def on_order(lines: Iterable[PurchaseLine], sku: str) -> int:
    """Units of an item that are still to come."""
    return sum(line.outstanding for line in lines if line.sku == sku)


def whole_packs(quantity: int, pack: int) -> int:
    """The least number of units in whole packs that covers ``quantity``."""
    packs, rest = divmod(quantity, pack)
    if rest:
        packs += 1
    return packs * pack
