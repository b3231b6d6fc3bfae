"""One model on several servers: a deliberation stays at one of them, where its common prefix is computed once."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from swe_ai_fleet.errors import (
    ModelError,
    ModelRateLimitedError,
    ModelServerError,
    ModelTimeoutError,
    ModelUnreachableError,
)
from swe_ai_fleet.models.affinity import by_affinity
from swe_ai_fleet.models.endpoint import loop_time
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest

_ELSEWHERE = (ModelUnreachableError, ModelRateLimitedError, ModelServerError, ModelTimeoutError)
"""Errors of a server, not of the request: another replica may do better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replica:
    """One of several equal servers, with two ways of asking it."""

    url: str
    hasty: ModelClient
    """Gives it up early, for others are left."""
    patient: ModelClient
    """Waits for it, for it is the last."""


Find = Callable[[], Awaitable[Sequence[Replica]]]
"""The replicas that there are now."""


class ReplicatedClient:
    """A :class:`~swe_ai_fleet.ports.models.ModelClient` over equal servers.

    Each session (a deliberation) has its own order of them, the same for everybody who asks, so that no table has to
    be kept; the next one is asked only where the one before is away, full, failing or too slow.
    """

    def __init__(self, model_id: str, find: Find, *, near: Collection[str] = ()) -> None:
        """``near``: hosts whose servers are asked before all others, whatever the session."""
        self._model_id = model_id
        self._find = find
        self._near = frozenset(near)

    async def complete(self, request: ModelRequest) -> Completion:
        """Ask the session's own replica, then the others.

        Raises:
            ModelError: of the last one that was asked; ``attempts`` counts the calls to all of them.
        """
        began, attempts = loop_time(), 0
        replicas = {replica.url: replica for replica in await self._find()}
        if not replicas:
            raise ModelUnreachableError(self._model_id, "its name has no address")
        *preferred, last = self.order(request.session, replicas)
        for url in preferred:
            try:
                completion = await replicas[url].hasty.complete(_within(request, loop_time() - began))
            except _ELSEWHERE as error:
                attempts += error.attempts
                if _is_over(request, loop_time() - began):
                    error.attempts = attempts
                    raise
            else:
                return completion.model_copy(update={"attempts": completion.attempts + attempts})
        try:
            completion = await replicas[last].patient.complete(_within(request, loop_time() - began))
        except ModelError as error:
            error.attempts += attempts
            raise
        return completion.model_copy(update={"attempts": completion.attempts + attempts})

    def order(self, session: str, urls: Iterable[str]) -> list[str]:
        """The servers in the order in which that session asks them."""
        ranked = by_affinity(session, urls)
        return sorted(ranked, key=lambda url: urlsplit(url).hostname not in self._near)

    async def close(self) -> None:
        """Nothing: the connections belong to whoever finds the replicas."""


def _within(request: ModelRequest, elapsed_s: float) -> ModelRequest:
    if request.timeout_s is None or elapsed_s == 0:
        return request
    return request.model_copy(update={"timeout_s": max(0.001, request.timeout_s - elapsed_s)})


def _is_over(request: ModelRequest, elapsed_s: float) -> bool:
    return request.timeout_s is not None and elapsed_s >= request.timeout_s
