from datetime import date

from stockroom.ledger import Kind, Movement, last_days, on_hand, sold_per_day

MOVES = [
    Movement(date(2026, 1, 5), "A", Kind.RECEIPT, 10),
    Movement(date(2026, 1, 6), "A", Kind.SALE, 3),
    Movement(date(2026, 1, 6), "B", Kind.SALE, 1),
    Movement(date(2026, 1, 8), "A", Kind.SALE, 2),
    Movement(date(2026, 1, 8), "A", Kind.RETURN, 1),
    Movement(date(2026, 1, 9), "A", Kind.WRITE_OFF, 4),
]


def test_stock_is_the_sum_of_the_movements():
    assert on_hand(MOVES, "A", date(2026, 1, 31)) == 2


def test_movements_of_the_day_itself_count():
    assert on_hand(MOVES, "A", date(2026, 1, 8)) == 6


def test_later_movements_do_not_count():
    assert on_hand(MOVES, "A", date(2026, 1, 7)) == 7


def test_sales_are_counted_by_day():
    assert sold_per_day(MOVES, "A", date(2026, 1, 5), date(2026, 1, 8)) == [0, 3, 0, 2]


def test_a_period_that_ends_before_it_begins_has_no_days():
    assert sold_per_day(MOVES, "A", date(2026, 1, 8), date(2026, 1, 5)) == []


def test_the_last_days_end_with_the_day_itself():
    assert last_days(date(2026, 1, 7), 7) == (date(2026, 1, 1), date(2026, 1, 7))
