from datetime import date, timedelta

import pytest

from stockroom.items import Item
from stockroom.ledger import Kind, Movement
from stockroom.suppliers import PriceBreak, Supplier
from stockroom.warehouse import Warehouse

MONDAY = date(2026, 3, 2)


@pytest.fixture
def monday():
    return MONDAY


@pytest.fixture
def warehouse():
    """Two units of tape sold every day; 80 came in six weeks ago."""
    tape = Item("T1", "packing tape", "Nordpack", pack=6, cover_days=14)
    prices = {"T1": (PriceBreak(1, 250), PriceBreak(36, 220), PriceBreak(72, 190))}
    stock = Warehouse(items={"T1": tape}, suppliers={"Nordpack": Supplier("Nordpack", 3, 5000, prices)})
    start = MONDAY - timedelta(days=27)
    stock.movements.append(Movement(start - timedelta(days=14), "T1", Kind.RECEIPT, 80))
    for day in range(28):
        stock.movements.append(Movement(start + timedelta(days=day), "T1", Kind.SALE, 2))
    return stock
