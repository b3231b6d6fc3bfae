"""Waiting together: what one call learns of an overloaded endpoint holds for all of them."""

import random
from collections.abc import Callable

_LONGEST_WISH_S = 300.0
"""After it one call looks again: some gateways send a moment where seconds are meant."""


class SharedBackoff:
    """A pause that all calls to one endpoint keep after it has shed load.

    The server's own wish (``Retry-After``) is honoured, for five minutes at most; without one the pause doubles from
    ``base_s`` to ``cap_s`` with every refusal that follows a pause. A wish of 0 is not taken literally: a tenth of
    that pause is kept.
    Refusals of calls that were in flight together count once.
    """

    def __init__(
        self, *, now: Callable[[], float], rng: random.Random, base_s: float = 0.5, cap_s: float = 30.0
    ) -> None:
        """``now`` tells monotonic seconds; ``rng`` spreads the calls."""
        self._now = now
        self._rng = rng
        self._base_s = base_s
        self._cap_s = cap_s
        self._level = 0
        self._until = 0.0
        self._pause_s = 0.0

    def wait_s(self) -> float:
        """Seconds that this call should wait before it looks again; 0 where it may go.

        Every caller gets its own number, up to a quarter of the pause later than the end, so that they do not
        all come back in the same moment.
        """
        left = self._until - self._now()
        return 0.0 if left <= 0 else left + self._rng.uniform(0.0, self._pause_s / 4)

    def shed(self, retry_after_s: float | None) -> bool:
        """The endpoint refused a call for load. True where this began a pause, False where one was kept already."""
        now = self._now()
        paused = now < self._until
        if paused and retry_after_s is None:
            return False
        whole = min(self._cap_s, self._base_s * 2**self._level)
        pause_s = self._rng.uniform(whole / 2, whole) if retry_after_s is None else retry_after_s
        pause_s = min(max(pause_s, whole / 10), _LONGEST_WISH_S)
        if not paused:
            self._level += 1
        if now + pause_s > self._until:
            self._until = now + pause_s
            self._pause_s = pause_s
        return not paused

    def succeeded(self) -> None:
        """The endpoint served a call: the next refusal starts from the shortest pause again, step by step."""
        if self._now() >= self._until:
            self._level = max(0, self._level - 1)


class RetryBudget:
    """Keeps retries a small share of all calls, so that a bad endpoint is not flooded by repetition.

    Every first call adds ``ratio`` of a retry, up to ``ceiling``; a retry takes one.
    """

    def __init__(self, *, ratio: float = 0.5, reserve: float = 10.0, ceiling: float = 100.0) -> None:
        """``reserve`` retries are there before any call was made."""
        self._ratio = ratio
        self._ceiling = ceiling
        self._left = reserve

    def earn(self) -> None:
        """A first call was made."""
        self._left = min(self._ceiling, self._left + self._ratio)

    def spend(self) -> bool:
        """Take one retry; False where none is left."""
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
