"""A circuit breaker: an endpoint that fails again and again is left alone, then tried with one call at a time."""

from collections.abc import Callable

from swe_ai_fleet.ports.health import BreakerState


class CircuitBreaker:
    """Leaves a failing endpoint alone.

    Closed: calls go. Open: none goes for ``open_s``, doubled after each failed trial up to ``max_open_s``.
    Half-open: one trial goes; its success closes the circuit, its failure opens it again.

    A call is admitted with a ticket and reports with it; reports on tickets of an earlier phase count for
    nothing, so calls that were in flight when the circuit opened neither prolong nor end the pause.
    """

    def __init__(
        self, *, now: Callable[[], float], threshold: int = 5, open_s: float = 1.0, max_open_s: float = 30.0
    ) -> None:
        """``threshold`` failures in a row open the circuit; ``now`` tells monotonic seconds."""
        self._now = now
        self._threshold = threshold
        self._first_open_s = open_s
        self._max_open_s = max_open_s
        self._open_s = open_s
        self._failures = 0
        self._phase = 0
        self._open_until: float | None = None
        self._trial_under_way = False
        self.last_failure = ""

    @property
    def state(self) -> BreakerState:
        """Where the circuit stands now."""
        if self._open_until is None:
            return "closed"
        return "open" if self._now() < self._open_until else "half_open"

    def wait_s(self) -> float:
        """Seconds until a call may be admitted; 0 where :meth:`admit` would admit it now.

        While a trial is under way nobody knows how long it takes; a tenth of the pause is a fair time to look again.
        """
        if self._open_until is None:
            return 0.0
        left = self._open_until - self._now()
        if left > 0:
            return left
        return self._open_s / 10 if self._trial_under_way else 0.0

    def admit(self) -> int | None:
        """A ticket for one call, or None while none may go."""
        if self.wait_s() > 0:
            return None
        if self._open_until is not None:
            self._trial_under_way = True
        return self._phase

    def succeeded(self, ticket: int) -> None:
        """The endpoint answered, whatever it said of the request."""
        if ticket != self._phase:
            return
        self._failures = 0
        if self._open_until is not None:
            self._open_until = None
            self._open_s = self._first_open_s
            self._next_phase()

    def failed(self, ticket: int, why: str) -> None:
        """The endpoint failed."""
        if ticket != self._phase:
            return
        self.last_failure = why
        self._failures += 1
        if self._open_until is not None:
            self._open_s = min(self._max_open_s, self._open_s * 2)
            self._open()
        elif self._failures >= self._threshold:
            self._open()

    def abandoned(self, ticket: int) -> None:
        """The call was cancelled, or says nothing of the endpoint's health; a trial may be made again."""
        if ticket == self._phase:
            self._trial_under_way = False

    def _open(self) -> None:
        self._open_until = self._now() + self._open_s
        self._next_phase()

    def _next_phase(self) -> None:
        self._failures = 0
        self._phase += 1
        self._trial_under_way = False
