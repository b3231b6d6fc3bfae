"""What the ranking benchmark measured, and how the figures are made of single decisions."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Recorded

_BINS = 10
_RESAMPLES = 2000
_KEPT = 0.75


class CurvePoint(Recorded):
    """Mean over problems for councils of one size."""

    samples: int
    pass_at_1: float
    pass_at_1_kept: float
    """Of the three quarters with the highest P(correct)."""
    codet: float
    random: float


class Bin(Recorded):
    """Councils whose P(correct) lies in one tenth."""

    low: float
    high: float
    councils: int
    predicted: float
    """Mean P(correct)."""
    actual: float
    """Share that was right."""


class Calibration(Recorded):
    """How far P(correct) can be believed."""

    error: float
    """Expected calibration error: mean distance of predicted and actual over tenths, weighted by councils."""
    bins: tuple[Bin, ...]
    accuracy: float
    """Of all decisions at the full number of samples."""
    accuracy_kept: float
    """Of the three quarters of them with the highest P(correct)."""


class Stopping(Recorded):
    """Councils asked in batches until the decision is safe."""

    cap: int
    samples: float
    """Mean number asked."""
    saved: float
    """Share of the cap that was not asked."""
    pass_at_1: float
    fixed_pass_at_1: float
    """Of councils that always ask the cap."""


class Decision(Recorded):
    """One problem at the full number of samples."""

    task_id: str
    winner: str
    p_correct: float
    passed: float
    """Expected over ties."""


class RankReport(Recorded):
    """Figures in percent where they are called pass@1 or the like, else shares between 0 and 1."""

    file: str
    tasks: int
    samples: int
    pass_at_1: float
    interval: tuple[float, float]
    """95 % bootstrap interval over problems."""
    random: float
    oracle: float
    efficiency: Annotated[float, Field(le=1)]
    """(pass@1 - random) / (oracle - random)."""
    codet: float
    most_tests: float
    curve: tuple[CurvePoint, ...]
    calibration: Calibration
    stopping: Stopping | None = None
    seconds: float
    cpu_seconds: float
    """Of the whole benchmark with its sandboxed processes; without the scorer, and without what runs on Ray."""
    decisions: tuple[Decision, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Council:
    """One decision of the benchmark, before and after it is scored."""

    task: int
    """Place of the problem."""
    candidates: tuple[int, ...]
    chosen: tuple[int, ...]
    """Candidates that are tied for the first place."""
    p_correct: float
    codet: tuple[int, ...]
    """The same by CodeT."""
    most_tests: tuple[int, ...]
    is_enough: bool = False
    """The sequential rule would ask no more."""


Truth = Sequence[Sequence[bool]]
"""By problem and candidate: it passes the hidden tests."""


def share_right(chosen: Sequence[int], passed: Sequence[bool]) -> float:
    """Expected correctness of a choice at random among these candidates."""
    return sum(passed[index] for index in chosen) / len(chosen)


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean; 0 of nothing."""
    return math.fsum(values) / len(values) if values else 0.0


def percent(values: Sequence[float]) -> float:
    """Mean in percent, one decimal."""
    return round(100 * mean(values), 1)


def interval(values: Sequence[float], *, seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of the mean, in percent (percentile method, Efron 1979)."""
    rng = random.Random(seed)  # noqa: S311  # repeatable, not secret
    means = sorted(mean(rng.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return round(100 * means[int(0.025 * _RESAMPLES)], 1), round(100 * means[int(0.975 * _RESAMPLES)], 1)


def calibrate(councils: Sequence[tuple[float, float]], full: Sequence[tuple[float, float]]) -> Calibration:
    """Calibration of (P(correct), correctness) pairs: the error over ``councils``, abstention over ``full``."""
    bins = []
    for number in range(_BINS):
        inside = [pair for pair in councils if min(int(pair[0] * _BINS), _BINS - 1) == number]
        if inside:
            bins.append(
                Bin(
                    low=number / _BINS,
                    high=(number + 1) / _BINS,
                    councils=len(inside),
                    predicted=round(mean([p for p, _ in inside]), 3),
                    actual=round(mean([right for _, right in inside]), 3),
                )
            )
    error = math.fsum(one.councils * abs(one.predicted - one.actual) for one in bins) / max(1, len(councils))
    return Calibration(
        error=round(error, 3),
        bins=tuple(bins),
        accuracy=percent([right for _, right in full]),
        accuracy_kept=percent(surest(full)),
    )


def surest(decisions: Sequence[tuple[float, float]]) -> list[float]:
    """Correctness of the three quarters of (P(correct), correctness) pairs that have the highest P(correct)."""
    best_first = sorted(decisions, key=lambda pair: -pair[0])
    return [right for _, right in best_first[: math.ceil(_KEPT * len(decisions))]]
