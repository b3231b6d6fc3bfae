from datetime import date, timedelta

import pytest

from stockroom.planner import plan
from stockroom.report import as_text, money
from stockroom.reservations import Reservation
from stockroom.suppliers import Supplier


@pytest.mark.parametrize(("cents", "text"), [(0, "0.00"), (5, "0.05"), (123456789, "1 234 567.89"), (-250, "-2.50")])
def test_money(cents, text):
    assert money(cents) == text


def test_an_empty_plan_says_so():
    assert as_text([]) == "Nothing to buy."


def test_a_plan_lists_what_to_buy(warehouse, monday):
    last_day = monday + timedelta(days=1)
    warehouse.reservations.append(Reservation("Bonnet", "T1", 21, date(2026, 2, 27), last_day))
    assert as_text(plan(warehouse, monday)) == (
        "Nordpack, arrives 2026-03-05: 79.20\n     36 x packing tape at 2.20"
    )


def test_an_order_below_the_minimum_is_marked(warehouse, monday):
    old = warehouse.suppliers["Nordpack"]
    warehouse.suppliers["Nordpack"] = Supplier("Nordpack", 3, 10000, old.prices)
    warehouse.reservations.append(Reservation("Bonnet", "T1", 21, date(2026, 2, 27), monday + timedelta(days=1)))
    assert "79.20 (below the minimum of 100.00)" in as_text(plan(warehouse, monday))
