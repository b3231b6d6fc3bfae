"""What the warehouse keeps."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Item:
    """One kind of goods.

    ``pack`` is the number of units in the supplier's smallest pack; ``cover_days`` is how many days of demand an
    order should last beyond the delivery.
    """

    sku: str
    name: str
    supplier: str
    pack: int = 1
    cover_days: int = 14

    def __post_init__(self) -> None:
        if self.pack < 1:
            raise ValueError(f"{self.sku}: a pack holds at least one unit, not {self.pack}")
        if self.cover_days < 1:
            raise ValueError(f"{self.sku}: an order lasts at least one day, not {self.cover_days}")


def by_sku(items: list[Item]) -> dict[str, Item]:
    """Items by their number; a number that is given twice is an error."""
    found: dict[str, Item] = {}
    for item in items:
        if item.sku in found:
            raise ValueError(f"{item.sku} is given twice")
        found[item.sku] = item
    return found
