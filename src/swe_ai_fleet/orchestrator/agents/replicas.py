"""One model on several servers: a deliberation stays at one of them, where its common prefix is computed once."""

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit

from swe_ai_fleet.errors import (
    ModelError,
    ModelRateLimitedError,
    ModelServerError,
    ModelUnreachableError,
)
from swe_ai_fleet.orchestrator.agents.affinity import by_affinity
from swe_ai_fleet.ports.models import Completion, ModelClient, ModelRequest

_ELSEWHERE = (ModelUnreachableError, ModelRateLimitedError, ModelServerError)
"""Errors of a server, not of the request: another replica may do better."""


class ReplicatedClient:
    """A :class:`~swe_ai_fleet.ports.models.ModelClient` over equal servers.

    Each session (a deliberation) has its own order of them, the same for everybody who asks, so that no table has to
    be kept; the next one is asked only where the one before is away, full or failing.
    """

    def __init__(self, replicas: Mapping[str, ModelClient], *, near: str | None = None) -> None:
        """At least one client, each by its server's URL; a server on the host ``near`` is asked before all others."""
        self._replicas = dict(replicas)
        self._near = near

    async def complete(self, request: ModelRequest) -> Completion:
        """Ask the session's own replica, then the others.

        Raises:
            ModelError: of the last one that was asked; ``attempts`` counts the calls to all of them.
        """
        clock = asyncio.get_running_loop().time
        began, attempts = clock(), 0
        *preferred, last = self.order(request.session)
        for name in preferred:
            try:
                completion = await self._replicas[name].complete(_within(request, clock() - began))
            except _ELSEWHERE as error:
                attempts += error.attempts
            else:
                return completion.model_copy(update={"attempts": completion.attempts + attempts})
        try:
            completion = await self._replicas[last].complete(_within(request, clock() - began))
        except ModelError as error:
            error.attempts += attempts
            raise
        return completion.model_copy(update={"attempts": completion.attempts + attempts})

    def order(self, session: str) -> list[str]:
        """The servers in the order in which that session asks them."""
        ranked = by_affinity(session, self._replicas)
        return sorted(ranked, key=lambda url: self._near is None or urlsplit(url).hostname != self._near)

    async def close(self) -> None:
        """Close the connections to all of them."""
        for client in self._replicas.values():
            await client.close()


def _within(request: ModelRequest, elapsed_s: float) -> ModelRequest:
    if request.timeout_s is None or elapsed_s == 0:
        return request
    return request.model_copy(update={"timeout_s": max(0.001, request.timeout_s - elapsed_s)})
