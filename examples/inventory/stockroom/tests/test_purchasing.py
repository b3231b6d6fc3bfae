import pytest

from stockroom.purchasing import PurchaseLine, on_order, whole_packs


def test_what_has_arrived_is_no_longer_on_order():
    lines = [PurchaseLine("P1", "T1", 12, 5), PurchaseLine("P2", "T1", 6), PurchaseLine("P2", "B1", 3)]
    assert on_order(lines, "T1") == 13


def test_cancelled_lines_and_surplus_count_nothing():
    assert on_order([PurchaseLine("P1", "T1", 12, cancelled=True), PurchaseLine("P2", "T1", 6, 8)], "T1") == 0


@pytest.mark.parametrize(("quantity", "units"), [(0, 0), (1, 6), (6, 6), (7, 12)])
def test_packs_are_whole(quantity, units):
    assert whole_packs(quantity, 6) == units
