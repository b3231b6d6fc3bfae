"""What this process knows of one model's endpoint, shared by every client of it."""

import asyncio
import random
from collections import Counter
from collections.abc import Callable

from swe_ai_fleet.errors import (
    ModelError,
    ModelMalformedError,
    ModelRateLimitedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
)
from swe_ai_fleet.models.backoff import RetryBudget, SharedBackoff
from swe_ai_fleet.models.breaker import CircuitBreaker
from swe_ai_fleet.models.limiter import PriorityLimiter
from swe_ai_fleet.ports.health import EndpointReport

_UNHEALTHY = (ModelUnreachableError, ModelTimeoutError, ModelServerError, ModelMalformedError)
"""Endings that speak against the endpoint; a refused, truncated or filtered request speaks for its health."""


def loop_time() -> float:
    """Monotonic seconds of the running event loop."""
    return asyncio.get_running_loop().time()


class Endpoint:
    """Limit, back-off, breaker and retry budget of one model at one provider."""

    def __init__(
        self,
        model_id: str,
        *,
        limiter: PriorityLimiter,
        rng: random.Random,
        now: Callable[[], float] = loop_time,
    ) -> None:
        """``limiter`` is the provider's, shared by all its models; the rest is this model's own."""
        self.model_id = model_id
        self.limiter = limiter
        self.breaker = CircuitBreaker(now=now)
        self.backoff = SharedBackoff(now=now, rng=rng)
        self.budget = RetryBudget()
        self.retries = 0
        self._hedges = 0
        self._hedging = False
        self._succeeded = 0
        self._failed: Counter[str] = Counter()

    def wait_s(self) -> float:
        """Seconds until a call should look again; 0 where it may ask for a slot."""
        return max(self.backoff.wait_s(), self.breaker.wait_s())

    def admit(self) -> int | None:
        """The breaker's ticket for one call; None where back-off or breaker began while it stood in the line."""
        return None if self.backoff.wait_s() > 0 else self.breaker.admit()

    def succeeded(self, ticket: int) -> None:
        """The call was answered."""
        self._succeeded += 1
        self.limiter.grow()
        self.backoff.succeeded()
        self.breaker.succeeded(ticket)

    def failed(self, ticket: int, error: ModelError) -> None:
        """The call failed; load that was shed pauses everybody, failures open the circuit."""
        self._failed[error.kind] += 1
        if isinstance(error, ModelRateLimitedError):
            if self.backoff.shed(error.retry_after_s):
                self.limiter.shrink()
            self.breaker.abandoned(ticket)
        elif isinstance(error, _UNHEALTHY):
            self.breaker.failed(ticket, str(error))
        else:
            self.breaker.succeeded(ticket)

    def abandoned(self, ticket: int) -> None:
        """The call was cancelled."""
        self.breaker.abandoned(ticket)

    def unavailable(self) -> ModelError:
        """The error of a call that was not even made."""
        if self.breaker.state == "closed":
            wait_s = self.backoff.wait_s()
            return ModelRateLimitedError(
                self.model_id, f"the endpoint sheds load, next call in {wait_s:.1f} s", retry_after_s=wait_s
            )
        detail = f"not called, its circuit is {self.breaker.state}; before: {self.breaker.last_failure}"
        return ModelUnreachableError(self.model_id, detail)

    def begin_hedge(self) -> bool:
        """Take the one hedge; False where there is another straggler, no room, or the endpoint is not well."""
        if self._hedging or not self.limiter.has_free_slot or self.wait_s() > 0:
            return False
        self._hedging = True
        self._hedges += 1
        return True

    def end_hedge(self) -> None:
        """Give the hedge back."""
        self._hedging = False

    def report(self) -> EndpointReport:
        """How it stands now."""
        return EndpointReport(
            model=self.model_id,
            breaker=self.breaker.state,
            in_flight=self.limiter.in_flight,
            waiting=self.limiter.waiting,
            succeeded=self._succeeded,
            failed=dict(self._failed),
            retries=self.retries,
            hedges=self._hedges,
        )
