"""Everything that is known about one warehouse, and the position of its items."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from stockroom.calendars import WorkingDays
from stockroom.items import Item, by_sku
from stockroom.ledger import Kind, Movement, on_hand
from stockroom.purchasing import PurchaseLine, on_order
from stockroom.reservations import Reservation, reserved
from stockroom.suppliers import PriceBreak, Supplier


@dataclass
class Warehouse:
    """Items, suppliers and what has happened."""

    items: dict[str, Item] = field(default_factory=dict)
    suppliers: dict[str, Supplier] = field(default_factory=dict)
    movements: list[Movement] = field(default_factory=list)
    reservations: list[Reservation] = field(default_factory=list)
    purchases: list[PurchaseLine] = field(default_factory=list)
    working_days: WorkingDays = field(default_factory=WorkingDays)

    def available(self, sku: str, on: date) -> int:
        """Units that can still be promised to a customer on that day."""
        return on_hand(self.movements, sku, on) - reserved(self.reservations, sku, on)

    def position(self, sku: str, on: date) -> int:
        """What is on hand, less what is reserved, plus what is on order."""
        return self.available(sku, on) + on_order(self.purchases, sku)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Warehouse":
        """Read ``items.csv``, ``suppliers.csv``, ``prices.csv`` and ``movements.csv``."""
        root = Path(folder)
        prices: dict[str, dict[str, list[PriceBreak]]] = {}
        for row in _rows(root / "prices.csv"):
            steps = prices.setdefault(row["supplier"], {}).setdefault(row["sku"], [])
            steps.append(PriceBreak(int(row["quantity"]), int(row["cents"])))
        return cls(
            items=by_sku([_item(row) for row in _rows(root / "items.csv")]),
            suppliers={row["name"]: _supplier(row, prices) for row in _rows(root / "suppliers.csv")},
            movements=[_movement(row) for row in _rows(root / "movements.csv")],
        )


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        yield from csv.DictReader(file)


def _item(row: dict[str, str]) -> Item:
    return Item(row["sku"], row["name"], row["supplier"], int(row["pack"]), int(row["cover_days"]))


def _supplier(row: dict[str, str], prices: dict[str, dict[str, list[PriceBreak]]]) -> Supplier:
    own = {sku: tuple(sorted(steps, key=lambda step: step.quantity)) for sku, steps in prices[row["name"]].items()}
    return Supplier(row["name"], int(row["lead_days"]), int(row["minimum_cents"]), own)


def _movement(row: dict[str, str]) -> Movement:
    return Movement(date.fromisoformat(row["day"]), row["sku"], Kind(row["kind"]), int(row["quantity"]))
