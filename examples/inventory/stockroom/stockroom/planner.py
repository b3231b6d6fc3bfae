"""What to buy today, and from whom."""

from dataclasses import dataclass
from datetime import date

from stockroom.items import Item
from stockroom.ledger import last_days, sold_per_day
from stockroom.levels import Levels, levels
from stockroom.purchasing import whole_packs
from stockroom.suppliers import Supplier
from stockroom.warehouse import Warehouse

HISTORY_DAYS = 28


@dataclass(frozen=True)
class PlannedLine:
    """Units of one item to buy."""

    item: Item
    quantity: int
    unit_cents: int

    @property
    def cents(self) -> int:
        """What the line costs."""
        return self.quantity * self.unit_cents


@dataclass(frozen=True)
class PlannedOrder:
    """Everything to buy from one supplier today."""

    supplier: Supplier
    arrives: date
    lines: tuple[PlannedLine, ...]

    @property
    def total_cents(self) -> int:
        """What the order costs."""
        return sum(line.cents for line in self.lines)

    @property
    def reaches_minimum(self) -> bool:
        """Whether the supplier takes an order of this size."""
        return self.total_cents >= self.supplier.minimum_cents


def item_levels(warehouse: Warehouse, item: Item, on: date) -> Levels:
    """The levels of an item, from what it sold in the last four weeks."""
    first, last = last_days(on, HISTORY_DAYS)
    arrives = warehouse.suppliers[item.supplier].delivery(on, warehouse.working_days)
    return levels(
        sold_per_day(warehouse.movements, item.sku, first, last),
        delivery_days=(arrives - on).days,
        cover_days=item.cover_days,
    )


def quantity_to_buy(warehouse: Warehouse, item: Item, on: date) -> int:
    """Units to buy today, in whole packs; 0 while the position is above the reorder point."""
    wanted = item_levels(warehouse, item, on)
    position = warehouse.position(item.sku, on)
    if position > wanted.reorder_point:
        return 0
    return whole_packs(wanted.target - position, item.pack)


def plan(warehouse: Warehouse, on: date) -> list[PlannedOrder]:
    """Today's orders, by the supplier's name; items by their number."""
    lines: dict[str, list[PlannedLine]] = {}
    for sku in sorted(warehouse.items):
        item = warehouse.items[sku]
        quantity = quantity_to_buy(warehouse, item, on)
        if quantity > 0:
            price = warehouse.suppliers[item.supplier].unit_price(sku, quantity)
            lines.setdefault(item.supplier, []).append(PlannedLine(item, quantity, price))
    orders = []
    for name in sorted(lines):
        supplier = warehouse.suppliers[name]
        arrives = supplier.delivery(on, warehouse.working_days)
        orders.append(PlannedOrder(supplier, arrives, tuple(lines[name])))
    return orders
