"""Calls that behave: a limit on concurrency, retries, a shared back-off, a circuit breaker, a hedged straggler."""

import asyncio
import math
import random
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from swe_ai_fleet.domain.value import Value
from swe_ai_fleet.errors import (
    ModelError,
    ModelMalformedError,
    ModelRateLimitedError,
    ModelTimeoutError,
)
from swe_ai_fleet.models.endpoint import Endpoint, loop_time
from swe_ai_fleet.models.hedging import first_answer
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest

_PRIORITIES: Mapping[str, int] = {"judge": 0, "interactive": 1, "batch": 2}
_MARGIN_S = 0.01
"""A wait that is not worth another request."""


class RetryPolicy(Value):
    """How hard to try one model."""

    max_attempts: Annotated[int, Field(ge=1, le=20)] = 4
    """Calls that may fail for one completion; those that the server refused for load are bounded by patience."""
    base_s: Annotated[float, Field(gt=0)] = 0.5
    """Upper end of the random pause before the first retry; it doubles with each further one."""
    cap_s: Annotated[float, Field(gt=0)] = 20.0
    """Longest pause before a retry."""
    patience_s: Annotated[float, Field(ge=0)] = 20.0
    """Longest time that one completion spends waiting for back-off and breaker, all its attempts together."""
    hedge_after_s: Annotated[float, Field(gt=0)] | None = None
    """Ask a second time when an answer takes longer than this, one straggler per model at a time; None: never."""

    def impatient(self) -> "RetryPolicy":
        """For a model that another one stands behind: one retry, and no waiting for it to come back."""
        return self.model_copy(update={"max_attempts": min(2, self.max_attempts), "patience_s": 1.0})


class ResilientClient:
    """A model client that wraps another one and keeps its calls within what the endpoint bears.

    A slot of the limit is held only while a call is made, never while waiting for back-off or breaker. What is not
    retryable is raised at once; so is everything when attempts, patience or the endpoint's retry budget are spent.
    """

    def __init__(
        self, inner: ModelClient, endpoint: Endpoint, policy: RetryPolicy, *, rng: random.Random
    ) -> None:
        """``endpoint`` is shared by all clients of the same model in this process."""
        self._inner = inner
        self._endpoint = endpoint
        self._policy = policy
        self._rng = rng

    async def complete(self, request: ModelRequest) -> Completion:
        """Ask for one completion; ``request.timeout_s`` bounds it with all its attempts and pauses.

        The wrapped client keeps each call within what it is given; here is only seen to it that no wait outlasts that.
        """
        attempts = _Attempts(request)
        try:
            completion = await self._complete(request, attempts)
        except ModelError as error:
            error.attempts = attempts.made
            raise
        if completion.attempts == attempts.made:
            return completion
        return completion.model_copy(update={"attempts": attempts.made})

    async def close(self) -> None:
        """Close the wrapped client."""
        await self._inner.close()

    async def _complete(self, request: ModelRequest, attempts: "_Attempts") -> Completion:
        endpoint, waited_s = self._endpoint, 0.0
        while True:
            wait_s = endpoint.wait_s()
            if wait_s == 0:
                await self._take_slot(request, attempts)
                try:
                    ticket = endpoint.admit()
                    if ticket is not None:
                        return await self._call(request, ticket, attempts)
                    wait_s = endpoint.wait_s()
                except ModelError as error:
                    wait_s = self._pause_before_retry(error, attempts)
                finally:
                    endpoint.limiter.release()
            if waited_s + wait_s > self._policy.patience_s or wait_s >= attempts.left_s():
                raise attempts.last_error or endpoint.unavailable()
            waited_s += wait_s
            await asyncio.sleep(wait_s)

    async def _take_slot(
        self, request: ModelRequest, attempts: "_Attempts", *, priority: str | None = None
    ) -> None:
        """One of the limit, waited for only as long as the request may take; a timer where there is none."""
        limiter, place = self._endpoint.limiter, _PRIORITIES[priority or request.priority]
        if limiter.has_free_slot:
            return await limiter.acquire(place)
        try:
            async with asyncio.timeout(max(0.0, attempts.left_s())):
                await limiter.acquire(place)
        except TimeoutError:
            raise self._late(request) from attempts.last_error

    def _late(self, request: ModelRequest) -> ModelTimeoutError:
        return ModelTimeoutError(self._endpoint.model_id, f"no answer within {request.timeout_s:g} s")

    def _pause_before_retry(self, error: ModelError, attempts: "_Attempts") -> float:
        """Seconds to wait before the same call is made again; raises the error where it must not be."""
        attempts.last_error = error
        if isinstance(error, ModelRateLimitedError):
            self._endpoint.retries += 1
            return self._endpoint.wait_s()
        attempts.failed += error.attempts
        if not error.retryable or attempts.failed >= self._policy.max_attempts:
            raise error
        if not self._endpoint.budget.spend():
            raise error
        self._endpoint.retries += 1
        longest = min(self._policy.cap_s, self._policy.base_s * 2 ** (attempts.failed - 1))
        return self._rng.uniform(0.0, longest)

    async def _call(self, request: ModelRequest, ticket: int, attempts: "_Attempts") -> Completion:
        """One call, perhaps hedged; the endpoint learns how it ended."""
        if not attempts.made:
            self._endpoint.budget.earn()
        try:
            completion = await self._perhaps_hedged(attempts.varied(request), attempts)
        except ModelError as error:
            attempts.made += error.attempts
            self._endpoint.failed(ticket, error)
            raise
        except BaseException:
            self._endpoint.abandoned(ticket)
            raise
        attempts.made += completion.attempts
        self._endpoint.succeeded(ticket)
        return completion

    async def _perhaps_hedged(self, request: ModelRequest, attempts: "_Attempts") -> Completion:
        after_s = self._policy.hedge_after_s
        if after_s is None:
            return await self._inner.complete(request)
        endpoint, is_hedged = self._endpoint, False

        def may_hedge() -> bool:
            nonlocal is_hedged
            is_hedged = endpoint.begin_hedge()
            return is_hedged

        async def second() -> Completion:
            await self._take_slot(request, attempts, priority="batch")
            try:
                attempts.made += 1
                return await self._inner.complete(attempts.varied(request))
            finally:
                endpoint.limiter.release()

        try:
            return await first_answer(
                lambda: self._inner.complete(request), second, after_s=after_s, may_hedge=may_hedge
            )
        finally:
            if is_hedged:
                endpoint.end_hedge()


class _Attempts:
    """What has been tried for one completion."""

    def __init__(self, request: ModelRequest) -> None:
        self.began_s = loop_time()
        self.ends_s = math.inf if request.timeout_s is None else self.began_s + request.timeout_s
        self.made = 0
        self.failed = 0
        self.last_error: ModelError | None = None

    def left_s(self) -> float:
        """Of the limit on all of them."""
        return self.ends_s - loop_time()

    def varied(self, request: ModelRequest) -> ModelRequest:
        """The request as it is to be sent now.

        What was waited for is taken off its limit. After a malformed answer the seed is another one, which would
        else give the same answer again.
        """
        changes: dict[str, object] = {}
        waited_s = loop_time() - self.began_s
        if request.timeout_s is not None and waited_s > _MARGIN_S:
            changes["timeout_s"] = max(0.001, self.left_s())
        if request.seed is not None and isinstance(self.last_error, ModelMalformedError):
            changes["seed"] = request.seed + self.made
        return request.model_copy(update=changes) if changes else request
