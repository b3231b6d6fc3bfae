"""How fast an item sells."""

from math import sqrt


def daily_mean(sold: list[int]) -> float:
    """Mean units a day; 0 without any day."""
    return sum(sold) / len(sold) if sold else 0.0


def daily_deviation(sold: list[int]) -> float:
    """Standard deviation of the units a day, of the sample; 0 for fewer than two days."""
    if len(sold) < 2:
        return 0.0
    mean = daily_mean(sold)
    return sqrt(sum((units - mean) ** 2 for units in sold) / (len(sold) - 1))


def trend(sold: list[int]) -> float:
    """Units a day by which the later half sells more than the earlier one."""
    half = len(sold) // 2
    if half == 0:
        return 0.0
    return daily_mean(sold[-half:]) - daily_mean(sold[:half])
