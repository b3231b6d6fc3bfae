from datetime import date

import pytest

from stockroom.calendars import WorkingDays
from stockroom.suppliers import PriceBreak, Supplier

NORDPACK = Supplier("Nordpack", 3, 0, {"T1": (PriceBreak(1, 250), PriceBreak(36, 220))})


@pytest.mark.parametrize(("quantity", "cents"), [(1, 250), (35, 250), (36, 220), (1000, 220)])
def test_many_units_are_cheaper(quantity, cents):
    assert NORDPACK.unit_price("T1", quantity) == cents


def test_a_supplier_sells_what_is_on_the_list():
    with pytest.raises(LookupError, match="does not sell X9"):
        NORDPACK.unit_price("X9", 1)


def test_goods_arrive_after_the_lead_time():
    assert NORDPACK.delivery(date(2026, 3, 2), WorkingDays()) == date(2026, 3, 5)
    assert NORDPACK.delivery(date(2026, 3, 5), WorkingDays()) == date(2026, 3, 10)
