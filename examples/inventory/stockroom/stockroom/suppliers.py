"""Who sells the goods, how fast and at what price."""

from dataclasses import dataclass, field
from datetime import date

from stockroom.calendars import WorkingDays


@dataclass(frozen=True)
class PriceBreak:
    """From ``quantity`` units on, one unit costs ``cents``."""

    quantity: int
    cents: int


@dataclass(frozen=True)
class Supplier:
    """One supplier; prices are given per item, the smallest quantity first."""

    name: str
    lead_days: int
    minimum_cents: int = 0
    prices: dict[str, tuple[PriceBreak, ...]] = field(default_factory=dict)

    def unit_price(self, sku: str, quantity: int) -> int:
        """Cents for one unit when that many are bought at once."""
        if sku not in self.prices:
            raise LookupError(f"{self.name} does not sell {sku}")
        price = self.prices[sku][0].cents
        for step in self.prices[sku]:
            if quantity >= step.quantity:
                price = step.cents
        return price

    def delivery(self, ordered: date, working_days: WorkingDays) -> date:
        """When goods that are ordered on a day arrive."""
        return working_days.after(ordered, self.lead_days)
