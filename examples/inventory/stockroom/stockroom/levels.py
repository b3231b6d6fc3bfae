"""When to buy an item and how far to fill it up."""

from dataclasses import dataclass
from math import ceil, sqrt

from stockroom.demand import daily_deviation, daily_mean

SERVICE_FACTOR = 1.65
"""Standard deviations of demand to keep in reserve: one delivery in twenty comes too late."""


@dataclass(frozen=True)
class Levels:
    """Whole units: buy at ``reorder_point``, fill up to ``target``."""

    safety: int
    reorder_point: int
    target: int


def levels(sold: list[int], *, delivery_days: int, cover_days: int) -> Levels:
    """Levels for an item that sold like this and takes ``delivery_days`` to arrive."""
    mean = daily_mean(sold)
    safety = ceil(SERVICE_FACTOR * daily_deviation(sold) * sqrt(delivery_days))
    reorder_point = ceil(mean * delivery_days) + safety
    return Levels(safety=safety, reorder_point=reorder_point, target=reorder_point + ceil(mean * cover_days))
