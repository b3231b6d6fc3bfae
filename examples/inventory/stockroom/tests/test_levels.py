import pytest

from stockroom.demand import daily_deviation, daily_mean, trend
from stockroom.levels import Levels, levels


def test_demand_of_nothing_is_nothing():
    assert (daily_mean([]), daily_deviation([3]), trend([5])) == (0.0, 0.0, 0.0)


def test_mean_and_deviation():
    assert daily_mean([1, 2, 3, 6]) == 3.0
    assert daily_deviation([1, 2, 3, 6]) == pytest.approx(2.1602, abs=1e-4)


def test_trend_compares_the_halves():
    assert trend([1, 1, 9, 3, 3]) == 2.0


def test_steady_demand_needs_no_safety_stock():
    assert levels([2] * 28, delivery_days=3, cover_days=14) == Levels(safety=0, reorder_point=6, target=34)


def test_unsteady_demand_needs_some():
    assert levels([0, 4] * 14, delivery_days=4, cover_days=10) == Levels(safety=7, reorder_point=15, target=35)
