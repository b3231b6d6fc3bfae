from datetime import date

from stockroom.reservations import Reservation, by_customer, reserved

HELD = [
    Reservation("Ahlberg", "T1", 5, date(2026, 3, 1), date(2026, 3, 10)),
    Reservation("Bonnet", "T1", 4, date(2026, 3, 4), date(2026, 3, 6)),
    Reservation("Bonnet", "B1", 7, date(2026, 3, 1), date(2026, 3, 10)),
    Reservation("Castro", "T1", 9, date(2026, 3, 1), date(2026, 3, 10), collected=True),
]


def test_what_is_held_adds_up():
    assert reserved(HELD, "T1", date(2026, 3, 5)) == 9


def test_a_reservation_holds_from_the_day_it_is_made():
    assert reserved(HELD, "T1", date(2026, 3, 3)) == 5
    assert reserved(HELD, "T1", date(2026, 3, 4)) == 9


def test_a_reservation_that_has_run_out_holds_nothing():
    assert reserved(HELD, "T1", date(2026, 3, 20)) == 0


def test_collected_goods_are_not_held():
    assert "Castro" not in by_customer(HELD, date(2026, 3, 5))


def test_held_goods_by_customer():
    assert by_customer(HELD, date(2026, 3, 5)) == {"Ahlberg": 5, "Bonnet": 11}
