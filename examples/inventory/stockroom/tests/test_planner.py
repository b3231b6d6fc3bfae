from datetime import date, timedelta

from stockroom.ledger import Kind, Movement
from stockroom.planner import plan, quantity_to_buy
from stockroom.purchasing import PurchaseLine
from stockroom.reservations import Reservation


def receive(warehouse, quantity):
    warehouse.movements.append(Movement(date(2026, 2, 1), "T1", Kind.RECEIPT, quantity))


def reserve(warehouse, quantity, made, last_day):
    warehouse.reservations.append(Reservation("Ahlberg", "T1", quantity, made, last_day))


def test_plenty_of_stock_needs_no_order(warehouse, monday):
    assert warehouse.available("T1", monday) == 24
    assert plan(warehouse, monday) == []


def test_the_last_order_is_made_at_the_reorder_point(warehouse, monday):
    reserve(warehouse, 18, monday - timedelta(days=2), monday + timedelta(days=5))
    assert warehouse.position("T1", monday) == 6
    assert quantity_to_buy(warehouse, warehouse.items["T1"], monday) == 30


def test_one_unit_above_it_nothing_is_bought(warehouse, monday):
    reserve(warehouse, 17, monday - timedelta(days=2), monday + timedelta(days=5))
    assert quantity_to_buy(warehouse, warehouse.items["T1"], monday) == 0


def test_goods_held_until_today_are_not_sold_twice(warehouse, monday):
    reserve(warehouse, 20, monday - timedelta(days=3), monday)
    assert warehouse.available("T1", monday) == 4


def test_goods_held_until_today_are_bought_again(warehouse, monday):
    reserve(warehouse, 20, monday - timedelta(days=3), monday)
    [order] = plan(warehouse, monday)
    assert [(line.item.sku, line.quantity, line.unit_cents) for line in order.lines] == [("T1", 30, 250)]


def test_goods_held_until_yesterday_are_free_again(warehouse, monday):
    reserve(warehouse, 20, monday - timedelta(days=3), monday - timedelta(days=1))
    assert warehouse.available("T1", monday) == 24


def test_goods_promised_for_later_are_still_free_today(warehouse, monday):
    reserve(warehouse, 20, monday + timedelta(days=1), monday + timedelta(days=9))
    assert warehouse.available("T1", monday) == 24


def test_what_is_under_way_is_not_bought_twice(warehouse, monday):
    reserve(warehouse, 20, monday, monday + timedelta(days=5))
    warehouse.purchases.append(PurchaseLine("P1", "T1", 30))
    assert plan(warehouse, monday) == []


def test_an_order_has_a_price_and_a_day_of_arrival(warehouse, monday):
    reserve(warehouse, 23, monday, monday + timedelta(days=5))
    [order] = plan(warehouse, monday)
    assert (order.total_cents, order.arrives) == (36 * 220, date(2026, 3, 5))
    assert order.reaches_minimum
